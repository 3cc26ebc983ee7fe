"""What the settings say of a collector: where the call records of a source come in by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import msgspec

from radiusd.errors import BadSettings


class Collector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where call records of one source come in by themselves: a folder, connections, posts, or several."""

    source: str
    folder: str = ""  # watched for files
    pattern: str = "*"
    settle_s: float = 10.0  # a file that has not changed for so long is whole
    done: str = ""  # mark: renamed; a folder: moved there; empty: left, and known by its content
    listen: str = ""  # host:port, to which PBXs connect (SMDR)
    allow: tuple[str, ...] = ("127.0.0.0/8", "::1/128")  # which networks may
    connect: str = ""  # host:port of a PBX to connect to (SMDR)
    login_file: str = ""  # lines to send to it first, as a name and a password
    post: str = ""  # host:port for HTTP POST of documents
    dsn_file: str = ""  # of a PostgreSQL database with an accounting table
    table: str = "acc"
    cursor: str = "id"  # its column that grows
    user: str = "tollwire"  # who may post
    password_file: str = ""

    def problems(self) -> list[tuple[str, str]]:
        """Return what is wrong with it: the key it is about, and what to do."""
        return [*self._folder_problems(), *self._network_problems()]

    def _folder_problems(self) -> Iterator[tuple[str, str]]:
        if not self.source:
            yield "source", "name the source whose records come in"
        if not (self.folder or self.listen or self.connect or self.post or self.dsn_file):
            yield "source", "nothing comes in: give folder, listen, connect, post or dsn_file"
        if self.settle_s < 0:
            yield "settle_s", f"{self.settle_s} must be at least 0"
        if not self.pattern or self.pattern.startswith("/"):
            yield "pattern", f"{self.pattern!r} names no files in the folder, as Master*.csv does"
        if "**" in self.pattern and self.done not in ("", "mark"):
            yield "pattern", f"{self.pattern!r} would find again what was moved to {self.done}"

    def _network_problems(self) -> Iterator[tuple[str, str]]:
        for name in ("listen", "connect", "post"):
            written = getattr(self, name)
            try:
                if written:
                    host_and_port(name, written)
            except BadSettings:
                yield name, f"{written!r} is not host:port, as 127.0.0.1:9000 is"
        for network in self.allow:
            try:
                ip_network(network)
            except ValueError as error:
                yield "allow", f"{error}; write 192.0.2.1 or 2001:db8::/64"
        if self.login_file and not self.connect:
            yield "login_file", "only a PBX that we connect to asks who we are: give connect"
        if self.post and not self.password_file:
            yield "post", "whoever posts records has to prove who it is: give password_file"


def host_and_port(setting: str, written: str) -> tuple[str, int]:
    """Return the two parts of ``host:port``. Raises BadSettings."""
    host, colon, port = written.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise BadSettings(f"collectors.{setting}: {written!r} is not host:port")
    return host.strip("[]"), int(port)
