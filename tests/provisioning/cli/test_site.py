"""``tollwire export``, ``diff`` and ``apply``: the whole site as a file."""

import pytest

pytestmark = pytest.mark.postgres


@pytest.fixture
def exported(run, switch, tmp_path):
    """The switch's site as a file."""
    result = run("export")
    assert 0 == result.exit_code, result.stderr
    path = tmp_path / "site.toml"
    path.write_text(result.stdout)
    return path


def test_what_is_exported_differs_in_nothing(run, exported):
    """
    To diff and to apply.
    """
    for words in (("diff",), ("diff", "--prune"), ("apply", "--prune", "--yes")):
        result = run(words[0], str(exported), *words[1:])
        assert (0, "no changes\n") == (result.exit_code, result.stdout)


def test_diff_tells_what_apply_would_do_and_does_nothing(run, exported):
    """
    With exit code 1, as often as it is asked.
    """
    exported.write_text(exported.read_text().replace("max_channels = 2", "max_channels = 3"))

    for _ in range(2):
        result = run("diff", str(exported))
        assert (1, "~ trunk tg2: max_channels 2 -> 3\n") == (result.exit_code, result.stdout)


def test_a_directory_is_made_for_the_files(run, switch, tmp_path):
    """
    The site file among them; nothing is printed.
    """
    result = run("export", "--directory", "a/b")

    assert (0, "") == (result.exit_code, result.stdout)
    assert 0 == run("diff", str(tmp_path / "a/b/site.toml")).exit_code
