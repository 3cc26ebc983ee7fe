"""Secrets that the console makes for whoever fills in a form: shown once, and never again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from provisioning.console.pages import Form, Go, Outcome, Shown

OCTETS = 18  # 24 characters, which any device takes


class Filled(NamedTuple):
    """A form with the secrets that were to be made, and those alone."""

    form: Form
    made: Mapping[str, str]


def fill_in(form: Form) -> Filled:
    """Return *form* with a new secret in each field whose box *make one* is ticked."""
    wanted = form.get("generate", "").splitlines()
    made = {name: secrets.token_urlsafe(OCTETS) for name in wanted if not form.get(name)}
    return Filled({**form, **made}, made)


def once(made: Mapping[str, str], go: Go, key: str) -> Outcome:
    """Return the page that shows what was *made* this once, or where to *go* when nothing was."""
    if not made:
        return go
    return Shown("generated.html", {"made": made, "back": go.where, "text": go.told, "key": key})
