"""How a client is asked to end calls: what admins set, what the server makes of it, and what stays secret."""

import json
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from provisioning.admin import MASK, Secret
from provisioning.cli.changing import document
from provisioning.clients import Client, add_client, read_client, set_client
from provisioning.site import apply_file
from radiusd.errors import BadInput
from radiusd.storage.catalogue import load_clients

pytestmark = pytest.mark.postgres

SBC = Client(
    name="sbc1",
    networks=("192.0.2.10/32",),
    secret=Secret(b"0123456789abcdef"),
    cut_off="disconnect",
    cut_off_for=("suspended", "no_credit"),
    tell_time="coa",
    coa_address="[2001:DB8::1]",
    coa_port=3700,
    coa_secret=Secret(b"another secret of it"),
)


def loaded(txn, admin):
    """Return the client as the server knows it."""
    (client,) = load_clients(txn, admin.sealer).clients
    return client


def test_the_server_knows_what_was_set(txn, admin):
    """
    In one spelling; and its own secret stays what it was.
    """
    add_client(txn, SBC, admin)

    kept = read_client(txn, "sbc1")
    assert (("no_credit", "suspended"), "2001:db8::1") == (kept.cut_off_for, kept.coa_address)
    client = loaded(txn, admin)
    assert (b"0123456789abcdef", b"another secret of it") == (client.secret, client.coa_secret)
    assert ("disconnect", "udp", 3700) == (client.cut_off, client.coa_transport, client.coa_port)
    assert "coa" == client.tell_time
    assert [True, True, False, True] == [
        client.cuts(reason) for reason in ("suspended", "no_credit", "fraud", "admin")
    ]


def test_a_new_client_is_not_asked(txn, admin):
    """
    Many switches would only log a complaint.
    """
    add_client(txn, Client(name="sbc1", networks=("192.0.2.10",), secret=SBC.secret), admin)

    client = loaded(txn, admin)
    assert ("none", None) == (client.cut_off, client.coa_secret)
    assert not client.cuts("admin")


def test_the_secret_is_sealed_kept_and_never_shown(txn, admin):
    """
    Neither in the row, nor in what changed, nor by ``client show``; one that is not given stays.
    """
    change = add_client(txn, SBC, admin)
    (told,) = [field for field in change.fields if field.name == "coa_secret"]
    assert ("", MASK) == (told.before, told.after)
    txn.execute("SELECT row_to_json(c)::text FROM client c")
    (row,) = txn.fetchone()
    assert b"another secret of it".hex() not in row

    current = read_client(txn, "sbc1")
    assert "secret" not in json.dumps(document(current))
    changed = set_client(txn, replace(current, coa_port=None), admin)
    assert ["coa_port"] == [field.name for field in changed.fields]
    assert b"another secret of it" == loaded(txn, admin).coa_secret
    assert "another" not in repr(loaded(txn, admin))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cut_off": "shout"}, "cut_off is 'shout'; it must be one of none, disconnect, coa"),
        ({"cut_off_for": ("mood",)}, "cut_off_for names 'mood'; it may hold fraud, grant_over"),
        ({"coa_address": "nas.example.net"}, "^coa_address: 'nas.example.net' is no address"),
        ({"coa_transport": "pigeon"}, "coa_transport is 'pigeon'"),
        ({"coa_port": 0}, "^coa_port: 0 is not from 1 to 65535"),
        ({"tell_time": "shout"}, "tell_time is 'shout'; it must be one of none, coa"),
        ({"settings": {"disconnect_by": "Weather"}}, "disconnect_by: 'Weather' is not one of"),
        ({"settings": {"coa_time": "soon"}}, "coa_time: 'soon' is not one of left, whole"),
        ({"settings": {"coa_end": "Weather=1"}}, "coa_end: 'Weather=1' is not NAME=VALUE"),
    ],
)
def test_refuses_what_the_server_could_not_use(txn, admin, fields, message):
    """
    The message names the field.
    """
    with pytest.raises(BadInput, match=message):
        add_client(txn, replace(SBC, **fields), admin)


def test_a_site_file_names_the_secrets_file(dsn, tmp_path, admin):
    """
    As it does for the client's own.
    """
    (tmp_path / "coa.secret").write_text("another secret of it\n")
    path = tmp_path / "site.toml"
    path.touch(mode=0o600)
    path.write_text(
        '[[client]]\nname = "sbc1"\nnetworks = ["192.0.2.10"]\nsecret = "0123456789abcdef"\n'
        'cut_off = "disconnect"\ncoa_secret_file = "coa.secret"\n'
    )
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        apply_file(txn, path, admin)
        assert b"another secret of it" == loaded(txn, admin).coa_secret
        assert [] == [change for change in apply_file(txn, path, admin) if change]
        connection.rollback()
