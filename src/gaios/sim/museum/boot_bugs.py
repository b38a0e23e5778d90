"""Bugs of boots: who is taken for whom, and from when on.  [SAFETY 3, 8]"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from msgspec.structs import replace

from gaios.log import Copies, RecordKind, Replica, boots, encode
from gaios.log.boots import Boots
from gaios.log.codec import POLL
from gaios.log.electing import Electing
from gaios.log.options import FAR
from gaios.log.records import Boot, State
from gaios.paxos import core
from gaios.server.node import Node
from gaios.sim.faults import MS, S
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together
from gaios.sim.onlooker import Onlooker
from gaios.sim.plan import Plan
from gaios.storage import Identity, Record, create


def at_once(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A replica takes part from its start on, whoever has heard of its boot."""

    def init(self: Boots, *arguments: Any) -> None:
        sound(self, *arguments)
        self.is_registered = True

    return init


def _by_number(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A higher boot is a newer one: an older directory that was started often enough is taken for its own successor."""

    def hears(self: Boots, member: int, boot: int, nonce: int, messages: Any) -> bool:
        known = self._known.get(member)
        if known is not None and boot > known.boot:
            self._record(member, Boot(boot, nonce, *known[2:]))
        return bool(sound(self, member, boot, nonce, messages))

    return hears


def recorded_anyway(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever speaks as a member is that member."""
    del sound

    def hears(self: Boots, member: int, boot: int, nonce: int, messages: Any) -> bool:
        del messages
        known = self._known.get(member)
        if known is None or known[:2] != (boot, nonce):
            self._record(member, Boot(boot, nonce, *(known[2:] if known is not None else ())))
        return True

    return hears


def _without_nonces(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A boot is its number: two processes that began the same one are one."""
    del sound

    def hears(self: Boots, member: int, boot: int, nonce: int, messages: Any) -> bool:
        del messages
        known = self._known.get(member)
        if known is None or boot > known.boot:
            self._record(member, Boot(boot, nonce, *(known[2:] if known is not None else ())))
        return known is None or boot >= known.boot

    return hears


def never_lost(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A peer that answers has recorded this boot, whatever it says of it."""
    del sound

    def judge(self: Boots, member: int, boot: int, nonce: int, other: Boot) -> None:
        del boot, nonce, other
        self._recorded_by.add(member)

    return judge


def _without_heirlooms(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Who joins knows of others' boots what they tell it themselves."""

    def init(self: Boots, steps: Any, options: Any, me: int, roster: Any, found: Any, now: int) -> None:
        sound(self, steps, options, me, roster, found, now)
        self._forgot = found.forgot_boots

    return init


def _from_the_first(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A start says what it has to say, durable or not: the sums that it comes to while it replays its log, and its snapshots."""

    def begin(self: Replica) -> None:
        self.may_speak = True
        sound(self)

    return begin


def _started_in_vain(plan: Plan) -> Plan:
    """Starts that lose their power before they are durable, the next one soon; whatever was said is heard once more, when that one runs."""
    plan = scenario("snapshots")(plan)
    faults = plan.faults
    disk = replace(faults.disk, sync_ns=5 * MS, crash_point=0.15)
    network = replace(faults.network, stale=1.0, stale_ns=150 * MS)
    process = replace(faults.process, power_cut=1.0, down_ns=10 * MS)
    faults = replace(faults, disk=disk, network=network, process=process)
    return replace(plan, safety_ns=6 * S, options=replace(plan.options, check_ms=20), faults=faults)


def _tells_once(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Who has recorded this boot need not hear it again, whatever came of the answer."""

    def init(self: Boots, *arguments: Any) -> None:
        sound(self, *arguments)
        self._again_due = FAR

    return init


def _shared_with_nobody(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A boot that took part is known, also where nobody else is there to know it."""

    def consider(self: Boots, now: int) -> None:
        sound(self, now)
        self._is_shared = self.is_registered

    return consider


looks_away = method(Onlooker, "_accuse", lambda _: lambda _self: None)
"""The first who would notice does not, so that it is seen what is lost."""


class _Observing:
    """[PML §5.1]: who lost its disk neither promises nor votes until one instance is complete that began after its rebuild did."""

    def __init__(self) -> None:
        self._waits: WeakSet[Any] = WeakSet()
        """Disks whose replicas do not vote yet."""
        self._asked: WeakKeyDictionary[Replica, int] = WeakKeyDictionary()
        """The first slot of which each such replica knows that it began since."""
        self._disks: WeakKeyDictionary[Replica, Any] = WeakKeyDictionary()

    def start(self, sound: Any) -> Any:
        """Whoever finds no directory makes an empty one, and waits."""

        def begin(cls: type[Node], /, **named: Any) -> Node:
            reader = named["reader"]
            if not reader.names():
                self._waits.add(reader)
                state = Record(RecordKind.STATE, 0, 0, encode(State(0, 0, 0, 0, [])))
                identity = Identity(named["cell"], named["member"], 0)
                for operation in create(identity, encode(Copies()), state, segment_bytes=named["segment_bytes"]):
                    reader.execute(operation)
            node: Node = sound.__func__(cls, **named)
            if reader in self._waits:
                self._disks[node.replica] = reader
            return node

        return classmethod(begin)

    def receive(self, sound: Callable[..., Any]) -> Callable[..., Any]:
        """It only listens, until that instance is complete."""

        def receive(replica: Replica, now: int, member: int, boot: int, nonce: int, messages: Any) -> Any:
            if self._disks.get(replica) in self._waits:
                for message in messages:
                    if message[0] == core.ACCEPT:
                        self._asked.setdefault(replica, message[3] + replica.options.pipeline)
                    if message[0] == core.LEARN and message[3] >= self._asked.get(replica, 1 << 62):
                        self._waits.discard(self._disks[replica])
                messages = [message for message in messages if message[0] not in _BINDS]
            return sound(replica, now, member, boot, nonce, messages)

        return receive

    def poll(self, sound: Callable[..., Any]) -> Callable[..., Any]:
        """It does not campaign either."""

        def due(replica: Replica) -> int:
            return FAR if self._disks.get(replica) in self._waits else int(sound(replica))

        return due


_OBSERVING = _Observing()
_BINDS = frozenset({core.PREPARE, core.ACCEPT, core.HEARTBEAT, POLL})

EXHIBITS = [
    Exhibit(
        "a lost disk's replica votes again once it saw an instance complete",
        "log",
        "SAFETY 8",
        together(
            method(Node, "start", _OBSERVING.start),
            method(Replica, "receive", _OBSERVING.receive),
            method(Electing, "_poll_due_ns", _OBSERVING.poll),
            method(Boots, "hears", recorded_anyway),
            method(Boots, "_judge", never_lost),
            looks_away,
        ),
        ("agreement", "durability"),
        scenario("lost-votes"),
    ),
    Exhibit(
        "a clone is not told from its original",
        "log",
        "SAFETY 3",
        together(method(Boots, "hears", _without_nonces), method(Boots, "_judge", never_lost), looks_away),
        ("agreement", "durability"),
        scenario("clones"),
    ),
    Exhibit(
        "a replica takes part before others have recorded its boot",
        "log",
        "SAFETY 3",
        method(Boots, "__init__", at_once),
        ("lost state stays out",),
        scenario("older-directories"),
    ),
    Exhibit(
        "a higher boot is a newer one",
        "log",
        "SAFETY 3",
        method(Boots, "hears", _by_number),
        ("lost state stays out",),
        scenario("older-directories"),
    ),
    Exhibit(
        "a new member asks nobody which boots were recorded",
        "log",
        "SAFETY 3, 8",
        method(Boots, "__init__", _without_heirlooms),
        ("lost state stays out",),
        scenario("left-behind"),
    ),
    Exhibit(
        "a start speaks before its boot is durable",
        "log",
        "SAFETY 3, 5",
        method(Replica, "_begin", _from_the_first),
        ("no replica stops by itself",),
        _started_in_vain,
    ),
    Exhibit(
        "who recorded a boot never hears it again",
        "log",
        "SAFETY 3, 18",
        method(Boots, "__init__", _tells_once),
        ("liveness",),
        scenario("removed-meanwhile"),
    ),
    Exhibit(
        "an only voter forgets boots as if others had recorded the later ones",
        "log",
        "SAFETY 3, 8",
        together(method(Boots, "_consider", _shared_with_nobody), method(boots, "_KEPT", lambda _: 16)),
        ("lost state stays out",),
        scenario("hermits"),
    ),
]
