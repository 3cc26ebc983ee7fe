"""Each verb of the command line has a request of the API that does the same, or a reason for having none."""

from __future__ import annotations

import click

from provisioning.api.site import LISTEN
from provisioning.api.table import ENDPOINTS
from provisioning.cli import main
from provisioning.cli.reference import commands
from provisioning.cli.verbs import LOCAL, REQUESTS
from tests.docs.pages import code, column

TYPED = {context.command_path.removeprefix("tollwire ") for _, context in commands(main, click.Context(main))}
ASKED = {f"{endpoint.method} {endpoint.path}" for endpoint in (LISTEN, *ENDPOINTS)}
BESIDE = {
    # Where one verb shows and sets, or where a list of the command line shows all of each thing.
    "GET /quarantines": "number quarantine",
    "GET /queue/{call}/choices": "queue assign --help",
    "POST /queue/{call}/preview": "queue assign --dry-run",
    "POST /clients/{name}/watch": "radius watch, when it begins",
    "DELETE /clients/{name}/watch": "radius watch, when it ends",
    "GET /me": "whoever types knows who it is",
    "GET /exports": "the configuration file",
    "GET /tenants/{name}": "tenant list",
    "GET /destinations/{name}": "destination list",
    "GET /buckets/{plan}/{name}": "bucket list",
    "GET /origins/{name}": "origin list",
    "GET /holidays/{name}": "holiday list",
    "GET /pools/{account}/{name}": "pool list",
    "GET /suppliers/{code}": "supplier list",
    "GET /taxes/{name}": "tax list",
    "GET /templates/{name}": "template list",
}


def test_every_verb_has_a_request_or_a_reason():
    """
    And none has both; a verb that is new stands here on the day that it comes.
    """
    assert {verb.strip() for verb in TYPED} == REQUESTS.keys() | LOCAL.keys()
    assert not REQUESTS.keys() & LOCAL.keys()


def test_every_request_is_a_verb_too():
    """
    Nothing can only be done over HTTP.
    """
    assert ASKED == set(REQUESTS.values()) | BESIDE.keys()
    assert not set(REQUESTS.values()) & BESIDE.keys()


def test_the_page_tells_the_verbs_that_have_no_request():
    """
    With the reason for each.
    """
    page = "reference/http-api.md"
    told = dict(zip(map(code, column(page, "Command")), column(page, "Why"), strict=True))

    assert {f"tollwire {verb}": reason for verb, reason in LOCAL.items()} == told
