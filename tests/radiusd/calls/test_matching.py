"""Who pays for a call: five kinds of services, who is trusted to say what, dates, and the trace."""

from datetime import timedelta
from typing import Any

import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Directory, Service
from radiusd.calls.facts import Identity
from radiusd.calls.matching import Match, Trust, digits, label, match
from radiusd.errors import Refusal
from tests.builders import NOW, a_directory, a_service, a_virtual, an_account

DID, EXTENSION, TRUNK, IP = ServiceKind.DID, ServiceKind.EXTENSION, ServiceKind.TRUNK, ServiceKind.IP
IDENTIFIERS = ("username", "trunk", "remote_ip", "calling", "called", "tenant", "trunk_out")
ACME, BETA = an_account(1, code="ACME"), an_account(2, code="BETA")


def find(directory: Directory, at: Any = NOW, trust: Trust | None = None, **said: Any) -> Match:
    """Return who pays for a call of which only *said* is known."""
    return match(
        Identity(**{**dict.fromkeys(IDENTIFIERS, ""), "verified": False, **said}),
        trust or Trust(1),
        directory,
        at,
    )


def payer(directory: Directory, **said: Any) -> Service | None:
    party = find(directory, **said).party("out")
    return party.service if party else None


trunk = a_service(TRUNK, "tg1", 1, account=ACME, max_channels=30)
did = a_service(DID, "15125550100", 2, account=ACME, username="alice")
virtual = a_virtual("15125550199", did, 3)
extension = a_service(EXTENSION, "101", 4, account=ACME, tenant="pbx.example")
network = a_service(IP, "198.51.100.0/24", 5, account=ACME)
stranger = a_service(DID, "19995550000", 6, account=BETA)
everything = a_directory(trunk, did, virtual, extension, network, stranger)
asserting = Trust(1, asserts_numbers=True)


def told(case: dict[str, Any] | Service | None) -> str:
    """Return the name of a test, which is the same in each process."""
    if isinstance(case, dict):
        return ", ".join(f"{name} {value}" for name, value in case.items() if name != "trust")
    return label(case) if case else "nobody"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"username": "alice"}, did),
        ({"trunk": "tg1"}, trunk),
        ({"remote_ip": "198.51.100.7"}, network),
        ({"calling": "+1 (512) 555-0100", "trust": asserting}, did),
        ({"calling": "15125550199", "trust": asserting}, virtual),
        ({"calling": "101", "tenant": "PBX.example", "trust": asserting}, extension),
        ({"trunk": "tg1", "calling": "15125550100"}, did),
        ({"trunk": "tg1", "calling": "15125550199"}, virtual),
        ({"trunk": "tg1", "calling": "101", "tenant": "pbx.example"}, extension),
        ({"trunk": "tg1", "calling": "101", "tenant": "other.example"}, trunk),
        ({"trunk": "tg1", "calling": "anonymous"}, trunk),
        ({"username": "alice", "incoming": True}, None),
        ({"calling": "15125550100", "incoming": True, "trust": asserting}, None),
        ({"username": "alice", "trunk": "tg1", "incoming": True}, trunk),
        ({"trunk": "tg9"}, None),
        ({"calling": "15125550100"}, None),
        ({}, None),
    ],
    ids=told,
)
def test_finds_the_most_specific_service(said: dict[str, Any], expected: Service | None) -> None:
    """
    User, trunk and address decide the account; the number picks the service inside it.
    """
    assert expected is payer(everything, **said)


@pytest.mark.parametrize("how", [{"trunk": "tg1"}, {"remote_ip": "198.51.100.7"}, {"username": "alice"}])
def test_a_spoofed_caller_id_bills_no_stranger(how: dict[str, Any]) -> None:
    """
    A calling number is only a claim: another account's is noted and not believed.
    """
    found = find(everything, calling="19995550000", **how)

    party = found.party("out")
    assert party is not None
    assert ACME is party.service.account
    assert (
        "number",
        "19995550000",
        "lost: did 19995550000 of BETA is another account's; only a claim",
    ) in found.trace


def test_a_user_that_nobody_verified_is_not_used_for_an_attempt() -> None:
    """
    Who asks must prove its user name; who reports has checked it.
    """
    asking = Trust(1, asserts_usernames=False)

    assert None is payer(everything, username="alice", trust=asking)
    assert did is payer(everything, username="alice", verified=True, trust=asking)
    assert did is payer(everything, username="alice")


def test_the_order_of_identifiers_is_the_clients() -> None:
    """
    User and trunk are of two accounts: the first in the client's order decides, the other is noted.
    """
    theirs = a_service(TRUNK, "tg2", 7, account=BETA)
    directory = a_directory(did, theirs)
    said: dict[str, Any] = {"username": "alice", "trunk": "tg2"}

    assert did is payer(directory, **said)
    assert theirs is payer(directory, trust=Trust(1, match_order=("trunk", "username")), **said)
    lost = "lost: trunk tg2 of BETA of another account; an earlier one decides"
    assert ("trunk", "tg2", lost) in find(directory, **said).trace


def test_an_identifier_outside_the_clients_order_is_not_looked_at() -> None:
    """
    A client whose order has no trunk says nothing by its trunk.
    """
    assert None is payer(everything, trust=Trust(1, match_order=("ip",)), trunk="tg1")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.7", "198.51.100.7/32"),
        ("::ffff:198.51.100.7", "198.51.100.7/32"),
        ("198.51.100.8", "198.51.100.0/28"),
        ("198.51.100.99", "198.51.100.0/24"),
        ("198.51.101.1", "0.0.0.0/0"),
        ("2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("2001:db8:1::1", "2001:db8::/32"),
        ("2001:db9::1", None),
        ("not an address", None),
    ],
)
def test_the_longest_network_wins(address: str, expected: str | None) -> None:
    """
    In IPv4 and IPv6, an IPv4 address inside IPv6 as IPv4.
    """
    names = [
        "0.0.0.0/0",
        "198.51.100.0/24",
        "198.51.100.0/28",
        "198.51.100.7/32",
        "2001:db8::/32",
        "2001:db8::/64",
    ]
    directory = a_directory(*(a_service(IP, name, number) for number, name in enumerate(names, 1)))

    found = payer(directory, remote_ip=address)
    assert expected == (found.name if found else None)


def test_a_network_of_this_client_comes_before_the_same_of_any() -> None:
    """
    The same private network behind two switches is two customers'.
    """
    any_client = a_service(IP, "10.0.0.0/8", 1, account=ACME)
    one = a_service(IP, "10.0.0.0/8", 2, account=BETA, client_id=1)
    longer = a_service(IP, "10.9.0.0/16", 3, account=ACME)
    directory = a_directory(any_client, one, longer)

    assert one is payer(directory, remote_ip="10.1.1.1")
    assert any_client is payer(directory, remote_ip="10.1.1.1", trust=Trust(2))
    assert longer is payer(directory, remote_ip="10.9.1.1")


def test_a_trunk_of_this_client_comes_before_the_same_of_any() -> None:
    """
    Trunk group names are the switch's own.
    """
    any_client, one = a_service(TRUNK, "1", 1), a_service(TRUNK, "1", 2, account=BETA, client_id=1)
    directory = a_directory(any_client, one)

    assert one is payer(directory, trunk="1")
    assert any_client is payer(directory, trunk="1", trust=Trust(2))


def test_tech_prefixes_tell_customers_behind_one_address_apart() -> None:
    """
    The longest that the called number begins with wins, and is removed before rating.
    """
    plain = a_service(IP, "198.51.100.7/32", 1)
    short = a_service(IP, "198.51.100.7/32", 2, tech_prefix="77", account=BETA)
    long = a_service(IP, "198.51.100.7/32", 3, tech_prefix="7755")
    directory = a_directory(plain, short, long)

    found = {
        called: find(directory, remote_ip="198.51.100.7", called=called)
        for called in ("4420", "77442", "7755442")
    }

    assert [plain, short, long] == [match.parties[0].service for match in found.values()]
    assert ["4420", "442", "442"] == [match.called for match in found.values()]


@pytest.mark.parametrize(("moved", "active"), [(-1, False), (0, True), (3599, True), (3600, False)])
def test_a_service_holds_from_its_activation_up_to_its_end(moved: int, active: bool) -> None:
    """
    The first instant is in it, the last is not; the instant that counts is the call's set-up.
    """
    dated = a_service(TRUNK, "tg1", 1, activated_at=NOW, ended_at=NOW + timedelta(hours=1))

    found = find(a_directory(dated), NOW + timedelta(seconds=moved), trunk="tg1")

    assert active == bool(found.parties)
    assert (None if active else Refusal.NOT_ACTIVE) is found.refusal


def test_a_number_changes_hands() -> None:
    """
    The same DID, of one account until it is ported, of another one after that.
    """
    before = a_service(DID, "15125550100", 1, account=ACME, ended_at=NOW)
    after = a_service(DID, "15125550100", 2, account=BETA, activated_at=NOW)
    directory = a_directory(before, after)

    assert before is payer(directory, at=NOW - timedelta(seconds=1), calling="15125550100", trust=asserting)
    assert after is payer(directory, at=NOW, calling="15125550100", trust=asserting)


def test_a_network_that_is_not_active_hides_no_wider_one() -> None:
    """
    The ended service is noted, and the wider network pays.
    """
    ended = a_service(IP, "198.51.100.7/32", 1, ended_at=NOW - timedelta(days=1))
    wide = a_service(IP, "198.51.100.0/24", 2)
    found = find(a_directory(ended, wide), remote_ip="198.51.100.7")

    assert wide is found.parties[0].service
    assert any("is not active at" in outcome for _, _, outcome in found.trace)


def test_a_virtual_number_has_its_own_dates() -> None:
    """
    It may begin later than its primary DID.
    """
    later = a_virtual("15125550199", did, 3, activated_at=NOW)
    directory = a_directory(did, later)
    said = {"calling": "15125550199", "trust": asserting}

    assert None is payer(directory, at=NOW - timedelta(seconds=1), **said)
    assert later is payer(directory, **said)
    assert did is later.owner


def test_a_call_to_a_did_has_two_payers() -> None:
    """
    The caller's account and the account that owns the number.
    """
    found = find(everything, trunk="tg1", called="+19995550000")

    assert [("out", trunk), ("in", stranger)] == [(party.role, party.service) for party in found.parties]


def test_a_call_from_nobody_to_a_did_is_its_owners() -> None:
    """
    Calls from the world reach our customers, though nobody of ours makes them.
    """
    found = find(everything, calling="33123456789", called="19995550000")

    assert [("in", stranger)] == [(party.role, party.service) for party in found.parties]
    assert None is found.refusal


def test_a_call_holds_the_channel_of_the_trunk_it_comes_by() -> None:
    """
    Whichever service of the account pays; and that of the trunk by which an inbound call leaves.
    """
    out = find(everything, trunk="tg1", username="alice").party("out")
    into = find(everything, called="15125550100", trunk_out="tg1").party("in")

    assert out is not None
    assert (did, trunk) == (out.service, out.channel)
    assert into is not None
    assert (did, trunk) == (into.service, into.channel)


def test_no_channel_of_another_account_is_taken() -> None:
    """
    An inbound call that leaves by somebody else's trunk counts on no trunk of ours.
    """
    into = find(everything, called="19995550000", trunk_out="tg1").party("in")

    assert into is not None
    assert None is into.channel


def test_says_what_was_tried() -> None:
    """
    Every identifier is in the trace: used, lost, not in the request, or not believed.
    """
    found = find(everything, trunk="tg9", calling="15125550100")

    assert (
        ("username", "", "not in the request"),
        ("trunk", "tg9", "matches no service"),
        ("ip", "", "not in the request"),
        ("number", "15125550100", "not used: the client may not assert numbers"),
    ) == found.trace
    assert Refusal.UNKNOWN_CALLER is found.refusal


@pytest.mark.parametrize("text", ["", "+", "\0", "٣٤", "x" * 5000, "sip:a@b", "-", "ext:a:1", "número"])
def test_odd_text_matches_nobody(text: str) -> None:
    """
    Whatever stands in an identifier, no claim of another kind is reached by it.
    """
    said = dict.fromkeys(IDENTIFIERS, text)

    assert () == find(everything, trust=asserting, **said).parties


def test_digits_of_a_number() -> None:
    """
    Claims and decks have no ``+`` and no separators.
    """
    assert "15125550100" == digits("+1 (512) 555-01.00") == digits("15125550100")
    assert "101" == digits("101")


def test_a_call_between_extensions_of_one_account_is_internal():
    """
    A call to an extension of the same account never leaves its PBX, and costs nothing.
    """
    colleague = a_service(EXTENSION, "102", 7, account=ACME, tenant="pbx.example")
    other = a_service(EXTENSION, "103", 8, account=BETA, tenant="pbx.example")
    directory = a_directory(extension, colleague, other)
    caller = {"calling": "101", "tenant": "pbx.example", "trust": asserting}

    inside = find(directory, called="102", **caller)
    outside = find(directory, called="103", **caller)

    assert [True, False] == [party.internal for party in inside.parties]
    assert [False, False] == [party.internal for party in outside.parties]
