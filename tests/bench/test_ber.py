"""The benchmark of BER records: both readers get the same file, and find all of it."""

from bench.ber import a_file, main, ours, theirs


def test_both_read_every_record():
    """
    No record is refused by either, so that the rates count the same work.
    """
    octets = a_file(24)

    assert 24 == ours(octets) == theirs(octets)


def test_prints_both_rates_and_their_ratio(capsys):
    """
    What it tells, on a file of a few records.
    """
    assert 0 == main(["--records", "60", "--rounds", "1"])

    printed = capsys.readouterr().out
    for words in ("60 records of", "file to normal form", "pyasn1 with a schema", "ratio"):
        assert words in printed
