"""A flood of bad packets does not become a flood of lines."""

from typing import Any

from twisted.internet.task import Clock

from radiusd.radius.discard_log import ANY_OTHER, MAX_SOURCES, DiscardLog
from radiusd.radius.discards import Reason


class Lines(list[dict[str, Any]]):
    """A logger that keeps what it is told."""

    def warning(self, event: str, **fields: Any) -> None:
        self.append(fields)

    exception = warning


def a_log() -> tuple[Clock, Lines, DiscardLog]:
    clock, lines = Clock(), Lines()
    return clock, lines, DiscardLog(lines, clock)


def test_X04_one_line_per_reason_and_source_in_ten_seconds():
    """
    The first packet is logged at once; the next line says how many were left out since.
    """
    clock, lines, log = a_log()
    for _ in range(100):
        log.discarded(Reason.TOO_SHORT, "192.0.2.1", "sbc-1")
        clock.advance(0.25)

    assert [0, 39, 39] == [line["suppressed"] for line in lines]
    assert {"reason": "too_short", "source": "192.0.2.1", "client": "sbc-1", "suppressed": 0} == lines[0]


def test_reasons_and_sources_do_not_hide_one_another():
    """
    Another reason, or another source, has its own line.
    """
    _, lines, log = a_log()
    for reason in (Reason.TOO_SHORT, Reason.WRONG_PORT):
        for source in ("192.0.2.1", "192.0.2.2"):
            log.discarded(reason, source, None)
            log.discarded(reason, source, None)

    assert 4 == len(lines)


def test_T16_forged_sources_share_a_line():
    """
    Beyond 1024 sources in ten seconds there is one line for all others, and no more memory is used.
    """
    clock, lines, log = a_log()
    for n in range(3 * MAX_SOURCES):
        log.discarded(Reason.UNKNOWN_CLIENT, f"10.0.{n >> 8}.{n & 255}", None)

    assert MAX_SOURCES + 1 == len(lines)
    assert ANY_OTHER == lines[-1]["source"]

    clock.advance(20)
    log.discarded(Reason.UNKNOWN_CLIENT, "192.0.2.1", None)
    assert "192.0.2.1" == lines[-1]["source"]
    assert 1 == len(log._quiet)
