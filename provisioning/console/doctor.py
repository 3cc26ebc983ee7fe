"""What a client's own packets tell of its health, with the setting of the device to change."""

from __future__ import annotations

from datetime import timedelta

from provisioning import clients, doctor
from provisioning.console.pages import Outcome, Page, Shown, Visit
from radiusd.storage.habits import calls_closed_by_us, habits_of

HOURS = 24
LIMIT_MS = 2000


def _doctor(visit: Visit) -> Outcome:
    txn, name = visit.asked.txn, visit.asked.path["name"]
    visit.asked.admin.require("clients:read")
    since = visit.asked.now - timedelta(hours=HOURS)
    found, client_id = clients.read_client(txn, name), clients.client_id_of(txn, name)
    ended = calls_closed_by_us(txn, client_id, since, LIMIT_MS)
    chart = doctor.Chart(found, habits_of(txn, client_id, since), ended, HOURS)
    return Shown("doctor.html", {"name": name, "hours": HOURS, "findings": doctor.diagnose(chart)})


PAGES = (
    Page(
        path="/doctor/{name}",
        title="Doctor",
        show=_doctor,
        right="clients:read",
        cli="tollwire client doctor {name}",
    ),
)
