"""What keeps others out: logins, sessions, forms of other sites, scripts and formulas in what callers say."""

from __future__ import annotations

import csv
import io
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import psycopg2
import pyotp
import pytest
import segno

from provisioning.admin import Secret
from provisioning.people import read_user, set_user
from provisioning.roles import Role
from tests.console.chromium import PASSWORD, log_in
from tests.console.png import picture_rows

pytestmark = pytest.mark.postgres

SCRIPT = "<img src=x onerror=document.title='owned'>"
FORMULA = "=cmd|'/c calc'!A1"


@pytest.fixture
def with_password(dsn, site):
    """The operator with a password."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        set_user(txn, read_user(txn, "operator")[1], site, Secret(PASSWORD.encode()))


def test_a_login_opens_a_session_and_logging_out_ends_it(visit, url, with_password):
    """
    The cookie is out of reach of scripts and other sites, and its token opens nothing afterwards.
    """
    page = visit(None, "/accounts?after=x")
    assert page.url.startswith(f"{url}/login?after=")
    log_in(page, url, "operator")
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "tollwire_session"]

    assert (True, "Lax") == (cookie["httpOnly"], cookie["sameSite"])
    assert "" == page.evaluate("document.cookie")
    page.goto("/me")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.context.add_cookies([{"name": "tollwire_session", "value": cookie["value"], "url": url}])
    page.goto("/accounts")
    assert "/login" in page.url


def test_guesses_are_slowed_down(ask, with_password):
    """
    The sixth is told how long to wait, and the right password waits too.
    """
    wrong = {"name": "operator", "password": "guess guess guess"}
    for _ in range(5):
        assert "the name, the password or the code is wrong" in ask("POST", "/login", wrong)[2]
    status, _, text = ask("POST", "/login", {**wrong, "password": PASSWORD})

    assert 403 == status
    assert "too many tries; wait" in text


def test_sessions_end_by_themselves(ask, person):
    """
    After half an hour of nothing.
    """
    old = person(Role.OPERATOR, ago=timedelta(minutes=31))
    assert 200 == ask("GET", "/accounts", token=person(Role.OPERATOR).token)[0]
    status, headers, _ = ask("GET", "/accounts", token=old.token)
    assert (303, "/login?after=%2Faccounts") == (status, headers["Location"])


@pytest.mark.parametrize("path", ["/new-account", "/me", "/live", "/logout", "/accounts/ACME"])
def test_a_form_of_another_site_does_nothing(ask, person, path):
    """
    It lacks what only our pages carry; and a browser says where it comes from.
    """
    somebody, other = person(Role.OPERATOR), person(Role.SUPPORT)
    form = {"code": "EVIL", "currency": "USD"}
    for csrf in ("", "guess", other.csrf, "ü"):
        status, _, text = ask("POST", path, {**form, "csrf": csrf}, somebody.token)
        assert (403, True) == (status, "the form is of another session" in text)
    sent = {**form, "csrf": somebody.csrf}
    status, _, text = ask("POST", path, sent, somebody.token, Sec_Fetch_Site="cross-site")
    assert (403, True) == (status, "sent by another site" in text)


def test_the_same_form_from_our_page_does_it(ask, person):
    """
    So the test above refuses for its own reason.
    """
    somebody = person(Role.OPERATOR)
    form = {"code": "GOOD", "currency": "USD", "csrf": somebody.csrf}
    status, headers, _ = ask("POST", "/new-account", form, somebody.token, Sec_Fetch_Site="same-origin")
    assert (303, "/accounts/GOOD") == (status, headers["Location"])


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.CUSTOMER])
def test_a_form_that_a_role_may_not_send_is_refused(ask, dsn, person, role):
    """
    By the function behind it too: nothing of it is in the books.
    """
    somebody = person(role)
    for path, form in (
        ("/new-account", {"code": "EVIL", "currency": "USD"}),
        ("/accounts/ACME", {"amount": "100"}),
        ("/accounts/ACME/add/trunk", {"trunk": "evil", "plan": "P", "activated": "2026-11-01"}),
        ("/live", {"call_id": "x"}),
    ):
        status, _, _ = ask("POST", path, {**form, "csrf": somebody.csrf}, somebody.token)
        assert status in (403, 404), path
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute(
            "SELECT (SELECT count(*) FROM account WHERE code = 'EVIL'),"
            " (SELECT count(*) FROM service WHERE name = 'evil'), (SELECT count(*) FROM posting)"
        )
        assert [(0, 0, 1)] == txn.fetchall()


def test_what_callers_say_is_text(visit, switch):
    """
    A script in a caller's number is shown as it was sent, on every page that tells of the call.
    """
    switch.now -= timedelta(minutes=2)
    switch.stop("c1", seconds=5, calling=SCRIPT, called=SCRIPT)
    switch.start("c2", calling=SCRIPT, called="442071838750", trunk_in="tg2")
    page = visit(Role.OPERATOR, "/calls")
    for path in ("/calls", "/live", "/queue", f"/search?{urlencode({'q': SCRIPT})}"):
        page.goto(path)
        assert "owned" != page.title()
        assert 0 == page.locator("main img").count()
    assert "default-src 'none'" in page.request.get("/calls").headers["content-security-policy"]


def test_no_cell_of_a_saved_file_is_a_formula(ask, person, switch):
    """
    A spreadsheet would compute what begins with ``=``.
    """
    switch.stop("c1", seconds=5, calling=FORMULA, called="+442071838750")
    status, headers, text = ask("GET", "/calls?save=csv", token=person(Role.OPERATOR).token)

    assert (200, True) == (status, "attachment" in headers["Content-Disposition"])
    cells = [cell for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) for cell in row]
    assert FORMULA not in cells
    assert any(FORMULA in cell for cell in cells)
    assert [] == [cell for cell in cells if re.match(r"[=@]|[-+](?![0-9.]+$)", cell)]


def test_a_password_of_ones_own_is_changed(visit, url, with_password):
    """
    By who knows the old one; all sessions end with it.
    """
    page = visit(Role.OPERATOR, "/me")
    for old, told in (("wrong wrong wrong", "is wrong"), (PASSWORD, "Log in anew")):
        page.get_by_label("Old password").fill(old)
        page.get_by_label("New password", exact=True).fill("another few words")
        page.get_by_label("New password again").fill("another few words")
        page.get_by_role("button", name="Change the password").click()
        assert told in page.locator("main").inner_text()
    log_in(page, url, "operator", "another few words")


def test_a_second_factor_is_set_up_asked_for_and_taken_away(visit, url, with_password):
    """
    With a new token for the session that it protects.
    """
    page = visit(Role.OPERATOR, "/me")
    before = page.context.cookies()[0]["value"]
    page.get_by_role("button", name="Set one up").click()
    totp = pyotp.TOTP(page.locator("code.once").inner_text())
    page.get_by_role("textbox", name="Code").fill("000000")
    page.get_by_role("button", name="Ask me for it").click()
    assert "it is wrong" in page.get_by_role("alert").inner_text()

    page.get_by_role("button", name="Set one up").click()
    totp = pyotp.TOTP(page.locator("code.once").inner_text())
    now = datetime.now(UTC)
    page.get_by_role("textbox", name="Code").fill(totp.at(now - timedelta(seconds=30)))
    page.get_by_role("button", name="Ask me for it").click()
    assert "you are asked for a code" in page.get_by_role("status").inner_text()
    assert before not in [each["value"] for each in page.context.cookies()]

    other = visit(None, "/login")
    other.get_by_label("Name").fill("operator")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Log in").click()
    assert "is wrong" in other.get_by_role("alert").inner_text()
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.locator("#code-remove").fill(totp.at(now + timedelta(seconds=30)))
    page.get_by_role("button", name="Take it away").click()
    assert "no code any more" in page.get_by_role("status").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_second_factor_is_a_picture_for_the_telephone(visit, with_password, scheme):
    """
    What is seen has the modules of a QR code of the key's link, black on white in dark pages too.
    """
    page = visit(Role.OPERATOR, "/me", color_scheme=scheme)
    page.get_by_role("button", name="Set one up").click()
    link = page.locator("section[aria-label='Second factor'] dd code").last.inner_text()
    assert page.locator("code.once").inner_text() in link
    code = segno.make_qr(link, error="m")
    side = len(code.matrix) + 8  # modules, and 4 of paper on each side
    shape = f"position: fixed; top: 0; left: 0; margin: 0; width: {10 * side}px; max-width: none"
    picture = page.get_by_role("img", name="The key as a QR code")
    picture.evaluate("(svg, shape) => { svg.style.cssText = shape }", shape)
    width, _, rows = picture_rows(picture.screenshot())

    assert 10 * side == width
    seen = [[rows[10 * y + 5][30 * x + 15] for x in range(side)] for y in range(side)]
    paper = [255] * 4
    wanted = [[*paper, *(0 if bit else 255 for bit in row), *paper] for row in code.matrix]
    assert [[255] * side] * 4 + wanted + [[255] * side] * 4 == seen


def test_a_page_says_that_the_database_is_away(ask, dsn, person):
    """
    503, in words; and it is there again with the database.
    """
    token = person(Role.OPERATOR).token
    name = psycopg2.extensions.parse_dsn(dsn)["dbname"]
    with closing(psycopg2.connect(dsn, dbname="template1")) as connection, connection.cursor() as txn:
        connection.autocommit = True
        txn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            txn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            status, _, text = ask("GET", "/accounts", token=token)
        finally:
            txn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    assert (503, True) == (status, "The database is away" in text)
    assert 200 == ask("GET", "/accounts", token=token)[0]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
def test_a_page_takes_no_other_methods(ask, method):
    """
    It says which it takes.
    """
    status, headers, _ = ask(method, "/accounts")
    assert (405, "GET, HEAD, POST") == (status, headers["Allow"])


def test_the_head_of_a_page_is_its_headers(ask, site):
    """
    As of any resource of HTTP.
    """
    status, headers, text = ask("HEAD", "/login")
    assert (200, "") == (status, text)
    assert headers["Content-Security-Policy"]
