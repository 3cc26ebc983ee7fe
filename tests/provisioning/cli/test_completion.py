"""What a shell is told when somebody presses the tab key."""

import os
import socket
import subprocess
import sys
import time

import pytest


@pytest.fixture
def complete(run):
    """Return the words that bash is offered for the last of *words*."""

    def complete(*words: str) -> list[str]:
        environ = {
            **os.environ,
            "_TOLLWIRE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["tollwire", *words]),
            "COMP_CWORD": str(len(words)),
        }
        program = "from provisioning.cli import main; main(prog_name='tollwire')"
        done = subprocess.run(
            [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=30
        )
        assert "" == done.stderr
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    return complete


@pytest.mark.postgres
def test_keys_are_those_of_the_database(switch, complete):
    """
    Arguments that name the noun, options that name another, optional ones of set, too.
    """
    assert ["ACME"] == complete("account", "show", "A")
    assert ["ACME"] == complete("did", "list", "--account", "")
    assert ["15550100"] == complete("did", "end", "1555")
    assert ["P"] == complete("bucket", "add", "")
    assert ["retail"] == complete("plan", "set", "P", "--inbound-deck", "r")
    assert [] == complete("account", "show", "%")


@pytest.mark.postgres
def test_nothing_is_offered_for_what_is_new(switch, complete):
    """
    Nor for other texts.
    """
    assert [] == complete("account", "add", "A")
    assert [] == complete("account", "set", "ACME", "--timezone", "")


def test_words_need_no_database(complete):
    """
    Nouns, verbs and options.
    """
    assert ["account"] == complete("acc")
    assert ["--yes"] == complete("did", "end", "--y")


def test_a_database_that_is_silent_is_not_waited_for(complete, tmp_path, monkeypatch):
    """
    It takes the connection and says nothing.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = tmp_path / "tollwire.toml"
        path.write_text(f'[database]\ndsn = "host=127.0.0.1 port={silent.getsockname()[1]} dbname=x"\n')
        monkeypatch.setenv("TOLLWIRE_CONFIG", str(path))
        before = time.monotonic()
        assert [] == complete("account", "show", "A")
        assert time.monotonic() - before < 4  # libpq alone would wait for five
