"""Writes that the cell carries out only while a lock is held.  [SAFETY 23]"""
# ruff: noqa: ASYNC109 (as in keys.py)

from collections.abc import Iterable

from gaios.api import Get, GetResult, MultiOpResult, Operation, Test
from gaios.client.held import Fence
from gaios.client.keys import Keys
from gaios.errors import StaleSequencer


async def fenced(
    keys: Keys, held: Fence, then: Iterable[Operation], *, guard: Iterable[Test] = (), timeout: float | None = None
) -> MultiOpResult:
    """Carry out `then` if that grant is held and `guard` holds besides; `succeeded` says whether that did.

    Raises:
        StaleSequencer: the grant is not held any more; nothing was changed.
    """
    own = held.guard()
    result = await keys.multiop([own, *guard], then, [Get(own.key)], timeout=timeout)
    if not result.succeeded:
        (found,) = result.results
        entries = found.entries if isinstance(found, GetResult) else ()
        if not entries or entries[0].create_revision != held.sequencer.revision:
            proof = held.sequencer
            raise StaleSequencer(path=proof.path, generation=proof.generation, revision=proof.revision)
    return result
