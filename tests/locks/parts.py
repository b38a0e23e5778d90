"""A lock service for tests: commands and questions as nouns; after each one everything that is kept is checked."""

from typing import Any

from gaios import api, lock_api
from gaios.api import Event
from gaios.locks import Ended, LockService, Told
from gaios.locks.heard import encode as encode_heard
from gaios.machine import Context

CONTEXT = Context(slot=1, index=0, time_ms=0, epoch=65_537)
TOKEN = b"0123456789abcdef"


class Service:
    """What it answers, and whom it tells."""

    def __init__(self) -> None:
        self.machine = LockService()
        self.told: list[tuple[int, lock_api.Notice]] = []
        self.ended: list[int] = []
        self.events: list[Event] = []
        self.context = CONTEXT
        """Of the next command: each has a slot of its own."""

    def do(self, command: Any) -> Any:
        """Carry out a command of either kind; its reply."""
        module: Any = lock_api if isinstance(command, lock_api.LockCommand) else api
        apply = self.machine.apply_own if isinstance(command, lock_api.Charge) else self.machine.apply
        before = self.machine.revision
        context, self.context = self.context, self.context._replace(slot=self.context.slot + 1, time_ms=self.context.time_ms + 1)
        reply, effects = apply(module.encode(command), context)
        self.machine.check()
        assert self.machine.revision - before <= 1, "one command, one MultiOp"
        for effect in effects:
            if isinstance(effect, Told):
                self.told.append((effect.session, effect.notice))
            elif isinstance(effect, Ended):
                self.ended.append(effect.session)
            else:
                self.events.append(effect)
        return module.decode_reply(reply)

    def ask(self, question: Any) -> Any:
        """Ask a question of either kind."""
        module: Any = lock_api if isinstance(question, lock_api.LockQuestion) else api
        return module.decode_answer(self.machine.query(module.encode(question)))

    def charge(self, elapsed_ms: int = 0, *heard: int) -> lock_api.Charged:
        """The master's: so much time, and who was heard."""
        reply = self.do(lock_api.Charge(elapsed_ms, encode_heard(heard)))
        assert isinstance(reply, lock_api.Charged)
        return reply

    def reign(self, epoch: int) -> None:
        """Another master's epoch entry, in a slot of its own."""
        self.context = self.context._replace(epoch=epoch)
        self.machine.begin_epoch(self.context)
        self.context = self.context._replace(slot=self.context.slot + 1)

    def session(self, lease_ms: int = lock_api.LEASE_MS, **more: Any) -> "Client":
        """A new session."""
        return Client(self, self.do(lock_api.OpenSession(TOKEN, lease_ms, **more)).session)

    def notices(self) -> list[tuple[int, int, str]]:
        """Handle, what, name of those since the last call."""
        found, self.told = self.told, []
        return [(notice.handle, notice.what, notice.name) for _, notice in found]

    def restored(self) -> "Service":
        """Another one, from a snapshot of this one."""
        other = Service()
        chunks = list(self.machine.snapshot())
        other.machine.restore(chunks)
        other.machine.check()
        assert list(other.machine.snapshot()) == chunks
        return other


class Client:
    """One session."""

    def __init__(self, service: Service, number: int) -> None:
        self.service, self.number = service, number

    def open(self, path: str, **how: Any) -> int:
        """A handle; the node is created if need be, unless `create` says otherwise."""
        handle = self.opened(path, **how).handle
        assert isinstance(handle, int)
        return handle

    def opened(self, path: str, **how: Any) -> Any:
        return self.service.do(lock_api.Open(self.number, TOKEN, path, **{"create": lock_api.MAY_CREATE, **how}))

    def do(self, command: Any, *arguments: Any, **more: Any) -> Any:
        """A command of a handle, or of the session."""
        return self.service.do(command(self.number, TOKEN, *arguments, **more))

    def ask(self, question: Any, *arguments: Any, **more: Any) -> Any:
        return self.service.ask(question(self.number, TOKEN, *arguments, **more))

    def acquire(self, handle: int, **how: Any) -> Any:
        return self.do(lock_api.Acquire, handle, **how)

    def release(self, handle: int) -> bool:
        done = self.do(lock_api.Release, handle).done
        assert isinstance(done, bool)
        return done

    def holds(self, handle: int) -> lock_api.Sequencer | None:
        sequencer = self.ask(lock_api.GetSequencer, handle).sequencer
        assert sequencer is None or isinstance(sequencer, lock_api.Sequencer)
        return sequencer

    def stat(self, handle: int) -> lock_api.Stat:
        stat = self.ask(lock_api.GetContentsAndStat, handle, contents=False).stat
        assert isinstance(stat, lock_api.Stat)
        return stat

    def contents(self, handle: int) -> bytes:
        contents = self.ask(lock_api.GetContentsAndStat, handle).contents
        assert isinstance(contents, bytes)
        return contents
