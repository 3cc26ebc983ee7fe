"""Clients: nobody speaks to us by mistake, or with a secret that everybody knows."""

import json
from dataclasses import replace

import pytest

from provisioning.admin import Action, Secret
from provisioning.clients import Client, add_client, end_client, list_clients, read_client, set_client
from radiusd.errors import BadInput, Conflict, NotFound
from radiusd.storage.catalogue import load_clients

pytestmark = pytest.mark.postgres

SECRET = Secret(b"sixteen octets!!")
SBC = Client(name="sbc1", networks=("192.0.2.10", "2001:db8::/64"), secret=SECRET, dialect="cisco")


def secret_of(txn, admin, name: str = "sbc1") -> bytes:
    txn.execute("SELECT secret_sealed FROM client WHERE name = %s", (name,))
    return admin.sealer.open(bytes(txn.fetchone()[0]))


def test_keeps_a_client_and_seals_its_secret(txn, admin):
    """
    What is read back is what was given, but the secret, which is sealed in the row.
    """
    change = add_client(txn, SBC, admin)

    assert Action.ADDED is change.action
    expected = replace(SBC, networks=("192.0.2.10/32", "2001:db8::/64"), secret=None)
    assert expected == read_client(txn, "sbc1") == list_clients(txn)[0]
    assert b"sixteen octets!!" == secret_of(txn, admin)
    txn.execute("SELECT secret_sealed FROM client")
    assert b"sixteen" not in bytes(txn.fetchone()[0])


def test_new_clients_must_sign_their_requests():
    """
    CVE-2024-3596: Message-Authenticator is required unless an admin says otherwise.
    """
    assert SBC.require_message_authenticator


def test_the_audit_has_everything_but_the_secret(txn, admin):
    """
    Who, when, what; the secret is masked.
    """
    add_client(txn, SBC, admin)
    txn.execute("SELECT at, actor, action, detail FROM audit")
    (at, actor, action, detail) = txn.fetchone()

    assert (admin.now, "tester", "client added") == (at, actor, action)
    assert ["", "***"] == detail["fields"]["secret"]
    assert ["", "192.0.2.10/32, 2001:db8::/64"] == detail["fields"]["networks"]
    assert "sixteen" not in json.dumps(detail)


def test_a_change_raises_the_version_once(txn, admin):
    """
    Workers load the catalogue after a change, and not after none.
    """
    add_client(txn, SBC, admin)
    txn.execute("SELECT version FROM catalogue_version")
    (version,) = txn.fetchone()
    assert Action.UNCHANGED is set_client(txn, SBC, admin).action
    assert Action.CHANGED is set_client(txn, replace(SBC, lease_s=60), admin).action
    txn.execute("SELECT version FROM catalogue_version")

    assert (version + 1,) == txn.fetchone()


def test_the_secret_stays_when_none_is_given(txn, admin):
    """
    Other fields can be changed by somebody who does not know it.
    """
    add_client(txn, SBC, admin)
    set_client(txn, replace(SBC, secret=None, digest="proxy"), admin)

    assert "proxy" == read_client(txn, "sbc1").digest
    assert b"sixteen octets!!" == secret_of(txn, admin)


def test_the_secret_can_be_changed(txn, admin):
    """
    The change says that it was, and no more.
    """
    add_client(txn, SBC, admin)
    change = set_client(txn, replace(SBC, secret=Secret(b"another secret 123")), admin)

    assert [("secret", "***", "***")] == [(f.name, f.before, f.after) for f in change.fields]
    assert b"another secret 123" == secret_of(txn, admin)


@pytest.mark.parametrize("secret", [None, Secret(b"")])
def test_refuses_an_empty_secret(txn, admin, secret):
    """
    RFC 2865, 3: it must not be empty.
    """
    with pytest.raises(BadInput, match=r"^secret: client sbc1 needs a shared secret that is not empty"):
        add_client(txn, replace(SBC, secret=secret), admin)


def test_warns_of_a_short_secret(txn, admin):
    """
    Eleven octets are taken, with a warning; twelve without.
    """
    assert "11 octets" in add_client(txn, replace(SBC, secret=Secret(b"x" * 11)), admin).warnings[0]
    assert () == set_client(txn, replace(SBC, secret=Secret(b"x" * 12)), admin).warnings


@pytest.mark.parametrize(
    "networks", [("192.0.2.1",), ("127.0.0.1", "10.0.0.0/8"), ("0.0.0.0/1",), ("126.0.0.0/7",)]
)
def test_refuses_the_secret_of_the_books_on_a_network(txn, admin, networks):
    """
    Everybody tries testing123 first.
    """
    with pytest.raises(BadInput, match=r"^secret: everybody knows testing123, and .* is not this machine"):
        add_client(txn, replace(SBC, networks=networks, secret=Secret(b"testing123")), admin)


def test_takes_the_secret_of_the_books_on_this_machine(txn, admin):
    """
    Trying things out over loopback is what it is for.
    """
    local = replace(SBC, networks=("127.0.0.1", "::1"), secret=Secret(b"testing123"))

    assert add_client(txn, local, admin).warnings


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"networks": ()}, "^networks: give the addresses"),
        ({"networks": ("192.0.2.1/24",)}, "^networks: '192.0.2.1/24' is no address or network"),
        ({"networks": ("0.0.0.0/0",)}, "^networks: .* every address"),
        ({"dialect": "morse"}, "dialect.*morse.*cisco.*kamailio.*rfc2866"),
        ({"name": ""}, "^name: "),
        ({"lease_s": 0}, "^lease_s: 0 is not from 1"),
        ({"max_call_s": -1}, "^max_call_s: "),
        ({"setup_ttl_s": 99999}, "^setup_ttl_s: "),
        ({"call_check": "maybe"}, "call_check"),
        ({"match_order": ("ip", "stars")}, "match_order.*stars"),
        ({"settings": {"nonsense": "1"}}, "^settings: .*nonsense"),
    ],
)
def test_refuses_what_the_server_could_not_use(txn, admin, fields, message):
    """
    The message names the field.
    """
    with pytest.raises(BadInput, match=message):
        add_client(txn, replace(SBC, **fields), admin)


def test_two_clients_may_not_have_one_network(txn, admin):
    """
    A part of it they may: the longest network wins.
    """
    add_client(txn, SBC, admin)
    add_client(txn, replace(SBC, name="part", networks=("2001:db8::5",)), admin)

    with pytest.raises(Conflict, match=r"^networks: 2001:db8::/64 belongs to client sbc1"):
        add_client(txn, replace(SBC, name="other", networks=("2001:db8:0::/64",)), admin)


def test_networks_are_replaced(txn, admin):
    """
    What is no longer named may no longer speak, and is free for others.
    """
    add_client(txn, SBC, admin)
    set_client(txn, replace(SBC, networks=("192.0.2.11",)), admin)
    add_client(txn, replace(SBC, name="other"), admin)

    assert ("192.0.2.11/32",) == read_client(txn, "sbc1").networks


def test_an_ended_client_speaks_no_more(txn, admin):
    """
    Its row stays, for the calls that name it.
    """
    add_client(txn, SBC, admin)

    assert Action.ENDED is end_client(txn, "sbc1", admin).action
    assert () == read_client(txn, "sbc1").networks
    assert Action.UNCHANGED is end_client(txn, "sbc1", admin).action


def test_names_are_taken_once(txn, admin):
    """
    Adding does not overwrite, and reading does not invent.
    """
    add_client(txn, SBC, admin)

    with pytest.raises(Conflict, match="client sbc1 exists already"):
        add_client(txn, SBC, admin)
    with pytest.raises(NotFound, match="client nope does not exist"):
        read_client(txn, "nope")


def test_a_secret_does_not_show_itself():
    """
    Not in a traceback, not in a log.
    """
    assert "sixteen" not in repr(SBC)
    assert "***" == repr(SECRET)


def test_a_client_that_speaks_tls_only_needs_neither_network_nor_secret(txn, admin):
    """
    It is known by its certificates, which are kept in the form that is compared; its secret is everybody's.
    """
    add_client(txn, Client(name="gw1", certificates=("DNS:GW1.example.net", "dns:gw1.example.net")), admin)

    assert ("dns:gw1.example.net",) == read_client(txn, "gw1").certificates
    assert b"radsec" == secret_of(txn, admin, "gw1")
    (client,) = load_clients(txn, admin.sealer).clients
    assert ("dns:gw1.example.net",) == client.certificates


def test_the_secret_of_tls_is_good_for_nothing_else(txn, admin):
    """
    A client that gets networks needs a secret of its own, because from there it may use UDP.
    """
    tls_only = Client(name="gw1", certificates=("dns:gw1.example.net",))
    add_client(txn, tls_only, admin)
    with pytest.raises(BadInput, match="secret: radsec is everybody's inside TLS"):
        set_client(txn, replace(tls_only, networks=("192.0.2.77",)), admin)


def test_an_identity_is_one_clients(txn, admin):
    """
    Another one cannot have it, until it is taken from the first.
    """
    add_client(txn, Client(name="gw1", certificates=("dns:gw.example.net",)), admin)
    with pytest.raises(Conflict, match=r"certificates: dns:gw\.example\.net belongs to client gw1"):
        add_client(txn, Client(name="gw2", certificates=("dns:gw.example.net",)), admin)
    end_client(txn, "gw1", admin)

    change = add_client(txn, Client(name="gw2", certificates=("dns:gw.example.net",)), admin)
    assert Action.ADDED is change.action


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"certificates": ("gw1",)}, "certificates: 'gw1' is none of sha256"),
        ({"sip": "maybe"}, "sip is 'maybe'"),
        ({"sip_trunk_header": "X Trunk"}, "sip_trunk_header: 'X Trunk' is no name"),
        ({"sip_next_hop": "gw1>\r\nX: y"}, "sip_next_hop: "),
    ],
)
def test_what_would_not_work_on_the_wire_is_refused(txn, admin, fields, says):
    """
    By field and value, before anything is changed.
    """
    with pytest.raises(BadInput, match=says):
        add_client(txn, replace(SBC, **fields), admin)
