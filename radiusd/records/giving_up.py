"""Stop reading a file that is not what it is taken for: each of its records would be set aside."""

from __future__ import annotations

from radiusd.records.record import Outcomes, SetAside

IN_A_ROW = 10_000
"""So many records set aside one after the other end the file; a file of 10 MB can begin millions."""


def until_hopeless(outcomes: Outcomes) -> Outcomes:
    """Yield *outcomes* until :data:`IN_A_ROW` of them in a row were set aside, and then that."""
    in_a_row = 0
    for outcome in outcomes:
        yield outcome
        in_a_row = in_a_row + 1 if isinstance(outcome, SetAside) else 0
        if in_a_row == IN_A_ROW:
            reason = f"{IN_A_ROW} records in a row cannot be read: is it this format? The rest is not tried"
            yield SetAside(reason=reason, offset=outcome.offset)
            return
