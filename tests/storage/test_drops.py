"""Scheduled exports: each period is written once, whoever runs, and whatever was killed."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from radiusd.errors import BadInput
from radiusd.exports.drops import Drop, drops, make_due, next_due
from radiusd.exports.files import MANIFEST, verify
from radiusd.exports.template import Export, Tap
from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS
from tests.cdr_records import put_row

pytestmark = pytest.mark.postgres

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WAIT = timedelta(hours=6)


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection]:
    """A database with a call in each hour of three days, the one of hour N to 4420N."""
    with closing(psycopg2.connect(dsn)) as made:
        with made, made.cursor() as txn:
            for hour in range(72):
                put_row(txn, hour, FIRST + timedelta(hours=hour))
        yield made


def daily(folder: Path, **changes: object) -> Export:
    """Return an export of each day from the first on."""
    usual = {"name": "all", "columns": ("to",), "every": "day", "since": "2026-03-01", "folder": str(folder)}
    return Export(**{**usual, **changes})  # type: ignore[arg-type]  # names and values of a test


def made(connection: Connection, now: datetime, *exports: Export) -> list[Drop]:
    """Write what is due; return what was written."""
    found: list[Drop] = []
    make_due(connection, exports, now, found.append)
    return found


def called(path: Path) -> list[str]:
    """Return the called numbers in a file."""
    return path.read_text().splitlines()[1:]


def test_each_day_is_written_once_after_its_end_and_the_wait(connection, tmp_path):
    """
    Not before, not twice; the day's calls are those that began in it.
    """
    export = daily(tmp_path)

    assert [] == made(connection, FIRST + DAY + WAIT - timedelta(seconds=1), export)
    [drop] = made(connection, FIRST + DAY + WAIT, export)
    assert [] == made(connection, FIRST + DAY + WAIT, export)
    path = tmp_path / "all_2026-03-01.csv"
    assert [f"4420{hour}" for hour in range(24)] == called(path)
    assert (str(path), 24) == (drop.file, drop.records)
    assert (FIRST, FIRST + DAY) == (drop.period_start, drop.period_end)
    manifest = verify(path.with_name(path.name + MANIFEST))
    assert (24, drop.sha256, "all", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z") == (
        manifest.records,
        manifest.sha256,
        manifest.export,
        manifest.since,
        manifest.until,
    )


def test_what_was_missed_is_written_later(connection, tmp_path):
    """
    After a stop of days, every one of them; none twice, and none between them lost.
    """
    export = daily(tmp_path)
    made(connection, FIRST + DAY + WAIT, export)

    assert ["all_2026-03-02.csv", "all_2026-03-03.csv"] == [
        Path(drop.file).name for drop in made(connection, FIRST + 3 * DAY + WAIT, export)
    ]
    written = [number for path in sorted(tmp_path.glob("*.csv")) for number in called(path)]
    assert [f"4420{hour}" for hour in range(72)] == written
    assert ["2026-03-03", "2026-03-02", "2026-03-01"] == [
        f"{drop.period_start.astimezone(UTC):%Y-%m-%d}" for drop in drops(connection, "all")
    ]


def test_days_are_those_of_its_zone(connection, tmp_path):
    """
    A day in New York has the calls of its 24 hours.
    """
    export = daily(tmp_path, timezone="America/New_York", since="2026-03-01")

    made(connection, FIRST + 2 * DAY + WAIT, export)
    assert [f"4420{hour}" for hour in range(5, 29)] == called(tmp_path / "all_2026-03-01.csv")


def test_without_a_first_day_the_last_whole_period_is_the_first(connection, tmp_path):
    """
    Nobody is sent years of calls by surprise.
    """
    assert ["all_2026-03-02.csv"] == [
        Path(drop.file).name for drop in made(connection, FIRST + 2 * DAY + WAIT, daily(tmp_path, since=""))
    ]


def test_a_killed_run_leaves_no_half_and_makes_no_double(connection, tmp_path):
    """
    Killed between the manifest and the row: the file that is there counts, and may have been taken already.
    """
    export = daily(tmp_path)
    [first] = made(connection, FIRST + DAY + WAIT, export)
    with connection, connection.cursor() as txn:
        txn.execute("DELETE FROM export_drop")
        put_row(txn, 1000, FIRST)  # a late one: a file written anew would be another
    before = (tmp_path / "all_2026-03-01.csv").stat().st_mtime_ns

    [again] = made(connection, FIRST + DAY + WAIT, export)
    assert (first.sha256, first.records) == (again.sha256, again.records)
    assert before == (tmp_path / "all_2026-03-01.csv").stat().st_mtime_ns


def test_a_killed_run_before_its_manifest_is_done_again(connection, tmp_path):
    """
    A file without a manifest is nobody's yet.
    """
    export = daily(tmp_path)
    made(connection, FIRST + DAY + WAIT, export)
    with connection, connection.cursor() as txn:
        txn.execute("DELETE FROM export_drop")
    path = tmp_path / "all_2026-03-01.csv"
    path.with_name(path.name + MANIFEST).unlink()
    path.write_text("half")

    [drop] = made(connection, FIRST + DAY + WAIT, export)
    assert 24 == drop.records == len(called(path))


def test_while_one_process_writes_another_does_nothing(connection, dsn, tmp_path):
    """
    Two nodes: the second looks again when the next period is due.
    """
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as txn:
        txn.execute("SELECT pg_advisory_lock(%s)", (0x746F6C65,))
        assert [] == made(connection, FIRST + DAY + WAIT, daily(tmp_path))
        txn.execute("SELECT pg_advisory_unlock(%s)", (0x746F6C65,))

    assert 1 == len(made(connection, FIRST + DAY + WAIT, daily(tmp_path)))


def test_one_export_that_fails_keeps_no_other_from_its_file(connection, tmp_path):
    """
    What is wrong is said with the export's name; when it is mended, its days follow.
    """
    broken, fine = daily(tmp_path / "none", name="broken"), daily(tmp_path, name="fine")

    with pytest.raises(BadInput, match=r"export broken: folder .*none is not there"):
        made(connection, FIRST + DAY + WAIT, broken, fine)
    assert ["fine"] == [drop.name for drop in drops(connection)]
    (tmp_path / "none").mkdir()
    assert ["broken"] == [drop.name for drop in made(connection, FIRST + DAY + WAIT, broken, fine)]


def test_an_account_that_is_not_there_is_said(connection, tmp_path):
    """
    Files without a record would be written for ever, and nobody would look.
    """
    export = daily(tmp_path, name="wrong", account="NOBODY")

    with pytest.raises(BadInput, match=r"export wrong: account NOBODY does not exist"):
        made(connection, FIRST + DAY + WAIT, export)
    assert [] == list(tmp_path.iterdir())


def test_tap_files_count_on(connection, tmp_path):
    """
    Each file has the next number; a day without calls is a notification, which has one, too.
    """
    export = daily(tmp_path, format="tap", columns=(), tap=Tap("USATW", "GBRVF", first_sequence=7))
    made(connection, FIRST + 4 * DAY + WAIT, export)

    outcomes = []
    for path in sorted(tmp_path.glob("*.tap")):
        with path.open("rb") as file:
            outcomes.append(list(FORMATS["gsma-tap-3.12"].read(file, {})))
    assert [24, 24, 24] == [sum(isinstance(each, Entry) for each in day) for day in outcomes[:3]]
    assert ["USATW GBRVF 00007 1", "USATW GBRVF 00009 1"] == [outcomes[0][0].key, outcomes[2][0].key]
    assert "a notification, file 00010: no calls" == outcomes[3][0].reason


def test_the_next_look_is_when_the_next_period_is_over(tmp_path):
    """
    Of all exports, the soonest; without a schedule, never.
    """
    hourly = daily(tmp_path, name="hourly", every="hour", wait_s=600)

    assert FIRST + 2 * DAY + WAIT == next_due([daily(tmp_path)], FIRST + DAY + WAIT)
    assert FIRST + timedelta(hours=1, minutes=10) == next_due(
        [daily(tmp_path), hourly, Export(name="a")], FIRST + timedelta(minutes=11)
    )
    assert next_due([Export(name="a")], FIRST) is None
