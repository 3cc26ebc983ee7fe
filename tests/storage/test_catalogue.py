"""The catalogue is one snapshot: whole, shared where it can be, and never with a secret in the open."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from provisioning.accounts import read_account, set_account
from provisioning.admin import Admin
from provisioning.site import apply_file
from radiusd.calls.claims import ServiceKind, extension_claim, number_claim, username_claim
from radiusd.storage.catalogue import Catalogue, load_catalogue
from radiusd.storage.catalogue_versions import CHANNEL, catalogue_version, touch
from radiusd.storage.secrets import NotOurSeal, Sealer
from rating.money import Mode, Rounding

pytestmark = pytest.mark.postgres

EXAMPLE = Path(__file__).parents[2] / "docs/examples/site.toml"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SEALER = Sealer(bytes(32))
ADMIN = Admin("tester", NOW, SEALER)


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection]:
    """A connection to a database with the documentation's example in it."""
    with closing(psycopg2.connect(dsn)) as connection:
        with connection, connection.cursor() as txn:
            apply_file(txn, EXAMPLE, ADMIN)
        yield connection


@pytest.fixture
def loaded(connection: Connection) -> Catalogue:
    """That example, as a worker has it."""
    return load_catalogue(connection, SEALER)


def test_an_empty_database_is_an_empty_catalogue(dsn: str):
    """
    A server starts before anything is provisioned.
    """
    with closing(psycopg2.connect(dsn)) as connection:
        catalogue = load_catalogue(connection, SEALER)

    assert {} == catalogue.directory.services
    assert None is catalogue.clients.lookup("127.0.0.1")


def test_finds_clients_by_address_with_their_secret(loaded: Catalogue):
    """
    The secret is opened, and does not show itself.
    """
    client = loaded.clients.lookup("2001:db8:10::7")

    assert client is not None
    assert ("sbc1", "cisco", b"a-secret-of-24-characters") == (client.name, client.dialect, client.secret)
    assert client is loaded.clients.lookup("192.0.2.10")
    assert client.require_message_authenticator
    assert "a-secret" not in repr(loaded)


def test_finds_services_by_what_they_claim(loaded: Catalogue):
    """
    All five kinds, in the form in which packets are matched.
    """
    directory = loaded.directory
    (network_claim,) = directory.network_claims(1, "203.0.113.5", "9915125550100")
    claims = {
        number_claim("15125550100"): ServiceKind.DID,
        username_claim("15125550100"): ServiceKind.DID,
        extension_claim("ACME.pbx.example.net", "201"): ServiceKind.EXTENSION,
        f"trunk:{loaded.clients.lookup('192.0.2.10').id}:ACME-TG1": ServiceKind.TRUNK,
        network_claim: ServiceKind.IP,
        number_claim("442079460100"): ServiceKind.VIRTUAL,
    }

    for claim, kind in claims.items():
        found, _ = directory.claimed(claim, NOW)
        assert found is not None, claim
        assert kind is found.kind


def test_a_service_knows_its_account_plan_and_times(loaded: Catalogue):
    """
    Every column arrives in its field.
    """
    trunk = next(s for s in loaded.directory.services.values() if s.kind is ServiceKind.TRUNK)
    did = next(s for s in loaded.directory.services.values() if s.kind is ServiceKind.DID)

    assert ("ACME-TG1", 30) == (trunk.name, trunk.max_channels)
    assert datetime(2026, 11, 1, 5, tzinfo=UTC) == did.activated_at
    assert ("Austin", "15125550100", "sip.example.net") == (did.location, did.username, did.password_realm)
    assert b"correct" not in did.password_sealed
    assert 32 == len(SEALER.open(did.password_sealed))
    account = did.account
    assert ("ACME", "USD", 50_000_000, 100) == (
        account.code,
        account.currency,
        account.credit_limit_micros,
        account.max_channels,
    )
    assert "America/Chicago" == account.zone.key
    assert account is trunk.account


def test_a_plan_has_its_decks_and_buckets(loaded: Catalogue):
    """
    One deck version is one object, whoever uses it.
    """
    services = list(loaded.directory.services.values())
    plan = services[0].plan

    assert {id(plan)} == {id(service.plan) for service in services}
    assert Rounding(4, Mode.HALF_UP) == plan.rounding
    (bucket,) = plan.buckets
    assert ("us-1000", 60_000, ("1",)) == (bucket.name, bucket.included_s, bucket.prefixes)
    _, deck = plan.deck.at(NOW)
    assert Decimal("0.012") == Decimal(deck.lookup("15125550199", NOW).price.text)
    assert "Alaska" == deck.lookup("19075550100", NOW).description
    assert plan.inbound_deck is not None
    assert 2 == len(plan.inbound_deck.at(NOW)[1])


def test_a_virtual_number_shares_its_primary(loaded: Catalogue):
    """
    It is the very same plan, and its owner is the DID.
    """
    virtual = next(s for s in loaded.directory.services.values() if s.kind is ServiceKind.VIRTUAL)

    assert virtual.primary is virtual.owner
    assert "15125550100" == virtual.owner.name
    assert virtual.plan is virtual.owner.plan
    assert 5_000_000 == virtual.additional_charge_nano


def test_known_rates_are_not_read_again(connection: Connection, loaded: Catalogue):
    """
    A reload costs what changed: a deck of a million rates is not among it.
    """
    with connection, connection.cursor() as txn:
        account = read_account(txn, "ACME")[1]
        set_account(txn, replace(account, status="suspended"), ADMIN)
        txn.execute("DELETE FROM rate")  # nobody does; it shows that they are not looked at
    reloaded = load_catalogue(connection, SEALER, loaded)

    assert reloaded.version == loaded.version + 1
    assert all(rates is loaded.rates[version_id] for version_id, rates in reloaded.rates.items())
    assert {True} == {service.account.suspended for service in reloaded.directory.services.values()}
    assert {False} == {service.account.suspended for service in loaded.directory.services.values()}


def test_a_change_is_seen_whole_or_not_at_all(dsn: str, connection: Connection):
    """
    What another admin has not committed is not there, and the version says so.
    """
    before = load_catalogue(connection, SEALER)
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as txn:
        txn.execute("UPDATE account SET status = 'suspended'")
        touch(txn, NOW)

        assert before.version == load_catalogue(connection, SEALER).version
        other.commit()
    assert before.version + 1 == load_catalogue(connection, SEALER).version


def test_touching_tells_those_who_listen(dsn: str, connection: Connection):
    """
    After the commit, with the new version.
    """
    with closing(psycopg2.connect(dsn)) as listener, listener.cursor() as hears:
        listener.autocommit = True
        hears.execute(f"LISTEN {CHANNEL}")
        with connection, connection.cursor() as txn:
            version = touch(txn, NOW)
            listener.poll()
            assert [] == listener.notifies
        with connection, connection.cursor() as txn:
            assert version == catalogue_version(txn)
        hears.execute("SELECT 1")  # whatever was sent has then arrived
        listener.poll()

        assert [(CHANNEL, str(version))] == [(note.channel, note.payload) for note in listener.notifies]


def test_another_key_is_told_as_such(connection: Connection):
    """
    Rather than with clients that nobody can authenticate.
    """
    with pytest.raises(NotOurSeal, match="another key"):
        load_catalogue(connection, Sealer(b"x" * 32))


def test_a_later_version_of_a_deck_is_for_later_calls(connection: Connection, tmp_path: Path):
    """
    And the first one for all before, however long ago.
    """
    path = tmp_path / "site.toml"
    path.write_text(
        '[[deck]]\nname = "toll-free"\ncurrency = "USD"\nactive_from = 2027-01-01\n'
        'rates = [{prefix = "1800", rate = 1, initial = 1, increment = 1}]\n'
    )
    with connection, connection.cursor() as txn:
        apply_file(txn, path, ADMIN)
    services = load_catalogue(connection, SEALER).directory.services.values()
    deck = next(iter(services)).plan.inbound_deck
    prices = {
        year: deck.at(datetime(year, 6, 1, tzinfo=UTC))[1].lookup("18005550100", NOW).price.text
        for year in (2020, 2026, 2027)
    }

    assert {2020: "0.025", 2026: "0.025", 2027: "1"} == prices
