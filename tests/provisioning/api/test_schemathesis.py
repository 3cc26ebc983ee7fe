"""Requests that schemathesis makes from our own document: no fault of ours, and answers as it says."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup

from provisioning.api.table import ENDPOINTS

pytestmark = pytest.mark.postgres

EXAMPLES = 4  # of each endpoint; more by hand: the run is deterministic
SLOW = ("/calls/{call}/end", "/queue/{call}/retry")  # each loads the catalogue


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_request_finds_a_fault(api, console):
    """
    Whatever fits the document, or nearly fits, is answered by what the document says.
    """
    with urlopen(f"http://127.0.0.1:{console.port}/api/v1/openapi.json") as answer:
        schema = schemathesis.openapi.from_dict(json.load(answer))
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in (*SLOW, "/calls/events"):
            continue

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def run(case):
            answer = case.call(
                base_url=f"http://127.0.0.1:{console.port}/api/v1",
                headers={"Authorization": f"Bearer {api.token}"},
            )
            case.validate_response(
                answer,
                excluded_checks=[
                    schemathesis.checks.CHECKS.get_one(name)
                    for name in ("ignored_auth", "positive_data_acceptance", "unsupported_method")
                ],
            )

        try:
            run()
        except FailureGroup as group:
            raise AssertionError("\n".join(str(each) for each in group.exceptions)) from None
        tried += 1
    assert tried >= len(ENDPOINTS) - len(SLOW)
