"""All say the same number."""

import asyncio

import pytest

from gaios.client import Cell
from gaios.client.recipes.agreed import agree
from gaios.client.recipes.place import place
from gaios.errors import Disagreement

PLACE = place("thing", "a")


async def test_who_comes_first_says_it(cell: Cell, other: Cell) -> None:
    """Also of several who come at once."""
    numbers = [3, 4, 5, 3, 4, 5]
    found = await asyncio.gather(
        *(agree(each, PLACE, number, "legs") for number, each in zip(numbers, (cell, other) * 3, strict=True)), return_exceptions=True
    )
    agreed = {number for number, error in zip(numbers, found, strict=True) if error is None}
    assert len(agreed) == 1
    for error in found:
        if error is not None:
            assert isinstance(error, Disagreement)
            assert {error.agreed} == agreed
            assert error.what == "thing a (legs)"


async def test_what_is_no_number_is_none_to_agree_with(cell: Cell) -> None:
    await cell.put(PLACE.key, "many")
    with pytest.raises(Disagreement):
        await agree(cell, PLACE, 1, "legs")
