"""Tell at the end of a test run how many vectors and calls each sender has, so that a missing one is seen."""

from collections import Counter
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write a line a sender: what was tried, and what failed."""
    tried: Counter[tuple[str, str]] = Counter()
    failed: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            told = dict(report.user_properties)
            if report.when == "call" and "dialect" in told:
                tried[told["dialect"], told["sample"]] += 1
                failed[told["dialect"]] += outcome == "failed"
    if not tried:
        return
    terminalreporter.section("senders: vectors, calls and captured packets")
    senders = sorted({dialect for dialect, _ in tried})
    for dialect in senders:
        counts = ", ".join(
            f"{tried[dialect, sample]} {sample}"
            for sample in ("vectors", "calls", "captured")
            if tried[dialect, sample]
        )
        terminalreporter.line(f"{dialect:<22}{counts}, {failed[dialect]} failed")
    terminalreporter.line(f"{sum(tried.values())} in all, of {len(senders)} senders")
