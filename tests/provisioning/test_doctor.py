"""What the doctor says of a client, by what was counted of its packets."""

from collections import Counter
from dataclasses import replace

import pytest

from provisioning.clients import Client
from provisioning.device_settings import ANYWHERE, DEVICE
from provisioning.doctor import Chart, Finding, State, diagnose

HEALTHY = {
    "received": 1000,
    "~kind:access": 300,
    "~signed": 300,
    "~kind:start": 300,
    "~kind:stop": 300,
    "~kind:interim": 100,
    "~sampled:start": 60,
    "~sampled:stop": 60,
    "~clock:0": 50,
    "~clock:-1": 40,
    **{f"~has:{kind}:{type}": 60 for kind in ("start", "stop") for type in (25, 30, 31, 32, 44, 55)},
}


def a_chart(
    *without: str, ended: tuple[int, int] | None = (300, 0), client: Client | None = None, **counts: int
) -> Chart:
    """Return a chart of a healthy client but for *counts*, and *without* some words."""
    healthy = {word: count for word, count in HEALTHY.items() if word not in without}
    client = client or Client(name="sbc1", dialect="cisco")
    return Chart(client, Counter({**healthy, **counts}), ended, 24)


def told(chart: Chart, check: str) -> Finding:
    """Return the one finding of *check*."""
    (found,) = [finding for finding in diagnose(chart) if finding.check == check]
    return found


def test_a_healthy_client_is_told_so():
    """
    Nothing is to be done.
    """
    findings = diagnose(a_chart())

    assert {State.OK} == {finding.state for finding in findings}
    assert {""} == {finding.do for finding in findings}
    assert ["packets", "secret", "message_authenticator", "clock", "loss", "starts", "stops"] == [
        finding.check for finding in findings
    ]


def test_nothing_came():
    """
    The one thing to be said is where to look.
    """
    (found, *_) = diagnose(Chart(Client(name="sbc1"), Counter(), (0, 0), 24))

    assert ("packets", State.BAD, "nothing came in 24 hours") == (found.check, found.state, found.seen)
    assert "one of its networks" in found.do


@pytest.mark.parametrize(
    ("counts", "check", "state", "seen"),
    [
        ({"bad_request_authenticator": 100}, "secret", State.BAD, "100 of 1000 packets"),
        ({"bad_message_authenticator": 3}, "secret", State.WARN, "3 of 1000 packets"),
        ({"message_authenticator_required": 1}, "message_authenticator", State.BAD, "1 Access-Requests"),
        ({"~signed": 290}, "message_authenticator", State.WARN, "10 of 300 Access-Requests have none"),
        ({"~clock:-40": 500}, "clock", State.BAD, "40 s behind ours"),
        ({"~clock:12": 5000}, "clock", State.WARN, "12 s ahead of ours"),
        ({"~clock:60": 30}, "clock", State.WARN, "about right; it says from -1 to 60 s"),
        ({"~copy:answered": 30, "~retry:3": 30}, "loss", State.BAD, "30 of 1000 requests came again"),
        ({"~copy:answered": 5, "~retry:3": 5}, "loss", State.WARN, "(0.5 %)"),
        ({"~copy:answered": 1, "~retry:3": 1}, "loss", State.OK, "(0.1 %)"),
        ({"~copy:pending": 20, "~retry:0": 20}, "retry_timer", State.WARN, "after less than 1 s"),
        ({"~copy:pending": 20, "~retry:1": 20}, "retry_timer", State.WARN, "after 1 s"),
        ({"~copy:pending": 20, "~retry:5": 20}, "retry_timer", State.OK, "after 5 s"),
        ({"~copy:pending": 20, "~retry:5": 20}, "patience", State.WARN, "20 copies came before"),
        ({"~kind:start": 0}, "starts", State.BAD, "300 Stops and no Start"),
        ({"~kind:start": 200}, "starts", State.WARN, "200 Starts for 300 Stops"),
        ({"~kind:interim": 0}, "interims", State.HINT, "none"),
        ({"attribute_overrun": 2, "wrong_port": 1}, "packets", State.WARN, "2 attribute_overrun, 1 wrong"),
        ({"not_answered": 2}, "our_answers", State.WARN, "2 requests"),
        ({"~kind:on": 12}, "boots", State.WARN, "started 12 times"),
    ],
)
def test_says_what_is_wrong_and_what_to_do(counts, check, state, seen):
    """
    What is not all right comes with something to do.
    """
    found = told(a_chart(**counts), check)

    assert state is found.state
    assert seen in found.seen
    assert (state is State.OK) == (found.do == "")


@pytest.mark.parametrize(
    ("lacking", "seen", "state"),
    [
        ("44", "it never sends Acct-Session-Id", State.BAD),
        ("55", "it never sends Event-Timestamp", State.WARN),
        ("30", "it never sends Called-Station-Id", State.WARN),
        ("31", "it never sends Calling-Station-Id", State.WARN),
        ("32", "it never sends NAS-Identifier, NAS-IP-Address", State.HINT),
        ("25", "it never sends Class", State.HINT),
    ],
)
def test_says_what_it_never_sends(lacking, seen, state):
    """
    Only when enough was looked at.
    """
    without = (f"~has:start:{lacking}", f"~has:stop:{lacking}")

    found = told(a_chart(*without), "attributes")
    assert (seen, state) == (found.seen, found.state)
    few = a_chart(*without, **{"~sampled:start": 2, "~sampled:stop": 2})
    assert [] == [finding for finding in diagnose(few) if finding.check == "attributes"]


def test_numbers_that_stand_elsewhere_are_not_missed():
    """
    The client's settings say where; other dialects find them in their own attributes.
    """
    without = ("~has:start:30", "~has:stop:30")
    for client in (
        Client(name="sbc1", dialect="cisco", settings={"called_from": "User-Name"}),
        Client(name="sbc1", dialect="ribbon-core"),
    ):
        assert [] == [one for one in diagnose(a_chart(*without, client=client)) if one.check == "attributes"]


@pytest.mark.parametrize(
    ("ended", "state", "seen"),
    [
        ((300, 0), State.OK, "all 300"),
        ((300, 3), State.WARN, "3 of 300 answered calls had no Stop"),
        ((300, 30), State.BAD, "30 of 300"),
        (None, State.UNKNOWN, "too many"),
    ],
)
def test_counts_calls_without_a_stop(ended, state, seen):
    """
    Those that we had to close ourselves.
    """
    found = told(a_chart(ended=ended), "stops")

    assert state is found.state
    assert seen in found.seen


def test_the_worst_comes_first():
    """
    One who reads only the first line reads what matters.
    """
    counts = {"~clock:-400": 5000, "~kind:interim": 0, "~signed": 1, "bad_request_authenticator": 900}
    chart = a_chart(**counts)

    states = [finding.state for finding in diagnose(chart)]
    assert [State.BAD, State.BAD, State.WARN, State.HINT] == states[:4]


def test_a_device_has_its_own_words():
    """
    And where we do not know them, says what is meant.
    """
    clock = {"~clock:-40": 500}
    cisco = a_chart(**clock)

    assert "ntp server ADDRESS; clock timezone UTC 0" == told(cisco, "clock").do
    unknown = replace(cisco, client=Client(name="x", dialect="rfc2866"))
    assert ANYWHERE["clock"] == told(unknown, "clock").do


def test_every_word_of_a_device_has_a_general_one():
    """
    So that no check is without advice for a device that we do not know.
    """
    assert {word for settings in DEVICE.values() for word in settings} <= ANYWHERE.keys()
