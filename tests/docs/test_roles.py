"""The page of roles says what the table of rights says."""

from __future__ import annotations

from provisioning.roles import GRANTED, RIGHTS, Role
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
