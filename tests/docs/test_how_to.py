"""The how-to pages: their commands are run as written, or at least are commands; their files are taken."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import psycopg2
import pytest

from bench.processes import free_udp_ports
from provisioning.admin import Admin
from provisioning.cli import main
from provisioning.site import apply_file
from radiusd.settings import Settings, read_settings
from radiusd.storage.secrets import Sealer
from tests.docs.pages import DOCS, PAGES, ROOT, Block, blocks
from tests.docs.shell import Shell, environment_in, shows

EXAMPLES = DOCS / "examples"
RUN = (  # as written, one after the other, on one server
    "find-why-a-call-was-refused.md",
    "mend-a-queued-call.md",
    "change-prices.md",
    "read-metrics.md",
    "back-up-and-restore.md",
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
"""
SETTINGS = set(Settings.__struct_fields__)
ALL_BLOCKS = [(page, block) for page in PAGES for block in blocks(page)]
TOML = [(page, block) for page, block in ALL_BLOCKS if block.language == "toml"]
CONFIGURATIONS = [each for each in TOML if set(tomllib.loads(each[1].text)) <= SETTINGS]
SITES = [each for each in TOML if each not in CONFIGURATIONS]
COMMANDS = [
    (page, line)
    for page, block in ALL_BLOCKS
    if block.language == "sh" and page != DOCS / "reference/cli.md"
    for line in block.text.replace("\\\n", " ").splitlines()
    if line.strip().startswith("tollwire ")
]


def place(each: tuple[Path, Block]) -> str:
    """Return the name of a test of a block."""
    return f"{each[0].relative_to(ROOT)}:{each[1].line}"


@pytest.fixture
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


@pytest.mark.acceptance
@pytest.mark.postgres
def test_operators_questions_are_answered_as_written(folder: Path, pg_bin: Path | None, skip_without) -> None:
    """
    The commands of the pages write what the pages show, on a server with calls that were refused and queued.
    """
    if shutil.which("curl") is None:
        skip_without({"curl"})
    names = ("18120", "18130", "9812", "18121", "18131")
    ports = dict(zip(names, map(str, free_udp_ports(len(names))), strict=True))
    (folder / "tollwire.toml").write_text(_with(ports, CONFIGURATION))
    with Shell(folder, environment_in(folder.parent, pg_bin)) as shell:
        shell.run(_with(ports, BEFORE))
        for page in RUN:
            found = blocks(DOCS / "how-to" / page)
            for block, following in zip(found, [*found[1:], None], strict=True):
                if block.language != "sh":
                    continue
                output, code = shell.run(_with(ports, block.text))
                assert 0 == code, f"{page}:{block.line}: exits {code}:\n{output}"
                if following and following.language == "text":
                    differs = shows(_with(ports, following.text), output)
                    assert "" == differs, f"{page}:{block.line}: {differs}"


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


def test_kamailio_is_configured_as_our_own_test_does_it() -> None:
    """
    What the page tells to write into Kamailio is what runs in the acceptance test, names apart.
    """
    lines = (ROOT / "tests/acceptance/kamailio/kamailio.cfg").read_text()
    lines = lines.replace("@REALM@", "sip.example.net").replace("@QOP@", "1")
    lines = lines.replace("@FOLDER@", "/etc/kamailio")
    known = {line.strip() for line in lines.splitlines()}
    page = DOCS / "how-to/connect-kamailio.md"
    shown = "".join(block.text for block in blocks(page) if block.language == "kamailio").splitlines()

    assert shown
    assert [] == [line for line in shown if line.strip() and line.strip() not in known]
