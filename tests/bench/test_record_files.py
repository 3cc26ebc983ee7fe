"""The files of the benchmark of call records: every text format, and no call twice."""

from __future__ import annotations

from io import BytesIO

import pytest

from bench.record_files import SAMPLES, a_file
from bench.records import entries
from radiusd.records.record import SetAside
from radiusd.records.registry import FORMATS

IN_BER = {"3gpp-32298-ims", "gsma-tap-3.12"}


def test_every_text_format_is_measured():
    """
    A format that is added is measured, too.
    """
    assert set(FORMATS) - IN_BER == {sample.format for sample in SAMPLES.values()}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_call_of_a_file_is_another_one(name):
    """
    All records of a file of copies are read, and no two of them have the same numbers and times.
    """
    sample = SAMPLES[name]
    once = entries(sample, a_file(sample, 1))

    octets = a_file(sample, 25)

    found = entries(sample, octets)
    outcomes = FORMATS[sample.format].read(BytesIO(octets), sample.settings)
    assert [] == [each for each in outcomes if isinstance(each, SetAside)]
    assert 25 * len(once) == len(found) == len({repr(each.record) for each in found})
