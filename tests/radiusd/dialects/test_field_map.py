"""A client's settings that say where fields stand: what an admin is told when they are wrong."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiusd.dialects.mapping import COUNTS, FIELDS, SETTINGS, TIMES, WORDS
from radiusd.dialects.registry import DIALECTS, check_settings
from radiusd.radius.packet import Packet
from tests.radiusd.dialects.test_hostile_packets import read, stamps, values
from tests.radiusd.dialects.vectors import a_client, a_packet

NOW = datetime(2026, 11, 22, 14, 5, 53, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"calling_from": "Caling-Station-Id"}, "no attribute is named 'Caling-Station-Id'"),
        ({"calling_from": "="}, "'=' is followed by the constant"),
        ({"leg_from": "=sideways"}, "'sideways' is not one of answer, originate, single"),
        ({"setup_from": "=now"}, "a constant cannot be a time"),
        ({"duration_from": "=60"}, "a constant cannot be a time"),
        ({"setup_form": "unix"}, "set setup_from as well"),
        ({"setup_from": "#55", "setup_form": "epoch"}, "'epoch' is not one of stamp, unix, unix_ms, or a"),
        ({"setup_from": "#55", "setup_form": "%H:%M"}, "or a pattern as %Y%m%d%H%M%S"),
        ({"setup_from": "#55", "setup_form": "%Q%"}, "or a pattern as %Y%m%d%H%M%S"),
        ({"duration_from": "#46", "duration_form": "hex"}, "'hex' is not one of text, integer"),
        ({"calling_from": "#31", "calling_form": "uri"}, "'uri' is not one of text, integer, hex"),
        ({"leg_answer": "in"}, "set leg_from as well"),
        ({"leg_from": "#5", "leg_answer": "in,,"}, "separated by commas"),
        ({"leg_from": "#5", "leg_answer": "in", "leg_originate": "IN"}, "'in' means answer already"),
        ({"start_means": "ringing"}, "'ringing' is not one of answer, setup"),
        ({"colour": "red"}, "there is no such setting; a client may have duration_unit"),
        ({"duration_unit": "fortnights"}, "'fortnights' is not one of s, ds, cs, ms"),
    ],
)
def test_a_bad_setting_is_named_with_what_would_be_right(settings: dict[str, str], words: str) -> None:
    """
    Each problem is one sentence that begins with the setting.
    """
    [problem] = check_settings("generic", settings)

    assert problem.startswith("setting ")
    assert words in problem


def test_all_settings_are_named_to_who_misspells_one() -> None:
    """
    The common ones, and those of this dialect.
    """
    [problem] = check_settings("generic", {"caling_from": "#31"})

    assert all(setting in problem for setting in ("timezone", *SETTINGS))


def test_what_is_wrong_counts_as_not_set() -> None:
    """
    A bad row in the database costs that setting, never a record.
    """
    settings = {"calling_from": "Nothing", "setup_form": "%H", "called_from": "Acct-Session-Id"}
    client = a_client("generic", settings)
    packet = a_packet(
        "generic", ("Acct-Status-Type", "Start"), ("Acct-Session-Id", "1"), ("Calling-Station-Id", "2")
    )

    event = DIALECTS["generic"].read_event(packet, client, NOW, "test")

    assert ("2", "1") == (event.calling, event.called)


def test_other_dialects_do_not_have_these_settings() -> None:
    """
    They have their own places.
    """
    [problem] = check_settings("cisco", {"setup_from": "#55"})

    assert "there is no such setting" in problem


PLACES = {f"{field}_from": f"26.64000.{number}" for number, field in enumerate(FIELDS, 1)}
EVERYTHING = [
    PLACES | {f"{field}_form": form for field in TIMES} | {f"{field}_form": count for field in COUNTS} | more
    for form, count, more in (
        ("stamp", "text", {"leg_answer": "in", "status_failed": "busy,x", "release_side_caller": "a"}),
        ("unix_ms", "integer", {"start_means": "setup", "duration_unit": "ms", "cause_base": "16"}),
        ("%Y%m%d%H%M%S", "text", {"timezone": "Asia/Kolkata", "trunk_in_form": "hex"}),
        ("%d.%m.%Y %H:%M:%S %z", "integer", {"tenant_from": "=acme", "leg_from": "=answer"}),
    )
]
WRITTEN = [word.encode() for words in WORDS.values() for word in words] + [
    b"busy",
    b"1795356425010",
    b"99991231235959",
    b"20261122150553",
    b"22.11.2026 15:05:59 +0100",
    b"01.01.0001 00:00:00 +1400",
    b"9999:59:59.999999999",
    b"999999999999.5",
]


told_values = st.one_of(values, stamps, st.sampled_from(WRITTEN))


@pytest.mark.parametrize("chosen", EVERYTHING)
def test_all_of_it_may_be_set_at_once(chosen: dict[str, str]) -> None:
    """
    Every field in a place of its own, in each kind of form.
    """
    assert [] == check_settings("generic", chosen)


@settings(max_examples=200)
@given(
    st.sampled_from(EVERYTHING),
    st.lists(st.tuples(st.integers(1, len(FIELDS)), told_values), max_size=30),
    st.sampled_from([1, 2, 3, 15]),
)
def test_whatever_stands_in_these_places_does_no_harm(
    chosen: dict[str, str], told: list[tuple[int, bytes]], status: int
) -> None:
    """
    It becomes an event that holds what every event must, or is unreadable.
    """
    vendor = (64000).to_bytes(4, "big")
    sent = [(40, bytes((0, 0, 0, status))), (44, b"1.42")]
    sent += [(26, vendor + bytes((type, min(len(value), 247) + 2)) + value[:247]) for type, value in told]

    read(Packet(4, 1, bytes(16), b"", sent), a_client("generic", chosen))
