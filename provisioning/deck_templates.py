"""Templates: how one carrier writes its rate files, kept under a name to import with."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Action, Admin, Change, FieldChange, compare, record
from provisioning.rate_layouts import PLAIN, Layout
from radiusd.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A layout under a name; *layout* as the JSON that it is kept as."""

    name: str
    layout: str


def add_template(txn: Cursor, name: str, layout: Layout, admin: Admin) -> Change:
    """Keep *layout*. Raises Conflict when the name is taken."""
    template = Template(name=names.name("name", name), layout=_written(layout))
    txn.execute(
        "INSERT INTO deck_template (name, layout) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (template.name, template.layout),
    )
    if not txn.rowcount:
        raise Conflict(f"template {name} exists already; remove it first")
    change = compare("template", template.name, None, template)
    record(txn, admin, [change])
    return change


def remove_template(txn: Cursor, name: str, admin: Admin) -> Change:
    """Forget a template; what was imported with it stays. Raises NotFound."""
    layout = _written(read_template(txn, name))
    txn.execute("DELETE FROM deck_template WHERE name = %s", (name,))
    change = Change(Action.REMOVED, "template", name, (FieldChange("layout", layout, ""),))
    record(txn, admin, [change])
    return change


def list_templates(txn: Cursor) -> list[Template]:
    """Return all templates by name."""
    txn.execute("SELECT name, layout::text FROM deck_template ORDER BY name")
    return [Template(name=name, layout=layout) for name, layout in txn.fetchall()]


def read_template(txn: Cursor, name: str) -> Layout:
    """Return the layout that is kept under *name*. Raises NotFound."""
    txn.execute("SELECT layout FROM deck_template WHERE name = %s", (name,))
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"template {name} does not exist; 'tollwire template list' shows those that do")
    kept = row[0]
    return Layout(**{**kept, "ignore": tuple(kept.get("ignore", ()))})


def _written(layout: Layout) -> str:
    """Return what a layout says, as JSON; what it leaves open is left out."""
    said = {field.name: getattr(layout, field.name) for field in fields(layout)}
    return json.dumps(
        {name: value for name, value in said.items() if value != getattr(PLAIN, name)}, sort_keys=True
    )
