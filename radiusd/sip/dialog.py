"""What a request belongs to: the headers that every one must have (RFC 3261, 8.1.1), and its transaction."""

from __future__ import annotations

from dataclasses import dataclass

from radiusd.sip.fields import Address, BadField, Via, read_address, read_cseq, read_via, split_outside
from radiusd.sip.message import BadMessage, Request
from radiusd.sip.transactions import Key

MAGIC = "z9hG4bK"  # RFC 3261, 8.1.1.7
_MANDATORY = ("via", "from", "to", "call-id", "cseq")


@dataclass(frozen=True, slots=True)
class Dialog:
    """The headers of a request that say what it belongs to."""

    via: Via
    sender: Address
    receiver: Address
    call_id: str
    number: int

    @property
    def is_established(self) -> bool:
        """Tell whether the receiver has named its side: the request is not the first of its dialog."""
        return "tag" in self.receiver.params


def read_dialog(request: Request) -> Dialog:
    """
    Return the headers that every request must have, read.

    Raises:
        BadMessage: One is missing or means nothing.
    """
    for name in _MANDATORY:
        if not request.first(name):
            raise BadMessage(f"Missing {name.title()} Header", request)
    try:
        via = top_via(request)
        sender = read_address("from", request.first("from") or "")
        receiver = read_address("to", request.first("to") or "")
        number, method = read_cseq(request.first("cseq") or "")
    except BadField as field:
        raise BadMessage(f"Bad {str(field).title()} Header", request) from field
    if method != request.method:
        raise BadMessage("CSeq Method Does Not Match", request)
    return Dialog(via, sender, receiver, request.first("call-id") or "", number)


def top_via(request: Request) -> Via:
    """
    Return the last hop of *request*.

    Raises:
        BadField: It does not say.
    """
    return read_via(split_outside(request.first("via") or "", ",")[0])


def transaction_key(client_id: int, request: Request, dialog: Dialog) -> Key:
    """Return what a transaction is known by, the same for INVITE, its ACK and its CANCEL (17.2.3)."""
    via = dialog.via
    if via.branch.startswith(MAGIC) and via.branch != MAGIC:
        return client_id, via.branch, via.host, via.port
    # A sender from before RFC 3261.
    tag = dialog.sender.params.get("tag", "")
    return client_id, request.uri, tag, dialog.call_id, dialog.number, via.host, via.port, via.branch
