"""Requests as a client signs them, and what its port answers."""

from radiusd.radius.assigned import Code
from radiusd.radius.reply import Reply, text
from radiusd.radius.request import Request
from radiusd.radius.signing import response_authenticator

SECRET = b"a secret of 24 octets..."  # as in conftest.a_client
ACCEPT = Reply(Code.ACCESS_ACCEPT, [text(18, "welcome")])
RECORDED = Reply(Code.ACCOUNTING_RESPONSE)


def access(*attributes, identifier=7, signs_message=True, secret=SECRET):
    return Request(Code.ACCESS_REQUEST, list(attributes), signs_message).sign(identifier, secret)


def accounting(*attributes, identifier=7, signs_message=False, secret=SECRET):
    return Request(Code.ACCOUNTING_REQUEST, list(attributes), signs_message).sign(identifier, secret)


def status(*attributes, identifier=7, signs_message=True, secret=SECRET):
    return Request(Code.STATUS_SERVER, list(attributes), signs_message).sign(identifier, secret)


def signed_body(body, code=4):
    """An accounting packet whose signature is right whatever *body* holds."""
    raw = bytes((code, 7)) + (20 + len(body)).to_bytes(2, "big") + bytes(16) + body
    return raw[:4] + response_authenticator(raw, bytes(16), SECRET) + body
