"""What the tests of rate files read with, and what they look at."""

from datetime import UTC, datetime

from provisioning.rate_files import Problems, RateFile
from provisioning.rate_layouts import Layout

AUGUST = datetime(2022, 8, 16, tzinfo=UTC)


def read(path, content, layout=None, currency=""):
    """Return the rates in *content*, and what is wrong with it."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = Problems("rates.csv")
    source = RateFile(path, layout or Layout(), currency)
    return [rate for _, rate in source.rates(problems)], problems


def told(rates):
    """Return what most tests look at: prefix, price in nano, increments, begin."""
    return [
        (rate.prefix, rate.price_nano, rate.initial_s, rate.increment_s, rate.effective_at) for rate in rates
    ]
