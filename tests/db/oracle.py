"""What the database should answer, computed the slow way: a copy of the whole state for every revision, and a list of every event."""

from collections.abc import Iterator

from hypothesis import strategies as st

from gaios import api
from gaios.errors import Compacted, FutureRevision, NotANumber
from gaios.machine import Context

CONTEXT = Context(slot=1, index=0, time_ms=0, epoch=65_537)

KEYS = st.sampled_from([b"a", b"ab", b"abc", b"b", b"b\x00", b"c", b"\xff", b"\xff\xff"])
ENDS = st.sampled_from([None, None, None, b"", b"b", b"ac", b"c", b"\xff", b"a"])
VALUES = st.sampled_from([b"", b"x", b"y" * 30, b"0", b"7", b"-3", b"9223372036854775807"])
LIMITS = st.sampled_from([0, 0, 1, 2, 3])
TESTS = st.one_of(
    st.builds(api.Test, KEYS, st.sampled_from(["present", "absent"]), end=ENDS),
    st.builds(api.Test, KEYS, st.just("value"), st.sampled_from(sorted(api.OPERATORS)), VALUES, ENDS),
    st.builds(
        api.Test,
        KEYS,
        st.sampled_from(["version", "mod_revision", "create_revision"]),
        st.sampled_from(sorted(api.OPERATORS)),
        st.integers(0, 12),
        ENDS,
    ),
)
OPERATIONS = st.one_of(
    st.builds(api.Put, KEYS, VALUES),
    st.builds(api.Put, KEYS, VALUES),
    st.builds(api.Get, KEYS, ENDS, LIMITS),
    st.builds(api.Delete, KEYS, ENDS),
    st.builds(api.Increment, KEYS, st.sampled_from([1, -1, 5, api.NUMBER_MAX, api.NUMBER_MIN])),
)
MULTIOPS = st.builds(
    api.MultiOp,
    st.lists(TESTS, max_size=2).map(tuple),
    st.lists(OPERATIONS, max_size=5).map(tuple),
    st.lists(OPERATIONS, max_size=3).map(tuple),
)

State = dict[bytes, api.Entry]


class Oracle:
    """A database without a bound."""

    def __init__(self) -> None:
        self.revision = self.compacted = api.FIRST_REVISION
        self.states: dict[int, State] = {self.revision: {}}
        self.events: list[api.Event] = []

    def apply(self, command: api.MultiOp) -> tuple[api.MultiOpResult, list[api.Event]]:
        """Carry out a command, or raise `NotANumber`."""
        state = dict(self.states[self.revision])
        new = self.revision + 1
        changed: dict[bytes, api.Event] = {}
        holds = all(_holds(state, test) for test in command.guard)
        results: list[api.Result] = []
        for operation in command.then if holds else command.otherwise:
            inside = sorted(key for key in state if _within(key, operation.key, getattr(operation, "end", None)))
            if isinstance(operation, api.Put):
                _put(state, changed, operation.key, operation.value, new)
                results.append(api.PutResult(new))
            elif isinstance(operation, api.Get):
                most = operation.limit or len(inside)
                results.append(api.GetResult(tuple(state[key] for key in inside[:most]), len(inside) > most))
            elif isinstance(operation, api.Delete):
                for key in inside:
                    del state[key]
                    changed[key] = api.Event(key, None, 0, 0, new)
                results.append(api.DeleteResult(len(inside)))
            else:
                text = state[operation.key].value.decode() if operation.key in state else "0"
                if not text.lstrip("-").isdigit():
                    raise NotANumber(key=operation.key, reason="")
                number = int(text) + operation.by
                if not -(2**63) <= number < 2**63:
                    raise NotANumber(key=operation.key, reason="")
                _put(state, changed, operation.key, str(number).encode(), new)
                results.append(api.IncrementResult(number))
        events = [changed[key] for key in sorted(changed)]
        if events:
            self.revision = new
            self.states[new] = state
            self.events += events
        return api.MultiOpResult(holds, self.revision, tuple(results)), events

    def range(self, key: bytes, end: bytes | None, revision: int) -> tuple[api.Entry, ...]:
        """Every entry at a revision."""
        revision = revision or self.revision
        if revision < self.compacted:
            raise Compacted(revision=revision, compacted=self.compacted)
        if revision > self.revision:
            raise FutureRevision(revision=revision, current=self.revision)
        state = self.states[revision]
        return tuple(state[name] for name in sorted(state) if _within(name, key, end))

    def history(self, key: bytes, end: bytes | None, from_revision: int) -> Iterator[api.Event]:
        """Every event from a revision on."""
        return (event for event in self.events if event.mod_revision >= from_revision and _within(event.key, key, end))


def _put(state: State, changed: dict[bytes, api.Event], key: bytes, value: bytes, revision: int) -> None:
    old = state.get(key)
    version, created = (old.version + 1, old.create_revision) if old else (1, revision)
    state[key] = api.Entry(key, value, version, created, revision)
    changed[key] = api.Event(key, value, version, created, revision)


def _within(name: bytes, key: bytes, end: bytes | None) -> bool:
    return name == key if end is None else name >= key and (end == b"" or name < end)


def _holds(state: State, test: api.Test) -> bool:
    entries = [entry for name, entry in state.items() if _within(name, test.key, test.end)]
    if test.field == "present":
        return len(entries) > 0
    if test.field == "absent":
        return not entries
    if test.end is None and not entries:
        return test.field != "value" and _compares(0, test.op, test.to)
    return all(_compares(getattr(entry, test.field), test.op, test.to) for entry in entries)


def _compares(left: bytes | int, op: str, right: bytes | int) -> bool:
    if isinstance(left, bytes):
        assert isinstance(right, bytes)
        sign = (left > right) - (left < right)
    else:
        assert isinstance(right, int)
        sign = (left > right) - (left < right)
    return {"==": sign == 0, "!=": sign != 0, "<": sign < 0, ">": sign > 0}[op]
