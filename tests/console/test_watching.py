"""A client's packets on a page: as they come, decoded, and without what is secret."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest

from provisioning.roles import Role
from radiusd.radius.assigned import Code
from radiusd.radius.request import Request
from tests.watched import PASSWORD, packets_of_a_call, write

pytestmark = pytest.mark.postgres

SECRET = b"0123456789abcdef"  # of sbc


@pytest.fixture
def come_in(dsn, site, switch):
    """Let the packets come in, as servers write them."""

    def come_in():
        write(dsn, site.sealer, switch.client_id, packets_of_a_call(SECRET), switch.now)

    return come_in


def test_packets_are_seen_as_they_come(visit, come_in):
    """
    From the client's page; nobody has to load it again; each leads to what is in it.
    """
    page = visit(Role.SUPPORT, "/clients/sbc")
    page.get_by_role("link", name="Watch packets").click()
    assert "Nobody watches." in page.locator("#packets").inner_text()
    page.get_by_role("button", name="Watch for 5 minutes").click()
    assert "Watched since" in page.locator("#packets").inner_text()
    come_in()
    page.get_by_text("bad_request_authenticator").wait_for()

    rows = page.locator("#packets tbody tr").all_inner_texts()
    assert ["Accounting-Request", "Accounting-Request", "Access-Request"] == [
        row.split("\t")[1].partition(" ")[0] for row in rows
    ]
    assert "answered: Accounting-Response" in rows[1]
    assert all(each in rows[1] for each in ("stop", "15550100", "442071838750", "london-1", "1:01", "1.5 ms"))
    page.locator("#packets tbody a").nth(1).click()
    text = page.locator("main").inner_text()
    assert "Acct-Session-Id" in text
    assert "Answer: Accounting-Response" in text
    page.go_back()
    page.get_by_role("button", name="End").click()
    assert "Nobody watches any more." in page.get_by_role("status").inner_text()
    assert 3 == page.locator("#packets tbody tr").count()  # they can be looked at for a while


def test_no_secret_is_shown(visit, come_in):
    """
    Neither the password, hidden or not, nor the client's secret.
    """
    page = visit(Role.OPERATOR, "/clients/sbc/watch")
    come_in()
    page.goto("/clients/sbc/watch")
    page.locator("#packets tbody a").last.click()
    text = page.locator("main").inner_text()

    assert "User-Password\t(hidden)" in text
    assert "a password (PAP)" in text
    assert PASSWORD.decode() not in page.content()
    assert SECRET.decode() not in page.content()


def test_nothing_of_a_packet_is_markup(visit, dsn, site, switch):
    """
    What a switch says is text.
    """
    evil = b"<img src=x onerror=document.title='owned'>"
    request = Request(Code.ACCOUNTING_REQUEST, [(40, bytes((0, 0, 0, 1))), (44, evil), (31, evil)], False)
    write(dsn, site.sealer, switch.client_id, [(request.sign(1, SECRET), b"", "dropped", "x")], switch.now)
    page = visit(Role.OPERATOR, "/clients/sbc/watch")
    for path in ("/clients/sbc/watch", page.locator("#packets tbody a").first.get_attribute("href")):
        page.goto(path)
        assert 0 == page.locator("main img").count()
        assert evil.decode() in page.locator("main").inner_text()
        assert "owned" != page.title()


def test_who_watches_is_on_record(visit, come_in, dsn):
    """
    It is a way to read, for those who may; but it is told who has looked on.
    """
    page = visit(Role.SUPPORT, "/clients/sbc/watch")
    page.get_by_role("button", name="Watch for 5 minutes").click()
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT actor, role, action, key FROM audit WHERE action LIKE 'watch%'")
        assert [("support", "support", "watch added", "sbc")] == txn.fetchall()
        txn.execute("SELECT until - begun_at FROM client_watch")
        assert [(timedelta(minutes=5),)] == txn.fetchall()


@pytest.mark.parametrize("role", [Role.RESELLER, Role.CUSTOMER])
def test_customers_watch_nobody(visit, come_in, person, ask, role):
    """
    Neither page nor form.
    """
    come_in()
    page = visit(role, "/")
    for path in ("/clients/sbc/watch", "/clients/sbc/packets/01a219d2-b407-7103-8386-bbc4cd613e30"):
        assert 403 == page.request.get(path).status
    somebody = person(role)
    assert 403 == ask("POST", "/clients/sbc/watch", {"csrf": somebody.csrf, "do": "watch"}, somebody.token)[0]


def test_a_packet_that_is_not_kept_is_told(visit, come_in):
    """
    So is a client that does not exist.
    """
    page = visit(Role.OPERATOR, "/clients/sbc/packets/01a219d2-b407-7103-8386-bbc4cd613e30")
    assert "is not kept any more" in page.locator("main").inner_text()
    assert 404 == page.request.get("/clients/sbc/packets/nonsense").status
    assert 404 == page.request.get("/clients/nobody/watch").status
