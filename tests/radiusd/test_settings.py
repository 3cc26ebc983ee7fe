"""The configuration file: what makes no sense is refused by line, with what to do."""

import re

import pytest

from radiusd.errors import BadSettings
from radiusd.settings import read_settings

TLS = "[tls]\ncertificate = 'a'\nkey = 'b'\nca = 'c'\n"
DATABASE = '[database]\ndirectory = "db"\n'


def listener(**fields):
    lines = [f"{name} = {value!r}" for name, value in fields.items()]
    return "\n".join(["[[listeners]]", *lines, ""])


def collector(**fields):
    """Return a collector of pbx1 as the settings have it."""
    lines = [f'{name} = "{value}"' for name, value in {"source": "pbx1", **fields}.items()]
    return "\n".join(["[[collectors]]", *lines, ""])


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (listener(kind="both"), 4, 'kind = "both" is for transport tcp or tls'),
        (listener(kind="sip", transport="tls") + TLS, 5, "transport udp or tcp"),
        (listener(kind="both", transport="tls"), 5, "transport tls needs tls.certificate, a PEM file"),
        (listener(kind="both", transport="tls") + "[tls]\ncertificate='a'\nkey='b'", 5, "needs tls.ca"),
        (listener(kind="auth", port=70000), 5, "port 70000 is not from 1 to 65535"),
        (listener(kind="auth", transport="sctp"), 5, "sctp"),
        ("[streams]\nidle_s = 0\n", 4, "streams.idle_s must be at least"),
        ("[streams]\nconnections_per_client = 0\n", 4, "streams.connections_per_client must be at least 1"),
        ('[sip]\nrealm = ""\n', 4, "sip.realm must be"),
        (collector(), 4, "collector of pbx1: source: nothing comes in: give folder, listen, connect"),
        (collector(listen="9000"), 5, "listen: '9000' is not host:port, as 127.0.0.1:9000 is"),
        (collector(connect="pbx:70000"), 5, "connect: 'pbx:70000' is not host:port"),
        (collector(post="127.0.0.1:8090"), 5, "post: whoever posts records has to prove who it is"),
        (collector(listen="::1:9000") + 'allow = ["office"]\n', 6, "allow: 'office' does not appear"),
        (collector(folder="/srv", pattern="/srv/*"), 6, "pattern: '/srv/*' names no files in the folder"),
        (collector(folder="/srv", pattern="**/*", done="old"), 6, "would find again what was moved to old"),
        (collector(folder="/srv") + "settle_s = -1\n", 6, "settle_s: -1.0 must be at least 0"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, line, says):
    """
    With the file, the line, and what to do.
    """
    path = tmp_path / "tollwire.toml"
    path.write_text(DATABASE + text)

    with pytest.raises(BadSettings, match=rf"tollwire\.toml:{line}: .*{re.escape(says)}"):
        read_settings(path, {})


@pytest.mark.parametrize(
    ("fields", "port", "label"),
    [
        ({"kind": "auth"}, 1812, "auth 0.0.0.0:1812"),
        ({"kind": "acct", "transport": "tcp"}, 1813, "acct tcp 0.0.0.0:1813"),
        ({"kind": "both", "transport": "tcp"}, 2083, "both tcp 0.0.0.0:2083"),
        ({"kind": "sip"}, 5060, "sip 0.0.0.0:5060"),
        ({"kind": "sip", "transport": "tcp", "port": 5080}, 5080, "sip tcp 0.0.0.0:5080"),
    ],
)
def test_a_listener_has_its_usual_port(tmp_path, fields, port, label):
    """
    By kind, whatever the transport.
    """
    path = tmp_path / "tollwire.toml"
    path.write_text(DATABASE + listener(**fields))
    (found,) = read_settings(path, {}).listeners

    assert (port, label) == (found.port_number, found.label)
