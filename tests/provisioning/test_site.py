"""A site file is applied whole or not at all, and nothing happens the second time."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from provisioning.admin import Action
from provisioning.balances import list_balances
from provisioning.clients import read_client
from provisioning.service_rows import list_services
from provisioning.site import apply_file
from provisioning.site_file import read_site
from radiusd.errors import BadInput

EXAMPLE = Path(__file__).parents[2] / "docs/examples/site.toml"
PAGE = EXAMPLE.parents[1] / "reference/site-file.md"

SMALL = """\
[[deck]]
name = "d"
currency = "USD"
rates = [
    {prefix = "1", rate = 0.01, initial = 6, increment = 6},
]

[[plan]]
code = "p"
deck = "d"

[[account]]
code = "A"
currency = "USD"
opening_balance = "10.00"

[[did]]
number = "15125550100"
account = "A"
plan = "p"
activated = 2026-11-01

[[virtual]]
number = "15125550101"
primary = "15125550100"
account = "A"
activated = 2026-11-01
"""


@pytest.fixture
def write(tmp_path):
    """Write a site file that only its owner reads, and return its path."""

    def write(text: str) -> Path:
        path = tmp_path / "site.toml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def keys(changes) -> list[tuple[str, str, str]]:
    return [(change.action.value, change.noun, change.key) for change in changes]


@pytest.mark.postgres
def test_the_example_of_the_documentation_is_applied_once(txn, admin):
    """
    Everything in it is added; the second time nothing changes, and the version stays.
    """
    changes = apply_file(txn, EXAMPLE, admin)

    assert {Action.ADDED} == {change.action for change in changes if change.noun != "balance"}
    nouns = "account balance bucket client deck destination did extension ip plan tenant trunk virtual"
    assert set(nouns.split()) == {change.noun for change in changes}
    txn.execute("SELECT version FROM catalogue_version")
    version = txn.fetchone()
    assert [] == apply_file(txn, EXAMPLE, replace(admin, now=admin.now + timedelta(days=60)))
    txn.execute("SELECT version FROM catalogue_version")
    assert version == txn.fetchone()


@pytest.mark.postgres
@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_every_example_of_the_page_is_taken(txn, admin, write, block):
    """
    What the page shows works, in a file that has what it refers to.
    """
    apply_file(txn, EXAMPLE, admin)
    path = write(block)
    (path.parent / "us-termination.csv").write_bytes((EXAMPLE.parent / "us-termination.csv").read_bytes())
    (path.parent / "sbc1.secret").write_text("a secret from a file\n")

    apply_file(txn, path, admin)
    assert [] == apply_file(txn, path, admin)


@pytest.mark.postgres
def test_a_change_is_told_field_by_field(txn, admin, write):
    """
    What is not in the file is left alone.
    """
    apply_file(txn, write(SMALL), admin)
    changes = apply_file(txn, write('[[account]]\ncode = "A"\ncurrency = "USD"\nmax_channels = 5\n'), admin)

    assert [("changed", "account", "A")] == keys(changes)
    assert [("max_channels", "", "5")] == [(f.name, f.before, f.after) for f in changes[0].fields]
    assert 2 == len([service for service in list_services(txn) if service.ended is None])


@pytest.mark.postgres
def test_a_new_deck_is_a_new_version(txn, admin, write):
    """
    Inline rates and files alike; moving them to another line is no change.
    """
    apply_file(txn, write(SMALL), admin)

    assert [] == apply_file(txn, write("# a comment\n\n" + SMALL), admin)
    assert [("changed", "deck", "d")] == keys(apply_file(txn, write(SMALL.replace("0.01", "0.02")), admin))


@pytest.mark.postgres
def test_an_opening_balance_is_posted_once_and_for_all(txn, admin, write):
    """
    Another amount under the same account is refused with its line, not silently lost.
    """
    apply_file(txn, write(SMALL), admin)
    assert [] == apply_file(txn, write(SMALL), admin)
    assert 10 == list_balances(txn, "A")[0].balance

    with pytest.raises(BadInput, match=r"site\.toml:12: reference: opening balance was posted"):
        apply_file(txn, write(SMALL.replace("10.00", "20.00")), admin)


@pytest.mark.postgres
def test_services_are_ended_only_when_it_is_said(txn, admin, write):
    """
    With prune, what the file lacks ends now: virtual numbers before the DIDs that they share.
    """
    apply_file(txn, write(SMALL), admin)
    shorter = SMALL[: SMALL.index("[[did]]")]

    assert [] == apply_file(txn, write(shorter), admin)
    changes = apply_file(txn, write(shorter), admin, prune=True)
    assert [("ended", "virtual", "15125550101"), ("ended", "did", "15125550100")] == keys(changes)
    assert {admin.now} == {service.ended for service in list_services(txn)}
    assert [] == apply_file(txn, write(shorter), replace(admin, now=admin.now + timedelta(1)), prune=True)


@pytest.mark.postgres
def test_prune_keeps_what_the_file_names(txn, admin, write):
    """
    Whatever its spelling there.
    """
    apply_file(txn, write(SMALL), admin)

    assert [] == apply_file(txn, write(SMALL.replace('"1512555', '"+1 512 555 ')), admin, prune=True)


@pytest.mark.postgres
def test_a_number_moves_to_another_account_in_one_file(txn, admin, write):
    """
    What ends makes room for what begins, in whichever order the file has them.
    """
    moved = (
        SMALL[: SMALL.index("[[did]]")]
        + """\
[[account]]
code = "B"
currency = "USD"
[[did]]
number = "15125550100"
account = "B"
plan = "p"
activated = 2026-12-01
[[did]]
number = "15125550100"
account = "A"
plan = "p"
activated = 2026-11-01
ended = 2026-12-01
"""
    )
    apply_file(txn, write(SMALL[: SMALL.index("[[virtual]]")]), admin)

    assert [
        ("added", "account", "B"),
        ("changed", "did", "15125550100"),
        ("added", "did", "15125550100"),
    ] == keys(apply_file(txn, write(moved), admin))
    assert [] == apply_file(txn, write(moved), admin)


@pytest.mark.postgres
def test_buckets_that_a_plan_no_longer_has_are_removed(txn, admin, write):
    """
    A plan's buckets are part of the plan.
    """
    bucket = '\n[[plan.bucket]]\nname = "all"\nminutes = 0.5\n'
    apply_file(txn, write(SMALL.replace('deck = "d"\n', 'deck = "d"\n' + bucket)), admin)

    assert [("removed", "bucket", "p/all")] == keys(apply_file(txn, write(SMALL), admin))


@pytest.mark.postgres
def test_the_file_is_in_the_audit(txn, admin, write):
    """
    With its hash, beside a row for every change.
    """
    apply_file(txn, write(SMALL), admin)
    txn.execute("SELECT action, detail FROM audit ORDER BY action")
    rows = dict(txn.fetchall())

    assert {"site changed", "did added", "account added", "balance changed"} <= set(rows)
    assert re.fullmatch("[0-9a-f]{64}", rows["site changed"]["fields"]["sha256"][1])


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        ('plan = "p"', 'plan = "q"', ["20: plan: plan q does not exist"]),
        (
            'primary = "15125550100"',
            'primary = "15125550109"',
            ["25: primary: account A has no did 15125550109"],
        ),
        (
            "2026-11-01\n\n",
            '2026-11-01\nusername = "x"\nrealm = "r"\npassword = "p"\ntenant = "t"\n\n',
            ["25: tenant:"],
        ),
        ('"15125550101"\n', '"15125550100"\n', ["24: number: did 15125550100 is already assigned"]),
        ('prefix = "1"', 'prefix = "x"', ["1: .*5: prefix: 'x' is not a prefix"]),
        ("initial = 6", "initial = 0", ["1: .*5: initial: '0' is not"]),
        ("initial = 6,", "", ["1: .*5: initial: '' is not"]),
        ('deck = "d"', 'deck = "d"\nrounding_decimals = 9', ["11: rounding_decimals: 9 is not"]),
        ('currency = "USD"\nopening', 'currency = "usd"\nopening', ["14: currency: 'usd'"]),
    ],
)
def test_tells_the_line_of_what_the_database_refuses(txn, admin, write, old, new, problems):
    """
    The field's line where the error is about a field.
    """
    assert old in SMALL
    with pytest.raises(BadInput) as caught:
        apply_file(txn, write(SMALL.replace(old, new, 1)), admin)

    for problem in problems:
        assert re.search(rf"site\.toml:{problem}", str(caught.value), re.DOTALL), str(caught.value)
    assert str(caught.value).endswith("\nNothing was changed.")


@pytest.mark.postgres
def test_tells_all_that_is_wrong_with_things_of_a_kind(txn, admin, write):
    """
    Not one mistake a run: two bad DIDs are two lines.
    """
    did = '[[did]]\nnumber = "{}"\naccount = "A"\nplan = "p"\nactivated = 2026-11-01\n'
    text = SMALL + did.format("abc") + did.format("15125550102") + did.format("1")

    with pytest.raises(BadInput) as caught:
        apply_file(txn, write(text), admin)
    assert ["29", "39"] == re.findall(
        r"site\.toml:(\d+): number: .* is not an international", str(caught.value)
    )


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("[[account]\n", ["1: not TOML"]),
        ("a = 1\n", ["1: a: there is no such table; there are account, client"]),
        (
            "\n[account]\ncode = 'A'\n",
            [r"2: account: write every one as a table of its own, under \[\[account\]\]"],
        ),
        ("account = [1]\n", ["1: account: write every one"]),
        ('[[account]]\ncode = "A"\n', ["1: currency: it is missing"]),
        (
            '[[account]]\ncode = 7\ncurrency = "USD"\nmax_chanels = 1\nstatus = true\n',
            [
                "2: code: '7' is not a text; put it in quotes",
                "4: max_chanels: there is no such field; did you mean max_channels",
                "5: status: true is not a text",
            ],
        ),
        (
            '[[account]]\ncode = "A"\ncurrency = "USD"\nmax_channels = "3"\n',
            ["4: max_channels: '3' is not a whole"],
        ),
        (
            '[[account]]\ncode = "A"\ncurrency = "USD"\nmax_channels = true\n',
            ["4: max_channels: true is not a whole"],
        ),
        (
            '[[account]]\ncode = "A"\ncurrency = "USD"\ncredit_limit = "5,0"\n',
            ["4: credit_limit: '5,0' is not a dec"],
        ),
        (
            '[[account]]\ncode = "A"\ncurrency = "USD"\npostpaid = 1\n',
            ["4: postpaid: '1' is not true or false"],
        ),
        (
            '[[client]]\nname = "x"\nnetworks = "10.0.0.1"\n',
            ["3: networks: '10.0.0.1' is not a list of texts"],
        ),
        ('[[client]]\nname = "x"\nsettings = {a = 1}\n', ["3: settings.a: '1' is not a text"]),
        ('[[client]]\nname = "x"\nsecret_file = "nope"\n', ["3: secret_file: .*nope cannot be read"]),
        (
            '[[did]]\naccount = "A"\nplan = "p"\nnumber = "1"\nactivated = "soon"\n',
            ["5: activated: 'soon' is no date"],
        ),
        ('[[deck]]\nname = "d"\ncurrency = "USD"\n', ["1: deck d: give either file, a CSV file, or rates"]),
        ('[[deck]]\nname = "d"\ncurrency = "USD"\nrates = 5\n', ["4: rates: write a list of tables"]),
        ('[[plan]]\ncode = "p"\ndeck = "d"\nbucket = 1\n', ["1: bucket: write every one as a table"]),
        ('[[plan]]\ncode = "p"\ndeck = "d"\n[[plan.bucket]]\nname = "b"\n', ["4: seconds: it is missing"]),
        (
            '[[plan]]\ncode = "p"\ndeck = "d"\n[[plan.bucket]]\nname = "b"\nminutes = 0.001\n',
            ["6: minutes: give a"],
        ),
        (
            '[[plan]]\ncode = "p"\ndeck = "d"\n[[plan.bucket]]\nname = "b"\nminutes = inf\n',
            ["6: minutes: give a"],
        ),
        ('[[tenant]]\nname = "t"\n[[tenant]]\nname = "T"\n', ["3: tenant t is on line 1 too"]),
        (
            SMALL + SMALL[SMALL.index("[[did]]") :].replace('"1512555', '"+1 512 555'),
            ["28: did 15125550100 is on line 17", "34: virtual 15125550101 is on line 23"],
        ),
    ],
)
def test_tells_what_is_wrong_with_the_file_itself(write, text, problems):
    """
    With line, field and what to do; all that is wrong, not the first only.
    """
    with pytest.raises(BadInput) as caught:
        read_site(write(text))

    for problem in problems:
        assert re.search(rf"site\.toml:{problem}", str(caught.value)), str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"# ok\n# caf\xe9\n", b"a = " + b"[" * 5000, b"\x00"])
def test_survives_what_is_no_site_file(tmp_path, content):
    """
    Another encoding, or nesting without end: an error that names the file.
    """
    path = tmp_path / "site.toml"
    path.write_bytes(content)

    with pytest.raises(BadInput, match=r"site\.toml:\d+: not "):
        read_site(path)


def test_warns_when_others_can_read_its_secrets(write):
    """
    Closed files and files without secrets are no matter.
    """
    path = write('[[client]]\nname = "x"\nsecret = "sixteen octets!!"\n')
    assert [] == read_site(path).findings.warnings
    path.chmod(0o644)
    assert "others may read it (mode 0644)" in read_site(path).findings.warnings[0]


@pytest.mark.postgres
def test_secrets_may_stand_in_files_of_their_own(txn, admin, write, tmp_path):
    """
    Beside the site file, wherever the command is run; the newline at the end is the editor's.
    """
    (tmp_path / "sbc.secret").write_text("sixteen octets!!\n")
    apply_file(
        txn, write('[[client]]\nname = "x"\nnetworks = ["192.0.2.1"]\nsecret_file = "sbc.secret"\n'), admin
    )

    txn.execute("SELECT secret_sealed FROM client")
    assert b"sixteen octets!!" == admin.sealer.open(bytes(txn.fetchone()[0]))
    # Without a secret, the one that is stored stays.
    assert [] == apply_file(txn, write('[[client]]\nname = "x"\nnetworks = ["192.0.2.1"]\n'), admin)
    assert read_client(txn, "x").require_message_authenticator
