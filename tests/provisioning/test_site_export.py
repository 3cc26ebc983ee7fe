"""What is exported is what is there: applied again it changes nothing, elsewhere it makes the same site."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from provisioning import site_export
from provisioning.clients import end_client
from provisioning.decks import Deck, import_deck
from provisioning.rate_files import RateFile
from provisioning.service_rows import list_services
from provisioning.services import end_service
from provisioning.site import apply_file
from provisioning.site_export import Export
from provisioning.site_file import READERS

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples/site.toml"
BLOCKS = re.findall(r"```toml\n(.*?)```", (DOCS / "reference/site-file.md").read_text(), re.DOTALL)
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


@pytest.mark.postgres
def test_says_what_the_file_cannot(whole, admin, tmp_path):
    """
    Rates that hold until planned ones do, and clients that have ended.
    """
    rates = tmp_path / "rates.csv"
    rates.write_text("prefix,rate,initial,increment\n1,0.77,6,6\n")
    later = admin.now + timedelta(days=9)
    import_deck(whole, Deck(name="odd", currency="USD"), RateFile(rates), admin, active_from=later)
    for service in list_services(whole):
        if getattr(service, "client", None) == "sbc1":
            end_service(whole, service, admin.now, admin)
    end_client(whole, "sbc1", admin)
    made = Export(whole, admin.now)
    made.text()

    deck, client = sorted(made.notes, reverse=True)
    assert deck.startswith("deck odd: the rates are those planned for 2026-11-29T12:00:00Z")
    assert "client sbc1 has ended and is left out; its trunks are not" == client
