"""All pages of the console, and its menu: one line for each module of pages."""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.console import (
    accounts,
    applicants,
    calls,
    decks,
    disputes,
    doctor,
    exports,
    home,
    inventory,
    live,
    me,
    overrides,
    peaks,
    queue,
    reports,
    services,
    signup,
    sources,
    things,
    tokens,
    trials,
    watching,
)
from provisioning.console.pages import Page

PAGES: tuple[Page, ...] = (
    *home.PAGES,
    *live.PAGES,
    *accounts.PAGES,
    *services.PAGES,
    *inventory.PAGES,
    *things.PAGES,
    *sources.PAGES,
    *overrides.PAGES,
    *decks.PAGES,
    *trials.PAGES,
    *calls.PAGES,
    *queue.PAGES,
    *reports.PAGES,
    *peaks.PAGES,
    *disputes.PAGES,
    *exports.PAGES,
    *doctor.PAGES,
    *watching.PAGES,
    *tokens.PAGES,
    *signup.PAGES,
    *applicants.PAGES,
    *me.PAGES,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the menu."""

    title: str
    path: str
    right: str | None


MENU = tuple(Entry(page.menu, page.path, page.right) for page in PAGES if page.menu)
