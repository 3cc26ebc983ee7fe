"""Limits beyond channels, from the site file to the Access-Reject that the switch reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.process import Server
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCT_SESSION_ID,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    REPLY_MESSAGE,
    SERVICE_TYPE,
    SESSION_TIMEOUT,
    UNSIGNED,
    VENDOR_SPECIFIC,
    Answer,
    Sender,
    access,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

ADDRESS, SECRET = "127.0.0.34", b"secret of a switch with limits"
CALL_CHECK = 10
NUMBERS = {"careful": "15550000001", "slow": "15550000002", "thrifty": "15550000003", "burst": "15550000004"}
SITE = f"""
[[client]]
name = "pbx"
networks = ["{ADDRESS}"]
secret = "{SECRET.decode()}"
asserts_numbers = true
return_codes = "portaone"
settings = {{return_code_of = "price_too_high=77"}}

[[destination]]
name = "premium"
prefixes = ["44871"]

[[destination]]
name = "emergency"
prefixes = ["112"]

[[policy]]
name = "careful"
barred = ["premium"]
allowed = ["44", "1"]
max_price = 0.1

[[policy]]
name = "guarded"
distinct_numbers = "-/3"

[[deck]]
name = "world"
currency = "USD"
rates = [
    {{prefix = "44", rate = 0.06, initial = 1, increment = 1}},
    {{prefix = "1", rate = 0.6, initial = 1, increment = 1}},
    {{prefix = "49", rate = 0.06, initial = 1, increment = 1}},
]

[[plan]]
code = "basic"
deck = "world"

[[account]]
code = "careful"
currency = "USD"
postpaid = true
policy = "careful"

[[account]]
code = "slow"
currency = "USD"
postpaid = true
max_cps = 0.001

[[account]]
code = "thrifty"
currency = "USD"
postpaid = true
daily_limit = 0.1

[[account]]
code = "burst"
currency = "USD"
postpaid = true
policy = "guarded"
"""


@pytest.fixture(scope="module")
def pbx(server: Server) -> Iterator[Sender]:
    """The switch, with the server running."""
    dids = "".join(
        f'[[did]]\naccount = "{account}"\nnumber = "{number}"\nplan = "basic"\nactivated = 2020-01-01\n'
        for account, number in NUMBERS.items()
    )
    server.apply(SITE + dids)
    server.start()
    sender = Sender(ADDRESS, SECRET, server.auth_port, server.acct_port)
    yield sender
    sender.close()


def ask(pbx: Sender, account: str, called: str, session: str) -> Answer:
    """Return the answer to an attempt of *account*."""
    return pbx.ask(
        access(
            SECRET,
            UNSIGNED,
            tlv(SERVICE_TYPE, CALL_CHECK),
            tlv(CALLING_STATION_ID, NUMBERS[account]),
            tlv(CALLED_STATION_ID, called),
            tlv(ACCT_SESSION_ID, session),
        )
    )


def reason(answer: Answer) -> tuple[str, str]:
    """Return the Reply-Message and the h323-return-code of a refusal."""
    assert ACCESS_REJECT == answer.code
    (message,), (vendor,) = answer.all(REPLY_MESSAGE), answer.all(VENDOR_SPECIFIC)
    return message.decode(), vendor[6:].decode()


@pytest.mark.parametrize(
    ("called", "message", "code"),
    [
        ("4487155", "403 Destination barred (barred)", "h323-return-code=9"),
        ("4930123456", "403 Destination not on the allow-list (not_allowed)", "h323-return-code=9"),
        ("15125550100", "403 Price above the limit (price_too_high)", "h323-return-code=77"),
    ],
)
def test_a_policy_refuses_in_its_own_words(pbx: Sender, called: str, message: str, code: str) -> None:
    """
    And by the number that the client has for them.
    """
    assert (message, code) == reason(ask(pbx, "careful", called, f"p-{called}"))


def test_what_a_policy_lets_through_is_accepted(pbx: Sender) -> None:
    """
    An emergency call, too, though it has no rate and is on no list.
    """
    assert ACCESS_ACCEPT == ask(pbx, "careful", "442071838750", "ok").code
    assert ACCESS_ACCEPT == ask(pbx, "careful", "112", "emergency").code


def test_calls_come_no_faster_than_they_may(pbx: Sender) -> None:
    """
    Of two calls in a moment the second is too fast; asked again, the first is still good.
    """
    assert ACCESS_ACCEPT == ask(pbx, "slow", "442071838750", "s1").code
    assert "503 Too many calls per second of the account (account_too_fast)" == reason(
        ask(pbx, "slow", "442071838750", "s2")
    )[0]
    assert ACCESS_ACCEPT == ask(pbx, "slow", "442071838750", "s1").code


def test_a_day_costs_no_more_than_it_may(pbx: Sender) -> None:
    """
    The first call is granted all that the day pays for, and the next one nothing.
    """
    first = ask(pbx, "thrifty", "442071838750", "d1")
    assert [(100).to_bytes(4, "big")] == first.all(SESSION_TIMEOUT)
    assert ("402 Spend limit of the day reached (daily_limit)", "h323-return-code=6") == reason(
        ask(pbx, "thrifty", "442071838750", "d2")
    )


def test_a_burst_is_stopped(server: Server, pbx: Sender) -> None:
    """
    The third number in a minute is one too many.
    """
    answers = [ask(pbx, "burst", f"44207183875{n}", f"b{n}") for n in (0, 3, 6)]

    assert [ACCESS_ACCEPT, ACCESS_ACCEPT] == [answer.code for answer in answers[:2]]
    assert "403 Unusual calls; blocked for a while (fraud_suspected)" == reason(answers[2])[0]
    assert "blocked from 3 on" in server.run("explain", "b6")
    server.check_books()
