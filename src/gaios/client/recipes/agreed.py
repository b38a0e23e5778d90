"""A number that all who use a recipe have to agree on: who comes first says it."""

from gaios.api import Get, GetResult, Put, Test
from gaios.client.keys import Keys
from gaios.client.recipes.place import Place
from gaios.errors import Disagreement


async def agree(keys: Keys, place: Place, number: int, unit: str) -> None:
    """Make sure that the number at the recipe's key is this one, and put it there if there is none.

    Raises:
        Disagreement: it is another.
    """
    entry = await keys.get(place.key)
    if entry is None:
        result = await keys.multiop([Test(place.key, "absent")], [Put(place.key, b"%d" % number)], [Get(place.key)])
        if result.succeeded:
            return
        (found,) = result.results
        entry = found.entries[0] if isinstance(found, GetResult) and found.entries else None
    if entry is None or entry.value != b"%d" % number:
        agreed = int(entry.value) if entry is not None and entry.value.isdigit() and len(entry.value) < 20 else 0
        raise Disagreement(what=f"{place.title} ({unit})", agreed=agreed, given=number, where=place.key.decode())
