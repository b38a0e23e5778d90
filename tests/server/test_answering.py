"""Answers, refusals, and where the master is."""

import pytest

from gaios import entry, errors
from gaios.log import Status
from gaios.server.effects import Limits
from gaios.transport import Kind, decode_pong
from tests.server.parts import HandCell


def test_whoever_is_not_the_master_says_so_and_who_is() -> None:
    cell = HandCell(3)
    master = cell.elect()
    other = next(member for member in cell.members if member != master)
    cell.ask(other, 1, 1, entry.register())
    answer = cell.answers(other, 1)[-1]
    assert answer.status == Status.NOT_MASTER
    assert isinstance(refusal := errors.unpack(answer.body), errors.NotMaster)
    assert refusal.replica == other
    assert cell.nodes[other].standing()[0] is False
    assert cell.nodes[master].standing()[0] is True


def test_a_client_has_so_many_requests_and_no_more_each_under_its_own_number() -> None:
    """[SAFETY 28]"""
    cell = HandCell(3, limits=Limits(requests=2))
    master = cell.elect()
    cell.hold_disks = True
    for request in (1, 2, 3):
        cell.ask(master, 1, request, entry.register())
    assert [answer.status for answer in cell.answers(master, 1)] == [Status.OVERLOADED]
    with pytest.raises(errors.ProtocolError, match="under the number 2"):
        cell.ask(master, 1, 2, entry.register())


def test_clients_are_told_of_a_new_master_unasked() -> None:
    cell = HandCell(3)
    cell.nodes[1].client_came(7)
    cell.elect()
    cell.run(1_000_000_000)
    told = [decode_pong(body) for kind, body in cell.frames[1][7] if kind == Kind.PONG]
    assert told
