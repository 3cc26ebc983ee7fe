"""The packets of the benchmark are what a gateway would send: signed, ordered, distinct and no smaller."""

from collections import Counter
from statistics import mean

from bench.workloads import (
    INTERIM,
    START,
    STOP,
    Site,
    accounting,
    authorization,
    hide_password,
    make_calls,
    sign,
)
from radiusd.radius.packet import Packet, read_packet
from radiusd.radius.signing import (
    MessageAuthenticator,
    verify_message_authenticator,
    verify_request_authenticator,
)

SITE = Site(trunks=3, prefixes=20)
NOW = 1_790_000_000.0
CALLS = make_calls(SITE, "T", 30, NOW)


def all_accounting() -> list[Packet]:
    return [read_packet(sign(packet, 7, SITE.secret)) for packet in accounting(CALLS, spread=4)]


def test_accounting_packets_are_signed():
    """
    Every accounting packet carries the authenticator that the shared secret asks for.
    """
    assert all(verify_request_authenticator(packet.raw, SITE.secret) for packet in all_accounting())


def test_each_call_starts_updates_and_stops_once_in_order():
    """
    The mix of several calls keeps Start, Interim and Stop of each in order, with rising times.
    """
    for call in CALLS:
        told = [packet for packet in all_accounting() if packet.first(44) == call.session_id]
        times = [packet.integer(55) or 0 for packet in told]

        assert [START, INTERIM, STOP] == [packet.integer(40) for packet in told]
        assert sorted(times) == times
        assert times[-1] <= NOW
        assert call.duration_s == told[-1].integer(46)


def test_packets_have_the_size_of_real_ones():
    """
    Cost depends on size: the mean is that of the packets which earlier figures were measured with.
    """
    assert 400 < mean(len(packet.raw) for packet in all_accounting()) < 460


def test_an_access_request_proves_itself_and_hides_the_password():
    """
    Message-Authenticator is right, and User-Password is what RFC 2865 makes of the password.
    """
    packet = read_packet(sign(authorization(SITE, CALLS[0]), 9, SITE.secret))

    assert MessageAuthenticator.VALID == verify_message_authenticator(packet, SITE.secret)
    assert hide_password(SITE.password.encode(), SITE.secret, packet.authenticator) == packet.first(2)


def test_runs_share_no_call():
    """
    A second run, with another name, repeats no session id and no request authenticator.
    """
    other = make_calls(SITE, "U", 30, NOW)
    packets = [authorization(SITE, call) for call in CALLS + other]

    assert 60 == len({call.session_id for call in CALLS + other})
    assert 60 == len({packet.authenticator for packet in packets})


def test_the_deck_has_as_many_prefixes_as_it_says():
    """
    All prefixes of the full deck are distinct, and half of them are North American.
    """
    site = Site()
    first_digits = Counter(prefix[0] for prefix in {site.prefix(index) for index in range(site.prefixes)})

    assert site.prefixes == sum(first_digits.values())
    assert site.prefixes // 2 == first_digits["1"]
