"""The database as its documentation says it, in fifty lines that share no code with `db/`.  [PML §5.6]

Whoever judges histories must not ask the accused: `checkers/witness.py` replays the log on this. Slow and plain on purpose.
"""

from gaios import api
from gaios.errors import NotANumber


class Model:
    """Keys, their events, and the revision, after the commands applied so far."""

    def __init__(self) -> None:
        self.revision = api.FIRST_REVISION
        self.entries: dict[bytes, api.Entry] = {}
        self.events: list[api.Event] = []

    def values(self) -> dict[bytes, bytes]:
        """Each key's value."""
        return {key: entry.value for key, entry in self.entries.items()}

    def apply(self, command: api.MultiOp) -> api.MultiOpResult | None:
        """Carry a MultiOp out; None when it is refused, with nothing changed."""
        before = dict(self.entries)
        touched: dict[bytes, api.Event] = {}
        holds = all(self._holds(test) for test in command.guard)
        try:
            results = tuple([self._operate(operation, touched) for operation in (command.then if holds else command.otherwise)])
        except NotANumber:
            self.entries = before
            return None
        if touched:
            self.revision += 1
            self.events.extend(touched[key] for key in sorted(touched))
        return api.MultiOpResult(holds, self.revision, results)

    def _among(self, key: bytes, end: bytes | None) -> list[api.Entry]:
        inside = (name == key if end is None else name >= key and (not end or name < end) for name in sorted(self.entries))
        return [self.entries[name] for name, within in zip(sorted(self.entries), inside, strict=True) if within]

    def _holds(self, test: api.Test) -> bool:
        entries = self._among(test.key, test.end)
        if test.field in {"present", "absent"}:
            return bool(entries) == (test.field == "present")
        if not entries and test.end is None:
            return test.field != "value" and _compare(0, test.op, test.to)
        return all(_compare(getattr(entry, test.field), test.op, test.to) for entry in entries)

    def _operate(self, operation: api.Operation, touched: dict[bytes, api.Event]) -> api.Result:
        match operation:
            case api.Put():
                self._put(operation.key, operation.value, touched)
                return api.PutResult(self.revision + 1)
            case api.Get():
                entries = self._among(operation.key, operation.end)
                most = operation.limit or len(entries)
                return api.GetResult(tuple(entries[:most]), len(entries) > most)
            case api.Delete():
                gone = self._among(operation.key, operation.end)
                for entry in gone:
                    del self.entries[entry.key]
                    touched[entry.key] = api.Event(entry.key, None, 0, 0, self.revision + 1)
                return api.DeleteResult(len(gone))
            case api.Increment():
                old = self.entries.get(operation.key)
                if old is not None and not old.value.removeprefix(b"-").isdigit():
                    raise NotANumber(key=operation.key, reason="it is text")
                number = (int(old.value) if old is not None else 0) + operation.by
                self._put(operation.key, b"%d" % number, touched)
                return api.IncrementResult(number)

    def _put(self, key: bytes, value: bytes, touched: dict[bytes, api.Event]) -> None:
        old, revision = self.entries.get(key), self.revision + 1
        version, created = (old.version + 1, old.create_revision) if old is not None else (1, revision)
        self.entries[key] = api.Entry(key, value, version, created, revision)
        touched[key] = api.Event(key, value, version, created, revision)


def _compare(left: bytes | int, op: str, right: bytes | int) -> bool:
    match op:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right  # type: ignore[operator]
        case _:
            return left > right  # type: ignore[operator]
