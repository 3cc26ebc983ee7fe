"""What can go wrong, one class per thing a caller does differently, and why a call may be refused."""

from __future__ import annotations

from enum import Enum, StrEnum


class TollwireError(Exception):
    """Root of our errors; the text is a sentence an operator can act on."""


class UnreadableEvent(TollwireError):
    """A packet says nothing that can be billed; it is acknowledged, counted, logged and not booked."""


class NotDurable(TollwireError):
    """The database did not take the event; the server stays silent so that the switch sends it again."""


class BadInput(TollwireError):
    """What an admin handed in is wrong; the text names the field and what to do. Nothing was changed."""


class NotFound(BadInput):
    """The thing named does not exist."""


class Conflict(BadInput):
    """The thing would overlap with, or is in use by, another one."""


class Forbidden(TollwireError):
    """Whoever asks may not do that. Nothing was changed. Exit code 5, HTTP status 403."""


class BadSettings(TollwireError):
    """The configuration file is wrong; the text is ``file:line: what, and what to do``. Exit code 78."""


class Refusal(Enum):
    """
    Why a call may not go ahead: one word for reply, log, metric, trace and console.

    A member is written as word, SIP code, text, h323-return-code; its value is the word.
    """

    word: str
    sip_code: int
    text: str
    return_code: int

    AUTH_FAILED = ("auth_failed", 403, "Authentication failed", 1)
    UNKNOWN_CALLER = ("unknown_caller", 403, "Caller not recognised", 1)
    AMBIGUOUS = ("ambiguous", 403, "Caller not recognised", 1)
    NOT_ACTIVE = ("not_active", 480, "Service not active", 7)
    ACCOUNT_SUSPENDED = ("account_suspended", 403, "Account suspended", 7)
    TRUNK_FULL = ("trunk_full", 503, "All channels of the trunk in use", 3)
    ACCOUNT_FULL = ("account_full", 503, "All channels of the account in use", 3)
    CALLED_BUSY = ("called_busy", 486, "All channels of the called party in use", 3)
    TRUNK_TOO_FAST = ("trunk_too_fast", 503, "Too many calls per second on the trunk", 3)
    ACCOUNT_TOO_FAST = ("account_too_fast", 503, "Too many calls per second of the account", 3)
    NO_BALANCE = ("no_balance", 402, "No credit", 4)
    NO_MINUTES = ("no_minutes", 402, "Included minutes used up", 4)
    DAILY_LIMIT = ("daily_limit", 402, "Spend limit of the day reached", 6)
    MONTHLY_LIMIT = ("monthly_limit", 402, "Spend limit of the month reached", 6)
    CALL_TOO_DEAR = ("call_too_dear", 402, "Cost above the limit of a call", 6)
    PRICE_TOO_HIGH = ("price_too_high", 403, "Price above the limit", 9)
    WOULD_LOSE = ("would_lose", 503, "No route at this price", 8)
    NO_RATE = ("no_rate", 404, "No rate for this destination", 8)
    DESTINATION_BLOCKED = ("destination_blocked", 403, "Destination not allowed", 9)
    BARRED = ("barred", 403, "Destination barred", 9)
    NOT_ALLOWED = ("not_allowed", 403, "Destination not on the allow-list", 9)
    OUTSIDE_HOURS = ("outside_hours", 480, "Destination not allowed at this time", 9)
    FRAUD_SUSPECTED = ("fraud_suspected", 403, "Unusual calls; blocked for a while", 7)
    BAD_REQUEST = ("bad_request", 400, "Called number missing or malformed", 7)

    def __new__(cls, word: str, sip_code: int, text: str, return_code: int) -> Refusal:
        member = object.__new__(cls)
        member._value_ = member.word = word
        member.sip_code, member.text, member.return_code = sip_code, text, return_code
        return member

    @property
    def reply_message(self) -> str:
        """Return the Reply-Message of the Access-Reject: SIP code, text and the word in brackets."""
        return self.reply_with(self.sip_code)

    def reply_with(self, sip_code: int) -> str:
        """Return the Reply-Message for a client that has another SIP code for this."""
        return f"{sip_code} {self.text} ({self.word})"


class CutReason(StrEnum):
    """Why a call that is up must end: what a client's ``cut_off_for`` may hold, but for the last."""

    NO_CREDIT = "no_credit"  # nothing pays for its next lease
    GRANT_OVER = "grant_over"  # its switch has let it go on beyond the time that it was granted
    SUSPENDED = "suspended"  # its account was
    SERVICE_ENDED = "service_ended"  # its service ends while it is up
    OVER_LIMIT = "over_limit"  # it was told of only when it was up, and a limit is full
    FRAUD = "fraud"  # its account's guards have closed
    ADMIN = "admin"  # somebody said so


class TimeReason(StrEnum):
    """Why the time changes that a call which is up may last."""

    CREDIT = "credit"  # what its account can pay has changed
    LEASE = "lease"  # it holds its next lease
