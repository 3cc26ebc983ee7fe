"""What ``list --csv`` writes, ``set -`` reads: for every noun that has both, with a value in every field."""

import csv
import io
import json

import pytest

from provisioning.cli.reference import commands
from provisioning.cli.row_reader import _several, row_cell
from tests.provisioning.cli.test_tree import CONTEXT, main

pytestmark = pytest.mark.postgres

# What makes a thing of each noun, with as many fields as it has; and the options that its list needs.
MADE = {
    "account": ["account set ACME --name Acme, --credit-limit 50 --max-channels 9 --max-cps 1.5"],
    "bucket": ["bucket add P more --minutes 10 --destinations uk --priority 3 --rollover-periods 2"],
    "client": [
        "client add sbc7 --networks 192.0.2.7 --networks 2001:db8::/64 --dialect cisco --generate"
        " --settings duration_unit=ms",
    ],
    "destination": ["destination add two 44 1512", "destination add all *"],
    "did": ["did add 15550200 --account ACME --plan P --activated 2026-11-01 --location Austin,TX"],
    "exchange": ["exchange set EUR USD 1.1 --effective 2026-11-01"],
    "extension": [
        "tenant add pbx.example",
        "extension add 201 --tenant pbx.example --account ACME --plan P --activated 2026-11-01",
    ],
    "holiday": ["holiday add us 2026-12-25 2027-01-01"],
    "ip": ["ip add 203.0.113.0/24 --account ACME --plan P --activated 2026-11-01 --tech-prefix 99"],
    "number": ["number add 442079460200 --currency GBP --features voice --features fax --monthly-price 1.50"],
    "origin": ["origin add far 7 86 --invalid"],
    "override": ["override set 4477 --account ACME --rate 0.011 --effective 2026-11-01"],
    "plan": ["plan set P --monthly-fee 10 --free uk"],
    "policy": ["policy add careful --barred 1900 --barred *_sat,sun --dear 882 --distinct-numbers 20/40"],
    "pool": ["pool add ACME pack --minutes 90s --valid-from 2026-12-01 --services 15550100"],
    "source": [
        "tenant add pbx2.example",
        "source add pbx --format mapped --zone UTC --tenant pbx2.example --called-rules 00: --called-rules"
        " 0:49 --settings delimiter=; --settings calling=a --settings called=b,c --settings answer=d"
        " --settings duration=e",
    ],
    "supplier": ["supplier add carrier2 --deck retail --trunks tg8 --trunks tg9"],
    "tax": ["tax add vat --percent 19 --accounts ACME --kinds usage --kinds recurring --exempt 15550100"],
    "trunk": ["trunk add TG1 --account ACME --plan P --activated 2026-11-01 --max-channels 30"],
    "user": ["user add bob --role customer --account ACME --email bob@example.com"],
    "virtual": [
        "virtual add 442079460100 --primary 15550100 --account ACME --activated 2026-11-02"
        " --additional-charge 0.01"
    ],
}
LISTED = {"number": ["--state", "any"]}
NOUNS = sorted(
    path.split()[1]
    for path in {context.command_path for _, context in commands(main, CONTEXT)}
    if path.endswith(" set")
)


def test_every_noun_is_among_them():
    """
    A new one has its line here on the day that it comes.
    """
    assert NOUNS == sorted(MADE)


@pytest.mark.parametrize("noun", NOUNS)
def test_what_list_writes_set_reads(run, switch, noun):
    """
    Nothing changes, whatever stands in a cell; what set cannot change is said, and does not count.
    """
    run("destination", "add", "uk", "44")
    for line in MADE[noun]:
        words = [word.replace("_", " ") if word.startswith("*_") else word for word in line.split()]
        result = run(*words)
        assert 0 == result.exit_code, result.output
    written = run(noun, "list", *LISTED.get(noun, []), "--csv")
    assert 0 == written.exit_code, written.output
    count = len(list(csv.DictReader(io.StringIO(written.stdout))))
    assert count

    result = run(noun, "set", "-", "--json", stdin=written.stdout)
    assert 0 == result.exit_code, result.stderr
    done = json.loads(result.stdout)
    assert [("unchanged", {})] * count == [(row["action"], row["fields"]) for row in done]
    told = run(noun, "list", *LISTED.get(noun, []), "--csv")
    assert written.stdout == told.stdout


@pytest.mark.parametrize(
    "values", [(), ("a",), ("a", "b"), ("a,b",), ("a,b", "c"), ("a;b",), ("a;b", "c,d"), ("* 22:00-06:00",)]
)
def test_several_values_stand_in_one_cell(values):
    """
    Whatever they hold.
    """
    text = str(row_cell("barred", values))

    assert list(values) == (_several(text) if text else [])
