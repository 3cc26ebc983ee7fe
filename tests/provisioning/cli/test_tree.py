"""The tree of commands: examples, help, the manual page, and what a command costs to start."""

import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from provisioning.cli import COMMANDS, main
from provisioning.cli.reference import commands, reference
from provisioning.cli.short_helps import SHORT_HELPS

ROOT = Path(__file__).parents[3]
CONTEXT = click.Context(main, info_name="tollwire")
ALL = [(context.command_path, command) for command, context in commands(main, CONTEXT)]


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_every_example_is_a_command_line_that_works(path, command, tmp_path, monkeypatch):
    """
    Each command's help ends with an example of itself, which its own options accept.
    """
    monkeypatch.chdir(tmp_path)
    lines = [line for line in command.example.splitlines() if path in line]
    assert lines, f"no example of {path}"
    for line in lines:
        line = line[line.index("tollwire ") :]
        words = shlex.split(line.split(" | ")[0].split(" > ")[0].split(" || ")[0].rstrip(')"'))
        for word in words:  # files that an option wants to read
            if "/" not in word and not word.startswith("-"):
                Path(word).touch()
        words = words[: words.index("<")] if "<" in words else words
        with command.make_context(path, words[len(path.split()) :], parent=click.Context(main)):
            pass


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_help_says_what_the_command_does(run, path, command):
    """
    ``--help`` has a sentence and the example.
    """
    result = run(*path.split()[1:], "--help")

    assert 0 == result.exit_code
    assert "Example:" in result.stdout
    assert command.example.splitlines()[0] in result.stdout
    assert command.help


def test_the_manual_page_is_current():
    """
    ``docs/reference/cli.md`` is what the commands say of themselves.
    """
    page = ROOT / "docs/reference/cli.md"

    assert reference() == page.read_text(), "python -m provisioning.cli.reference > docs/reference/cli.md"


def test_every_noun_can_be_imported():
    """
    No noun leads to a module that is not there, or to anything but a command of that name.
    """
    assert sorted(COMMANDS) == main.list_commands(CONTEXT)
    for noun in COMMANDS:
        command = main.get_command(CONTEXT, noun)
        assert command is not None
        assert noun == command.name


def test_the_list_of_nouns_says_what_each_says_of_itself():
    """
    It is written down, so that the list and the first word's completion import none of them.
    """
    assert {noun: main.get_command(CONTEXT, noun).get_short_help_str(200) for noun in sorted(COMMANDS)} == (
        SHORT_HELPS
    )
    program = (
        "import sys\n"
        "from provisioning.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    print(*(each for each in sys.modules if each.startswith('provisioning.')), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert all(f"\n  {noun} " in done.stdout for noun in COMMANDS)
    assert {"cli", "cli.framework", "cli.options", "cli.short_helps", "cli.text"} == {
        each.removeprefix("provisioning.") for each in done.stderr.split()
    }


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("line", "most"), [("--help", 160), ("did list --help", 260), ("cdr list", 330), ("account list", 330)]
)
def test_a_command_starts_fast(config, line, most):
    """
    What takes the time are modules: few are imported, and no event loop. bench.commands tells the time.
    """
    program = (
        "import sys\n"
        "from provisioning.cli import main\n"
        "try:\n"
        f"    main({line.split()})\n"
        "finally:\n"
        "    slow = {'twisted', 'rich', 'cryptography', 'pyrad', 'structlog'} & set(sys.modules)\n"
        "    print(len(sys.modules), *sorted(slow), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    count, *slow = done.stderr.split()
    assert [] == slow
    assert int(count) <= most
