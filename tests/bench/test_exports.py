"""The benchmark of exports: it exports what it seeds, and tells rate and memory."""

import pytest

from bench.exports import main


@pytest.mark.postgres
def test_exports_what_it_has_seeded(capfd):
    """
    All calls, or the first so many; each in a process whose memory is told.
    """
    assert 0 == main(["--calls", "300", "csv", "tap=120"])

    printed, told = capfd.readouterr()
    assert "csv, 300 calls" in printed and "tap, 120 calls" in printed
    assert 2 == printed.count("peak memory")
    assert "300 records" in told and "120 records" in told
