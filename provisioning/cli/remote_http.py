"""Ask the HTTP API of another machine: one request, one answer, errors as the command line has them."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from provisioning.cli.errors import RefusedHere, Unreachable
from radiusd.errors import BadInput, BadSettings, Conflict, Forbidden, NotDurable, NotFound, TollwireError

ROOT = "/api/v1"
PATIENCE_S = 60.0
TOKEN_VARIABLE = "TOLLWIRE_TOKEN"
ERRORS: dict[str, type[TollwireError]] = {
    "not_found": NotFound,
    "conflict": Conflict,
    "bad_input": BadInput,
    "refused": Forbidden,
    "unauthorized": RefusedHere,
    "try_later": NotDurable,
    "unreachable": Unreachable,
}
"""What a problem's code is here, so that it ends with the same exit code."""


@dataclass(frozen=True, slots=True, repr=False)
class Remote:
    """A server and the token that it is asked with."""

    url: str
    token: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise BadSettings("--url: write https://HOST or http://127.0.0.1:PORT, without /api/v1")
        if parts.scheme == "http" and not _is_here(parts.hostname):
            raise BadSettings("--url: a token goes over https only, or to this very machine")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """
        Return the document that is answered, None when there is none.

        Raises:
            Unreachable: Nobody answers.
            TollwireError: What the server says is wrong, in its words.
        """
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        octets = None
        if body is not None:
            octets, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            connection.request(method, parts.path.rstrip("/") + ROOT + path, octets, headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.url} does not answer: {error}") from error
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise _error(status, text)
        return json.loads(text) if text else None


def _error(status: int, text: bytes) -> TollwireError:
    """Return what a problem document says as the error that it is here."""
    try:
        document = json.loads(text)
        code, detail = str(document["code"]), str(document["detail"])
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"the server answers {status}, and is no Tollwire")
    return ERRORS.get(code, BadInput if status < 500 else Unreachable)(detail)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def token_in(path: Path | None, environ: dict[str, str]) -> str:
    """Return the token in the file *path*, else in the environment. Raises BadSettings."""
    if path is not None:
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"--token-file: {path} cannot be read: {error}") from error
    else:
        text = environ.get(TOKEN_VARIABLE, "").strip()
    if not text:
        raise BadSettings(f"--url needs a token: in a file, --token-file, or in {TOKEN_VARIABLE}")
    return text
