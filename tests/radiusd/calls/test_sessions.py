"""Every step of a call's life, and every step that there is not."""

from itertools import product

import pytest

from radiusd.calls.sessions import TRANSITIONS, State, Step, step


@pytest.mark.parametrize(("state", "taken"), list(product(State, Step)), ids=str)
def test_takes_the_steps_of_the_table_and_no_other(state: State, taken: Step) -> None:
    """
    A step of the table leads where it says; any other is a defect of ours and is named.
    """
    if (state, taken) in TRANSITIONS:
        assert TRANSITIONS[state, taken] is step(state, taken)
        return
    with pytest.raises(ValueError, match=f"{state.value} cannot {taken.value}"):
        step(state, taken)


@pytest.mark.parametrize("state", State)
def test_no_report_of_a_switch_is_without_a_step(state: State) -> None:
    """
    Whatever we hold a call to be, its switch may report that it is up, or that it is over.
    """
    assert State.STARTED is step(state, Step.REPORT)
    assert State.ENDED is step(state, Step.END)


@pytest.mark.parametrize("state", [state for state in State if state is not State.ENDED])
def test_every_attempt_has_an_answer(state: State) -> None:
    """
    A call that is not over may be asked for again, and be accepted or refused.
    """
    assert step(state, Step.ACCEPT) in (State.AUTHORIZED, State.STARTED)
    assert State.REFUSED is step(state, Step.REFUSE)


def test_only_what_was_authorized_lapses() -> None:
    """
    A call that is up is never taken for one that did not start.
    """
    assert {State.AUTHORIZED} == {state for state, taken in TRANSITIONS if taken is Step.LAPSE}
