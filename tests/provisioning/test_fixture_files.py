"""Files of packets: whatever stands in one, it is read, or told to be wrong at a place; nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.fixtures.files import read_file
from provisioning.fixtures.verify import run_case
from radiusd.errors import BadInput
from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.reply import integer, text
from radiusd.radius.request import Request

NOW = datetime(2026, 11, 22, 14, 7, 5, tzinfo=UTC)
STOP = Request(
    Code.ACCOUNTING_REQUEST,
    [integer(Attribute.ACCT_STATUS_TYPE, 2), text(Attribute.ACCT_SESSION_ID, "c1")],
).sign(1, b"s")
GOOD: dict[str, Any] = {
    "dialect": "cisco",
    "client": {"timezone": "UTC"},
    "secret": "s",
    "packets": [{"code": "Accounting-Request", "hex": STOP.hex(), "expect": {"event": "stop"}}],
    "expect_call": {"calls_counted": 1},
    "replies": "Accept: h323-return-code=0",
}
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 300), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(sorted(GOOD)), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_whatever_a_file_holds_is_read_or_told(data: st.DataObject, tmp_path: Path) -> None:
    """
    Any value in the place of any other: cases that can be run, or one sentence.
    """
    case = json.loads(json.dumps(GOOD))
    for _ in range(data.draw(st.integers(1, 3))):
        owner: Any = data.draw(st.sampled_from([case, case["packets"][0], case["client"]]))
        owner[data.draw(st.sampled_from([*owner, "is_proxy", "received_at", "source_ip", "dialect"]))] = (
            data.draw(anything)
        )
        if not isinstance(case.get("packets"), list) or not isinstance(case.get("client"), dict):
            break
        if not case["packets"] or not isinstance(case["packets"][0], dict):
            break
    path = tmp_path / "any.json"
    path.write_text(json.dumps({"dialect": "cisco", "cases": [case]}))
    try:
        cases = read_file(path, NOW)
    except BadInput as error:
        assert str(error).startswith(f"{path}")
        return
    for each in cases:
        run_case(each)


@pytest.mark.parametrize("value", ["__class__", "client_id", "event", "digest", "auth_method", "quality"])
def test_a_field_of_any_name_may_be_expected(tmp_path: Path, value: str) -> None:
    """
    It is compared, or there is no such field.
    """
    case = {**GOOD, "packets": [{"hex": STOP.hex(), "expect": {value: {"a": 1}}}]}
    path = tmp_path / "any.json"
    path.write_text(json.dumps({"dialect": "cisco", "cases": [case]}))
    [read] = read_file(path, NOW)

    [difference] = run_case(read).differences

    assert value == difference.field


def test_a_status_server_asks_about_no_call(tmp_path: Path) -> None:
    """
    Its event is ``status``; unsigned it is dropped.
    """
    status = Request(Code.STATUS_SERVER, []).sign(1, b"s").hex()
    unsigned = Request(Code.STATUS_SERVER, [], signs_message=False).sign(1, b"s").hex()
    packets = [
        {"hex": status, "expect": {"event": "status", "username": None}},
        {"hex": status, "expect": {"no_call": True}},
        {"hex": unsigned, "expect": {"discard": True}},
        {"hex": status, "expect": {"event": "start"}},
    ]
    path = tmp_path / "status.json"
    case = {"dialect": "cisco", "secret": "s", "packets": packets}
    path.write_text(json.dumps({"dialect": "cisco", "cases": [case]}))
    [read] = read_file(path, NOW)

    [difference] = run_case(read).differences

    assert (3, "event", "start") == (difference.packet, difference.field, difference.expected)
