"""Rows of standard input: one grammar for every ``add`` and ``set``, all rows or none."""

import csv
import io
import json
import time
from contextlib import closing

import psycopg2
import pytest

from provisioning.cli.framework import Command
from tests.provisioning.cli.test_tree import ALL

pytestmark = pytest.mark.postgres


def test_each_row_is_the_command_once_more(run, switch):
    """
    Options of the command line hold for all rows, those of a row before them; each says what it did.
    """
    result = run(
        *("did", "add", "-", "--account", "ACME", "--plan", "P"),
        stdin="Number,activated,location\n15550200,2026-11-01,Austin\n\n+1 555 0201,2026-11-01,\n",
    )
    assert (0, "") == (result.exit_code, result.stderr)
    assert ["2: + did 15550200", "4: + did 15550201"] == [
        line.rpartition(":")[0] for line in result.stdout.splitlines()
    ]

    result = run("did", "set", "-", stdin="number;location\n15550200;none\n15550201;Berlin\n")
    assert [
        "2: ~ did 15550200: location Austin -> none",
        "3: ~ did 15550201: location (not set) -> Berlin",
    ] == result.stdout.splitlines()


def test_what_list_writes_set_reads(run, switch):
    """
    As CSV, with several values in a cell; nothing changes.
    """
    run("policy", "add", "careful", "--barred", "1900", "--barred", "* 22:00-06:00", "--dear", "882")
    run("account", "set", "ACME", "--credit-limit", "50")
    for noun, dropped in (("policy", ()), ("plan", ()), ("account", ("currency",))):
        rows = list(csv.DictReader(io.StringIO(run(noun, "list", "--csv").stdout)))
        kept = [name for name in rows[0] if name not in dropped]
        out = io.StringIO()
        writer = csv.DictWriter(out, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)

        result = run(noun, "set", "-", "--json", stdin=out.getvalue())
        assert [(2, "unchanged", [])] == [
            (row["line"], row["action"], list(row["fields"])) for row in json.loads(result.stdout)
        ], result.stderr


def test_values_with_commas_stand_between_semicolons(run, switch):
    """
    One alone, too.
    """
    rows = 'name,barred,dear\na,"1900;* sat,sun 22:00-06:00","882,883"\nb,"* sat,sun;",\n'
    run("policy", "add", "-", stdin=rows)
    first, second = json.loads(run("policy", "list", "--json").stdout)

    assert (["1900", "* sat,sun 22:00-06:00"], ["882", "883"]) == (first["barred"], first["dear"])
    assert ["* sat,sun"] == second["barred"]


def test_thousands_of_accounts_are_one_change(run, switch, dsn):
    """
    Written in few statements; workers are told once, and each account is in the audit.
    """
    count = 10_000

    def facts():
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
            txn.execute(
                "SELECT (SELECT version FROM catalogue_version), (SELECT count(*) FROM account),"
                " (SELECT count(*) FROM balance WHERE account_id IN (SELECT id FROM account)),"
                " (SELECT count(*) FROM audit WHERE action = 'account added')"
            )
            return txn.fetchone()

    before, began_s = facts(), time.process_time()
    rows = "".join(f"N{number},Customer {number},50\n" for number in range(count))
    result = run("account", "add", "-", "--currency", "USD", stdin="code,name,credit-limit\n" + rows)
    spent_s = time.process_time() - began_s

    assert 0 == result.exit_code, result.output
    assert f"{count + 1}: + account N{count - 1}: currency USD" == result.stdout.splitlines()[-1]
    assert (1, count, count, count) == tuple(b - a for a, b in zip(before, facts(), strict=True))
    assert spent_s < 5

    began_s = time.process_time()
    rows = "".join(f"N{number},{number % 7}\n" for number in range(count))
    result = run("account", "set", "-", stdin="code,max-channels\n" + rows + "N0,9\nN1,1\n")
    spent_s = time.process_time() - began_s

    assert 0 == result.exit_code, result.output
    *_, again, same = result.stdout.splitlines()
    assert f"{count + 2}: ~ account N0: max_channels 0 -> 9" == again
    assert f"{count + 3}: = account N1 unchanged" == same
    assert (2, count, count, count) == tuple(b - a for a, b in zip(before, facts(), strict=True))
    found = {row["code"]: row["max_channels"] for row in json.loads(run("account", "list", "--json").stdout)}
    assert (9, 1, 6) == (found["N0"], found["N1"], found["N6"])
    assert spent_s < 5


def test_an_account_may_refer_to_one_of_an_earlier_row(run, switch):
    """
    Those that wait to be written are there when they are asked for; none comes twice.
    """
    rows = "code,currency,reseller,daily_limit\nR,USD,,\nC,USD,R,\nD,USD,,5\nE,USD,,\nE,USD,,\n"
    result = run("account", "add", "-", stdin=rows)
    assert "stdin:6: account E exists already" in result.stderr

    assert 0 == run("account", "add", "-", stdin=rows.rpartition("E,USD")[0]).exit_code
    found = {row["code"]: row["reseller"] for row in json.loads(run("account", "list", "--json").stdout)}
    assert {"ACME": None, "R": None, "C": "R", "D": None, "E": None} == found


def test_all_rows_or_none(run, switch):
    """
    A mistake in one is told with its line, and so are all others; nothing is kept.
    """
    rows = "code,currency,credit_limit\nA1,USD,5\nA2,usd,\nACME,USD,\nA3,USD,-1\n"
    result = run("account", "add", "-", stdin=rows)

    assert (4, "") == (result.exit_code, result.stdout)
    assert [
        "tollwire: stdin:3: currency: 'usd' is no currency; write its three capital letters, like USD",
        "stdin:4: account ACME exists already; change it with set",
        "stdin:5: credit_limit: -1 is negative; 0 stops at an empty balance",
        "Nothing was changed.",
    ] == result.stderr.replace("\\n", "\n").splitlines()
    assert 1 == len(json.loads(run("account", "list", "--json").stdout))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("", "stdin:1: it is empty; the first row names columns: code, credit_limit, currency"),
        ("code,curency\nA,USD\n", "stdin:1: 'curency': there is no such column; did you mean currency"),
        ("currency\nUSD\n", "stdin:1: code: the first row names no such column"),
        ("code,code\nA,A\n", "stdin:1: code: it is there twice"),
        ("code,currency\nA,USD,1\n", "stdin:2: 3 fields, where the first row names 2"),
        ("code,currency\nA,\n,USD\n", "stdin:2: currency: it is missing"),
        ("code,currency\nA,USD\n,USD\n", "stdin:3: code: it is missing"),
        ("code,currency,credit_limit\nA,USD,x\n", "stdin:2: credit_limit: 'x' is not a dec"),
        ("code,currency,postpaid\nA,USD,maybe\n", "stdin:2: postpaid: 'maybe' is neither yes nor no"),
        ("code,currency,status\nA,USD,lost\n", "stdin:2: status: 'lost' is not one of"),
        ('code,currency\n"A,USD\n', "stdin:2: not CSV"),
        ("code,currency\n-\N{LATIN SMALL LETTER E WITH ACUTE} --yes,USD,\n", "stdin:2: 3 fields"),
    ],
)
def test_tells_what_is_wrong_with_the_rows(run, switch, rows, told):
    """
    With line, column and what to do.
    """
    result = run("account", "add", "-", stdin=rows)

    assert 4 == result.exit_code
    assert told in result.stderr
    assert "Nothing was changed." in result.stderr


def test_no_cell_is_an_option(run, switch):
    """
    Whatever it begins with.
    """
    result = run("account", "add", "-", stdin="code,name,currency\n--help,-x --json,USD\n")

    assert (0, "2: + account --help: currency USD\n") == (result.exit_code, result.stdout)
    assert "-x --json" == json.loads(run("account", "list", "--json").stdout)[0]["name"]


def test_secrets_are_made_for_each_row(run, switch):
    """
    And shown with its line, after all were kept.
    """
    rows = "name,networks\nc1,192.0.2.1; 192.0.2.2\nc2,192.0.2.3\n"
    result = run("client", "add", "-", "--generate", "--jsonl", stdin=rows)
    first, second = map(json.loads, result.stdout.splitlines())

    assert (2, 3) == (first["line"], second["line"])
    assert ["", "192.0.2.1/32, 192.0.2.2/32"] == first["fields"]["networks"]
    assert 32 == len(first["secret"]) and first["secret"] != second["secret"]


def test_every_add_and_set_takes_rows(run, switch):
    """
    Empty input is told everywhere, so it was read.
    """
    verbs = [(path, command) for path, command in ALL if path.split()[-1] in ("add", "set")]
    assert len(verbs) > 25
    for path, command in verbs:
        assert isinstance(command, Command)
        result = run(*path.split()[1:], "-", stdin="")
        assert 4 == result.exit_code, path
        assert "it is empty; the first row names columns" in result.stderr, path


def test_services_of_many_rows_see_each_other(run, switch):
    """
    A number twice is refused with the second line; the second change of one builds on the first.
    """
    words = ("did", "add", "-", "--account", "ACME", "--plan", "P", "--activated", "2026-11-01")
    twice = run(*words, stdin="number\n15550200\n15550200\nx\n")
    assert 4 == twice.exit_code
    assert ["stdin:3: number: did 15550200 is already assigned", "stdin:4: number: 'x' is not"] == [
        line.removeprefix("tollwire: ").partition(found)[0] + found
        for line, found in zip(
            twice.stderr.replace("\\n", "\n").splitlines(), ("already assigned", "is not"), strict=False
        )
    ]

    changed = run("trunk", "set", "-", stdin="trunk,max_channels,location\ntg2,7,\ntg2,,X\ntg3,1,\n")
    assert "stdin:4: no trunk tg3 is active" in changed.stderr
    assert 0 == run("trunk", "set", "-", stdin="trunk,max_channels,location\ntg2,7,\ntg2,,X\n").exit_code
    (trunk,) = json.loads(run("trunk", "list", "--json").stdout)
    assert (7, "X") == (trunk["max_channels"], trunk["location"])
    audited = [row for row in json.loads(run("audit", "list", "--json").stdout) if "tg2" in str(row)]
    assert 3 == len(audited)  # with the one that added it
