"""An address finds its client by the longest network, and a client keeps its secret to itself."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.radius.clients import Client, ClientTable, weakness_of


def named(a_client, name, *networks):
    return a_client(name=name, networks=tuple(map(ip_network, networks)))


def test_X25_longest_prefix_over_both_families(a_client):
    """
    Client lookup is by longest prefix, in IPv4 and IPv6 alike.
    """
    table = ClientTable(
        [
            named(a_client, "any", "0.0.0.0/0"),
            named(a_client, "net", "192.0.2.0/24", "2001:db8::/32"),
            named(a_client, "host", "192.0.2.9/32", "2001:db8::9/128"),
        ]
    )

    def found(host: str) -> str | None:
        client = table.lookup(host)
        return client and client.name

    assert ["host", "net", "any"] == [found("192.0.2.9"), found("192.0.2.10"), found("198.51.100.1")]
    assert ["host", "net", None] == [found("2001:db8::9"), found("2001:db8:1::9"), found("2001:db9::9")]


@pytest.mark.parametrize("host", ["192.0.2.9", "::ffff:192.0.2.9", "::FFFF:c000:209"])
@pytest.mark.parametrize("network", ["192.0.2.0/28", "::ffff:192.0.2.0/124"])
def test_X25_mapped_ipv6_is_ipv4(a_client, host, network):
    """
    An IPv4-mapped IPv6 source equals its IPv4 client, whichever way either is written.
    """
    assert "sbc" == ClientTable([named(a_client, "sbc", network)]).lookup(host).name


def test_L015_strangers_have_no_client(a_client):
    """
    What no network holds, or what is no address at all, belongs to nobody.
    """
    table = ClientTable([named(a_client, "sbc", "192.0.2.0/24")])

    assert [None] * 4 == [table.lookup(host) for host in ("192.0.3.1", "::1", "", "no address")]
    assert None is ClientTable([]).lookup("192.0.2.1")


networks = st.builds(
    lambda address, length: ip_network((address, length), strict=False),
    st.one_of(st.integers(0, 2**32 - 1).map(ip_address), st.ip_addresses(v=4)),
    st.integers(0, 32),
)


@given(st.sets(networks, max_size=12), st.lists(st.ip_addresses(v=4), max_size=12))
def test_longest_prefix_equals_a_naive_scan(found, hosts):
    """
    The table finds what looking through all networks finds, first and again.
    """
    clients = [
        Client(id=n, name=str(network), networks=(network,), secret=b"s", dialect="rfc2866")
        for n, network in enumerate(found)
    ]
    table = ClientTable(clients)
    for host in hosts + hosts:
        holding = [network for network in found if host in network]
        expected = str(max(holding, key=lambda network: network.prefixlen)) if holding else None
        client = table.lookup(str(host))
        assert expected == (client and client.name)


def test_two_clients_cannot_claim_one_network(a_client):
    """
    The error names the network and both clients.
    """
    with pytest.raises(ValueError, match=r"network 192\.0\.2\.0/24 belongs to client a and to client b"):
        ClientTable([named(a_client, "a", "192.0.2.0/24"), named(a_client, "b", "::ffff:192.0.2.0/120")])


def test_many_hosts_do_not_fill_the_memory(a_client):
    """
    The memory of recent hosts is bounded, and strangers take no place in it.
    """
    table = ClientTable([named(a_client, "sbc", "10.0.0.0/8")])
    for n in range(5000):
        assert "sbc" == table.lookup(str(ip_address("10.0.0.0") + n)).name
        assert None is table.lookup(str(ip_address("192.0.0.0") + n))

    assert 4096 >= len(table._recent)


def test_X01_an_empty_secret_is_refused(a_client):
    """
    An empty shared secret is refused at configuration; a short one is worth a warning.
    """
    with pytest.raises(ValueError, match="client sbc-1: the shared secret is empty"):
        a_client(secret=b"")

    assert "has 11 octets" in weakness_of(b"x" * 11)
    assert None is weakness_of(b"x" * 12)


def test_T2_the_secret_is_not_shown(a_client):
    """
    Neither repr nor str of a client has its secret.
    """
    client = a_client(secret=b"do-not-show-me")

    assert "do-not-show-me" not in repr(client) + str(client) + f"{client}"
    assert "sbc-1" in repr(client)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("call_check", "maybe", "call_check is 'maybe'; it must be one of service-type, any, never"),
        ("digest", "lax", "digest is 'lax'"),
        ("grant", "half", "grant is 'half'"),
        ("match_order", ("username", "colour"), "match_order names 'colour'"),
    ],
)
def test_settings_that_nothing_understands_are_refused(a_client, field, value, words):
    """
    The error names the client, the setting and what it may be.
    """
    with pytest.raises(ValueError, match=words):
        a_client(**{field: value})


def test_X05_strict_by_default(a_client):
    """
    A new client must send Message-Authenticator, may not speak for others, and its digest is strict.
    """
    client = a_client()

    assert (True, False, False, "strict") == (
        client.require_message_authenticator,
        client.asserts_numbers,
        client.is_proxy,
        client.digest,
    )
