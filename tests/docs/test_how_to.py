"""The how-to pages: their commands are run as written, or at least are commands; their files are taken."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import click
import psycopg2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.processes import free_udp_ports
from provisioning.admin import Admin
from provisioning.cli import main
from provisioning.site import apply_file
from radiusd.settings import Settings, read_settings
from radiusd.storage.group_commit import Counts
from radiusd.storage.secrets import Sealer
from tests.docs.pages import DOCS, PAGES, ROOT, Block, blocks, code, column
from tests.docs.shell import Shell, environment_in, shows
from tests.packages import skip_without

EXAMPLES = DOCS / "examples"
RUN = (  # as written, one after the other, on one server
    "find-why-a-call-was-refused.md",
    "mend-a-queued-call.md",
    "change-prices.md",
    "let-people-in.md",
    "limit-calls.md",
    "end-calls.md",
    "keep-an-inventory.md",
    "read-metrics.md",
    "back-up-and-restore.md",
    "import-call-records.md",
)
CONFIGURATION = """
metrics_address = "127.0.0.1:9812"

[database]
directory = "database"

[[listeners]]
kind = "auth"
address = "127.0.0.1"
port = 18120

[[listeners]]
kind = "acct"
address = "127.0.0.1"
port = 18130
"""
ASK = "tollwire radius test {kind} 127.0.0.1 --secret-file secret --dictionary cisco --from 15125550100"
BEFORE = f"""
tollwire serve > server.log 2>&1 &
until grep -qs '"serving"' server.log; do sleep 0.2; done
chmod 600 site.toml
tollwire apply site.toml --yes > /dev/null
until grep -qs '"catalogue loaded"' server.log; do sleep 0.2; done
printf a-secret-of-24-characters > secret
trunk=Cisco-AVPair=in-trunkgroup-label=ACME-TG1
{ASK.format(kind="auth")} --port 18120 --to 33142685300 --attr $trunk --attr Service-Type=Call-Check \
    --attr Acct-Session-Id=paris-1
{ASK.format(kind="acct")} --port 18130 --to 81312345678 --attr $trunk --status Stop --session tokyo-1 \
    --seconds 61
{ASK.format(kind="acct")} --port 18130 --to 81312345678 --status 9
"""
SETTINGS = set(Settings.__struct_fields__)
ALL_BLOCKS = [(page, block) for page in PAGES for block in blocks(page)]
# Commands of cli.md have a test beside the command line.
SHELL = [each for each in ALL_BLOCKS if each[1].language == "sh" and each[0].name != "cli.md"]
TOML = [(page, block) for page, block in ALL_BLOCKS if block.language == "toml"]
CONFIGURATIONS = [each for each in TOML if set(tomllib.loads(each[1].text)) <= SETTINGS]
SITES = [each for each in TOML if each not in CONFIGURATIONS]
COMMANDS = [
    (page, line)
    for page, block in SHELL
    for line in block.text.replace("\\\n", " ").splitlines()
    if line.strip().startswith("tollwire ")
]


def place(each: tuple[Path, Block]) -> str:
    """Return the name of a test of a block."""
    return f"{each[0].relative_to(ROOT)}:{each[1].line}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The folder of a server with the documentation's example, whose switch is this machine."""
    home = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    home.chmod(0o755)
    folder = home / "first"
    folder.mkdir()
    for example in EXAMPLES.iterdir():
        shutil.copy(example, folder)
    site = (folder / "site.toml").read_text()
    site = site.replace('"192.0.2.10"', '"127.0.0.1"')
    # Prices older than the calls, as they are in a carrier's life.
    site = site.replace('file = "us', 'active_from = 2026-01-01\nfile = "us')
    (folder / "site.toml").write_text(site)
    yield folder
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    """The ports that are used in place of those on the pages, so that two such tests may run side by side."""
    written = ("18120", "18130", "9812", "18121", "18131")
    return dict(zip(written, map(str, free_udp_ports(len(written))), strict=True))


@pytest.fixture(scope="module")
def operator(folder: Path, ports: dict[str, str], pg_bin: Path | None) -> Iterator[Shell]:
    """An operator's terminal, in the folder of a running server that has refused and queued calls."""
    (folder / "tollwire.toml").write_text(_with(ports, CONFIGURATION))
    with Shell(folder, environment_in(folder.parent, pg_bin)) as shell:
        output, code = shell.run(_with(ports, BEFORE))
        assert 0 == code, output
        yield shell


@pytest.mark.acceptance
@pytest.mark.postgres
@pytest.mark.parametrize("page", RUN)
def test_operators_question_is_answered_as_written(
    page: str, operator: Shell, ports: dict[str, str]
) -> None:
    """
    The commands of the page write what it shows, on a server with calls that were refused and queued.
    """
    found = blocks(DOCS / "how-to" / page)
    if any("curl " in block.text for block in found) and shutil.which("curl") is None:
        skip_without(("curl",))
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.language != "sh":
            continue
        output, code = operator.run(_with(ports, block.text))
        assert 0 == code, f"{page}:{block.line}: exits {code}:\n{output}"
        if following and following.language == "text":
            differs = shows(_with(ports, following.text), output)
            assert "" == differs, f"{page}:{block.line}: {differs}"


@pytest.mark.acceptance
@pytest.mark.postgres
@pytest.mark.usefixtures("operator")
def test_a_running_server_shows_the_metrics_of_the_reference(ports: dict[str, str]) -> None:
    """
    The reference names every metric of a running server with its type and labels, and no other.
    """
    with urlopen(f"http://127.0.0.1:{ports['9812']}/metrics", timeout=10) as answer:
        shown = _metrics_in(answer.read().decode())
    page = "reference/metrics.md"
    rows = zip(*(column(page, title) for title in ("Metric", "Type", "Labels")), strict=True)

    assert shown == {code(name): (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert {code(cell) for cell in column(page, "Result")} == set(Counts.__dataclass_fields__)


def _metrics_in(text: str) -> dict[str, tuple[str, set[str]]]:
    """Return each metric in Prometheus' *text* with its type and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        if not family.name.endswith("_created"):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = family.type, labels
    return found


def _with(ports: dict[str, str], text: str) -> str:
    return re.sub("|".join(rf"\b{name}\b" for name in ports), lambda found: ports[found[0]], text)


@pytest.mark.parametrize("each", CONFIGURATIONS, ids=place)
def test_configurations_are_taken(each: tuple[Path, Block], tmp_path: Path) -> None:
    """
    Every piece of a configuration in the documentation is one that the server starts with.
    """
    text = each[1].text
    if "database" not in tomllib.loads(text):
        text += '\n[database]\ndirectory = "database"\n'
    path = tmp_path / "tollwire.toml"
    path.write_text(text)

    assert read_settings(path, {}).listeners


@pytest.mark.postgres
@pytest.mark.parametrize("each", SITES, ids=place)
def test_site_files_are_taken(each: tuple[Path, Block], dsn: str, tmp_path: Path) -> None:
    """
    Every piece of a site file in the documentation can be applied after the example that lies beside it.
    """
    block = each[1]
    for example in EXAMPLES.iterdir():
        shutil.copy(example, tmp_path)
    path = tmp_path / "page.toml"
    path.write_text(block.text)
    for secret in re.findall(r'_file = "([^"]+)"', block.text):
        (tmp_path / secret).write_text("a secret of some length\n")
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        admin = Admin("docs", datetime(2026, 11, 26, tzinfo=UTC), Sealer(bytes(32)))
        apply_file(txn, tmp_path / "site.toml", admin)
        changes = apply_file(txn, path, admin)
        connection.rollback()

    assert changes, f"{place(each)} changes nothing"


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda value: str(value)[-60:])
def test_commands_exist_with_their_options(page: Path, line: str, tmp_path: Path, monkeypatch) -> None:
    """
    Each command of ours on any page is one that the command line takes.
    """
    monkeypatch.chdir(tmp_path)
    words = shlex.split(re.split(r" (?:\||>|<|&&|\|\||2>|&)", line.strip())[0])
    context, command = click.Context(main, info_name="tollwire"), main
    words = words[1:]
    while isinstance(command, click.Group):
        while words[0].startswith("--"):  # options of every command may stand before its words
            words = words[2:]
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"{page.name}: there is no {name!r} in: {line}"
        command = found
    for word in words:
        if "/" not in word and not word.startswith("-"):
            Path(word).touch()
    with command.make_context("tollwire", [re.sub(r"\$\S+", "1", word) for word in words], parent=context):
        pass


@pytest.mark.parametrize("each", SHELL, ids=place)
def test_commands_are_well_formed(each: tuple[Path, Block]) -> None:
    """
    The shell takes every piece of it: no quote or bracket is left open.
    """
    done = subprocess.run(["bash", "-n"], input=each[1].text, text=True, capture_output=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_the_readme_names_programs_of_the_checkout() -> None:
    """
    What the README tells to run first is there and may be run.
    """
    readme = ROOT / "README.md"
    programs = re.findall(r"^\./(\w+)", "".join(block.text for block in blocks(readme)), re.MULTILINE)

    assert ["demo", "test"] == programs
    assert all(os.access(ROOT / program, os.X_OK) for program in programs)


@pytest.mark.parametrize(
    ("page", "configuration"),
    [("connect-kamailio.md", "kamailio.cfg"), ("redirect-sip-calls.md", "redirect.cfg")],
)
def test_kamailio_is_configured_as_our_own_test_does_it(page: str, configuration: str) -> None:
    """
    What the page tells to write into Kamailio is what runs in the acceptance test, names apart.
    """
    lines = (ROOT / "tests/acceptance/kamailio" / configuration).read_text()
    lines = lines.replace("127.0.0.1:@REDIRECT_PORT@", "192.0.2.200:5060")
    lines = lines.replace("@REALM@", "sip.example.net").replace("@QOP@", "1")
    lines = lines.replace("@FOLDER@", "/etc/kamailio")
    known = {line.strip() for line in lines.splitlines()}
    written = blocks(DOCS / "how-to" / page)
    shown = "".join(block.text for block in written if block.language == "kamailio").splitlines()

    assert shown
    assert [] == [line for line in shown if line.strip() and line.strip() not in known]
