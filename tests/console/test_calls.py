"""Calls in the console: live, ended by hand, explained, counted; and the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioning.roles import Role

pytestmark = pytest.mark.postgres


def test_live_calls_come_and_go_by_themselves(visit, switch):
    """
    Nobody has to load the page again.
    """
    page = visit(Role.OPERATOR, "/live")
    assert "No calls." in page.locator("#live").inner_text()

    switch.start("c1", trunk_in="tg2")
    page.get_by_role("link", name="ACME").first.wait_for()
    assert "1 / 2" in page.get_by_role("region", name="Trunks").inner_text()
    switch.now += timedelta(seconds=1)
    switch.stop("c1", seconds=1, trunk_in="tg2")
    page.get_by_text("No calls.").wait_for()


def test_a_call_is_ended_by_hand(visit, switch):
    """
    After a question; this switch cannot be asked, so the call is closed in the books.
    """
    switch.start("c1")
    page = visit(Role.OPERATOR, "/live")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="End").click()

    assert "closed in the books" in page.get_by_role("status").inner_text()
    assert "No calls." in page.locator("#live").inner_text()


def test_a_call_is_explained_to_its_customer(visit, switch):
    """
    Packets, match, slices with the included minute, rounding and postings; the total is the lines' sum.
    """
    switch.stop("c1", seconds=95)
    page = visit(Role.CUSTOMER, "/calls")
    page.locator("tbody a").first.click()
    text = page.locator("main").inner_text()

    assert "matched did 15550100 of ACME" in text
    assert "deck retail version 1, prefix 44" in text  # and not from which file of ours
    assert "bucket" in text
    assert "Total 0.02 USD; recomputed from the lines above: 0.02." in text


def test_a_queued_call_is_tried_again(visit, switch):
    """
    One whose number nobody has waits, and says so.
    """
    switch.stop("c1", seconds=5, calling="999")
    page = visit(Role.OPERATOR, "/queue")
    page.get_by_role("button", name="Try again").click()

    assert "0 of 1 are mended" in page.get_by_role("status").inner_text()


def test_the_peak_of_a_trunk_is_counted(visit, switch):
    """
    Two calls that overlap are two; one that begins when another ends is not one more.
    """
    switch.now -= timedelta(minutes=10)
    begun = switch.now
    for name, begins, seconds in (("c1", 0, 60), ("c2", 30, 60), ("c3", 90, 30)):
        switch.now = begun + timedelta(seconds=begins)
        switch.start(name, trunk_in="tg2", calling="1")
        switch.now += timedelta(seconds=seconds)
        switch.stop(name, seconds=seconds, trunk_in="tg2", calling="1")
    page = visit(Role.OPERATOR, "/reports/peaks")

    assert ["tg2", "ACME", "2 full", "2"] == page.locator("tbody td").all_inner_texts()[:4]
