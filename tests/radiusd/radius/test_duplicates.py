"""A request is done once and answered alike, for as long as its sender may repeat it."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from radiusd.radius.duplicates import DuplicateCache, Standing

HOST, PORT = "192.0.2.1", 40000
ONE, OTHER = b"1" * 16, b"2" * 16


def a_cache(**settings):
    clock = Clock()
    return clock, DuplicateCache(clock, **settings)


def test_L070_pending_gets_no_second_answer():
    """
    Duplicates that arrive while a request is pending get no second answer.
    """
    _, cache = a_cache()

    assert Standing.NEW is cache.admit(HOST, PORT, 7, ONE)
    assert Standing.PENDING is cache.admit(HOST, PORT, 7, ONE)
    assert Standing.PENDING is cache.admit(HOST, PORT, 7, ONE)


def test_L071_answered_gets_the_same_octets():
    """
    A duplicate after the answer gets the original answer again, byte for byte.
    """
    _, cache = a_cache()
    cache.admit(HOST, PORT, 7, ONE)

    assert cache.settle(HOST, PORT, 7, ONE, b"reply")
    assert b"reply" == cache.admit(HOST, PORT, 7, ONE)
    assert b"reply" == cache.admit(HOST, PORT, 7, ONE)


def test_L072_X03_a_new_authenticator_is_a_new_request():
    """
    Same source port and Identifier with a new Request Authenticator is a new request and purges the old one.
    """
    _, cache = a_cache()
    cache.admit(HOST, PORT, 7, ONE)
    cache.settle(HOST, PORT, 7, ONE, b"reply")

    assert Standing.NEW is cache.admit(HOST, PORT, 7, OTHER)
    assert 1 == len(cache)
    assert Standing.NEW is cache.admit(HOST, PORT, 7, ONE)


def test_L074_L016_another_source_is_another_request():
    """
    The same Identifier from another source port, or another host, is another request.
    """
    _, cache = a_cache()
    cache.admit(HOST, PORT, 7, ONE)

    assert Standing.NEW is cache.admit(HOST, PORT + 1, 7, ONE)
    assert Standing.NEW is cache.admit("192.0.2.2", PORT, 7, ONE)
    assert Standing.NEW is cache.admit(HOST, PORT, 8, ONE)
    assert Standing.PENDING is cache.admit(HOST, PORT, 7, ONE)


def test_L075_an_answer_is_kept_for_its_time():
    """
    The answer stays for 30 seconds after it was given, however long it took, then is forgotten.
    """
    clock, cache = a_cache(keep_s=30.0)
    cache.admit(HOST, PORT, 7, ONE)
    clock.advance(25)
    cache.settle(HOST, PORT, 7, ONE, b"reply")

    clock.advance(29)
    assert b"reply" == cache.admit(HOST, PORT, 7, ONE)
    clock.advance(1)
    assert Standing.NEW is cache.admit(HOST, PORT, 7, ONE)


def test_X15_no_second_answer_for_one_request():
    """
    A second answer, or one to a request that its sender has given up, is not to be sent.
    """
    _, cache = a_cache()
    cache.admit(HOST, PORT, 7, ONE)
    cache.settle(HOST, PORT, 7, ONE, b"reply")

    assert not cache.settle(HOST, PORT, 7, ONE, b"another")
    assert b"reply" == cache.admit(HOST, PORT, 7, ONE)
    cache.admit(HOST, PORT, 7, OTHER)
    assert not cache.settle(HOST, PORT, 7, ONE, b"late")
    assert Standing.PENDING is cache.admit(HOST, PORT, 7, OTHER)


def test_forgetting_lets_a_retransmission_try_again():
    """
    A request that got no answer counts as new when it comes again; an answered one is not forgotten.
    """
    _, cache = a_cache()
    cache.admit(HOST, PORT, 7, ONE)
    cache.forget(HOST, PORT, 7, OTHER)
    assert Standing.PENDING is cache.admit(HOST, PORT, 7, ONE)

    cache.forget(HOST, PORT, 7, ONE)
    assert Standing.NEW is cache.admit(HOST, PORT, 7, ONE)

    cache.settle(HOST, PORT, 7, ONE, b"reply")
    cache.forget(HOST, PORT, 7, ONE)
    assert b"reply" == cache.admit(HOST, PORT, 7, ONE)


def test_a_full_cache_loses_its_oldest_only():
    """
    It never holds more than it may; an answer for a request that was pushed out may still be sent.
    """
    _, cache = a_cache(max_entries=3)
    for identifier in range(4):
        cache.admit(HOST, PORT, identifier, ONE)

    assert 3 == len(cache)
    assert Standing.PENDING is cache.admit(HOST, PORT, 1, ONE)
    assert cache.settle(HOST, PORT, 0, ONE, b"reply")
    assert 3 == len(cache)


steps = st.lists(
    st.tuples(
        st.sampled_from(["admit", "settle", "forget", "advance"]),
        st.integers(0, 2),
        st.sampled_from([ONE, OTHER]),
        st.integers(0, 20),
    ),
    max_size=40,
)


@given(steps)
def test_behaves_like_a_plain_table(found):
    """
    Whatever happens in whatever order, the cache does as a table does that is searched from end to end.
    """
    clock, cache = a_cache(keep_s=30.0)
    table: dict[int, list] = {}  # identifier: authenticator, reply, expires at
    for step, identifier, authenticator, number in found:
        now = clock.seconds()
        table = {key: row for key, row in table.items() if row[2] > now}
        row = table.get(identifier)
        same = row is not None and row[0] == authenticator
        if step == "advance":
            clock.advance(number)
        elif step == "admit":
            expected = Standing.NEW if not same else row[1] or Standing.PENDING
            if not same:
                table[identifier] = [authenticator, None, now + 30]
            assert expected == cache.admit(HOST, PORT, identifier, authenticator)
        elif step == "settle" and row is not None:
            reply = bytes((number,)) * 20
            expected = same and row[1] is None
            if expected:
                row[1:] = [reply, now + 30]
            # The cache forgets when the next request comes, the table at once.
            assert expected == cache.settle(HOST, PORT, identifier, authenticator, reply)
        elif step == "forget" and same and row[1] is None:
            del table[identifier]
            cache.forget(HOST, PORT, identifier, authenticator)
