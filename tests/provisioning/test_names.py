"""Names print, networks are canonical."""

import pytest

from provisioning.names import name, network, prose, whole
from radiusd.errors import BadInput


@pytest.mark.parametrize("text", ["", " a", "a ", "a\nb", "\x1b[31m", "x" * 65, "a\x00"])
def test_refuses_what_cannot_be_a_name(text):
    """
    Nothing that does not print: names are shown on terminals.
    """
    with pytest.raises(BadInput, match=r"^code: "):
        name("code", text)


def test_names_may_be_of_any_script():
    """
    Blanks inside are fine.
    """
    assert "Müller & Söhne 株式会社" == name("code", "Müller & Söhne 株式会社")


@pytest.mark.parametrize("text", ["x" * 201, "a\tb", "a\x00"])
def test_prose_prints_too(text):
    """
    It may be empty and long, not endless.
    """
    assert "" == prose("note", "")
    with pytest.raises(BadInput, match=r"^note: "):
        prose("note", text)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:DB8:0::1", "2001:db8::1/128"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
    ],
)
def test_a_network_has_one_spelling(written, canonical):
    """
    IPv4 written as IPv6 is IPv4: packets are matched so.
    """
    assert canonical == str(network("network", written))


@pytest.mark.parametrize(
    "text", ["", "localhost", "192.0.2.1/24", "300.1.1.1", "0.0.0.0/0", "::/0", "::ffff:0:0/96"]
)
def test_refuses_what_is_no_network(text):
    """
    Nor one with bits right of its length, nor all addresses at once.
    """
    with pytest.raises(BadInput, match=r"^network: "):
        network("network", text)


def test_numbers_are_bounded():
    """
    None is no number, and stays.
    """
    assert None is whole("n", None, 1)
    assert 1 == whole("n", 1, 1)
    for value in (0, 2**31):
        with pytest.raises(BadInput, match=r"^n: "):
            whole("n", value, 1)
