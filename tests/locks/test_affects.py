"""Claims about which nodes' cached facts a command may change; and that no command changes others."""

import random
from typing import Any

import pytest

from gaios import lock_api
from gaios.errors import Error
from gaios.lock_api import Charge, Stat
from gaios.locks import affects
from gaios.locks.affects import NOTHING, lineage
from tests.locks.parts import TOKEN, Service


def idle(_session: int) -> bool:
    return False


def busy(_session: int) -> bool:
    return True


class Bench(Service):
    """A session with a permanent file /d/f and an ephemeral one /d/e, and another session."""

    def __init__(self) -> None:
        super().__init__()
        self.number = self.do(lock_api.OpenSession(TOKEN)).session
        self.other = self.do(lock_api.OpenSession(TOKEN)).session
        self.open("/d", directory=True)
        self.file, self.ephemeral = self.open("/d/f"), self.open("/d/e", ephemeral=True)

    def open(self, path: str, **options: Any) -> int:
        handle: int = self.do(lock_api.Open(self.number, TOKEN, path, lock_api.MAY_CREATE, **options)).handle
        return handle

    def of(self, command: Any, busy: affects.Busy = idle) -> affects.Affected:
        return self.machine.affected(command, busy)


def test_a_lineage_is_a_node_and_all_above_it() -> None:
    assert lineage("/a/b") == {"/a/b", "/a", "/"}
    assert lineage("/") == {"/"}


def test_each_command_says_what_it_may_change() -> None:
    bench = Bench()
    mine, above, all_of_e = (bench.number, TOKEN), frozenset(("/d/f", "/d")), lineage("/d/e")
    assert bench.of(lock_api.SetContents(*mine, bench.file, b"")) == above
    assert bench.of(lock_api.SetAcl(*mine, bench.file, ("", "", ""))) == above
    assert bench.of(lock_api.DeleteNode(*mine, bench.file)) == lineage("/d/f")
    assert bench.of(lock_api.Close(*mine, bench.file)) == NOTHING
    assert bench.of(lock_api.Close(*mine, bench.ephemeral)) == all_of_e
    assert bench.of(lock_api.CloseSession(*mine)) == all_of_e
    assert bench.of(lock_api.CloseSession(bench.other, TOKEN)) == NOTHING
    assert bench.of(lock_api.Open(*mine, "/d/new", lock_api.MAY_CREATE)) == lineage("/d/new")
    assert bench.of(lock_api.Open(*mine, "/d/new")) == NOTHING
    for command in (lock_api.Acquire(*mine, bench.file), lock_api.Release(*mine, bench.file), lock_api.OpenSession(TOKEN)):
        assert bench.of(command) == NOTHING


def test_while_handles_are_being_opened_an_end_may_be_of_everything() -> None:
    bench = Bench()
    assert bench.of(lock_api.CloseSession(bench.number, TOKEN), busy) is None
    assert bench.of(lock_api.Close(bench.number, TOKEN, 999), busy) is None
    assert bench.of(lock_api.Close(bench.number, TOKEN, 999)) == NOTHING
    assert bench.of(lock_api.CloseSession(999, TOKEN), busy) is None


def test_a_charge_changes_what_ends_with_those_whose_lease_is_over() -> None:
    bench = Bench()
    bench.do(Charge(0, b""))
    over = Charge(lock_api.LEASE_MS + 1, b"")
    assert bench.machine.affected_by_charge(Charge(1_000, b""), busy) == NOTHING
    assert bench.machine.affected_by_charge(over, idle) == lineage("/d/e")
    assert bench.machine.affected_by_charge(over, busy) is None
    bench.do(Charge(lock_api.LEASE_MS + 1, b"", quiet=True))
    assert bench.machine.affected_by_charge(Charge(0, b""), idle) == lineage("/d/e")


def test_too_much_is_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr(affects, "PATHS_MAX", 2)
    bench = Bench()
    assert bench.of(lock_api.CloseSession(bench.number, TOKEN)) is None


def numbers(bench: Service) -> dict[str, tuple[Any, ...]]:
    """What may be cached of each node: its facts, and those of its children."""
    nodes = bench.machine._index.nodes
    facts = {path: (_kept(node.stat), bench.machine.database.record(b"\x00gaios/f/" + path.encode())) for path, node in nodes.items()}
    return {
        path: (each, {other: facts[other][0] for other in facts if other != "/" and (other.rpartition("/")[0] or "/") == path})
        for path, each in facts.items()
    }


def _kept(stat: Stat) -> tuple[Any, ...]:
    return tuple(getattr(stat, name) for name in stat.__struct_fields__ if name != "lock_generation")


@pytest.mark.parametrize("seed", range(4))
def test_no_command_changes_anything_else(seed: int) -> None:
    """What it says before, against all that may be cached, before and after."""
    dice, bench = random.Random(seed), Bench()
    changed = 0
    for step in range(600):
        index = bench.machine._index
        session = dice.choice([number for number, each in index.sessions.items() if not each.record.ending] or [1])
        handles = list(index.sessions[session].handles) if session in index.sessions else []
        handle = dice.choice(handles) if handles else 1
        path = dice.choice(("/d/a", "/d/b/c", "/d/b", "/e"))
        command: Any = dice.choice(
            (
                lock_api.OpenSession(TOKEN),
                lock_api.Open(session, TOKEN, path, dice.randrange(3), dice.random() < 0.3, dice.random() < 0.6),
                lock_api.Open(session, TOKEN, path, 1, path == "/d/b", True),
                lock_api.SetContents(session, TOKEN, handle, b"%d" % step),
                lock_api.SetAcl(session, TOKEN, handle, (str(step), "", "")),
                lock_api.Close(session, TOKEN, handle),
                lock_api.Acquire(session, TOKEN, handle, dice.random() < 0.5),
                lock_api.Release(session, TOKEN, handle),
                lock_api.DeleteNode(session, TOKEN, handle),
                lock_api.CloseSession(session, TOKEN),
                Charge(dice.choice((10, 5_000, 20_000)), b"", dice.random() < 0.3),
            )
        )
        if isinstance(command, lock_api.CloseSession) and dice.random() < 0.7:
            continue
        said = bench.machine.affected_by_charge(command, idle) if isinstance(command, Charge) else bench.of(command)
        if isinstance(command, Charge) and command.quiet:
            said = NOTHING
        before = numbers(bench)
        try:
            bench.do(command)
        except Error:
            assert numbers(bench) == before
            continue
        after = numbers(bench)
        differ = {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}
        assert said is not None
        assert differ <= said, f"{command} changed {differ - said}"
        changed += len(differ)
    assert changed > 100
