"""
Time what the live server does thousands of times a second: look up, rate, grant.

    python -m bench.rating [--prefixes 10000,100000,1000000]

Prints microseconds of CPU, the best of several rounds, how many that is a second, and
the goal. The first line is the cost of an empty function call on this machine now (40 ns on a
quiet core of 2024): when it is higher, so is everything below it.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from time import process_time

from rating.bands import Band
from rating.buckets import Bucket
from rating.decks import Deck
from rating.engine import rate_call
from rating.grants import grant_call
from rating.increments import Increment
from rating.money import DEFAULT
from rating.prices import Price
from rating.rates import Rate, Rules

ANSWER = datetime(2026, 1, 5, 10, tzinfo=UTC)
OLD, NEW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
CLOCKS = ((1, 1), (60, 60), (30, 6))
ROUNDS = 7


def micros_each(work: Callable[[], object], count: int = 3000) -> float:
    """Return the microseconds of one call of *work*, in the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = process_time()
        for _ in range(count):
            work()
        best = min(best, process_time() - start)
    return best / count * 1e6


def report(what: str, measured: float, goal: float | None = None, unit: str = "us") -> None:
    """Print a line: what, how much, and the ratio to the goal."""
    against = "" if goal is None else f"   goal {goal:6.1f}   ratio {measured / goal:5.2f}"
    each_second = f"{1e6 / measured:12,.0f}/s" if unit == "us" else ""
    print(f"{what:44}{measured:10.2f} {unit}{each_second:14}{against}")


def resident_bytes() -> int:
    """Return the memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def some_prefixes(count: int) -> list[str]:
    """Return *count* distinct prefixes of 5 to 11 digits in order, the same every time."""
    chance = random.Random(1)
    prefixes: set[str] = set()
    while len(prefixes) < count:
        prefixes.add(str(chance.randrange(10, 10 ** chance.randrange(5, 12))))
    return sorted(prefixes)


def rows(
    prefixes: list[str],
) -> Iterator[tuple[str, str, int, int, int, int, datetime, datetime | None, bool]]:
    """Yield two price versions of every prefix."""
    for index, prefix in enumerate(prefixes):
        initial_s, increment_s = CLOCKS[index % 3]
        name = f"Destination {prefix[:4]}"
        yield prefix, name, index * 1000, 0, initial_s, increment_s, OLD, NEW, False
        yield prefix, name, index * 1001, 0, initial_s, increment_s, NEW, None, False


def time_deck(count: int) -> None:
    """Build a deck of *count* prefixes and look numbers up in it."""
    prefixes = some_prefixes(count)
    before, start = resident_bytes(), process_time()
    deck = Deck.build(rows(prefixes))
    report(f"deck of {count:,} prefixes, 2 versions: build", process_time() - start, unit="s ")
    report("  memory per prefix", (resident_bytes() - before) / count, 150, "B ")
    chance = random.Random(2)
    numbers = iter([chance.choice(prefixes) + "1234" for _ in range(20_000 * ROUNDS)])
    busy = cycle([chance.choice(prefixes) + "1234" for _ in range(2000)])
    for what, source in (("  lookup, any prefix", numbers), ("  lookup, 2000 busy prefixes", busy)):
        report(what, micros_each(lambda source=source: deck.lookup(next(source), ANSWER), 20_000), 3)  # type: ignore[misc]


def time_rating() -> None:
    """Rate the calls that are common, and some that are not."""
    flat = Rate("44", Price.of("0.06"), Increment(60, 60), Fraction("0.03"))
    month = {"valid_from": ANSWER - timedelta(days=4), "valid_to": ANSWER + timedelta(days=27)}
    one = (Bucket("a", 75, **month),)  # type: ignore[arg-type]
    two = (Bucket("b", 45, priority=2, **month), *one)  # type: ignore[arg-type]
    own = (Bucket("c", 75, increment_s=1),)
    peak = Band("peak", 8 * 3600, 20 * 3600, price=Price.of("0.12"))
    banded = flat._replace(rules=Rules(bands=(peak,)))

    def rate(rate: Rate, buckets: tuple[Bucket, ...] = ()) -> Callable[[], object]:
        return lambda: rate_call(
            rate, called="442071234567", answer_at=ANSWER, duration_s=130, buckets=buckets, rounding=DEFAULT
        )

    report("rate: flat", micros_each(rate(flat)), 12)
    report("rate: flat, one bucket", micros_each(rate(flat, one)), 25)
    report("rate: flat, two buckets", micros_each(rate(flat, two)), 25)
    report("rate: flat, bucket with its own clock", micros_each(rate(flat, own)))
    report("rate: bands", micros_each(rate(banded)))


def time_grants() -> None:
    """Grant with enough money, and with too little."""
    flat = Rate("44", Price.of("0.06"), Increment(30, 6), Fraction("0.03"))
    one = (Bucket("a", 75),)

    def grant(spare_micros: int, buckets: tuple[Bucket, ...] = ()) -> Callable[[], object]:
        return lambda: grant_call(
            flat, called="4420", answer_at=ANSWER, buckets=buckets, spare_micros=spare_micros, lease_s=300
        )

    report("grant: flat, money for the lease", micros_each(grant(10**7)), 30)
    report("grant: flat, money ends first", micros_each(grant(200_000)), 30)
    report("grant: bucket and money", micros_each(grant(10**7, one)), 30)
    report("grant: bucket, money ends first", micros_each(grant(100_000, one)))


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description="Time look-ups, ratings and grants.")
    parser.add_argument("--prefixes", default="10000,100000,1000000", help="sizes of decks")
    arguments = parser.parse_args()
    report("an empty call", micros_each(lambda: None, 200_000) * 1000, 40, "ns")
    time_rating()
    time_grants()
    for count in map(int, arguments.prefixes.split(",")):
        time_deck(count)


if __name__ == "__main__":
    main()
