"""The table pairs rounds with rounds and shows medians."""

from bench.load import Outcome
from bench.report import line
from bench.rounds import Measurement


def a_measurement(
    per_second: float, server_us: float = 40.0, postgres_us: float = 60.0, lost: int = 0
) -> Measurement:
    outcome = Outcome(
        sent=1000 + lost,
        answered=1000,
        lost=lost,
        retransmits=lost * 3,
        elapsed_s=1000 / per_second,
        codes={5: 1000},
        latencies_ms=[number / 10 for number in range(1, 1001)],
    )
    return Measurement(outcome, server_us, postgres_us)


def test_the_ratio_is_the_median_of_the_rounds_ratios():
    """
    A machine that is slow in one round slows both, so ratios are taken within a round.
    """
    ours = [a_measurement(4000), a_measurement(800), a_measurement(5000)]
    peers = [a_measurement(1000, 300, 200), a_measurement(200, 300, 200), a_measurement(1000, 300, 200)]
    found = line("accounting", 64, "ours", ours, peers)

    assert 4000 == round(found.per_second)
    assert 4.0 == round(found.ratio, 6)
    assert 5.0 == found.cpu_ratio


def test_losses_are_summed_and_latencies_are_percentiles():
    """
    A loss in any round shows; p50 and p99 are those of answered requests.
    """
    ours = [a_measurement(1000, lost=2), a_measurement(1000)]
    found = line("accounting", 64, "ours", ours, ours)

    assert (2, 6) == (found.lost, found.retransmits)
    assert (50.1, 99.1) == (found.p50_ms, found.p99_ms)
    assert "1,000" in str(found)
