"""Let the corpus grow: ``python -m tests.fuzz [TARGET ...] [--seconds N]``; exits 1 when something broke."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.fuzz.fuzzer import Found, search
from tests.fuzz.targets import TARGETS, keep, known


def main() -> int:
    """Search each target in turn and keep what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; none: all")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each target (10)")
    parser.add_argument("--seed", type=int, default=None, help="the same search again")
    asked = parser.parse_args()
    unknown = [name for name in asked.targets if name not in TARGETS]
    if unknown:
        parser.error(f"{unknown[0]} is none of {', '.join(TARGETS)}")
    broken = False
    for name in asked.targets or TARGETS:
        target, chance = TARGETS[name], random.Random(asked.seed)
        inputs = known(target) or list(target.seeds)
        ends_at = time.monotonic() + asked.seconds

        def goes_on(found: Found, ends_at: float = ends_at) -> bool:
            return time.monotonic() < ends_at and len(found.faults) < 10

        found = search(target.make(), inputs, chance, goes_on)
        breaking = [octets for octets, _ in found.faults]
        keep(target, [*inputs, *found.new, *breaking])
        print(f"{name}: {found.runs} runs, {len(found.new)} new inputs, {len(found.faults)} faults")
        for octets, error in found.faults:
            broken = True
            print(f"  {error}\n    {octets.hex()}")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
