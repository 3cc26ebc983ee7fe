"""
Some hours of a carrier's life from each of a few seeds; see :mod:`tests.simulation.world`.

A seed that fails is played again by ``python -m tests.simulation --first SEED --seeds 1``, and
``python -m tests.simulation --seeds 1000`` looks for more of them.
"""

import pytest

from tests.simulation.world import World

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("seed", range(24))
def test_the_auditor_finds_nothing(dsn: str, seed: int) -> None:
    """
    Whatever is lost, doubled, late or crashed: each call is charged once, and every sum is right.
    """
    assert [] == World(dsn, seed).run()
