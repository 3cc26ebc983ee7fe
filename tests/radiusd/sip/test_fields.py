"""Addresses, Via, CSeq, URIs and digests, as senders write them and as they should not."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.sip.credentials import challenge, credentials_for
from radiusd.sip.fields import (
    BadField,
    quoted,
    read_address,
    read_cseq,
    read_params,
    read_via,
    split_outside,
    unquoted,
)
from radiusd.sip.framing import PING, BadStream, Framer
from radiusd.sip.uri import BadUri, UnknownScheme, read_uri
from tests.sip_desk import a_request, read


@pytest.mark.parametrize(
    ("text", "uri", "tag"),
    [
        ("sip:1@x;tag=a", "sip:1@x", "a"),
        ("<sip:1@x;p=q>;tag=a", "sip:1@x;p=q", "a"),
        ('"A \\" <b>; c" <sip:1@x> ; Tag = a', "sip:1@x", "a"),
        ("A Caller <sip:1@x>", "sip:1@x", None),
    ],
)
def test_addresses(text, uri, tag):
    """
    With and without display name; what stands in quotes or brackets separates nothing.
    """
    address = read_address("from", text)

    assert (uri, tag) == (address.uri, address.params.get("tag"))


@pytest.mark.parametrize("text", ["", ";tag=a", "<>", "<sip:1@x", "<sip:1@x> more", '"open <sip:1@x>', "a b"])
def test_what_is_no_address(text):
    """
    The message names the header.
    """
    with pytest.raises(BadField, match="from"):
        read_address("from", text)


def test_vias():
    """
    As RFC 4475, 3.1.1.1 tortures it, and with IPv6.
    """
    odd = read_via("SIP  / 2.0\t/ UDP  192.0.2.2 : 4000 ; Branch = z9hG4bK1 ;rport")
    six = read_via("SIP/2.0/TCP [2001:DB8::1]:5061;branch=z9hG4bK2")

    assert ("UDP", "192.0.2.2", 4000, "z9hG4bK1", True) == (
        odd.transport, odd.host, odd.port, odd.branch, "rport" in odd.params,
    )  # fmt: skip
    assert ("TCP", "[2001:db8::1]", 5061, "z9hG4bK2") == (six.transport, six.host, six.port, six.branch)
    assert (None, "") == (read_via("SIP/2.0/UDP a").port, read_via("SIP/2.0/UDP a").branch)


@pytest.mark.parametrize(
    "text", ["", "SIP/1.0/UDP a", "SIP/2.0/UDP", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:70000", "a b"]
)
def test_what_is_no_via(text):
    """
    Then nobody knows whom to answer.
    """
    with pytest.raises(BadField):
        read_via(text)


def test_cseqs():
    """
    A number below 2^31 and a method.
    """
    assert (2147483647, "INVITE") == read_cseq("2147483647  INVITE")
    for text in ("2147483648 INVITE", "INVITE", "1", "-1 INVITE", "1 INVITE x", "٣ INVITE"):
        with pytest.raises(BadField):
            read_cseq(text)


@pytest.mark.parametrize(
    ("text", "number", "written"),
    [
        ("sip:442079460000@192.0.2.200", "442079460000", "sip:442079460000@192.0.2.200"),
        ("SIP:+44%2020;npdi@Gw.example:5080;a=b", "+44 20", "sip:+44%2020;npdi@Gw.example:5080;a=b"),
        ("sips:alice:pw@[2001:db8::1]:5061?subject=x", "alice", "sips:alice@[2001:db8::1]:5061"),
        ("tel:+1-555-(123).4;ext=5", "+15551234", "tel:+1-555-(123).4;ext=5"),
        ("sip:gw.example", "", "sip:gw.example"),
        ("sip:a,b?/c=1&d$@x", "a,b?/c=1&d$", "sip:a,b?/c=1&d$@x"),
    ],
)
def test_uris(text, number, written):
    """
    The number in it, and how it is written into a Contact: without password and headers.
    """
    assert (number, written) == (read_uri(text).number, str(read_uri(text)))


def test_a_uri_moves_to_another_place():
    """
    User part as it is, place as it is told.
    """
    assert "sip:+44;npdi@gw1.example:5080" == read_uri("sip:+44;npdi@x;user=phone").at("gw1.example:5080")
    assert "sip:15551234@gw1.example" == read_uri("tel:15551234").at("gw1.example")
    assert "sips:1@gw1.example" == read_uri("sips:1@x").at("gw1.example")


@pytest.mark.parametrize(
    "text", ["", "sip:", "sip:@x", "sip:1@", "sip:1@x:0", "sip:1@x:99999", "sip:1@x y", "sip:<1>@x", "1"]
)
def test_what_is_no_uri(text):
    """
    Nothing that could break out of a Contact passes.
    """
    with pytest.raises(BadUri):
        read_uri(text)


def test_other_schemes_are_known_as_such():
    """
    They get another answer (416).
    """
    with pytest.raises(UnknownScheme):
        read_uri("http://x")


@given(st.text(max_size=300))
def test_readers_of_fields_refuse_or_read_whatever_comes(text):
    """
    And what was split makes the whole again.
    """
    for reader in (read_uri, read_via, read_cseq, lambda one: read_address("from", one)):
        try:
            reader(text)
        except (BadUri, BadField):
            pass
    read_params(text.split(";"))
    assert text == ",".join(split_outside(text, ","))


@given(st.text(max_size=50))
def test_what_is_quoted_reads_as_it_was(text):
    """
    Quotes and backslashes included; a line break never gets here.
    """
    text = text.replace("\n", "")
    assert text == unquoted(quoted(text))


def test_a_challenge_and_its_answer():
    """
    Of several credentials those for our realm count.
    """
    told = 'Digest realm="a \\"b\\"", nonce="n", algorithm=MD5, qop="auth", stale=TRUE'
    assert told == challenge('a "b"', "n", stale=True)
    request = read(
        a_request(
            "INVITE",
            'Authorization: Digest username="x", realm="other"',
            "Authorization: Basic eDp5",
            'Authorization: digest  username="a,b\\"c" , REALM="ours",nc=00000001, uri="sip:1@x"',
        )
    )
    found = credentials_for(request, 401, "ours")

    assert {"username": 'a,b"c', "realm": "ours", "nc": "00000001", "uri": "sip:1@x"} == found
    assert None is credentials_for(request, 407, "ours")


messages = st.lists(
    st.one_of(st.just(PING), st.binary(max_size=40).map(lambda body: a_request(body=body.hex()))), max_size=5
)


@given(messages, st.lists(st.integers(0, 3000), max_size=8))
def test_a_stream_is_cut_into_the_messages_it_was_made_of(sent, cuts):
    """
    However the network cuts it.
    """
    stream = b"".join(sent)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    framer, found = Framer(), []
    for begin, end in itertools.pairwise(places):
        found += framer.messages(stream[begin:end])

    assert sent == found
    assert framer.is_between_messages


@pytest.mark.parametrize(
    "octets",
    [
        a_request().replace(b"Content-Length", b"Content-Size"),
        a_request().replace(b"Content-Length: 0", b"Content-Length: x"),
        a_request().replace(b"Content-Length: 0", b"Content-Length: 99999999"),
        b"x" * 20_000,
    ],
)
def test_a_stream_whose_next_message_cannot_be_found_is_lost(octets):
    """
    Its headers are too long, or do not say how long the body is.
    """
    with pytest.raises(BadStream):
        list(Framer().messages(octets))


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_random_streams_are_cut_or_lost(pieces):
    """
    And nothing else.
    """
    framer = Framer()
    try:
        for piece in pieces:
            list(framer.messages(piece))
    except BadStream:
        pass
