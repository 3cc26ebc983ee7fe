"""Lists in pages: a page begins after the last key of the one before, so nothing is skipped or told twice."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from radiusd.errors import BadInput

Key = tuple[str | int, ...]
MOST = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """The *limit* things after the one with the key *after*; limit None is all of them."""

    after: Key = ()
    limit: int | None = None

    @property
    def after_text(self) -> str:
        """The key where it is one text; the empty one is before all."""
        return str(self.after[0]) if self.after else ""

    @property
    def after_number(self) -> int:
        """The key where it is one number from 1 on."""
        return int(self.after[0]) if self.after else 0


ALL = Page()


def write_cursor(key: Key) -> str:
    """Return *key* as text that a URL carries as it is."""
    octets = json.dumps(key, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def read_cursor(text: str, kinds: tuple[type, ...]) -> Key:
    """
    Return the key in *text*, whose parts are of *kinds*; the empty text is the empty key.

    Raises:
        BadInput: It is none that :func:`write_cursor` wrote for such a list.
    """
    if not text:
        return ()
    try:
        key = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise BadInput(_UNKNOWN) from error
    if not isinstance(key, list) or len(key) != len(kinds):
        raise BadInput(_UNKNOWN)
    for part, kind in zip(key, kinds, strict=True):
        if type(part) is not kind or "\0" in str(part) or (isinstance(part, int) and not 0 <= part < 2**63):
            raise BadInput(_UNKNOWN)
    return tuple(key)


_UNKNOWN = "cursor: it is none of this list; take it from the answer before, or leave it out to begin anew"
