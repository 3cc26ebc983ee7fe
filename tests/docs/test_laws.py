"""The pages of roles and of numbers say what the tables of the law say."""

from __future__ import annotations

import re

from provisioning.roles import GRANTED, RIGHTS, Role
from radiusd.storage.migrations import SCHEMA
from tests.docs.pages import code, column

PAGE = "reference/roles.md"


def test_every_right_of_every_role_is_told() -> None:
    """
    A line for each area, a column for each role.
    """
    areas = [code(cell) for cell in column(PAGE, "Area")]

    assert sorted({right.partition(":")[0] for right in RIGHTS}) == areas
    for role in Role:
        told = {
            f"{area}:{verb}"
            for area, cell in zip(areas, column(PAGE, f"`{role.value}`"), strict=True)
            for verb in cell.replace("-", "").split(" and ")
            if verb
        }
        assert told == GRANTED[role], role


def test_every_step_of_a_number_is_told() -> None:
    """
    The table on the page is the law that the migration writes.
    """
    sql = (SCHEMA / "0007_inventory.sql").read_text()
    law = sql[sql.index("INSERT INTO number_step") : sql.index("CREATE TABLE number_history")]
    page = "reference/number-states.md"
    told = {
        (code(state), after)
        for state, cell in zip(column(page, "State"), column(page, "May become"), strict=True)
        for after in re.findall(r"`(\w+)`", cell)
    }

    assert set(re.findall(r"\('(\w+)', '(\w+)'\)", law)) == told
