"""Live, ended and queued calls as the commands show them."""

import csv
import io
import json
from datetime import timedelta

import pytest

from provisioning.cli.errors import Exit

pytestmark = pytest.mark.postgres


@pytest.fixture
def at(monkeypatch):
    """Set the command line's clock."""

    def at(moment):
        monkeypatch.setattr("provisioning.cli.calls.now", lambda: moment)
        monkeypatch.setattr("provisioning.cli.explain.now", lambda: moment)
        monkeypatch.setattr("provisioning.cli.queue.now", lambda: moment)

    return at


def listed(run, *words):
    """Return the rows that a command writes as JSON."""
    result = run(*words, "--json")
    assert Exit.OK == result.exit_code, result.stderr
    return json.loads(result.stdout)


def test_shows_what_a_call_costs_this_second(run, switch, at):
    """
    Included minutes come first, then whole increments at the rate, as if the call ended now.
    """
    switch.start("c1")

    at(switch.now + timedelta(seconds=60))
    (included,) = listed(run, "calls", "list")
    at(switch.now + timedelta(seconds=61))
    (charged,) = listed(run, "calls", "list")

    assert ("60", "0.000000") == (str(included["seconds"]), included["cost"])
    assert "0.020000" == charged["cost"]
    assert ("ACME", "did 15550100", "15550100", "442071838750", "started", "out", "sbc") == tuple(
        charged[name] for name in ("account", "service", "from", "to", "state", "role", "client")
    )


def test_cost_so_far_is_what_the_end_books(run, switch, at):
    """
    The running cost at the instant of the Stop is the total of the CDR.
    """
    switch.start("c1", calling="15550199")  # virtual: the minutes of its primary DID
    switch.now += timedelta(seconds=200)
    at(switch.now)
    (live,) = listed(run, "calls", "list")
    switch.stop("c1", 200)
    (ended,) = listed(run, "cdr", "list")

    assert ended["total"] == live["cost"]
    assert "0.060000" == ended["total"]  # 240 s of whole minutes, of which 60 are included


def test_cost_so_far_of_a_ported_number_is_that_of_where_it_is(run, switch, at):
    """
    By the LRN that its switch looked up.
    """
    switch.start("c1", lrn="15125550100")
    switch.now += timedelta(seconds=200)
    at(switch.now)
    (live,) = listed(run, "calls", "list")
    switch.stop("c1", 200, lrn="15125550100")
    (ended,) = listed(run, "cdr", "list")

    assert "United States" == ended["destination"]
    assert ended["total"] == live["cost"]


def test_shows_the_channels_of_the_trunk(run, switch, at):
    """
    Each call on a trunk shows how many of its channels are in use; a call beyond them is marked.
    """
    at(switch.now)
    for name in ("c1", "c2", "c3"):
        switch.start(name, trunk_in="tg2")
    switch.start("c4")

    rows = listed(run, "calls", "list")

    assert {"3/2": 3, "": 1} == {n: sum(n == row["channels"] for row in rows) for n in ("3/2", "")}
    assert 1 == sum(row["over_limit"] for row in rows)


def test_one_account_only(run, switch, at):
    """
    ``--account`` leaves out the calls of others, and of nobody.
    """
    at(switch.now)
    switch.start("c1")
    switch.start("c2", calling="stranger")

    assert ["ACME", None] == sorted((row["account"] for row in listed(run, "calls", "list")), key=str)
    assert ["ACME"] == [row["account"] for row in listed(run, "calls", "list", "--account", "ACME")]
    assert [] == listed(run, "calls", "list", "--account", "NONE")


def test_top_prints_one_frame(run, switch, at):
    """
    ``calls top --once`` is a table with the running cost.
    """
    switch.start("c1")
    at(switch.now + timedelta(seconds=90))

    header, row = run("calls", "top", "--once").stdout.splitlines()

    assert "start seconds cost currency channels account service from to".split() == header.split("\t")
    assert "90\t0.020000\tUSD\t\tACME\tdid 15550100\t15550100\t442071838750" in row


def test_lists_ended_calls_newest_first(run, switch):
    """
    A list has the newest call on top, and no more than asked for.
    """
    for name in ("c1", "c2", "c3"):
        switch.now += timedelta(minutes=10)
        switch.stop(name, 30, called="1212555" + name[1] * 4)

    assert ["12125553333", "12125552222"] == [row["to"] for row in listed(run, "cdr", "list", "--limit", "2")]


def test_an_account_that_is_not_there_has_no_list(run, switch):
    """
    An empty one would look as if it had made no calls.
    """
    result = run("cdr", "list", "--account", "NONE")

    assert Exit.NOT_FOUND == result.exit_code
    assert "account NONE does not exist" in result.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--number", "15550100"), ["a", "b"]),
        (("--number", "+15550100"), ["a", "b"]),
        (("--number", "44*"), ["b"]),
        (("--number", "4"), []),
        (("--number", "%"), []),
        (("--number", "_5550100"), []),
        (("--status", "unmatched"), ["c"]),
        (("--status", "answered", "--account", "ACME"), ["a", "b"]),
        (("--since", "2026-03-02T09:05:00Z"), ["b", "c"]),
        (("--until", "2026-03-02T11:05:00+02:00"), ["a"]),
        (("--since", "2026-03-02", "--until", "2026-03-03"), ["a", "b", "c"]),
        (("--since", "2026-03-03"), []),
    ],
)
def test_filters_ended_calls(run, switch, words, expected):
    """
    Filters narrow the list; a number is matched as it is, but for a star at its end.
    """
    for name, fields in {
        "a": {"called": "12125550001"},
        "b": {"called": "442071838750"},
        "c": {"calling": "stranger", "called": "12125550002"},
    }.items():
        switch.stop(name, 30, **fields)
        switch.now += timedelta(minutes=10)
    named = {"12125550001": "a", "442071838750": "b", "12125550002": "c"}

    assert expected == sorted(named[row["to"]] for row in listed(run, "cdr", "list", *words))


def test_exports_csv_that_is_safe_to_open(run, switch):
    """
    An export is CSV unless asked otherwise; what a stranger wrote into a number cannot become a formula.
    """
    switch.stop("c1", 30, calling='=HYPERLINK("http://x")', called="+442071838750")

    (row,) = csv.DictReader(io.StringIO(run("cdr", "export").stdout))

    assert "'=HYPERLINK(\"http://x\")" == row["from"]
    assert "+442071838750" == row["to"]
    assert "30000" == row["duration_ms"]


def test_export_streams_more_than_one_portion(run, switch, monkeypatch):
    """
    Every row is exported once, oldest first, however few of them the server sends at once.
    """
    monkeypatch.setattr("radiusd.storage.reports.EXPORTED_AT_ONCE", 2)
    for number in range(7):
        switch.now += timedelta(minutes=1)
        switch.stop(f"c{number}", 6, called=f"1212555000{number}")

    lines = [json.loads(line) for line in run("cdr", "export", "--jsonl").stdout.splitlines()]

    assert [f"1212555000{number}" for number in range(7)] == [line["to"] for line in lines]
    assert {"call"} == set(lines[0]["rating"])


def test_shows_all_of_one_call(run, switch):
    """
    ``cdr show`` has the rating and the match of a call by our id; an unknown one is not found.
    """
    call_id = switch.stop("c1", 90).call_id

    (shown,) = listed(run, "cdr", "show", call_id)

    assert ("answered", "0.020000", "P") == (shown["status"], shown["total"], shown["plan"])
    assert ["0", "0.02"] == [line["amount"] for line in shown["rating"]["call"]["slices"]]
    assert Exit.NOT_FOUND == run("cdr", "show", "00000000-0000-7000-8000-000000000000").exit_code
    assert Exit.USAGE == run("cdr", "show", "c1").exit_code


@pytest.mark.parametrize("name", ["c1", "c1-leg", "our id", "OUR ID"])
def test_explains_a_call_by_any_of_its_names(run, switch, at, name):
    """
    A call is found by our id, the sender's call id, or the id of a leg.
    """
    at(switch.now)
    call_id = switch.start("c1").call_id
    name = {"our id": call_id, "OUR ID": call_id.upper()}.get(name, name)

    result = run("explain", name, "--json")

    assert call_id == json.loads(result.stdout)["call_id"]


def test_explains_a_charge_line_by_line(run, switch):
    """
    Match, slices, rounding, bucket before and after, and the total computed anew all stand there.
    """
    switch.ask("c1")
    switch.start("c1")
    switch.now += timedelta(seconds=90)
    switch.stop("c1", 90)

    told = run("explain", "c1").stdout
    (payer,) = json.loads(run("explain", "c1", "--json").stdout)["payers"]

    assert ("0.020000", "0.020000") == (payer["total"], payer["recomputed"])
    (posting,) = payer["postings"]
    assert (0, 60, 60) == tuple(posting[f"bucket_{name}_s"] for name in ("before", "after", "included"))
    for words in ("matched did 15550100 of ACME", "plan P", "prefix 44: United Kingdom", "half_up: 0.0200"):
        assert words in told
    assert ["authorize", "start", "stop"] == [line.split()[1] for line in told.splitlines()[5:8]]


def test_explains_a_refusal(run, switch):
    """
    A refused attempt shows what the switch was told.
    """
    for name in ("c1", "c2"):
        switch.start(name, trunk_in="tg2")
    refused = switch.ask("c3", trunk_in="tg2").decision

    told = run("explain", "c3").stdout

    assert refused.refusal.reply_message in told
    assert "refused, trunk_full" in told


def test_explains_a_call_that_waits_in_the_queue(run, switch):
    """
    A call of nobody shows every try and why it is queued; ``queue list`` shows the same.
    """
    switch.stop("c1", 30, calling="stranger")

    told = run("explain", "c1").stdout
    (queued,) = listed(run, "queue", "list")

    assert "Waits in the queue" in told
    assert "matches no service" in told
    assert ("unknown_caller", "sbc") == (queued["reason"], queued["client"])
    assert queued["detail"] in told


def test_tells_of_older_calls_by_the_same_name(run, switch):
    """
    Of several calls with one id the newest is told, and ``--all`` tells them all.
    """
    first = switch.stop("c1", 30).call_id
    switch.now += timedelta(hours=5)
    second = switch.stop("c1", 40).call_id

    result = run("explain", "c1")

    assert second in result.stdout and first not in result.stdout
    assert "1 older call" in result.stderr
    assert first in run("explain", "c1", "--all").stdout
    assert [second, first] == [call["call_id"] for call in listed(run, "explain", "c1", "--all")]


def test_an_unknown_call_is_not_found(run, switch):
    """
    A name that no call has ends with 3 and says where names stand.
    """
    result = run("explain", "nothing")

    assert Exit.NOT_FOUND == result.exit_code
    assert "cdr list" in result.stderr


def test_ends_a_call_and_charges_it(run, switch, at):
    """
    ``calls end`` frees what a call held and charges it up to now; the Stop that comes late corrects it.
    """
    call_id = switch.start("c1").call_id
    at(switch.now + timedelta(seconds=130))

    (ended,) = listed(run, "calls", "end", call_id)

    assert ("admin", "answered", 130_000, "0.040000") == tuple(
        ended[name] for name in ("closed", "status", "duration_ms", "total")
    )
    assert [] == listed(run, "calls", "list")
    assert Exit.OK == run("books", "check").exit_code
    assert Exit.NOT_FOUND == run("calls", "end", call_id).exit_code

    switch.now += timedelta(seconds=90)
    switch.stop("c1", 90)

    assert ["0.020000"] == [row["total"] for row in listed(run, "cdr", "list")]
    assert Exit.OK == run("books", "check").exit_code


def test_retries_a_call_once_its_caller_is_known(run, switch, at):
    """
    A queued call waits until its number is provisioned; then a retry matches, rates and books it.
    """
    at(switch.now)
    call_id = switch.stop("c1", 90, calling="15550177").call_id

    waiting = run("queue", "retry", call_id, "--json")
    provision_did(run, "15550177")
    mended = run("queue", "retry", "--all", "--json")

    assert Exit.DIFFERS == waiting.exit_code
    assert "waits: unknown_caller" == json.loads(waiting.stdout)[0]["result"]
    assert (Exit.OK, "mended") == (mended.exit_code, json.loads(mended.stdout)[0]["result"])
    assert [("answered", "ACME")] == [(row["status"], row["account"]) for row in listed(run, "cdr", "list")]
    assert [] == listed(run, "queue", "list")
    assert Exit.OK == run("books", "check").exit_code


def provision_did(run, number):
    """Add a DID to ACME, as an admin would."""
    result = run("did", "add", number, "--account", "ACME", "--plan", "P", "--activated", "2026-01-01")
    assert Exit.OK == result.exit_code, result.stderr


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--all", "019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55"),
        ("019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55", "--reason", "x"),
        ("c1",),
    ],
)
def test_a_retry_says_which_calls(run, switch, words):
    """
    Calls by id, or all of them: anything else is a usage error.
    """
    assert Exit.USAGE == run("queue", "retry", *words).exit_code


def test_a_retry_of_what_does_not_wait_tries_nothing(run, switch):
    """
    When one of the calls is not in the queue, none is tried.
    """
    waits = switch.stop("c1", 30, calling="stranger").call_id

    result = run("queue", "retry", waits, "00000000-0000-7000-8000-000000000000")

    assert Exit.NOT_FOUND == result.exit_code
    assert "queue list" in result.stderr
