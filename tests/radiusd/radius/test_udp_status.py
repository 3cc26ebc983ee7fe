"""Status-Server, which a port answers itself."""

import pytest

from radiusd.radius.admission import PortKind
from radiusd.radius.assigned import Code
from radiusd.radius.discards import Reason
from radiusd.radius.request import read_answer
from tests.radiusd.radius.requests import ACCEPT, SECRET, status


@pytest.mark.parametrize(
    ("kind", "code", "types"),
    [(PortKind.AUTH, Code.ACCESS_ACCEPT, [80]), (PortKind.ACCT, Code.ACCOUNTING_RESPONSE, [])],
)
def test_L120_L121_L125_to_L128_status_server(a_desk, kind, code, types):
    """
    Status-Server gets exactly one Access-Accept or Accounting-Response, with nothing but the signature in it.

    Other attributes in it are ignored: no handler sees it, and it counts as no request.
    """
    desk = a_desk(kind, reply=ACCEPT)
    request = status((1, b"alice"), (2, b"password"), (40, b"\0\0\0\x02"), (44, b"s"))

    (octets,) = desk.receive(request)
    answer = read_answer(octets, request, SECRET)
    assert (code, types) == (answer.code, [type for type, _ in answer.attributes])
    assert [] == desk.requests
    assert (0, 1, 0) == (desk.counts.requests, desk.counts.status_requests, desk.counts.responses)
    assert [octets] == desk.receive(request)


@pytest.mark.parametrize("kind", [PortKind.AUTH, PortKind.ACCT])
def test_L122_L123_L124_status_server_must_be_signed(a_desk, kind):
    """
    Status-Server without or with a wrong Message-Authenticator, or from a stranger, is silently discarded.
    """
    desk = a_desk(kind)

    assert [] == desk.receive(status(signs_message=False))
    assert [] == desk.receive(status(secret=b"a guess"))
    assert [] == desk.receive(status(), host="198.51.100.1")
    assert {
        Reason.STATUS_WITHOUT_MESSAGE_AUTHENTICATOR: 1,
        Reason.BAD_MESSAGE_AUTHENTICATOR: 1,
    } == desk.counts.discarded


@pytest.mark.parametrize("kind", [PortKind.AUTH, PortKind.ACCT])
def test_L129_status_server_while_nothing_can_be_written(a_desk, kind):
    """
    With the database down Status-Server is not answered as if all were well, and answered again after.
    """
    desk = a_desk(kind)
    desk.healthy = False

    assert [] == desk.receive(status())
    assert {Reason.UNHEALTHY: 1} == desk.counts.discarded
    desk.healthy = True
    assert 1 == len(desk.receive(status()))
