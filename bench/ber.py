"""
How many IMS charging records a second are read, from a file to the normal form, beside pyasn1's own decoder.

Both read the same octets, turn and turn about, so that the ratio says something on a busy machine, too.
Ids, numbers and times differ from record to record, as they do in life.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

from pyasn1.codec.ber import decoder

from radiusd.records.ims_types import IMSRecord
from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS

_SAMPLES = Path(__file__).parents[1] / "tests" / "vectors" / "records"
_FORMAT = "3gpp-32298-ims"


def a_file(count: int) -> bytes:
    """Return the octets of *count* records: of MGCF, S-CSCF and IBCF in turn, answered and not."""
    samples = []
    for name in ("dev_ims_mgcf.ber", "dev_ims_scscf.ber", "dev_ims_ibcf_indefinite.ber"):
        with (_SAMPLES / name).open("rb") as file:
            samples += [each.raw for each in FORMATS[_FORMAT].read(file, {}) if isinstance(each, Entry)]
    return b"".join(_varied(samples[index % len(samples)], index) for index in range(count))


def _varied(record: bytes, index: int) -> bytes:
    """Return *record* as that of another call, of the same length."""
    at = record.index(b"icid-") + 5
    record = record[:at] + f"{index:012x}".encode() + record[at + 12 :]
    at = record.index(b"@192.0.2.10") - 16  # of its SIP session's id
    record = record[:at] + f"{index:016x}".encode() + record[at + 16 :]
    at = record.index(b"sip:+") + 9
    record = record[:at] + f"{index % 10**7:07}".encode() + record[at + 7 :]
    month = bytes((0x26, 1 + index % 4))  # of 2026, in decimal digits
    for tag in (b"\x89\x09", b"\x8a\x09", b"\x8b\x09"):
        at = record.find(tag)
        record = record if at < 0 else record[: at + 2] + month + record[at + 4 :]
    return record


def ours(octets: bytes) -> int:
    """Read *octets* as an import does; return the count of records."""
    return sum(isinstance(each, Entry) for each in FORMATS[_FORMAT].read(io.BytesIO(octets), {}))


def theirs(octets: bytes) -> int:
    """Read *octets* with pyasn1 and its types; return the count of records."""
    count, schema = 0, IMSRecord()
    while octets:
        _, octets = decoder.decode(octets, asn1Spec=schema)
        count += 1
    return count


def per_second(read: Callable[[bytes], int], octets: bytes, count: int) -> float:
    """Return how many records *read* reads in a second of one core's time."""
    began = process_time()
    found = read(octets)
    took_s = process_time() - began
    assert found >= count * 0.99, f"{count - found} records were not read"
    return found / took_s


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m bench.ber", description=__doc__)
    parser.add_argument("--records", type=int, default=60_000, help="that we read; pyasn1 reads a thirtieth")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    octets, few = a_file(options.records), a_file(max(1, options.records // 30))
    rates: list[tuple[float, float]] = []
    for _ in range(options.rounds):
        rates.append(
            (
                per_second(ours, octets, options.records),
                per_second(theirs, few, max(1, options.records // 30)),
            )
        )
    own, other = (statistics.median(column) for column in zip(*rates, strict=True))
    ratio = statistics.median(mine / their for mine, their in rates)
    print(
        f"Python {platform.python_version()}, {options.records} records of"
        f" {len(octets) // options.records} octets, median of {options.rounds} rounds, one core"
    )
    print(f"file to normal form  {own:8,.0f} records/s")
    print(f"pyasn1 with a schema {other:8,.0f} records/s")
    print(f"ratio                {ratio:8.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
