"""What an account earned, and how full trunks were, on the command line."""

import json
from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest

from provisioning.cli.errors import Exit
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.secrets import Sealer, make_key
from tests.provisioning.cli.conftest import Switch

pytestmark = pytest.mark.postgres


def test_what_was_earned_in_a_month(run, switch, dsn, tmp_path):
    """
    A line for each service, and the sum on stderr; everything as JSON.
    """
    assert Exit.OK == run("did", "set", "15550100", "--outpayment", "0.002").exit_code
    with closing(psycopg2.connect(dsn)) as connection:
        catalogue = load_catalogue(connection, Sealer(make_key(tmp_path / "secret.key")))
    with closing(Switch(dsn, catalogue)) as earning:
        earning.stop("c1", 90, calling="442071838750", called="15550100")
    told = run("report", "outpayments", "ACME", "--period", "2026-03")

    assert "did 15550100" in told.stdout
    assert "Earned by 1 calls: 0.003000 USD." in told.stderr
    found = json.loads(run("report", "outpayments", "ACME", "--period", "2026-03", "--json").stdout)
    assert ("0.003000", 90, 1) == (found["total"], found["seconds"], found["calls"])
    assert Exit.NOT_FOUND == run("report", "outpayments", "NOPE", "--period", "2026-03").exit_code
    assert Exit.CONFLICT == run("report", "outpayments", "ACME", "--period", "soon").exit_code


def test_how_full_trunks_were(run, switch):
    """
    Two calls that overlap are two.
    """
    begun = switch.now
    for name, begins in (("c1", 0), ("c2", 30)):
        switch.now = begun + timedelta(seconds=begins + 60)
        switch.stop(name, seconds=60, trunk_in="tg2", calling="1")
    words = ("report", "peaks", "--since", "2026-03-01", "--until", "2026-04-01", "--json")
    (peak,) = json.loads(run(*words).stdout)

    assert ("tg2", "ACME", 2, 2) == (peak["service"], peak["account"], peak["channels"], peak["most"])
