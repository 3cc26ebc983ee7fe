"""How Python's garbage collector is set in processes that take calls into the books."""

from __future__ import annotations

import gc


def spare_what_stays() -> None:
    """
    Let the collector leave alone what is loaded now, and look at new objects less often.

    Decks of a million rates need not be walked again and again. A batch makes tens of thousands of objects
    that die by themselves; cycles among them are rare.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
