"""How far a call has come, and which steps there are: one literal table."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The state of a call. What stands in the database is the value; text is hashed sooner than a member."""

    NEW = "new"  # nothing is known of it
    REFUSED = "refused"  # asked for and refused; holds nothing
    AUTHORIZED = "authorized"  # asked for and granted: holds channel, minutes and money; not started
    STARTED = "started"  # reported as up; holds the same and is rated live
    LAPSED = "lapsed"  # granted, and no Start came in time; or a leg of another call; holds nothing
    ENDED = "ended"  # charged; holds nothing


class Step(StrEnum):
    """What moves a call."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    REPORT = "report"  # a Start or Interim
    LAPSE = "lapse"
    JOIN = "join"  # it turned out to be a leg of another call
    END = "end"  # a Stop, a failure, or our own closing


TRANSITIONS: dict[tuple[State, Step], State] = {
    (State.NEW, Step.ACCEPT): State.AUTHORIZED,
    (State.NEW, Step.REFUSE): State.REFUSED,
    (State.NEW, Step.REPORT): State.STARTED,  # many senders never ask
    (State.NEW, Step.END): State.ENDED,  # a Stop without a Start
    (State.NEW, Step.JOIN): State.LAPSED,
    (State.AUTHORIZED, Step.JOIN): State.LAPSED,
    (State.STARTED, Step.JOIN): State.LAPSED,
    (State.REFUSED, Step.JOIN): State.LAPSED,
    (State.LAPSED, Step.JOIN): State.LAPSED,
    (State.ENDED, Step.JOIN): State.LAPSED,
    (State.REFUSED, Step.ACCEPT): State.AUTHORIZED,  # asked again, and now there is room
    (State.REFUSED, Step.REFUSE): State.REFUSED,
    (State.REFUSED, Step.REPORT): State.STARTED,  # the switch did not heed us: recorded and charged
    (State.REFUSED, Step.END): State.ENDED,
    (State.AUTHORIZED, Step.ACCEPT): State.AUTHORIZED,  # asked five times, one channel
    (State.AUTHORIZED, Step.REFUSE): State.REFUSED,  # asked again for another destination
    (State.AUTHORIZED, Step.REPORT): State.STARTED,
    (State.AUTHORIZED, Step.LAPSE): State.LAPSED,
    (State.AUTHORIZED, Step.END): State.ENDED,
    (State.STARTED, Step.ACCEPT): State.STARTED,
    (State.STARTED, Step.REFUSE): State.REFUSED,  # its Start came first: its reports bring it back at once
    (State.STARTED, Step.REPORT): State.STARTED,
    (State.STARTED, Step.END): State.ENDED,
    (State.LAPSED, Step.ACCEPT): State.AUTHORIZED,
    (State.LAPSED, Step.REFUSE): State.REFUSED,
    (State.LAPSED, Step.REPORT): State.STARTED,  # a very late Start
    (State.LAPSED, Step.END): State.ENDED,
    (State.ENDED, Step.END): State.ENDED,  # a late event corrects the charge
    (State.ENDED, Step.REPORT): State.STARTED,  # only a failed branch had ended; another one was answered
}


def step(state: State, taken: Step) -> State:
    """
    Return the state after a step.

    Raises:
        ValueError: There is no such step from *state*: a defect of ours.
    """
    try:
        return TRANSITIONS[state, taken]
    except KeyError:
        raise ValueError(f"a call that is {state.value} cannot {taken.value}") from None
