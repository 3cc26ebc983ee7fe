"""What a client's own packets tell of its health, with the setting of the device to change."""

from __future__ import annotations

from provisioning import doctor
from provisioning.console.pages import Outcome, Page, Shown, Visit

HOURS = 24
LIMIT_MS = 2000


def _doctor(visit: Visit) -> Outcome:
    txn, name = visit.asked.txn, visit.asked.path["name"]
    visit.asked.admin.require("clients:read")
    findings = doctor.examine(txn, name, HOURS, visit.asked.now, LIMIT_MS)
    return Shown("doctor.html", {"name": name, "hours": HOURS, "findings": findings})


PAGES = (
    Page(
        path="/doctor/{name}",
        title="Doctor",
        show=_doctor,
        right="clients:read",
        cli="tollwire client doctor {name}",
    ),
)
