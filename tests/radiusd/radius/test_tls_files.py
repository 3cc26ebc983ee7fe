"""The files of certificates: what is wrong with them is told by path, and does not take the old ones away."""

from datetime import UTC, datetime, timedelta

import pytest

from radiusd.errors import BadSettings
from radiusd.front import read_tls_files
from radiusd.radius.radsec import BadCertificate, TlsFiles
from radiusd.settings import Database, Listener, Settings, Tls
from tests.authority import Authority


@pytest.fixture
def authority(tmp_path):
    """An authority with two certificates."""
    authority = Authority(tmp_path)
    authority.issue("server", lives=timedelta(days=40))
    authority.issue("other")
    return authority


def files(authority, **other):
    """The server's files, or others."""
    usual = {"certificate": "server.pem", "key": "server.key", "ca": authority.path.name} | other
    return TlsFiles(**{name: authority.folder / file for name, file in usual.items()})


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"certificate": "missing.pem"}, r"missing\.pem: cannot be read: No such file"),
        ({"certificate": "server.key"}, r"server\.key: OpenSSL cannot use it"),
        ({"key": "other.key"}, r"other\.key: it is not the key of .*server\.pem"),
        ({"key": "server.pem"}, r"server\.pem: OpenSSL cannot use it"),
        ({"ca": "server.key"}, r"server\.key: OpenSSL cannot use it"),
        ({"crl": "missing.crl"}, r"missing\.crl: no list of revoked certificates"),
        ({"crl": "server.pem"}, r"server\.pem: no list of revoked certificates in PEM: nothing ends"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_path(authority, other, says):
    """
    And what to do.
    """
    with pytest.raises(BadCertificate, match=says):
        files(authority, **other)


def test_a_file_that_went_wrong_changes_nothing(authority):
    """
    The context that was made before stays in use, whichever file it is.
    """
    good = files(authority)
    before = good.context
    for name in ("server.pem", "server.key", authority.path.name):
        kept = (authority.folder / name).read_bytes()
        (authority.folder / name).write_bytes(b"nonsense")
        with pytest.raises(BadCertificate):
            good.read()
        (authority.folder / name).write_bytes(kept)

        assert before is good.context
    good.read()
    assert before is not good.context


def test_it_is_known_when_our_certificate_ends(authority):
    """
    It has 40 days: in ten of them it is time to renew it.
    """
    good, now = files(authority), datetime.now(UTC)

    assert not good.expires_soon(now)
    assert good.expires_soon(now + timedelta(days=11))


def test_a_server_without_tls_needs_no_files(tmp_path):
    """
    And one with it does not start with wrong ones.
    """
    plain = Settings(Database(directory="db"))
    listeners = (Listener("both", transport="tls"),)
    tls = Settings(Database(directory="db"), listeners=listeners, tls=Tls("a.pem", "a.key", "ca.pem"))

    assert None is read_tls_files(plain)
    with pytest.raises(BadSettings, match=r"tls: a\.key: cannot be read"):
        read_tls_files(tls)
