"""A nonce proves where and when it was made, and is worth one use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.radius.nonces import NonceCounts, NonceMaker, NonceState

KEY = b"k" * 32
NOW = 1_795_000_000


def test_X37_a_nonce_is_good_for_its_life():
    """
    It is fresh from when it was made until its life is over, then stale; no table is needed for that.
    """
    nonce = NonceMaker(KEY, life_s=60).make(NOW, 1, "example.org").encode()
    another_worker = NonceMaker(KEY, life_s=60)

    states = [
        another_worker.check(nonce, NOW + age_s, 1, "example.org") for age_s in (-61, -60, 0, 59, 60, 10**6)
    ]
    assert [
        NonceState.STALE,
        NonceState.FRESH,
        NonceState.FRESH,
        NonceState.FRESH,
        NonceState.STALE,
        NonceState.STALE,
    ] == states


def test_L173_nonces_of_others_are_foreign():
    """
    A nonce the server never made is not accepted: one of another key, client or realm, or any octets.
    """
    maker = NonceMaker(KEY)
    nonce = maker.make(NOW, 1, "example.org").encode()

    assert NonceState.FOREIGN is NonceMaker(b"x" * 32).check(nonce, NOW, 1, "example.org")
    assert NonceState.FOREIGN is maker.check(nonce, NOW, 2, "example.org")
    assert NonceState.FOREIGN is maker.check(nonce, NOW, 1, "example.com")
    for other in (b"", b"awNBRmsDQQqAEqWAhL3tpx39lajm6j41", b"\xff\0", b"=" * 36, nonce[:-1], nonce + b"A"):
        assert NonceState.FOREIGN is maker.check(other, NOW, 1, "example.org")


@given(st.integers(0, 35), st.integers(0, 127))
def test_L173_one_changed_octet_makes_it_foreign(at, octet):
    """
    No part of a nonce can be changed, its time least of all.
    """
    maker = NonceMaker(KEY, random=lambda size: b"r" * size)
    nonce = maker.make(NOW, 1, "example.org").encode()
    changed = nonce[:at] + bytes((octet,)) + nonce[at + 1 :]

    expected = NonceState.FRESH if changed == nonce else NonceState.FOREIGN
    assert expected is maker.check(changed, NOW, 1, "example.org")


def test_X02_nonces_differ():
    """
    Nonces of one second, client and realm are all different, and fit any header without quoting.
    """
    maker = NonceMaker(KEY)
    nonces = {maker.make(NOW, 1, "example.org") for _ in range(1000)}

    assert 1000 == len(nonces)
    assert all(nonce.replace("-", "a").replace("_", "a").isalnum() for nonce in nonces)


def test_a_short_key_is_refused():
    """
    The error says how long the key must be.
    """
    with pytest.raises(ValueError, match="the nonce key has 15 octets; use at least 16 random ones"):
        NonceMaker(b"k" * 15)


def test_L174_a_count_must_grow():
    """
    A replayed digest answer (same nonce and nc) is not accepted again; a higher count is, a lower is not.
    """
    counts = NonceCounts()

    uses = [counts.use(b"n", count, NOW) for count in (1, 1, 2, 5, 3, 5, 6)]
    assert [True, False, True, True, False, False, True] == uses
    assert counts.use(b"another", 1, NOW)
    assert not counts.use(b"a third", 0, NOW)


def test_L174_without_a_count_a_nonce_is_good_once():
    """
    A qop-less answer uses its nonce up, for answers with a count as well.
    """
    counts = NonceCounts()

    assert [True, False, False] == [counts.use(b"n", count, NOW) for count in (None, None, 7)]
    assert [True, False] == [counts.use(b"m", count, NOW) for count in (1, None)]


def test_L174_a_use_is_remembered_while_the_nonce_can_come_back():
    """
    A nonce of a clock one life ahead can come back for two lives, and is remembered for as long.
    """
    maker, counts = NonceMaker(KEY, life_s=60), NonceCounts(life_s=60)
    nonce = maker.make(NOW + 60, 1, "r").encode()
    counts.use(nonce, 1, NOW)

    for now_s in range(NOW, NOW + 125):
        if maker.check(nonce, now_s, 1, "r") is NonceState.FRESH:
            assert not counts.use(nonce, 1, now_s)
    counts.use(b"later", 1, NOW + 120)
    assert 1 == len(counts)


def test_a_full_table_refuses_rather_than_forgets():
    """
    Forgetting a living nonce would allow its replay, so new ones wait for old ones to expire.
    """
    counts = NonceCounts(life_s=60, max_nonces=2)
    counts.use(b"a", 1, NOW)
    counts.use(b"b", 1, NOW + 1)

    assert not counts.use(b"c", 1, NOW + 2)
    assert not counts.use(b"a", 1, NOW + 2)
    assert counts.use(b"b", 2, NOW + 2)
    assert counts.use(b"c", 1, NOW + 120)
