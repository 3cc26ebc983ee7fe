"""Requests are read, or refused with what can be said about them; nothing else leaves the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.sip.message import MOST_HEAD_OCTETS, BadMessage, read_request
from tests.sip_desk import a_request, read


def test_reads_a_request():
    """
    Start line, headers by their long names in lower case, and body.
    """
    octets = a_request("INVITE", "l:4", "X-Trunk-Group : ACME", "k: timer")
    request = read(octets.replace(b"Content-Length: 0", b"Y: 1") + b"v=0\nrest")

    assert ("INVITE", "sip:442079460000@192.0.2.200") == (request.method, request.uri)
    assert b"v=0\n" == request.body
    assert ("ACME", "timer") == (request.first("x-trunk-group"), request.first("supported"))
    assert None is request.first("no-such-header")


def test_a_folded_header_is_one():
    """
    RFC 3261, 7.3.1.
    """
    request = read(a_request("INVITE", "Subject: one", "  two", "\tthree"))

    assert "one two three" == request.first("subject")


def test_lines_may_end_in_a_line_feed_alone_and_begin_behind_empty_ones():
    """
    Some senders write so; RFC 3261, 7.5 asks for the latter.
    """
    octets = b"\r\n\r\n" + a_request().replace(b"\r\n", b"\n")

    assert "INVITE" == read(octets).method


def test_octets_that_are_no_utf8_come_back_as_they_came():
    """
    An old phone's caller name survives being copied into a response.
    """
    request = read(a_request(From=None, To=None).replace(b"Via", b"f: \"M\xfcller\" <sip:1@x>;tag=1\r\nVia"))

    assert b'"M\xfcller" <sip:1@x>;tag=1' == request.first("from").encode("utf-8", "surrogateescape")


def test_a_response_is_no_request():
    """
    We ask nothing, so no answer is awaited.
    """
    assert None is read_request(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"INVITE sip:1@x SIP/2.0\r\n",
        b"IN{ITE sip:1@x SIP/2.0\r\n\r\n",
        b"INVITE sip:1@x SIP/2.0\r\nVia: a\rb\r\n\r\n",
        b"INVITE sip:1@x SIP/2.0\r\nVia: " + b"a" * 5000 + b"\r\n\r\n",
        b"INVITE sip:1@x SIP/2.0\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        b"INVITE sip:1@x SIP/2.0\r\n" + b"a: " + b"b" * MOST_HEAD_OCTETS + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_cannot_be_answered(octets):
    """
    Nobody knows whom to answer, or the answer would not be safe.
    """
    with pytest.raises(BadMessage) as caught:
        read_request(octets)

    assert None is caught.value.request


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (a_request().replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505),
        (a_request().replace(b"INVITE sip", b"INVITE  sip"), 400),
        (a_request().replace(b" SIP/2.0\r\nVia", b" SIP/2.0 \r\nVia"), 400),
        (a_request().replace(b" SIP/2.0\r\nVia", b"\r\nVia"), 400),
        (a_request(uri="sip:1@x; lr"), 400),
        (a_request("INVITE", "no colon"), 400),
        (a_request("INVITE", "b@d name: x"), 400),
        (a_request("INVITE", "To: <sip:2@x>"), 400),
        (a_request("INVITE", "i: another-call"), 400),
        (a_request("INVITE", "l: 5"), 400),
        (a_request().replace(b"Content-Length: 0", b"Content-Length: 4"), 400),
        (a_request().replace(b"Content-Length: 0", b"Content-Length: -1"), 400),
        (a_request().replace(b"Content-Length: 0", b"Content-Length: 9999999999"), 400),
    ],
)
def test_what_breaks_a_rule_can_be_answered(octets, status):
    """
    With the request as far as it was read.
    """
    with pytest.raises(BadMessage) as caught:
        read_request(octets)

    assert status == caught.value.status
    assert "INVITE" == caught.value.request.method


@given(st.binary(max_size=2000))
def test_whatever_comes_is_read_or_refused(octets):
    """
    Random octets.
    """
    try:
        read_request(octets)
    except BadMessage:
        pass


@given(st.data())
def test_a_damaged_request_is_read_or_refused(data):
    """
    A right one with octets changed, cut out or put in.
    """
    octets = bytearray(a_request("INVITE", "Contact: <sip:1@x>", "Authorization: Digest a=b", body="v=0"))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read_request(bytes(octets))
    except BadMessage:
        pass
