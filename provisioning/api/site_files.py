"""Endpoints of the site file: the whole catalogue as TOML, what it would change, and the change."""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.admin import Change
from provisioning.api.endpoints import UPLOAD, Answer, Asked, Endpoint, Parameter
from provisioning.database_threads import snapshot
from provisioning.roles import require_unbound
from provisioning.site import apply_site
from provisioning.site_export import Export
from provisioning.site_file import MAX_OCTETS, read_site_text
from radiusd.errors import BadInput

TOML = "application/toml"
NAME = "site.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field before and after; empty text: not set. Secrets are masked."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteChange:
    """What was done to one thing."""

    action: str
    noun: str
    key: str
    fields: list[Field]
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a site file changed, or with *dry_run* would have changed; no changes: all was so already."""

    dry_run: bool
    changes: list[SiteChange]


def _export(asked: Asked) -> Answer:
    require_unbound(asked.admin, "site files")
    snapshot(asked.txn)
    made = Export(asked.txn, asked.now)
    text = made.text()
    if len(text.encode()) > MAX_OCTETS:
        raise BadInput("the site is too large for one file; type tollwire export --directory")
    headers = {"Content-Disposition": f'attachment; filename="{NAME}"'}
    if made.notes:
        headers["Tollwire-Warning"] = " / ".join(made.notes).encode("ascii", "replace").decode()
    return Answer(text, headers=headers, media=TOML)


def _apply(asked: Asked) -> Answer:
    asked.admin.require("site:write")
    site = read_site_text(asked.query.get("file", NAME), asked.octets)
    dry_run = asked.query.get("dry_run", False)
    if dry_run:
        asked.txn.execute("SAVEPOINT before_site")
    changes = apply_site(asked.txn, site, asked.admin, prune=asked.query.get("prune", False))
    if dry_run:
        asked.txn.execute("ROLLBACK TO before_site")
    return Answer(Applied(dry_run=dry_run, changes=[_told(change) for change in changes]))


def _told(change: Change) -> SiteChange:
    return SiteChange(
        action=change.action.value,
        noun=change.noun,
        key=change.key,
        fields=[Field(name=each.name, before=each.before, after=each.after) for each in change.fields],
        warnings=list(change.warnings),
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/site",
        tag="site",
        summary="Write clients, plans, customers and their services as a site file, without secrets.",
        right="site:read",
        produces=(TOML,),
        answer=_export,
    ),
    Endpoint(
        method="POST",
        path="/site",
        tag="site",
        summary="Create and change what a site file names: all of it, or nothing.",
        right="site:write",
        parameters=(
            UPLOAD,
            Parameter("dry_run", "Only say what would change.", bool),
            Parameter("prune", "Also end services that the file does not name.", bool),
        ),
        media=TOML,
        most_octets=MAX_OCTETS,
        result=Applied,
        alone=True,
        writes=True,
        answer=_apply,
    ),
)
