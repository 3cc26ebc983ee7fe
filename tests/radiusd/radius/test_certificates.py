"""By what a certificate's owner can be known, and how an admin writes it."""

from ipaddress import ip_network

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from radiusd.radius.certificates import certificate_identity, identities_of
from radiusd.radius.clients import ClientTable
from tests.authority import Authority


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def test_a_certificate_tells_fingerprint_names_and_issuer(authority):
    """
    The most particular first; the common name is no name (RFC 9525).
    """
    names = {"dns": ("SBC1.example.net",), "ip": ("192.0.2.10", "2001:db8::1"), "uri": ("sip:gw@x",)}
    found = authority.issue("gw", **names)

    assert (
        (f"sha256:{found.fingerprint(SHA256()).hex()}",),
        ("dns:sbc1.example.net", "ip:192.0.2.10", "ip:2001:db8::1", "uri:sip:gw@x"),
        ("issuer:CN=Test CA,O=Example",),
    ) == identities_of(found)


def test_a_certificate_without_names_has_none(authority):
    """
    No subjectAltName, no name.
    """
    assert () == identities_of(authority.issue("gw"))[1]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (f"SHA256:{':'.join(['AB'] * 32)}", f"sha256:{'ab' * 32}"),
        ("dns: SBC1.Example.net.", "dns:sbc1.example.net"),
        ("ip:[2001:DB8:0::1]", "ip:2001:db8::1"),
        ("uri:sip:gw@example.net", "uri:sip:gw@example.net"),
        ("issuer:CN=Switches, O=Example", "issuer:CN=Switches,O=Example"),
    ],
)
def test_an_admin_may_write_them_as_tools_show_them(written, meant):
    """
    What is compared has one form.
    """
    assert meant == certificate_identity(written)


@pytest.mark.parametrize(
    "text",
    ["", "a", "dns:", "cn:a", "sha256:ab", f"sha256:{'g' * 64}", "ip:300.1.1.1", "dns:a b", "uri:x"],
)
def test_what_is_no_identity_is_refused(text):
    """
    By a text that shows how it is written.
    """
    with pytest.raises(ValueError, match=r"…|such as|shows"):
        certificate_identity(text)


def test_the_most_particular_identity_decides(a_client):
    """
    A fingerprint beats a name and a name the issuer; a group that names two clients names none.
    """
    by_print = a_client(certificates=("sha256:1",))
    by_name = a_client(id=2, networks=(), certificates=("dns:a",))
    by_issuer = a_client(id=3, networks=(), certificates=("issuer:x", "dns:b"))
    table = ClientTable((by_print, by_name, by_issuer))

    assert by_print is table.owner_of((("sha256:1",), ("dns:a",)), "192.0.2.1")
    assert by_name is table.owner_of((("sha256:2",), ("dns:a",), ("issuer:x",)), "203.0.113.1")
    assert by_issuer is table.owner_of((("sha256:2",), (), ("issuer:x",)), "203.0.113.1")
    assert None is table.owner_of((("sha256:2",), ("dns:a", "dns:b"), ("issuer:x",)), "203.0.113.1")
    assert None is table.owner_of((("sha256:2",), ("dns:c",), ("issuer:y",)), "203.0.113.1")


def test_X33_networks_hold_for_certificates_too(a_client):
    """
    A certificate that was copied is worth nothing elsewhere; an IPv4-mapped source is its IPv4 address.
    """
    client = a_client(networks=(ip_network("192.0.2.0/24"),), certificates=("dns:a",))
    table = ClientTable((client,))

    assert client is table.owner_of((("dns:a",),), "::ffff:192.0.2.9")
    assert None is table.owner_of((("dns:a",),), "203.0.113.1")
    assert None is table.owner_of((("dns:a",),), "no address")
