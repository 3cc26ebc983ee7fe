"""Rate files that mean nothing: they are refused by line and column, and crash nothing."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.rate_files import Problems, RateFile
from radiusd.errors import BadInput

TITLES = (
    ("code", "rate"),
    ("code", "rate", "increment", "effective date", "valid to", "status"),
    ("NPANXX", "Inter", "Intra", "Indeterminate"),
    ("prefix", "price 1", "price n", "bands", "steps", "round", "free seconds", "surcharge percent"),
    ("code", "peak", "off peak", "weekend"),
    ("prefix", "price first", "price next", "interval first", "interval next", "forbidden"),
    ("dialprefix", "destination", "selling rate", "initblock", "billingblock", "startdate", "stopdate"),
    ("prefix", "description", "rate name", "rate cost", "max charge", "connect fee on included", "band rule"),
    ("Country Code", "Area Code", "Rate", "Connect Fee", "Currency", "Origin"),
    ("Ops", "Rate", "Destination", "App", "Connect", "Duration"),
)
CELLS = st.sampled_from(
    [
        *("", "44", "4.42E+11", "0,5", "1,200", "€1", "30/6", "60-60", "8/16/2022", "99.99.9999"),
        *("2022-13-45", "closed", "blocked", "*", "-", "7700-7709", "9-1", "1e999", "9" * 30, "USD"),
        *('[{"from":1}]', "{}", "[", "25:00", "2022-08-16T25:00:00Z", "∞", "٣", "NaN", "+-1", "''", '"'),
        *("\x00", " ", "é", "3", "audio", "4420 4421", '"=""45"""', "1E-5", "0", "0000-00-00", "abc"),
    ]
)
ANYTHING = st.text(st.sampled_from('code,rate;\t|\n\r"44.0\x00é-'), max_size=80)


@st.composite
def tables(draw):
    """A file with titles that are known, and cells that are drawn."""
    titles = draw(st.sampled_from(TITLES))
    sign = draw(st.sampled_from(",;\t"))
    rows = draw(st.lists(st.lists(CELLS, min_size=1, max_size=len(titles) + 1), max_size=4))
    return "\n".join(map(sign.join, [list(titles), *rows]))


@settings(max_examples=300, deadline=None)
@given(tables() | ANYTHING, st.sampled_from(("utf-8", "utf-16", "cp1252")), st.sampled_from(("", "USD")))
def test_a_file_of_anything_is_read_or_refused(text, encoding, currency):
    """
    In any encoding: rates that can be kept, problems with their line, or a refusal of the whole.
    """
    problems = Problems("rates.csv")
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(text.encode(encoding, "replace"))
        file.flush()
        try:
            rates = [rate for _, rate in RateFile(Path(file.name), currency=currency).rates(problems)]
        except BadInput:
            return

    assert all(rate.price_nano >= 0 and (rate.prefix.isdigit() or not rate.prefix) for rate in rates)
    assert all(problem.startswith("rates.csv:") for problem in problems.found)
