"""Bugs of boots: who is taken for whom, and from when on.  [SAFETY 3, 8]"""

from collections.abc import Callable
from typing import Any

from gaios.log.boots import Boots
from gaios.log.records import Boot
from gaios.sim.museum.exhibit import Exhibit, method, scenario


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


EXHIBITS = [
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
]
