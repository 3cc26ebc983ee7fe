"""Many services from rows: what the database knows of them is read at once; a question each takes minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from provisioning.admin import Change, record
from provisioning.cli.changing import Rows
from provisioning.cli.field_options import given
from provisioning.service_desk import ServiceDesk
from provisioning.service_kinds import Service, canonical
from provisioning.service_rows import services_named
from provisioning.services import choose_service, put_for
from radiusd.errors import BadInput


@dataclass(slots=True)
class Batch:
    """The services of many rows."""

    rows: Rows
    desk: ServiceDesk
    stored: dict[str, list[Service]] = field(default_factory=dict)

    def put(self, service: Service, new: bool) -> Change:
        """Put one of them; it is recorded with the others."""
        change = put_for(self.desk, service, self.rows.admin, new=new)
        record(self.rows.txn, self.rows.admin, [change])
        self.stored.pop(service.name, None)  # what was read is true no more
        return change

    def current(self, kind: type[Service], name: str, scope: Mapping[str, str | None]) -> Service:
        """Return the service that a row is about. Raises as :func:`provisioning.services.find_service`."""
        key = canonical(kind.kind, name)
        if key not in self.stored:
            self.stored[key] = services_named(self.rows.txn, kind.kind, [key])
        return choose_service(self.stored[key], kind.kind, name, self.rows.admin.now, scope)


def batch_of(
    rows: Rows, kind: type[Service], scope: Sequence[str], wanted: Sequence[Mapping[str, Any]]
) -> Batch:
    """Return what puts the services with the parameters *wanted*, new ones without a *scope*."""
    batch = Batch(rows, ServiceDesk(rows.txn, rows.admin))
    known = kind.__dataclass_fields__
    expected = []
    for params in wanted:
        name = params["name"]
        try:
            key = canonical(kind.kind, name)
        except BadInput:
            continue  # told when its row is done
        batch.stored[key] = []
        expected.append((name, {field: value for field, value in given(params).items() if field in known}))
    for service in services_named(rows.txn, kind.kind, list(batch.stored)):
        batch.stored[service.name].append(service)
    services = []
    for name, values in expected:
        try:
            if "account" in values:
                services.append(kind(**{kind.name_field: name, **values}))
            else:
                narrow = {field: values.pop(field, None) for field in scope}
                services.append(replace(batch.current(kind, name, narrow), **values))
        except (BadInput, TypeError):
            continue  # told when its row is done
    batch.desk.expect(services)
    return batch
