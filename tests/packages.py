"""Skip a test for want of a program, so that the end of the run can say loudly what was not tested."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

INSTALL = "apt install "


def skip_without(packages: Collection[str]) -> None:
    """Skip the test when Debian *packages* are missing."""
    if packages:
        pytest.skip(INSTALL + " ".join(sorted(packages)))


def missing(skipped: Iterable[Any]) -> list[str]:
    """Return the packages for want of which tests were *skipped*, as their reports tell."""
    reasons = {report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)}
    told = [reason.partition(INSTALL) for reason in reasons]
    return sorted({package for _, found, packages in told if found for package in packages.split()})
