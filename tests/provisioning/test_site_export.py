"""What is exported is what is there: applied again it changes nothing, elsewhere it makes the same site."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from provisioning import site_export
from provisioning.clients import end_client
from provisioning.decks import Deck, Kind, import_deck, version_at
from provisioning.rate_files import RateFile
from provisioning.service_rows import list_services
from provisioning.services import end_service
from provisioning.site import apply_file
from provisioning.site_decks import rates_of
from provisioning.site_export import Export
from provisioning.site_file import READERS
from radiusd.errors import BadInput

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples/site.toml"
BLOCKS = re.findall(r"```toml\n(.*?)```", (DOCS / "reference/site-file.md").read_text(), re.DOTALL)
ODD_DECK = Deck(name="odd", currency="USD")
ODD = """
[[account]]
code = "AA"
reseller = "Z\\"r, é"
currency = "USD"
timezone = "Africa/Monrovia"
credit_limit = 0.000001
[[account]]
code = "B"
currency = "USD"
[[destination]]
name = "all of it"
prefixes = ["*"]
[[deck]]
name = "odd"
currency = "USD"
[[deck.rates]]
prefix = "*"
rate = 0.000000001
initial = 1
increment = 1
description = "a \\"b\\", c"
[[deck.rates]]
prefix = "1"
rate = 1
initial = 6
increment = 6
connect_fee = 0.01
effective = 2026-11-01
expires = 2027-01-01
[[deck.rates]]
prefix = "1"
rate = 2
initial = 6
increment = 6
effective = 2027-01-01T10:00:00.5Z
max_charge = 5
bands = [{from = "20:00", price = "0.01"}]
interstate = 3
[[deck.rates]]
prefix = "1900"
blocked = true
initial = 60
increment = 60
[[did]]
number = "15125550777"
account = "AA"
plan = "basic"
activated = 1971-05-01
ended = 2026-10-01T09:30:00.25Z
[[did]]
number = "15125550777"
account = "AA"
plan = "basic"
activated = 2026-11-01
outpayment = 0.000000001
[[did]]
number = "15125550777"
account = "B"
plan = "basic"
activated = 2026-10-05
ended = 2026-10-09
[[pool]]
account = "AA"
name = "odd"
seconds = 61
valid_from = 2026-11-01
services = ["15125550777"]
"""


@pytest.fixture
def whole(txn, admin, tmp_path):
    """A database with everything that the example and the reference of site files show, and what is odd."""
    (tmp_path / "us-termination.csv").write_bytes((EXAMPLE.parent / "us-termination.csv").read_bytes())
    (tmp_path / "sbc1.secret").write_text("a secret from a file\n")
    txn.execute("SAVEPOINT empty")
    apply_file(txn, EXAMPLE, admin)
    path = tmp_path / "part.toml"
    reseller = '[[account]]\ncode = "Z\\"r, é"\ncurrency = "USD"\n'
    for block in [*BLOCKS, reseller, ODD]:
        path.write_text(block)
        path.chmod(0o600)
        apply_file(txn, path, admin)
    return txn


@pytest.fixture
def exported(admin, tmp_path):
    """Export a site and return the file."""

    def export(txn, directory=None) -> Path:
        path = (directory or tmp_path) / "site.toml"
        path.write_text(Export(txn, admin.now, directory).text())
        return path

    return export


def with_secrets(text: str) -> str:
    return re.sub(r'^# (secret|password)_file = ".*"', r'\1 = "sixteen octets!!"', text, flags=re.MULTILINE)


@pytest.mark.postgres
def test_a_site_is_exported_as_it_is(whole, admin, exported):
    """
    Applying it to its own database changes nothing, and there is something to apply.
    """
    path = exported(whole)

    assert {f"[[{noun}]]" for noun in READERS} <= set(path.read_text().splitlines())
    assert [] == apply_file(whole, path, admin)
    assert [] == apply_file(whole, path, admin, prune=True)


@pytest.mark.postgres
def test_the_same_site_comes_into_being_elsewhere(whole, admin, exported):
    """
    An empty database with the secrets given exports the same text.
    """
    path = exported(whole)
    text = path.read_text()
    whole.execute("ROLLBACK TO SAVEPOINT empty")
    assert [] == list_services(whole)
    path.write_text(with_secrets(text))

    apply_file(whole, path, admin)
    assert text == exported(whole).read_text()


@pytest.mark.postgres
def test_no_secret_is_written(whole, exported):
    """
    Neither shared secrets nor passwords, in whichever form they are kept.
    """
    text = exported(whole).read_text()

    assert '# secret_file = "sbc2.secret"' in text
    assert not re.search(r"^(\w*secret|password)\w* =", text, re.MULTILINE)


@pytest.mark.postgres
def test_large_decks_stand_in_files_beside(whole, admin, exported, tmp_path, monkeypatch):
    """
    With all that a rate may have; names that no file may have, or that are alike, are no obstacle.
    """
    monkeypatch.setattr(site_export, "MOST_INLINE", 1)
    rates = tmp_path / "rates.csv"
    rates.write_text("prefix,rate,initial,increment\n1,0.01,6,6\n2,0.01,6,6\n")
    for name in ("a/b", "a b", "../A/B"):
        import_deck(whole, Deck(name=name, currency="USD"), RateFile(rates), admin)
    directory = tmp_path / "out"
    directory.mkdir()
    path = exported(whole, directory)

    files = {each.name for each in directory.glob("*.csv")}
    assert len(files) == path.read_text().count("\nfile = ") >= 4
    assert "odd.csv" in files
    assert [] == apply_file(whole, path, admin)


@pytest.fixture
def with_planned(whole, admin, tmp_path):
    """The same, and a deck with rates planned for two moments, the later of them planned first."""
    for price, days in (("0.88", 20), ("0.77", 9)):
        rates = tmp_path / "rates.csv"
        rates.write_text(f"prefix,rate,initial,increment\n1,{price},6,6\n")
        import_deck(whole, ODD_DECK, RateFile(rates), admin, admin.now + timedelta(days=days), Kind.WHOLE)
    return whole


def _rates_at(txn, at) -> list[object]:
    """The prices of the prefix 1 that hold at a moment."""
    return [rate["rate"] for rate in rates_of(txn, version_at(txn, "odd", at)) if rate["prefix"] == "1"]


@pytest.mark.postgres
def test_planned_versions_of_a_deck_come_into_being_elsewhere(with_planned, admin, exported):
    """
    What holds now and what is planned: here nothing changes, elsewhere each holds from its moment.
    """
    moments = [admin.now + timedelta(days=days) for days in (0, 8, 9, 19, 20)]
    path = exported(with_planned)
    here = [_rates_at(with_planned, at) for at in moments]
    text = path.read_text()
    assert [] == apply_file(with_planned, path, admin)
    with_planned.execute("ROLLBACK TO SAVEPOINT empty")
    path.write_text(with_secrets(text))

    apply_file(with_planned, path, admin)
    assert here == [_rates_at(with_planned, at) for at in moments]
    assert [2, 2, 1, 1, 1] == [len(rates) for rates in here]
    assert text == exported(with_planned).read_text()
    assert [] == apply_file(with_planned, path, admin)


@pytest.mark.postgres
def test_what_is_planned_goes_to_a_file_of_its_own(with_planned, admin, exported, tmp_path, monkeypatch):
    """
    The name of the file tells the day from which its rates hold.
    """
    monkeypatch.setattr(site_export, "MOST_INLINE", 0)
    directory = tmp_path / "site"
    directory.mkdir()

    path = exported(with_planned, directory)

    day = admin.now + timedelta(days=9)
    assert {"odd.csv", f"odd-{day:%Y-%m-%d}.csv"} <= {each.name for each in directory.glob("odd*.csv")}
    assert [] == apply_file(with_planned, path, admin)


@pytest.mark.postgres
def test_one_planned_version_may_change_alone(with_planned, admin, exported):
    """
    A file that tells another price for a moment changes what holds from then on, and nothing before.
    """
    path = exported(with_planned)
    path.write_text(path.read_text().replace("0.77", "0.66"))

    [change] = apply_file(with_planned, path, admin)

    assert ("deck", "odd") == (change.noun, change.key)
    assert [Decimal("0.66")] == _rates_at(with_planned, admin.now + timedelta(days=9))
    assert [Decimal("0.88")] == _rates_at(with_planned, admin.now + timedelta(days=20))
    assert 2 == len(_rates_at(with_planned, admin.now))
    assert [] == apply_file(with_planned, path, admin)


@pytest.mark.postgres
def test_a_deck_told_twice_for_one_moment_is_refused(with_planned, admin, exported):
    """
    Which of the two is meant?
    """
    path = exported(with_planned)
    nearer, farther = (f"{admin.now + timedelta(days=days):%Y-%m-%d}" for days in (9, 20))
    text = path.read_text()
    assert nearer in text and farther in text
    path.write_text(text.replace(nearer, farther))

    with pytest.raises(BadInput, match=r"deck odd is on line \d+ too"):
        apply_file(with_planned, path, admin)


@pytest.mark.postgres
def test_says_what_the_file_cannot(whole, admin):
    """
    Clients that have ended.
    """
    for service in list_services(whole):
        if getattr(service, "client", None) == "sbc1":
            end_service(whole, service, admin.now, admin)
    end_client(whole, "sbc1", admin)
    made = Export(whole, admin.now)
    made.text()

    assert ["client sbc1 has ended and is left out; its trunks are not"] == made.notes
