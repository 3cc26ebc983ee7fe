"""Provisioning from the command line: what is typed arrives, and what is wrong is said with its exit code."""

import json
from contextlib import closing
from pathlib import Path

import click
import psycopg2
import pytest

from provisioning.cli import changing, field_options
from provisioning.cli.apply import apply
from radiusd.storage.secrets import Sealer, read_key

pytestmark = pytest.mark.postgres

EXAMPLE = Path(__file__).parents[3] / "docs/examples/site.toml"
RATES = "prefix,description,rate,initial,increment\n1,US,0.01,6,6\n44,UK,0.02,60,60\n"


@pytest.fixture
def cli(run, config, tmp_path):
    """Run ``tollwire WORDS`` on an empty database and return what it prints; with --json, what that means."""
    (tmp_path / "rates.csv").write_text(RATES)
    (tmp_path / "secret").write_text("sixteen octets!!\n")

    def cli(line: str, *more: str, code: int = 0):
        result = run(*line.split(), *more)
        assert code == result.exit_code, result.output
        if code:
            return result.stderr
        return json.loads(result.stdout) if "--json" in line else result.stdout

    return cli


@pytest.fixture
def shop(cli):
    """The same with a deck, a plan and accounts ACME and BETA."""
    cli("deck import us rates.csv --currency USD")
    cli("plan add retail --deck us")
    for code in ("ACME", "BETA"):
        cli(f"account add {code} --currency USD")
    return cli


def one(dsn: str, query: str) -> tuple:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute(query)
        return txn.fetchone()


def test_everything_is_provisioned_by_hand(shop):
    """
    All nouns, from a client to a virtual number, as the tutorial does it.
    """
    shop(
        "client add sbc1 --networks 192.0.2.10 --networks 2001:db8::/64 --dialect cisco --secret-file secret"
    )
    shop("tenant add pbx.example")
    shop("destination add us 1")
    shop("bucket add retail us-1000 --minutes 1000 --destinations us")
    shop("balance add ACME 100.00 --reference INV-1")
    shop("did add +15125550100 --account ACME --plan retail --activated 2026-11-01 --location Austin")
    shop("extension add 201 --tenant pbx.example --account ACME --plan retail --activated 2026-11-01")
    shop("trunk add TG1 --client sbc1 --max-channels 30 --account ACME --plan retail --activated 2026-11-01")
    shop("ip add 203.0.113.8 --tech-prefix 99 --account ACME --plan retail --activated 2026-11-01T09:00:00Z")
    shop("virtual add 442079460100 --primary 15125550100 --account ACME --activated 2026-11-01")

    assert ["192.0.2.10/32", "2001:db8::/64"] == shop("client show sbc1 --json")["networks"]
    assert [60_000] == [bucket["seconds"] for bucket in shop("bucket list --json")]
    assert "100.000000" == shop("balance show ACME --json")["balance"]
    assert "2026-11-01T00:00:00Z" == shop("did show 15125550100 --json")["activated"]
    assert 30 == shop("trunk list --account ACME --json")[0]["max_channels"]
    assert "203.0.113.8/32" == shop("ip list --json")[0]["network"]
    assert "15125550100" == shop("virtual list --json")[0]["primary"]
    assert [{"name": "pbx.example"}] == shop("tenant list --json")
    assert [{"name": "us", "prefixes": ["1"]}] == shop("destination list --json")
    assert ["ACME", "BETA"] == [account["code"] for account in shop("account list --json")]
    assert 2 == shop("deck show us --json")[0]["row_count"]
    assert ["us"] == [deck["name"] for deck in shop("deck list --json")]
    assert "us" == shop("plan show retail --json")["deck"]


def test_a_change_says_what_was_before(shop):
    """
    As a line for people and as a document for programs.
    """
    assert "~ account ACME: credit_limit 0 -> 50\n" == shop("account set ACME --credit-limit 50")
    assert "= account ACME unchanged\n" == shop("account set ACME --credit-limit 50")
    changed = shop("account set ACME --max-channels 5 --json")
    assert ("changed", "account", "ACME") == (changed["action"], changed["noun"], changed["key"])
    assert {"max_channels": ["", "5"]} == changed["fields"]


def test_none_takes_a_value_away(shop):
    """
    No limit is not a limit of zero.
    """
    shop("trunk add TG1 --max-channels 30 --account ACME --plan retail --activated 2026-11-01")

    assert "~ trunk TG1: max_channels 30 -> (not set)\n" == shop("trunk set TG1 --max-channels none")


def test_flags_are_turned_on_and_off(shop):
    """
    What is not named stays.
    """
    shop("client add sbc1 --networks 192.0.2.10 --secret-file secret --asserts-numbers")
    shop("client set sbc1 --no-require-message-authenticator --settings duration_unit=ms")
    client = shop("client show sbc1 --json")

    assert (True, False) == (client["asserts_numbers"], client["require_message_authenticator"])
    assert "duration_unit" in json.dumps(client["settings"])


def test_a_service_is_ended_and_its_number_given_to_another(shop):
    """
    The listing shows who has it now, --all and show also who had it.
    """
    shop("did add 15125550100 --account ACME --plan retail --activated 2020-01-01")
    shop("did end 15125550100 --at 2021-01-01")
    shop("did add 15125550100 --account BETA --plan retail --activated 2021-01-01")

    assert ["BETA"] == [did["account"] for did in shop("did list --json")]
    assert 2 == len(shop("did list --all --json"))
    assert ["ACME", "BETA"] == [did["account"] for did in shop("did show 15125550100 --json")]


def test_what_never_was_active_is_removed(shop):
    """
    The line says so.
    """
    shop("did add 15125550100 --account ACME --plan retail --activated 2099-01-01")

    assert "- did 15125550100 removed\n" == shop("did end 15125550100")


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (
            "did add 15125550100 --account ACME --plan retail --activated 2026-11-02",
            4,
            "is already assigned to account",
        ),
        (
            "did add 15125550199 --account NOPE --plan retail --activated 2026-11-02",
            3,
            "account: account NOPE does not",
        ),
        ("did add alice --account ACME --plan retail --activated 2026-11-02", 4, "number: 'alice' is not"),
        ("did add 15125550199 --account ACME --plan retail --activated soon", 2, "'soon' is no date"),
        ("did add 15125550199 --account ACME --plan retail", 2, "--activated"),
        ("did set 15125550199 --plan retail", 3, "no did 15125550199 is active"),
        ("did end 15125550199", 3, "no did 15125550199 is active"),
        ("did show 15125550199", 3, "did 15125550199 does not exist"),
        ("did list --account NOPE", 3, "account NOPE does not exist"),
        ("account add ACME --currency USD", 4, "account ACME exists already; change it with set"),
        ("account add X --currency USD --credit-limit 1,5", 2, "'1,5' is not a decimal number"),
        ("account add X --currency USD --status gone", 2, "gone"),
        ("account set NOPE --credit-limit 1", 3, "account NOPE does not exist"),
        ("balance add ACME -5", 2, "-5"),
        ("balance add ACME 0", 4, "amount: 0 changes nothing"),
        ("balance show NOPE", 3, "account NOPE does not exist"),
        ("bucket add retail x --minutes 1h", 2, "'1h' is neither minutes"),
        ("bucket set retail x --minutes 1", 3, "bucket retail/x does not exist"),
        ("bucket rm retail x", 3, "bucket retail/x does not exist"),
        ("client show nope", 3, "client nope does not exist"),
        ("client add x --networks 192.0.2.1 --settings abc --generate", 2, "'abc' is not NAME=VALUE"),
        ("client add x --networks 192.0.2.1", 2, "give the shared secret in a file, or --generate one"),
        ("client add x --networks 192.0.2.1 --generate --secret-file secret", 2, "not both"),
        ("client add x --secret-file secret", 4, "networks: give the addresses"),
        ("deck import other rates.csv", 3, "deck other does not exist; give --currency"),
        ("deck show other", 3, "deck other does not exist"),
        ("plan set retail --initial-s 60", 4, "increment_s: give initial_s and increment_s"),
        ("plan set retail --initial-s x", 2, "'x' is not a whole number"),
        ("rate quote --plan retail --to 9995550100", 3, "deck us has no rate for 9995550100"),
        ("tenant add", 2, "NAME"),
    ],
)
def test_says_what_is_wrong_with_the_exit_code(shop, line, code, message):
    """
    2: the command line; 3: not there; 4: refused, and nothing was changed.
    """
    shop("did add 15125550100 --account ACME --plan retail --activated 2026-11-01")

    assert message in shop(line, code=code)


def test_bad_rates_are_told_by_line(shop, tmp_path):
    """
    All of them; the deck stays as it was.
    """
    (tmp_path / "bad.csv").write_text(RATES + "x,Mars,0.1,1,1\n7,,y,1,1\n")
    errors = shop("deck import us bad.csv", code=4)

    assert "bad.csv:4:1: prefix: 'x'" in errors
    assert "bad.csv:5:3: rate: 'y'" in errors
    assert 1 == len(shop("deck show us --json"))


def test_a_secret_comes_from_a_file_or_is_made_and_shown_once(shop, dsn, tmp_path):
    """
    It never stands on the command line, and no other command shows it.
    """
    shop("client add sbc1 --networks 192.0.2.10 --secret-file secret")
    made = shop("client add sbc2 --networks 192.0.2.11 --generate --json")["secret"]
    sealer = Sealer(read_key(tmp_path / "secret.key"))

    for name, secret in (("sbc1", "sixteen octets!!"), ("sbc2", made)):
        (sealed,) = one(dsn, f"SELECT secret_sealed FROM client WHERE name = '{name}'")
        assert secret.encode() == sealer.open(bytes(sealed))
        assert secret not in shop(f"client show {name}")
        assert secret not in shop("client list --csv")
    assert 32 == len(made)


def test_a_password_is_kept_for_a_device(shop, dsn, tmp_path):
    """
    Made, shown this once, and kept as the digest of the realm only.
    """
    line = "did add 15125550100 --account ACME --plan retail --activated 2026-11-01"
    made = shop(f"{line} --username alice --realm sip.example --generate --json")["secret"]
    (sealed,) = one(dsn, "SELECT password_sealed FROM service")

    assert made not in shop("did show 15125550100")
    assert 32 == len(Sealer(read_key(tmp_path / "secret.key")).open(bytes(sealed)))


def test_a_short_secret_is_warned_of(shop, run, tmp_path):
    """
    On stderr, so that what is piped stays data.
    """
    (tmp_path / "short").write_text("short")
    result = run("client", "add", "x", "--networks", "192.0.2.1", "--secret-file", "short", "--json")

    assert result.stderr.startswith("warning: client x: the shared secret has 5 octets")
    assert "x" == json.loads(result.stdout)["key"]


def test_the_audit_names_who_sat_at_the_keyboard(shop, dsn, monkeypatch):
    """
    Behind sudo, the person.
    """
    monkeypatch.setenv("SUDO_USER", "carol")
    shop("account set ACME --credit-limit 1")

    assert ("carol (command line)",) == one(dsn, "SELECT actor FROM audit WHERE action = 'account changed'")


def test_a_quote_shows_the_price_and_why(shop):
    """
    Rate, increments, seconds billed, total.
    """
    found = shop("rate quote --plan retail --to +442071838750 --seconds 61 --json")

    assert ("44", "0.02", "60/60", 120, "0.0400", "USD") == tuple(
        found[name] for name in ("prefix", "rate_per_min", "increments", "billed_s", "total", "currency")
    )
    assert 120 == sum(line["seconds"] for line in found["slices"])


def test_applies_a_site_file_once(cli):
    """
    Every line says what is added; the second time there is nothing to say.
    """
    first = cli("apply", str(EXAMPLE))
    second = cli("apply", str(EXAMPLE))

    assert "+ did 15125550100: account ACME, plan business-premium" in first
    assert "+ deck us-termination: currency USD, rates 5" in first
    assert "a-secret" not in first
    assert "no changes\n" == second
    assert [] == cli("apply --json", str(EXAMPLE))


def test_a_dry_run_changes_nothing(cli, dsn):
    """
    It exits 1 when something would change, and 0 when nothing would.
    """
    cli("apply --dry-run", str(EXAMPLE), code=1)
    assert (0,) == one(dsn, "SELECT count(*) FROM account")
    cli("apply", str(EXAMPLE))

    assert "no changes\n" == cli("apply --dry-run", str(EXAMPLE))


def test_a_bad_site_file_changes_nothing(cli, tmp_path, dsn):
    """
    Exit 4, with file, line and field.
    """
    path = tmp_path / "site.toml"
    path.write_text('[[tenant]]\nname = "t"\n[[account]]\ncode = "A"\ncurrency = "usd"\n')
    path.chmod(0o600)

    assert "site.toml:5: currency: 'usd'" in cli("apply site.toml", code=4)
    assert (0,) == one(dsn, "SELECT count(*) FROM tenant")


@pytest.mark.parametrize(("answer", "accounts"), [("y\n", 1), ("n\n", 0)])
def test_asks_on_a_terminal(config, dsn, monkeypatch, answer, accounts):
    """
    What would change is shown first; only yes makes it so.
    """
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked = []

    def confirm(text: str, abort: bool, err: bool) -> None:
        asked.append(text)
        if answer != "y\n":
            raise click.Abort

    monkeypatch.setattr(click, "confirm", confirm)
    context = click.Context(apply)
    try:
        with context.scope():
            context.invoke(apply, file=EXAMPLE, dry_run=False, prune=False, yes=False)
    except click.Abort:
        pass

    assert ["Apply these changes?"] == asked
    assert (accounts,) == one(dsn, "SELECT count(*) FROM account")


def test_options_say_none_only_where_there_is_something_to_take_away():
    """
    A new thing has nothing to take away.
    """
    assert {"a": None, "b": 0, "c": False} == field_options.given(
        {"a": field_options.NONE, "b": 0, "c": False, "d": None, "e": ()}
    )
    assert "carol (command line)" == changing.actor({"SUDO_USER": "carol"})
