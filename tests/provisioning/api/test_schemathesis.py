"""Requests that schemathesis makes from our own document: no fault of ours, and answers as it says."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup

from provisioning.api.table import ENDPOINTS

pytestmark = pytest.mark.postgres

EXAMPLES = 2  # of each endpoint; more by hand: the run is deterministic
schemathesis.serializer.alias("application/toml", "text/plain")
SLOW = ("/calls/{call}/end", "/queue/{call}/retry")  # each loads the catalogue


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_no_request_finds_a_fault(api, console, mode):
    """
    Whatever fits the document, or fits it not quite, is answered by what the document says.
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
        @given(case=operation.as_strategy(generation_mode=mode))
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
            told = "\n".join(f"{each}: {each.message}" for each in group.exceptions)
            raise AssertionError(f"{operation.label}: {told}") from None
        except Unsatisfiable:
            continue  # nothing about it can be wrong
        tried += 1
    assert tried >= (len(ENDPOINTS) - len(SLOW)) * (1 if mode is GenerationMode.POSITIVE else 0.5)
