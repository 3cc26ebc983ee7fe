"""Check files of rating cases: ``python -m rating FILE...``; exit 1 if anything differs, 2 if unreadable."""

import sys
from pathlib import Path

from rating.cases import CaseError, check_file, load


def main(names: list[str]) -> int:
    """Check the files *names*, print the differences, and return the exit code."""
    if not names:
        print("usage: python -m rating FILE...", file=sys.stderr)
        return 2
    worst = 0
    for path in map(Path, names):
        try:
            found = list(check_file(path))
            count = len(load(path))
        except CaseError as error:
            print(error, file=sys.stderr)
            worst = 2
            continue
        for line in found:
            print(line)
        print(f"{path}: {count} cases, {len(found)} differences")
        worst = max(worst, 1 if found else 0)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
