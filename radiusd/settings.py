"""The configuration file: TOML read into typed structs, with errors that say where and what to do."""

from __future__ import annotations

import os
import re
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

import msgspec

from radiusd.errors import BadSettings
from radiusd.exports.template import Export
from radiusd.records.collector import Collector


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the books are: an embedded PostgreSQL in *directory*, or a server of your own by *dsn*."""

    directory: str = ""
    dsn: str = ""
    deadline_s: float = 5.0  # a statement that takes longer loses its connection and is tried again


class Listener(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A port of one kind. An IPv6 address in *address* makes an IPv6 port."""

    kind: Literal["auth", "acct", "both", "sip"]
    address: str = "0.0.0.0"
    port: int = 0  # 0: 1812 for auth, 1813 for acct, 2083 for both, 5060 for sip
    transport: Literal["udp", "tcp", "tls"] = "udp"

    @property
    def port_number(self) -> int:
        """Return the port to bind."""
        return self.port or USUAL_PORTS[self.kind]

    @property
    def label(self) -> str:
        """Return what the log calls it."""
        kind = f"{self.kind} {self.transport}" if self.is_stream else self.kind
        return f"{kind} {self.address}:{self.port_number}"

    @property
    def is_stream(self) -> bool:
        """Tell whether it takes connections, not datagrams."""
        return self.transport != "udp"


USUAL_PORTS = {"auth": 1812, "acct": 1813, "both": 2083, "sip": 5060}  # RFC 2865, 2866, 6614, 3261


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The PEM files that TLS listeners need; read again at SIGHUP."""

    certificate: str = ""  # ours, and those between it and the root
    key: str = ""
    ca: str = ""  # whose signature on a client's certificate is believed
    crl: str = ""  # certificates that were taken back; empty: no list


class Sip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How INVITEs are answered."""

    realm: str = "tollwire"  # for which callers prove a password
    own_hosts: tuple[str, ...] = ()  # names and addresses that lead here, beside those of the listeners


class Streams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What connections over TCP and TLS may take up, in each process."""

    idle_s: float = 600.0  # silent for longer: closed
    started_s: float = 10.0  # a handshake or packet begun, and not ended within: closed
    connections: int = 1000  # on one port
    connections_per_client: int = 50


class Console(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The web console and the HTTP API, a process of their own: ``tollwire console``."""

    address: str = "127.0.0.1"
    port: int = 8080
    proxy: str = ""  # address or network of the reverse proxy whose X-Forwarded-For is believed
    threads: int = 8  # requests that are with the database at once
    connections: int = 1000  # open at once; what comes beyond is closed
    requests_per_minute: int = 600  # of one token, or of one address without any
    sign_up: bool = False  # visitors may make accounts of their own
    sign_up_plans: tuple[str, ...] = ()  # which they may choose
    sign_up_approval: bool = False  # their accounts begin suspended, until somebody lets them in


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of ``tollwire.toml``."""

    database: Database
    key_file: str = ""  # seals secrets at rest; made at the first start. Empty: beside the embedded database
    listeners: tuple[Listener, ...] = (
        Listener("auth", "::"),
        Listener("acct", "::"),
    )
    tls: Tls = Tls()
    streams: Streams = Streams()
    sip: Sip = Sip()
    workers: int = 1
    log: Log = Log()
    console: Console = Console()
    metrics_address: str = ""  # host:port; empty: no metrics port
    reject_delay_s: float = 1.0  # wait before an Access-Reject for wrong credentials (guessing)
    queue_limit: int = 20_000  # events waiting for the database; beyond it we stay silent
    collectors: tuple[Collector, ...] = ()  # call records that come in by themselves
    exports: tuple[Export, ...] = ()  # saved exports of CDRs, also those that are made by themselves

    @property
    def key_path(self) -> Path:
        """Return the file of the key that seals secrets."""
        if self.key_file:
            return Path(self.key_file)
        return Path(self.database.directory or ".") / "secret.key"


def read_settings(path: Path, environ: dict[str, str] | None = None) -> Settings:
    """
    Return the settings in *path*; ``TOLLWIRE__SECTION__KEY`` in *environ* wins over the file.

    Raises:
        BadSettings: ``file:line: what is wrong, and what to do``.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: cannot be read: {error}; name the file with --config") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = found.group(1) if found else 1
        raise BadSettings(f"{path}:{line}: not TOML: {error}; mend this line") from error
    _override(data, os.environ if environ is None else environ)
    try:
        settings = msgspec.convert(data, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadSettings(f"{path}:{_line_of(text, str(error))}: {error}") from error
    _check(path, text, settings)
    return settings


def _override(data: dict[str, object], environ: os._Environ[str] | dict[str, str]) -> None:
    for name, value in environ.items():
        if name.startswith("TOLLWIRE__"):
            *sections, key = name.lower().split("__")[1:]
            table = data
            for section in sections:
                table = table.setdefault(section, {})  # type: ignore[assignment]  # a table by its name
            table[key] = value


def _line_of(text: str, message: str) -> int:
    """Return the line that *message* of msgspec is about: its field, else its path's last key."""
    names = re.findall(r"unknown field `(\w+)`", message) + re.findall(r"[.](\w+)(?:\[\d+\])?`?$", message)
    for name in names:
        for number, line in enumerate(text.splitlines(), 1):
            if re.match(rf"\s*\[*\s*(?:\w+\.)*{name}\b", line):
                return number
    return 1


def _is_network(text: str) -> bool:
    try:
        return not text or bool(ip_network(text))
    except ValueError:
        return False


def _is_host(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f:.]{2,45}\]?", text))


def _is_realm(text: str) -> bool:
    return 1 <= len(text) <= 64 and text.isprintable()


def _check(path: Path, text: str, settings: Settings) -> None:
    """Refuse what the types allow and sense forbids."""
    problems = [
        ("workers", not 1 <= settings.workers <= 64, "workers must be from 1 to 64"),
        (
            "database",
            bool(settings.database.directory) == bool(settings.database.dsn),
            "give either database.directory (embedded PostgreSQL) or database.dsn (your own server)",
        ),
        ("listeners", not settings.listeners, "give at least one [[listeners]] with kind and address"),
        ("queue_limit", settings.queue_limit < 1, "queue_limit must be at least 1"),
        ("reject_delay_s", not 0 <= settings.reject_delay_s <= 10, "reject_delay_s must be from 0 to 10"),
        ("deadline_s", settings.database.deadline_s <= 0, "database.deadline_s must be above 0"),
        ("threads", not 1 <= settings.console.threads <= 64, "console.threads must be from 1 to 64"),
        ("connections", settings.console.connections < 1, "console.connections must be at least 1"),
        ("port", not 1 <= settings.console.port <= 65535, "console.port must be from 1 to 65535"),
        (
            "requests_per_minute",
            settings.console.requests_per_minute < 1,
            "console.requests_per_minute must be at least 1",
        ),
        (
            "proxy",
            not _is_network(settings.console.proxy),
            "console.proxy must be an address or network, like 192.0.2.7 or 10.0.0.0/8",
        ),
        (
            "own_hosts",
            not all(map(_is_host, settings.sip.own_hosts)),
            "sip.own_hosts may hold names and addresses, like sip.example.net",
        ),
        ("realm", not _is_realm(settings.sip.realm), "sip.realm must be 1 to 64 printable characters"),
    ]
    problems += _stream_problems(settings.streams)
    for listener in settings.listeners:
        problems += _listener_problems(listener, settings.tls)
    problems += [
        (key, True, f"collector of {collector.source}: {key}: {what}")
        for collector in settings.collectors
        for key, what in collector.problems()
    ]
    problems += _export_problems(settings.exports)
    for name, wrong, what in problems:
        if wrong:
            raise BadSettings(f"{path}:{_line_of(text, f'.{name}')}: {what}")


Problem = tuple[str, bool, str]  # the key it is about, whether there is one, what to do


def _export_problems(exports: tuple[Export, ...]) -> list[Problem]:
    names = [export.name for export in exports]
    problems = [
        (key, True, f"export {export.name}: {key}: {what}")
        for export in exports
        for key, what in export.problems()
    ]
    twice = {name for name in names if names.count(name) > 1}
    return problems + [("name", True, f"exports: two have the name {name}") for name in sorted(twice)]


def _stream_problems(streams: Streams) -> list[Problem]:
    least = {"idle_s": 0.001, "started_s": 0.001, "connections": 1, "connections_per_client": 1}
    return [
        (name, getattr(streams, name) < value, f"streams.{name} must be at least {value}")
        for name, value in least.items()
    ]


def _listener_problems(listener: Listener, tls: Tls) -> list[Problem]:
    is_tls = listener.transport == "tls"
    problems = [
        ("port", not 0 <= listener.port <= 65535, f"port {listener.port} is not from 1 to 65535"),
        (
            "kind",
            listener.kind == "both" and not listener.is_stream,
            'kind = "both" is for transport tcp or tls; over UDP give auth and acct a port each',
        ),
        ("transport", listener.kind == "sip" and is_tls, 'kind = "sip" is for transport udp or tcp'),
    ]
    return problems + [
        ("transport", is_tls and not getattr(tls, name), f"transport tls needs tls.{name}, a PEM file")
        for name in ("certificate", "key", "ca")
    ]
