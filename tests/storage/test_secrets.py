"""Secrets are unreadable without the key, and the key is nobody else's."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.storage.secrets import KeyUnusable, NotOurSeal, Sealer, make_key, read_key

KEY = bytes(range(32))


@given(st.binary(max_size=300))
def test_opens_what_it_sealed(secret):
    """
    Seal, then open, is the identity; the sealed form holds no trace of a secret of some length.
    """
    sealed = Sealer(KEY).seal(secret)

    assert secret == Sealer(KEY).open(sealed)
    assert len(secret) < 4 or secret not in sealed


def test_the_same_secret_is_sealed_differently_each_time():
    """
    Nobody sees from a dump that two clients share one secret.
    """
    sealer = Sealer(KEY)

    assert sealer.seal(b"secret") != sealer.seal(b"secret")


@pytest.mark.parametrize("place", [0, 1, 13, -1])
def test_refuses_what_was_changed(place):
    """
    One flipped bit anywhere, and it does not open.
    """
    sealed = bytearray(Sealer(KEY).seal(b"secret"))
    sealed[place] ^= 1

    with pytest.raises(NotOurSeal, match="another key"):
        Sealer(KEY).open(bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 13, b"cleartext"])
def test_refuses_what_was_never_sealed(sealed):
    """
    Fragments and clear text are refused like a wrong key.
    """
    with pytest.raises(NotOurSeal):
        Sealer(KEY).open(sealed)


def test_refuses_another_key():
    """
    A database restored without its key says what is missing.
    """
    with pytest.raises(NotOurSeal, match="key_file"):
        Sealer(KEY[::-1]).open(Sealer(KEY).seal(b"secret"))


def test_never_shows_the_key():
    """
    A sealer in a traceback or a log gives nothing away.
    """
    assert "Sealer(***)" == repr(Sealer(KEY))


def test_makes_a_key_that_only_we_can_read(tmp_path):
    """
    The first start makes the file with mode 0400, whatever the umask, and the next finds the same key.
    """
    before = os.umask(0)
    try:
        key = make_key(tmp_path / "new" / "secret.key")
    finally:
        os.umask(before)

    assert 0o400 == stat.S_IMODE((tmp_path / "new" / "secret.key").stat().st_mode)
    assert key == make_key(tmp_path / "new" / "secret.key")
    assert ["secret.key"] == os.listdir(tmp_path / "new")


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o420])
def test_refuses_a_key_that_others_can_read(tmp_path, mode):
    """
    An open key file is an error that says how to close it.
    """
    path = tmp_path / "secret.key"
    path.write_bytes(KEY)
    path.chmod(mode)

    with pytest.raises(KeyUnusable, match=f"mode {mode:04o}.*chmod 0400"):
        read_key(path)


@pytest.mark.parametrize("content", [b"", KEY[:-1], KEY + b"\n"])
def test_refuses_a_file_that_is_no_key(tmp_path, content):
    """
    A cut or foreign file is refused, not padded.
    """
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    path.chmod(0o400)

    with pytest.raises(KeyUnusable, match="not a key of 32 octets"):
        read_key(path)


def test_says_when_the_key_is_missing(tmp_path):
    """
    Reading makes no key: only the first start does.
    """
    with pytest.raises(KeyUnusable, match=r"missing.key: the key file cannot be read: No such file"):
        read_key(tmp_path / "missing.key")
