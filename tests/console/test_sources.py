"""The pages of what call records came from: sources, their files, and what could not be read in them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import psycopg2
import pytest

from provisioning.balances import list_balances
from provisioning.roles import Role
from radiusd.storage.record_files import find_files
from tests.console.record_files import HOSTILE, add_files_source, row, take

pytestmark = pytest.mark.postgres

BEGAN = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture
def files(dsn, site, tmp_path):
    """The source of the switch's files; what is called takes one in."""
    admin = replace(site, now=datetime.now(UTC))
    add_files_source(dsn, site)
    return partial(take, dsn, admin, tmp_path)


def balance(dsn):
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        return next(each.balance for each in list_balances(txn, "ACME"))


def figures(page):
    """Return the numbers at the top of a page by their names."""
    told = (each.split("\n") for each in page.locator(".figures li").all_inner_texts())
    return {name.strip(): number for number, name in told}


def test_a_list_tells_what_came_from_each_source(visit, dsn, site, files, tmp_path):
    """
    In files of the last 31 days, of which none was taken back; beside the clients, where one looks for it.
    """
    damaged = row(9, BEGAN, "x")
    files(row(1, BEGAN) + row(2, BEGAN) + row(2, BEGAN) + row(3, BEGAN, calling="999") + damaged)
    long_ago = replace(site, now=datetime.now(UTC) - timedelta(days=32))
    take(dsn, long_ago, tmp_path, row(7, BEGAN), "old.csv")
    page = visit(Role.OPERATOR, "/clients")
    page.get_by_role("navigation", name="Related").get_by_role("link", name="Sources of records").click()

    titles = page.locator("thead th").all_inner_texts()
    told = dict(zip(titles, page.locator("tbody td").all_inner_texts(), strict=True))
    assert ("files", "mapped", "sbc", "1") == tuple(
        told[name] for name in ("Source", "Format", "Client", "Files")
    )
    counts = ("Received", "Accepted", "Duplicate", "Set aside", "Unmatched", "Unrated")
    assert ["5", "3", "1", "1", "1", "0"] == [told[name] for name in counts]


def test_files_stand_on_their_sources_page_newest_first(visit, dsn, site, files, tmp_path):
    """
    In pages, each file once; and the settings below.
    """
    now = datetime.now(UTC)
    for number in range(52):
        begun = replace(site, now=now - timedelta(minutes=number))
        take(dsn, begun, tmp_path, row(number, BEGAN), f"f{number}.csv")
    page = visit(Role.SUPPORT, "/sources/files")
    names = page.locator("#files tbody td:first-child")
    seen = names.all_inner_texts()
    assert "sequence=no" in page.get_by_role("region", name="Settings").inner_text()
    assert 0 == page.get_by_role("link", name="Change").count()
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=**")

    assert [f"f{number}.csv" for number in range(52)] == seen + names.all_inner_texts()


def test_gaps_are_looked_for_when_somebody_asks(visit, files):
    """
    Numbers of records that never came.
    """
    files("".join(row(number, BEGAN) for number in (1, 2, 5, 9)))
    page = visit(Role.OPERATOR, "/sources/files")
    page.get_by_role("link", name="Look for gaps").click()

    told = page.get_by_role("region", name="All its records").inner_text()
    assert "5: 3-4, 6-8" in told


def test_what_takes_too_long_is_told_with_its_command(visit, dsn, files):
    """
    Gaps are looked for some seconds, and the page is there all the same.
    """
    files(row(1, BEGAN))
    page = visit(Role.OPERATOR, "/sources")
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as txn:
        txn.execute("LOCK TABLE record IN ACCESS EXCLUSIVE MODE")
        page.goto("/sources/files?gaps=look")

    assert "tollwire source report files" in page.get_by_role("alert").inner_text()
    assert 1 == page.locator("#files tbody tr").count()


def test_what_was_set_aside_is_text(visit, files):
    """
    Markup is no markup, and what does not print is written out, in the name of a file, too.
    """
    files(row(1, BEGAN) + row(2, BEGAN, HOSTILE), name=f"{HOSTILE}.csv")
    page = visit(Role.SUPPORT, "/sources/files")
    page.locator("#files tbody a").click()

    shown = page.locator("#asides tbody tr").inner_text()
    for text in (shown, page.locator("h1").inner_text()):
        assert r"<script>document.title='owned'</script>\x1b[2J\u202e" in text
    assert "3" == page.locator("#asides tbody td").first.inner_text()
    assert "owned" != page.title()
    assert not set("\x1b\u202e") & set(page.content())


def test_what_was_set_aside_is_told_in_pages(visit, files):
    """
    In the order of the file, each once.
    """
    files("".join(row(number, BEGAN, "x") for number in range(60)))
    page = visit(Role.SUPPORT, "/sources/files")
    page.locator("#files tbody a").click()
    lines = page.locator("#asides tbody td:first-child")
    seen = lines.all_inner_texts()
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=**")

    assert [str(line) for line in range(2, 62)] == seen + lines.all_inner_texts()


def test_a_file_is_taken_back(visit, dsn, files):
    """
    Its calls cost nothing any more; it stays in the list, and can be imported again.
    """
    before = balance(dsn)
    files(row(1, BEGAN) + row(2, BEGAN))
    assert before - Decimal("0.07") == balance(dsn)  # a minute is included, and saves its connect fee
    page = visit(Role.BILLING, "/sources/files")
    page.locator("#files tbody a").click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Take back").click()

    assert "one.csv is out of the books" in page.get_by_role("status").inner_text()
    assert "rolled back" in page.locator("h1").inner_text()
    assert 0 == page.get_by_role("button", name="Take back").count()
    assert before == balance(dsn)
    page.goto("/sources/files")
    assert "0" == figures(page)["received"]
    again = files(row(1, BEGAN) + row(2, BEGAN))
    assert ("imported", 2) == (again.state, again.accepted)


def test_only_who_may_changes_takes_a_file_back(visit, ask, dsn, person, files):
    """
    No button for the others, and no form of their own making does it.
    """
    file = files(row(1, BEGAN))
    path = f"/sources/files/files/{file.id}"
    page = visit(Role.SUPPORT, path)
    assert 0 == page.get_by_role("button", name="Take back").count()
    somebody = person(Role.SUPPORT)
    status, _, text = ask("POST", path, {"csrf": somebody.csrf}, somebody.token)

    assert 403 == status
    assert "calls:write" in text
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        assert ["imported"] == [each.state for each in find_files(txn, "files")]


@pytest.mark.parametrize("role", [Role.RESELLER, Role.CUSTOMER])
def test_who_reaches_some_accounts_sees_no_files(ask, person, files, role):
    """
    They tell of the calls of all.
    """
    file = files(row(1, BEGAN))
    somebody = person(role)
    for path in ("/sources", "/sources/files", f"/sources/files/files/{file.id}"):
        assert 403 == ask("GET", path, token=somebody.token)[0], path


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sources/nowhere", 404),
        ("/sources/files/files/none", 404),
        ("/sources/files/files/00000000-0000-7000-8000-000000000000", 404),
        ("/sources/others/files/{file}", 404),
        ("/sources?cursor=x", 400),
        ("/sources/files?cursor=WzFd", 400),
        ("/sources/files/files/{file}?cursor=x", 400),
    ],
)
def test_what_is_not_there_is_told(ask, dsn, site, person, files, path, status):
    """
    A source, a file, a file of another source; a cursor of another list.
    """
    add_files_source(dsn, site, "others")
    file = files(row(1, BEGAN))
    answer = ask("GET", path.format(file=file.id), token=person(Role.OPERATOR).token)

    assert status == answer[0]


def test_a_source_is_added_and_changed(visit, site):
    """
    With the words of the command line for what is wrong; what is known by its client keeps it.
    """
    page = visit(Role.OPERATOR, "/sources")
    page.get_by_role("link", name="Add a source").click()
    page.get_by_role("textbox", name="Name *", exact=True).fill("pbx/1")
    page.get_by_label("Format", exact=False).select_option("asterisk-csv")
    page.get_by_label("PBX tenant", exact=True).fill("nowhere")
    page.get_by_role("button", name="Add").click()
    assert "tells local time; say which" in page.get_by_role("alert").inner_text()
    page.get_by_label("Zone", exact=True).fill("Europe/Berlin")
    page.get_by_role("button", name="Add").click()
    assert "nowhere does not exist" in page.get_by_role("alert").inner_text()
    page.get_by_label("PBX tenant", exact=True).fill("")
    page.get_by_role("button", name="Add").click()
    assert "Source pbx/1 is added." == page.get_by_role("status").inner_text()

    page.get_by_role("link", name="pbx/1").click()
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Called rules").fill("0:49")
    page.get_by_role("button", name="Save").click()
    assert "Saved." == page.get_by_role("status").inner_text()
    assert "0:49" in page.get_by_role("region", name="Settings").inner_text()
