"""``tollwire rate verify``: cases of calls, without a database."""

import json
from pathlib import Path

VECTORS = Path(__file__).parents[2] / "vectors"
CASE = {
    "id": "mine",
    "title": "a minute",
    "rates": [{"prefix": "44", "price": "0.06"}],
    "calls": [{"id": "c", "to": "4420", "answer": "2026-01-05T10:00:00Z", "duration": "60"}],
}


def written(path, *cases):
    """Write a file of cases, and return its path as a word of a command."""
    path.write_text(json.dumps({"format": "rating-case/1", "cases": cases}))
    return str(path)


def test_every_vector_passes_and_is_counted(run):
    """
    Several files, one count.
    """
    files = sorted(map(str, VECTORS.glob("rating/*.json")))
    result = run("rate", "verify", *files)

    assert (0, "47 passed, 0 failed\n") == (result.exit_code, result.output)


def test_a_failure_is_told_by_case_and_field(run, tmp_path):
    """
    And the exit code is 1.
    """
    good = {**CASE, "id": "good", "expect": {"calls": [{"total": "0.0600"}]}}
    wrong = {**CASE, "expect": {"calls": [{"total": "0.0700", "prefix": "44"}]}}
    file = written(tmp_path / "cases.json", good, wrong, {**CASE, "id": "no-expect"})

    result = run("rate", "verify", file)

    assert 1 == result.exit_code
    assert result.output.startswith(
        f"{file}: mine a minute\n  expect.calls[0].total: expected '0.0700', but it is '0.0600'\n"
        f"{file}: no-expect a minute\n  expect: is missing; what comes out is "
    )
    assert result.output.endswith("1 passed, 2 failed\n")
    rows = json.loads(run("rate", "verify", file, "--json").stdout)
    assert [True, False, False] == [row["passed"] for row in rows]
    assert ["expect.calls[0].total: expected '0.0700', but it is '0.0600'"] == rows[1]["differences"]


def test_a_field_that_does_not_count_is_noted(run, tmp_path):
    """
    The case is judged all the same; beside a broken one, too.
    """
    noted = {**CASE, "timezone": "Europe/Vienna", "expect": {"calls": [{"total": "0.0600"}]}}
    file = written(
        tmp_path / "cases.json", "no table", {**noted, "calls": [{"id": "c", "to": "4420"}]}, noted
    )

    result = run("rate", "verify", file)

    assert (1, 2) == (result.exit_code, result.stderr.count("timezone"))
    assert f"{file}: mine: note: timezone is no field of a case, and does not count\n" in result.stderr
    assert (
        f"{file}: number 1\n  document: expected a table of fields, not 'no table'\n"
        f"{file}: mine a minute\n  calls[0].answer: is missing; give a time like 2026-01-05T10:00:00Z\n"
        "1 passed, 2 failed\n"
    ) == result.stdout
    assert ["timezone"] == json.loads(run("rate", "verify", file, "--json").stdout)[2]["ignored"]


def test_a_file_of_something_else_is_refused(run, tmp_path):
    """
    Before any other is run: exit 4 names the file; and no case at all is no success.
    """
    bad = tmp_path / "bad.json"
    bad.write_text("{")

    result = run("rate", "verify", str(VECTORS / "rating/fees.json"), str(bad))

    assert (4, "") == (result.exit_code, result.stdout)
    assert f"{bad}: not readable as JSON" in result.stderr
    assert 1 == run("rate", "verify", written(tmp_path / "empty.json")).exit_code
