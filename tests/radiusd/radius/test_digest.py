"""SIP digest is read in both of its encodings and checked as RFC 2617 and RFC 5090 say."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.digest import (
    DigestCredentials,
    IncompleteDigest,
    breach_of_rules,
    challenge_attributes,
    hash_a1,
    read_digest,
    response_attributes,
    verify,
)
from radiusd.radius.digest_fields import Encoding, wants_challenge
from radiusd.radius.packet import read_packet
from radiusd.radius.reply import Reply
from radiusd.radius.request import Request
from radiusd.radius.signing import build_reply

SECRET = b"a secret of 24 octets..."
DIGESTS = {
    "kamailio-user-rfc5090.access-request": (Encoding.RFC_5090, "rig.example", "auth"),
    "kamailio-user-sterman.access-request": (Encoding.STERMAN, "rig.example", "auth"),
    "sippy-digest-radius.access-request": (Encoding.STERMAN, "127.0.0.1", None),
    "yate.access-request": (Encoding.STERMAN, "rig.example", None),
}

# RFC 2617, 3.5.
MUFASA = DigestCredentials(
    encoding=Encoding.RFC_5090,
    username="Mufasa",
    realm="testrealm@host.com",
    method=b"GET",
    uri=b"/dir/index.html",
    nonce=b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
    response=b"6629fae49393a05397450978507c4ef1",
    qop="auth",
    nc=b"00000001",
    cnonce=b"0a4f113b",
)


def md5(*parts: str) -> str:
    """H() of RFC 2617 over parts joined by colons, apart from the code under test."""
    return hashlib.md5(":".join(parts).encode()).hexdigest()


def replaced(credentials: DigestCredentials, **fields: object) -> DigestCredentials:
    names = DigestCredentials.__dataclass_fields__
    return DigestCredentials(**{name: getattr(credentials, name) for name in names} | fields)


def written(credentials: DigestCredentials) -> list[tuple[int, bytes]]:
    """The attributes of RFC 5090 that say *credentials*."""
    values = {
        Attribute.DIGEST_RESPONSE: credentials.response,
        Attribute.DIGEST_REALM: credentials.realm.encode(),
        Attribute.DIGEST_NONCE: credentials.nonce,
        Attribute.DIGEST_METHOD: credentials.method,
        Attribute.DIGEST_URI: credentials.uri,
        Attribute.DIGEST_QOP: (credentials.qop or "").encode(),
        Attribute.DIGEST_CNONCE: credentials.cnonce or b"",
        Attribute.DIGEST_NONCE_COUNT: credentials.nc or b"",
        Attribute.DIGEST_USERNAME: credentials.username.encode(),
    }
    return [(type, value) for type, value in values.items() if value]


def a_request(*attributes: tuple[int, bytes], code: Code = Code.ACCESS_REQUEST, signs_message: bool = True):
    return read_packet(Request(code, list(attributes), signs_message).sign(7, SECRET))


@pytest.mark.parametrize("name", DIGESTS)
def test_L171_L172_digests_of_real_proxies(captured, name):
    """
    What Kamailio, Sippy and Yate sent verifies with the right password or HA1, and with no other.
    """
    credentials = read_digest(read_packet(captured[name]))
    encoding, realm, qop = DIGESTS[name]

    assert (encoding, "15550000001", realm, qop) == (
        credentials.encoding,
        credentials.username,
        credentials.realm,
        credentials.qop,
    )
    assert verify(credentials, realm, password="pw1")
    assert verify(credentials, realm, ha1=hash_a1("15550000001", realm, "pw1"))
    assert not verify(credentials, realm, password="pw2")
    assert not verify(credentials, realm, ha1=hash_a1("15550000002", realm, "pw1"))
    assert not verify(credentials, "other.example", password="pw1")
    assert not verify(credentials, realm)


def test_the_example_of_rfc_2617():
    """
    Mufasa's answer is right for "Circle Of Life", to the letter.
    """
    assert verify(MUFASA, "testrealm@host.com", password="Circle Of Life")
    assert not verify(MUFASA, "testrealm@host.com", password="circle of life")
    assert MUFASA == read_digest(a_request(*written(MUFASA)))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", b"8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm, response):
    """
    MD5 and SHA-256 give what RFC 7616 prints in section 3.9.1.
    """
    credentials = replaced(
        MUFASA,
        realm="http-auth@example.org",
        nonce=b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        cnonce=b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        algorithm=algorithm,
        response=response,
    )

    assert verify(credentials, "http-auth@example.org", password="Circle of Life")
    assert not verify(credentials, "http-auth@example.org", password="Circle of life")


@pytest.mark.parametrize(
    "fields",
    [
        {"method": b"POST"},
        {"uri": b"/dir/index.htm"},
        {"nonce": b"other"},
        {"cnonce": b"other"},
        {"nc": b"00000002"},
        {"qop": None, "nc": None},
        {"qop": "auth-int"},
        {"qop": "auth-int", "body_hash": b"d41d8cd98f00b204e9800998ecf8427e"},
        {"qop": "token"},
        {"algorithm": "MD5-SESS"},
        {"algorithm": "SHA-256"},
        {"algorithm": "AKAv1-MD5"},
        {"algorithm": ""},
        {"response": b""},
        {"response": b"6629fae49393a05397450978507c4ef"},
    ],
)
def test_L172_nothing_else_verifies(fields):
    """
    A digest with one part changed, or of a kind that nobody here knows, is wrong and does no harm.
    """
    credentials = replaced(MUFASA, **fields)

    assert not verify(credentials, MUFASA.realm, password="Circle Of Life")
    assert not verify(credentials, MUFASA.realm, ha1=hash_a1("Mufasa", MUFASA.realm, "Circle Of Life"))


def test_session_algorithm():
    """
    MD5-sess hashes nonce and cnonce into A1 (RFC 2617, 3.2.2.2).
    """
    nonce = MUFASA.nonce.decode()
    a1 = md5(md5("Mufasa", MUFASA.realm, "Circle Of Life"), nonce, "0a4f113b")
    response = md5(a1, nonce, "00000001", "0a4f113b", "auth", md5("GET", "/dir/index.html"))
    credentials = replaced(MUFASA, algorithm="MD5-SESS", response=response.encode())

    assert verify(credentials, MUFASA.realm, password="Circle Of Life")
    assert not verify(replaced(credentials, cnonce=b"x"), MUFASA.realm, password="Circle Of Life")
    assert not verify(replaced(credentials, cnonce=None), MUFASA.realm, password="Circle Of Life")


def test_auth_int_covers_the_body():
    """
    With qop auth-int the hash of the body is part of the answer, and without that hash nothing verifies.
    """
    body = md5("v=0")
    ha1 = md5("Mufasa", MUFASA.realm, "Circle Of Life")
    ha2 = md5("GET", "/dir/index.html", body)
    response = md5(ha1, MUFASA.nonce.decode(), "00000001", "0a4f113b", "auth-int", ha2)
    credentials = replaced(MUFASA, qop="auth-int", body_hash=body.encode(), response=response.encode())

    assert verify(credentials, MUFASA.realm, ha1=ha1)
    assert not verify(replaced(credentials, body_hash=md5("v=1").encode()), MUFASA.realm, ha1=ha1)
    assert not verify(replaced(credentials, body_hash=None), MUFASA.realm, ha1=ha1)


def test_an_ha1_of_another_algorithm_does_not_verify():
    """
    An HA1 of MD5 cannot check SHA-256, nor the other way round; an HA1 that is none checks nothing.
    """
    sha = hash_a1("Mufasa", MUFASA.realm, "Circle Of Life", "SHA-256")

    for ha1 in (sha, "", "zz", "é" * 32):
        assert not verify(MUFASA, MUFASA.realm, ha1=ha1)
    with pytest.raises(ValueError, match="digest algorithm 'MD4' is not known"):
        hash_a1("a", "b", "c", "MD4")


def test_L170_method_and_uri_ask_for_a_challenge():
    """
    Digest-Method and Digest-URI without nonce ask for a challenge, in either encoding; nothing else does.
    """
    ask = [(108, b"INVITE"), (109, b"sip:100@example.org")]

    assert wants_challenge(a_request(*ask))
    assert wants_challenge(a_request((207, b"\x03\x08INVITE\x04\x09sip:100")))
    assert not wants_challenge(a_request(*written(MUFASA)))
    assert not wants_challenge(a_request(ask[0]))
    assert not wants_challenge(a_request(*ask, code=Code.ACCOUNTING_REQUEST))
    assert not wants_challenge(a_request((108, b"192.0.2.1"), (109, b"5060")))
    assert None is read_digest(a_request(*ask))


def test_L170_L179_what_a_challenge_carries():
    """
    An Access-Challenge has nonce, realm and exactly one State, which stands first; Stale only when it is.
    """
    plain, stale = (
        read_packet(
            build_reply(
                a_request((108, b"INVITE")),
                Reply(Code.ACCESS_CHALLENGE, challenge_attributes("example.org", "nonce-1", stale=stale)),
                SECRET,
            )
        )
        for stale in (False, True)
    )

    assert [80, 24, 105, 104, 110, 111] == [type for type, _ in plain.attributes]
    assert ("nonce-1", "example.org", "auth", "MD5") == tuple(
        plain.text(type) for type in (105, 104, 110, 111)
    )
    assert 1 == len(plain.all(24))
    assert (None, "true") == (plain.text(120), stale.text(120))


def test_L171_digest_response_auth():
    """
    The Accept's Digest-Response-Auth is the hash without a method (RFC 2617, 3.2.3).
    """
    ha1 = hash_a1("Mufasa", MUFASA.realm, "Circle Of Life")
    expected = md5(ha1, MUFASA.nonce.decode(), "00000001", "0a4f113b", "auth", md5("", "/dir/index.html"))

    assert [(Attribute.DIGEST_RESPONSE_AUTH, expected.encode())] == response_attributes(MUFASA, ha1)


def test_L177_no_ha1_is_ever_sent():
    """
    Digest-HA1 is not sent for qop auth with MD5, nor otherwise; older encodings and qop-less get nothing.
    """
    ha1 = hash_a1("Mufasa", MUFASA.realm, "Circle Of Life")
    others = [
        replaced(MUFASA, qop="auth-int", body_hash=b"d" * 32),
        replaced(MUFASA, qop=None, nc=None),
        replaced(MUFASA, encoding=Encoding.STERMAN),
        replaced(MUFASA, algorithm="SHA-256"),
    ]

    assert [106] == [type for type, _ in response_attributes(MUFASA, ha1)]
    assert [[]] * 4 == [response_attributes(credentials, ha1) for credentials in others]


@pytest.mark.parametrize("missing", [104, 105, 108, 109, 113, 114, 115])
def test_L175_missing_mandatory_attributes(missing):
    """
    A digest without one of its mandatory attributes is refused, and the error names it.
    """
    attributes = [pair for pair in written(MUFASA) if pair[0] != missing]

    with pytest.raises(IncompleteDigest) as caught:
        read_digest(a_request(*attributes))
    assert 1 == len(caught.value.missing)


def test_without_qop_neither_cnonce_nor_count_are_needed():
    """
    An answer as in RFC 2069 is complete without them.
    """
    attributes = [pair for pair in written(MUFASA) if pair[0] not in (110, 113, 114)]
    credentials = read_digest(a_request(*attributes))

    assert (None, None) == (credentials.qop, credentials.nonce_count)


def test_L176_names_must_agree():
    """
    A User-Name that differs from Digest-Username is refused; with its realm behind only strict clients are.
    """
    for name, strict, proxy in (
        (b"Mufasa", None, None),
        (b"Mufasa@testrealm@host.com", "digest_username_differs", None),
        (b"Scar", "digest_username_differs", "digest_username_differs"),
        (b"Mufasa@elsewhere", "digest_username_differs", "digest_username_differs"),
        (b"", "digest_username_differs", "digest_username_differs"),
    ):
        request = a_request((1, name))
        assert strict == breach_of_rules(request, MUFASA, "strict")
        assert proxy == breach_of_rules(request, MUFASA, "proxy")
    assert "digest_username_differs" == breach_of_rules(a_request(), MUFASA, "proxy")


def test_L178_message_authenticator_is_needed():
    """
    Digest attributes without Message-Authenticator are not accepted, except from a proxy known to be so.
    """
    request = a_request((1, b"Mufasa"), *written(MUFASA), signs_message=False)

    assert "digest_without_message_authenticator" == breach_of_rules(request, MUFASA, "strict")
    assert None is breach_of_rules(request, MUFASA, "proxy")


def test_the_owner_of_a_sip_aor_can_be_checked():
    """
    SIP-AOR is read, so that a foreign one can be refused.
    """
    assert (
        "sip:mufasa@host.com" == read_digest(a_request(*written(MUFASA), (122, b"sip:mufasa@host.com"))).aor
    )


def test_numbers_that_mean_something_else(captured):
    """
    In accounting, and where a site sends CSeq, tags and addresses as 103 to 109, no digest is seen.
    """
    clash = [(103, b"4435"), (104, b"to-tag"), (105, b"from-tag"), (108, b"192.0.2.1"), (109, b"5060")]

    assert None is read_digest(a_request(*clash))
    assert None is read_digest(a_request(*written(MUFASA), code=Code.ACCOUNTING_REQUEST))
    for name, octets in captured.items():
        if name not in DIGESTS:
            assert None is read_digest(read_packet(octets))


def test_a_response_of_the_wrong_shape_in_a_complete_digest_is_a_wrong_digest():
    """
    A garbled Digest-Response is still credentials, so that the request is not taken for one without any.
    """
    garbled = replaced(MUFASA, uri=b"sip:100@example.org", response=b"garbled")
    credentials = read_digest(a_request(*written(garbled)))

    assert garbled == credentials
    assert not verify(credentials, MUFASA.realm, password="Circle Of Life")


def test_the_older_encoding_wins_over_the_numbers_of_the_newer(captured):
    """
    A sender of 206 and 207 uses 103 to 122 for other things.
    """
    packet = read_packet(captured["kamailio-user-sterman.access-request"])
    both = a_request(*packet.attributes, *written(MUFASA))

    assert "15550000001" == read_digest(both).username


@given(st.lists(st.binary(max_size=60), max_size=5), st.binary(max_size=40))
def test_any_octets_in_207_do_no_harm(values, response):
    """
    Whatever stands in 206 and 207 is a digest, an incomplete one, or none.
    """
    request = a_request((206, response), *[(207, value) for value in values])
    try:
        credentials = read_digest(request)
    except IncompleteDigest:
        return
    assert credentials is None or not verify(credentials, credentials.realm, password="pw")


def test_T2_the_response_is_not_shown():
    """
    The repr of credentials does not have what a guesser needs.
    """
    assert "6629fae49393a05397450978507c4ef1" not in repr(MUFASA)
