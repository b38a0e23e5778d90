"""From operations of several keys to steps of one: what each key saw of a call, for the search of linearizability.

Knows the operations that operations.py makes, and no others.
An answer whose results do not fit its request says nothing here: the witness names it.
"""

from collections.abc import Iterable, Mapping
from itertools import zip_longest

from gaios import api
from gaios.sim.checkers.linearizability import Step
from gaios.sim.history import DONE, REFUSED, Call

_Seen = Mapping[tuple[bytes, int], bytes]


def project(calls: Iterable[Call], keys: Iterable[bytes]) -> dict[bytes, list[Step]]:
    """Each key's steps."""
    calls = list(calls)
    steps: dict[bytes, list[Step]] = {key: [] for key in keys}
    seen = {
        (entry.key, entry.mod_revision): entry.value for call in calls if isinstance(call.reply, api.Page) for entry in call.reply.entries
    }
    for call in calls:
        if call.outcome == REFUSED:
            continue
        if isinstance(call.request, api.Range):
            if isinstance(call.reply, api.Page):
                _project_read(call, call.request, call.reply, steps)
        elif isinstance(call.request, api.MultiOp):
            _project_write(call, call.request, steps, seen)
    return steps


def _add(steps: dict[bytes, list[Step]], call: Call, key: bytes, kind: str, argument: object, result: object) -> None:
    steps[key].append(Step(call.number, kind, argument, result, call.began, call.ended))


def _project_read(call: Call, asked: api.Range, page: api.Page, steps: dict[bytes, list[Step]]) -> None:
    values = {entry.key: entry.value for entry in page.entries}
    for key in [asked.key] if asked.end is None else list(steps):
        _add(steps, call, key, "read", None, values.get(key))


def _project_write(call: Call, request: api.MultiOp, steps: dict[bytes, list[Step]], seen: _Seen) -> None:
    reply = call.reply if call.outcome == DONE and isinstance(call.reply, api.MultiOpResult) else None
    if not request.guard:
        for operation, result in zip_longest(request.then, reply.results[: len(request.then)] if reply is not None else ()):
            _project_operation(call, operation, result, steps)
        return
    (test,), (put,) = request.guard, request.then
    assert isinstance(put, api.Put)
    match test.field:
        case "absent":
            expected = None
        case "value":
            assert isinstance(test.to, bytes)
            expected = test.to
        case _:
            assert isinstance(test.to, int)
            expected = seen[test.key, test.to]
    if put.key == test.key and (reply is None or reply.succeeded):
        _add(steps, call, put.key, "swap", (expected, put.value), reply and True)
        return
    if reply is None:
        _add(steps, call, put.key, "write", put.value, None)
    elif reply.succeeded:
        _add(steps, call, test.key, "read", None, expected)
        _add(steps, call, put.key, "write", put.value, None)
    elif reply.results and isinstance(found := reply.results[0], api.GetResult):
        _add(steps, call, test.key, "read", None, found.entries[0].value if found.entries else None)


def _project_operation(call: Call, operation: api.Operation, result: api.Result | None, steps: dict[bytes, list[Step]]) -> None:
    match operation:
        case api.Put():
            _add(steps, call, operation.key, "write", operation.value, None)
        case api.Delete():
            _add(steps, call, operation.key, "delete", None, result.deleted if isinstance(result, api.DeleteResult) else None)
        case api.Increment():
            _add(steps, call, operation.key, "add", operation.by, result.value if isinstance(result, api.IncrementResult) else None)
        case _:
            raise AssertionError(operation)
