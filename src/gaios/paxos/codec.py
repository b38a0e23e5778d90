# Generated from ballots.spec.py, members.spec.py, values.spec.py, leases.spec.py, damage.spec.py; do not edit; run `make fix`.
# sha256 of the texts: 0925e922119f2ff221af3acafa310e9919d8348311b484635e3ebd6293915ff7
"""What may reach the core from another member: every field of every message, its type and its range.

Rule 1. A check is total: any object becomes a message of the core, or a `ProtocolError`.
Rule 2. A checked message shares nothing mutable with the object that it was made from.
"""

from collections.abc import Callable
from typing import Any, Final

from gaios.errors import ProtocolError
from gaios.paxos.core import (
    ACCEPT,
    ACCEPTED,
    CHOSEN,
    FETCH,
    GRANT,
    HEARTBEAT,
    LEARN,
    PREPARE,
    PROMISE,
    RELEASE,
    WINDOW,
    Accept,
    Accepted,
    Chosen,
    Fetch,
    Grant,
    Heartbeat,
    Learn,
    Prepare,
    Promise,
    Release,
)

_WORD: Final = 1 << 63
_Raw = list[Any] | tuple[Any, ...]


def check_message(message: object) -> tuple[Any, ...]:
    """An untrusted object, as a MessagePack decoder makes it, as one message of the core.

    Raises:
        ProtocolError: it is none.
    """
    if (type(message) is list or type(message) is tuple) and message:
        tag = message[0]
        if type(tag) is int and 0 < tag < len(_CHECKS):
            return _CHECKS[tag](message)
    raise ProtocolError(reason="a message is a list that begins with a message's tag")


def _refused(field: str, wanted: str, found: object) -> ProtocolError:
    return ProtocolError(reason=f"{field} must be {wanted}; a value of type {type(found).__name__} came")


def _length(message: str, wanted: int, found: int) -> ProtocolError:
    return ProtocolError(reason=f"{message} has {wanted} elements; {found} came")


def _input(_: _Raw) -> tuple[Any, ...]:
    raise ProtocolError(reason="a message's tag is not known: it is an input's")


def _prepare(message: _Raw) -> Prepare:
    if len(message) != 3:
        raise _length("Prepare", 3, len(message))
    _, bal, cfg = message
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Prepare.bal", "a number from 1 to 2**63 - 1", bal)
    if type(cfg) is not int or not 0 <= cfg < _WORD:
        raise _refused("Prepare.cfg", "a number from 0 to 2**63 - 1", cfg)
    return (PREPARE, bal, cfg)


def _promise(message: _Raw) -> Promise:
    if len(message) != 6:
        raise _length("Promise", 6, len(message))
    _, bal, cfg, chosen, acc, damaged = message
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Promise.bal", "a number from 1 to 2**63 - 1", bal)
    if type(cfg) is not int or not 0 <= cfg < _WORD:
        raise _refused("Promise.cfg", "a number from 0 to 2**63 - 1", cfg)
    if type(chosen) is not int or not 0 <= chosen < _WORD:
        raise _refused("Promise.chosen", "a number from 0 to 2**63 - 1", chosen)
    if type(acc) is not dict or len(acc) > WINDOW:
        raise _refused("Promise.acc", "a map of at most WINDOW entries", acc)
    acc_checked: dict[int, tuple[int, bytes]] = {}
    for acc_key, acc_item in acc.items():
        if type(acc_key) is not int or not 0 <= acc_key < _WORD:
            raise _refused("Promise.acc key", "a number from 0 to 2**63 - 1", acc_key)
        if not isinstance(acc_item, list | tuple) or len(acc_item) != 2:
            raise _refused("Promise.acc value", "a list of 2", acc_item)
        acc_item_bal, acc_item_val = acc_item
        if type(acc_item_bal) is not int or not 1 <= acc_item_bal < _WORD:
            raise _refused("Promise.acc value.bal", "a number from 1 to 2**63 - 1", acc_item_bal)
        if type(acc_item_val) is not bytes:
            raise _refused("Promise.acc value.val", "bytes", acc_item_val)
        acc_checked[acc_key] = (acc_item_bal, acc_item_val)
    if type(damaged) is not dict or len(damaged) > WINDOW:
        raise _refused("Promise.damaged", "a map of at most WINDOW entries", damaged)
    damaged_checked: dict[int, int] = {}
    for damaged_key, damaged_item in damaged.items():
        if type(damaged_key) is not int or not 0 <= damaged_key < _WORD:
            raise _refused("Promise.damaged key", "a number from 0 to 2**63 - 1", damaged_key)
        if type(damaged_item) is not int or not 1 <= damaged_item < _WORD:
            raise _refused("Promise.damaged value", "a number from 1 to 2**63 - 1", damaged_item)
        damaged_checked[damaged_key] = damaged_item
    return (PROMISE, bal, cfg, chosen, acc_checked, damaged_checked)


def _accept(message: _Raw) -> Accept:
    if len(message) != 5:
        raise _length("Accept", 5, len(message))
    _, bal, cfg, slot, val = message
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Accept.bal", "a number from 1 to 2**63 - 1", bal)
    if type(cfg) is not int or not 0 <= cfg < _WORD:
        raise _refused("Accept.cfg", "a number from 0 to 2**63 - 1", cfg)
    if type(slot) is not int or not 0 <= slot < _WORD:
        raise _refused("Accept.slot", "a number from 0 to 2**63 - 1", slot)
    if type(val) is not bytes:
        raise _refused("Accept.val", "bytes", val)
    return (ACCEPT, bal, cfg, slot, val)


def _accepted(message: _Raw) -> Accepted:
    if len(message) != 4:
        raise _length("Accepted", 4, len(message))
    _, bal, cfg, slot = message
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Accepted.bal", "a number from 1 to 2**63 - 1", bal)
    if type(cfg) is not int or not 0 <= cfg < _WORD:
        raise _refused("Accepted.cfg", "a number from 0 to 2**63 - 1", cfg)
    if type(slot) is not int or not 0 <= slot < _WORD:
        raise _refused("Accepted.slot", "a number from 0 to 2**63 - 1", slot)
    return (ACCEPTED, bal, cfg, slot)


def _learn(message: _Raw) -> Learn:
    if len(message) != 4:
        raise _length("Learn", 4, len(message))
    _, bal, cfg, slot = message
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Learn.bal", "a number from 1 to 2**63 - 1", bal)
    if type(cfg) is not int or not 0 <= cfg < _WORD:
        raise _refused("Learn.cfg", "a number from 0 to 2**63 - 1", cfg)
    if type(slot) is not int or not 0 <= slot < _WORD:
        raise _refused("Learn.slot", "a number from 0 to 2**63 - 1", slot)
    return (LEARN, bal, cfg, slot)


def _fetch(message: _Raw) -> Fetch:
    if len(message) != 2:
        raise _length("Fetch", 2, len(message))
    _, slot = message
    if type(slot) is not int or not 0 <= slot < _WORD:
        raise _refused("Fetch.slot", "a number from 0 to 2**63 - 1", slot)
    return (FETCH, slot)


def _chosen(message: _Raw) -> Chosen:
    if len(message) != 4:
        raise _length("Chosen", 4, len(message))
    _, slot, bal, val = message
    if type(slot) is not int or not 0 <= slot < _WORD:
        raise _refused("Chosen.slot", "a number from 0 to 2**63 - 1", slot)
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Chosen.bal", "a number from 1 to 2**63 - 1", bal)
    if type(val) is not bytes:
        raise _refused("Chosen.val", "bytes", val)
    return (CHOSEN, slot, bal, val)


def _heartbeat(message: _Raw) -> Heartbeat:
    if len(message) != 5:
        raise _length("Heartbeat", 5, len(message))
    _, bal, cfg, stamp, term = message
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Heartbeat.bal", "a number from 1 to 2**63 - 1", bal)
    if type(cfg) is not int or not 0 <= cfg < _WORD:
        raise _refused("Heartbeat.cfg", "a number from 0 to 2**63 - 1", cfg)
    if type(stamp) is not int or not 0 <= stamp < _WORD:
        raise _refused("Heartbeat.stamp", "a number from 0 to 2**63 - 1", stamp)
    if type(term) is not int or not 0 <= term < _WORD:
        raise _refused("Heartbeat.term", "a number from 0 to 2**63 - 1", term)
    return (HEARTBEAT, bal, cfg, stamp, term)


def _grant(message: _Raw) -> Grant:
    if len(message) != 5:
        raise _length("Grant", 5, len(message))
    _, bal, cfg, stamp, term = message
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Grant.bal", "a number from 1 to 2**63 - 1", bal)
    if type(cfg) is not int or not 0 <= cfg < _WORD:
        raise _refused("Grant.cfg", "a number from 0 to 2**63 - 1", cfg)
    if type(stamp) is not int or not 0 <= stamp < _WORD:
        raise _refused("Grant.stamp", "a number from 0 to 2**63 - 1", stamp)
    if type(term) is not int or not 0 <= term < _WORD:
        raise _refused("Grant.term", "a number from 0 to 2**63 - 1", term)
    return (GRANT, bal, cfg, stamp, term)


def _release(message: _Raw) -> Release:
    if len(message) != 3:
        raise _length("Release", 3, len(message))
    _, bal, cfg = message
    if type(bal) is not int or not 1 <= bal < _WORD:
        raise _refused("Release.bal", "a number from 1 to 2**63 - 1", bal)
    if type(cfg) is not int or not 0 <= cfg < _WORD:
        raise _refused("Release.cfg", "a number from 0 to 2**63 - 1", cfg)
    return (RELEASE, bal, cfg)


_CHECKS: Final[tuple[Callable[[_Raw], tuple[Any, ...]], ...]] = (
    _input,
    _input,
    _input,
    _prepare,
    _promise,
    _input,
    _input,
    _input,
    _input,
    _input,
    _accept,
    _accepted,
    _learn,
    _fetch,
    _chosen,
    _input,
    _input,
    _input,
    _heartbeat,
    _grant,
    _release,
    _input,
)
