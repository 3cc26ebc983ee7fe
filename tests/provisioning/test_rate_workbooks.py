"""Rates in Excel workbooks: read as files are, from the sheet and below the titles that have them."""

import pytest
from openpyxl import Workbook

from provisioning import tables
from provisioning.rate_files import Problems, RateFile
from provisioning.rate_layouts import Layout
from radiusd.errors import BadInput
from tests.provisioning.rate_reading import AUGUST, told


def a_workbook(tmp_path, *sheets, merged=()):
    """A workbook of sheets of rows."""
    book = Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.active if not number else book.create_sheet(f"Sheet {number + 1}")
        for row in rows:
            sheet.append(row)
        for cells in merged:
            sheet.merge_cells(cells)
    path = tmp_path / "rates.xlsx"
    book.save(path)
    return path


def read_workbook(path):
    """The rates of a workbook, and what is wrong with it."""
    problems = Problems("rates.xlsx")
    return [rate for _, rate in RateFile(path, currency="USD").rates(problems)], problems


def test_a_workbook_is_read_like_a_file(tmp_path, monkeypatch):
    """
    Numbers and dates of cells come out as they were typed; errors name row and column.
    """
    book = Workbook()
    sheet = book.active
    sheet.append(["Carrier X", None, None])
    sheet.append(["Code", "Rate", "Effective Date", "Increment"])
    sheet.append([44, 0.0125, AUGUST.replace(tzinfo=None), "30/6"])
    sheet.append(["447x", 0.1, AUGUST.replace(tzinfo=None), "1/1"])
    path = tmp_path / "rates.xlsx"
    book.save(path)
    problems = Problems("rates.xlsx")

    rates = [rate for _, rate in RateFile(path).rates(problems)]

    assert [("44", 12_500_000, 30, 6, AUGUST)] == told(rates)
    assert ["rates.xlsx:4:1: prefix: '447x' is no code of digits"] == problems.found
    (tmp_path / "broken.xlsx").write_bytes(b"PK no zip")
    with pytest.raises(BadInput, match=r"broken\.xlsx: not an Excel workbook"):
        list(RateFile(tmp_path / "broken.xlsx").rates(problems))
    monkeypatch.setattr(tables, "MOST_UNPACKED", 1000)
    with pytest.raises(BadInput, match=r"rates\.xlsx: it unpacks into 0 MB"):
        list(RateFile(path).rates(problems))
    monkeypatch.undo()
    with pytest.raises(BadInput, match="no sheet is called 'B'; there are Sheet"):
        list(RateFile(path, Layout(sheet="B")).rates(problems))


@pytest.mark.parametrize(
    ("above", "below", "merged"),
    [
        (["Name", "Code", "Rates", None, None], [None, None, "Inter", "Intra", "IJ"], ["A1:A2", "C1:E1"]),
        (["Destination", None, "Rate", None, None], ["Name", "Code", "Inter", "Intra", "IJ"], ["A1:B1"]),
    ],
)
def test_titles_of_two_rows(tmp_path, above, below, merged):
    """
    Merged across or down, under a heading.
    """
    rows = [["Our rates"], above, below, ["New York", 1212555, 0.01, 0.02, 0.03]]
    merged = [cells.replace("1", "2").replace(":A2", ":A3") for cells in merged]

    (rate,), problems = read_workbook(a_workbook(tmp_path, rows, merged=merged))

    assert [] == problems.found
    assert ("1212555", "New York", 30_000_000) == (rate.prefix, rate.description, rate.price_nano)


def test_rates_are_found_behind_a_cover(tmp_path):
    """
    In the first sheet that has titles; which one is told.
    """
    rates = [["Code", "Rate", "Increment"], [44, 0.02, "60/60"]]

    (rate,), problems = read_workbook(a_workbook(tmp_path, [["Dear customer"]], rates))

    assert ("44", []) == (rate.prefix, problems.found)
    assert ["sheet 'Sheet 2' is read; --sheet names another"] == problems.notes


def test_a_formula_without_a_result_is_no_price(tmp_path):
    """
    Programs write such; the cell is named, and what to do.
    """
    path = a_workbook(tmp_path, [["Code", "Rate", "Increment"], [44, "=0.01*2", "1/1"]])

    with pytest.raises(BadInput, match=r"rates\.xlsx: cell B2 is a formula whose result the file"):
        read_workbook(path)
