"""What operations a workload is made of: drawn one by one, over few keys, so that they meet.  [reliability §5.4]

Simulated clients and benchmarks draw from the same `Mix`, so a workload is written down once.

Rule 1. Every value written is unique, so that a read says which write it saw.
Rule 2. Registers and counters are keys of their own: what is incremented is never overwritten.
"""

import msgspec

from gaios import api
from gaios.sim.dice import Dice


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """How often each operation is drawn, as weights; 0 leaves it out."""

    put: int = 2
    get: int = 2
    get_counter: int = 1
    range: int = 1
    """All keys."""
    increment: int = 1
    delete: int = 1
    cas: int = 1
    """Compare with the value, or the revision, that was seen last; and set."""
    several: int = 1
    """Two keys at once, or one if another is as it was seen."""

    def __post_init__(self) -> None:
        """Something must be drawn."""
        weights = [getattr(self, name) for name in self.__struct_fields__]
        if any(weight < 0 for weight in weights) or not any(weights):
            raise ValueError("weights are 0 or more, and one at least is more")


Request = api.MultiOp | api.Range | api.Compact


class Operations:
    """A source of operations, which learns from answers what a compare-and-set may compare with."""

    def __init__(self, dice: Dice, mix: Mix, *, keys: int, value_bytes: int = 0, compacts: float = 0.0) -> None:
        """`compacts` is how often an operation drops history, beside the mix; values have at least `value_bytes`."""
        self._dice, self._compacts, self._value_bytes = dice, compacts, value_bytes
        self.registers = [b"r%d" % number for number in range(keys)]
        self.counters = [b"c%d" % number for number in range(max(1, keys // 3))]
        self._kinds = [name for name in mix.__struct_fields__ for _ in range(getattr(mix, name))]
        self._seen: dict[bytes, list[api.Entry]] = {}
        self._revision = api.FIRST_REVISION
        """The highest that any answer named."""

    def learn(self, reply: object) -> None:
        """What an answer shows."""
        if isinstance(reply, api.MultiOpResult | api.Page):
            self._revision = max(self._revision, reply.revision)
        if isinstance(reply, api.Page):
            for entry in reply.entries:
                self._seen.setdefault(entry.key, []).append(entry)

    def draw(self, number: int) -> Request:
        """The next operation; its value, if it writes one, is unique for `number`."""
        dice = self._dice
        if dice.chance(self._compacts):
            return api.Compact(dice.pick((self._revision, dice.between(api.FIRST_REVISION, self._revision))))
        key = dice.pick(self.registers)
        value = (b"v%d" % number).ljust(self._value_bytes, b".")
        match dice.pick(self._kinds):
            case "put":
                return api.MultiOp(then=(api.Put(key, value),))
            case "get":
                return api.Range(key)
            case "get_counter":
                return api.Range(dice.pick(self.counters))
            case "range":
                return api.Range(b"", b"")
            case "increment":
                return api.MultiOp(then=(api.Increment(dice.pick(self.counters)),))
            case "delete":
                return api.MultiOp(then=(api.Delete(key),))
            case "cas":
                return self._compare_and_set(key, value)
            case _:
                return self._several(value)

    def _compare_and_set(self, key: bytes, value: bytes) -> api.MultiOp:
        dice = self._dice
        seen = self._seen.get(key)
        put, look = (api.Put(key, value),), (api.Get(key),)
        if not seen or dice.chance(0.2):
            return api.MultiOp((api.Test(key, "absent"),), put, look)
        entry = seen[-1] if dice.chance(0.8) else dice.pick(seen)
        if dice.chance(0.5):
            return api.MultiOp((api.Test(key, "value", "==", entry.value),), put, look)
        return api.MultiOp((api.Test(key, "mod_revision", "==", entry.mod_revision),), put, look)

    def _several(self, value: bytes) -> api.MultiOp | api.Range:
        keys = self._dice.shuffled(self.registers)[:2]
        if len(keys) < 2:
            return api.Range(b"", b"")
        seen = self._seen.get(keys[0])
        if seen and self._dice.chance(0.5):
            return api.MultiOp((api.Test(keys[0], "value", "==", seen[-1].value),), (api.Put(keys[1], value),), (api.Get(keys[0]),))
        return api.MultiOp(then=tuple(api.Put(key, value) for key in keys))
