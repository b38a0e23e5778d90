"""Random schedules over the core: nothing that the papers promise breaks, every rule is carried out, and planted bugs are noticed."""

from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from gaios.errors import InvariantViolated
from gaios.spec import compile_participant
from tests.paxos.cell import Cell

SMALL_WINDOW = ("WINDOW = Const(model=2, run=16) ", "WINDOW = Const(model=2, run=3)  ")
"""Full windows, and members that lag behind them, are common with small ones."""
PREPARE = "case Prepare(b, c) if b > promised"
BUGS = {
    "quorum off by one": ("bool:  return 2 * len(part & whole) > len(whole)", "bool:  return 2 * len(part & whole) >= len(whole) - 1", 0),
    "a start does not withhold": ("granted_until = now + longest", "granted_until = now", 12),
    "grants of the last reign count": ("fence = 0; votes = {}; grants = {}", "fence = 0; votes = {}", 45),
    "no margin for drift": ("return term - term * DRIFT_PPM // 1_000_000 - 1", "return term", 132),
    "a mark counts in any ballot": ("run(acc[s].bal == b and", "run(acc[s].bal > 0 and", 0),
    "one's own grant does not bind": (
        "owner(b) == me and me in electors() and now >= granted_until",
        "owner(b) == me and me in electors()",
        6,
    ),
    "recovery takes its own value": ("send(Accept(bal, config, s, best[s].val))", "send(Accept(bal, config, s, NOOP))", 0),
    "a promise is not kept": ("b >= promised and s <= chosen + WINDOW", "s <= chosen + WINDOW", 0),
    "a ballot is claimed in memory only": ("promised = b; bal = b; phase = PREPARING", "bal = b; phase = PREPARING", 0),
    "proposals below the quorum's mark": ("quorum(proms) and chosen >= floor and", "quorum(proms) and", 3),
    "a report leaves out what is far above": ("if acc[s].bal > 0}", "if acc[s].bal > 0 and s <= chosen + 1}", 0),
    "a vote leaves before its record": ("slot: Slot;              to = owner(bal); after = RECORDS", "slot: Slot; to = owner(bal)", 0),
    "promises inside a lease": (f"{PREPARE} and now >= granted_until", PREPARE, 2),
    "a leader that abdicated goes on": ("phase = IDLE; granted_until = now", "granted_until = now", 6),
    "a deposed leader goes on": ("return phase == LEADING and bal == promised", "return phase == LEADING", 18),
    "any ballot's promises count": (
        "b == bal and b == promised and phase == PREPARING and gathers()",
        "phase == PREPARING and gathers()",
        19,
    ),
    "grants count from their receipt": ("t + shortened(d)", "now + shortened(d)", 19),
}


CHANGES = {"votes of the old members count": ("if quorum(w) and s == chosen + 1:", "if most(w, founders) and s == chosen + 1:")}
"""The other bugs of changes need a story that dice seldom tell: the model checker tells it (spec/membership_mutations.py)."""


@cache
def counting() -> ModuleType:
    """The core that counts its rules."""
    return compile_participant(edits=[SMALL_WINDOW], coverage=True)


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.seeds(12)
def test_agreement_holds_under_loss_duplicates_crashes_and_rivals(seed: int, size: int) -> None:
    """[PML §4.1; SAFETY 5, 6, 10]"""
    cell = Cell(counting(), size, seed)
    cell.run(4_000, faults=1.0)
    assert cell.chosen


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.seeds(12)
def test_agreement_holds_while_members_come_and_go(seed: int, size: int) -> None:
    """Whatever the next members are, and whoever missed it.  [SAFETY 18]"""
    cell = Cell(counting(), size, seed, changes=True)
    cell.run(4_000, faults=1.0)
    assert cell.chosen


def test_members_were_changed_often_enough_to_mean_something() -> None:
    """Several times in a schedule, and recovered from others' reports."""
    cells = [Cell(counting(), 5, seed, changes=True) for seed in range(200, 206)]
    for cell in cells:
        cell.run(4_000, faults=1.0)
    assert sum(len(cell.configurations) for cell in cells) > 20


@pytest.mark.seeds(6)
def test_chosen_may_be_written_late_if_no_vote_overtakes_it(seed: int) -> None:
    """A start reports what it accepted up to WINDOW above the mark that it finds: a vote above that waits for a newer mark."""
    cell = Cell(counting(), 3, seed, lazy="safe")
    cell.run(4_000, faults=1.0)
    assert cell.chosen


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.seeds(6)
def test_agreement_holds_when_records_rot(seed: int, size: int) -> None:
    """At a start, and while a member runs; each slot on one disk at the most, so it is recovered.  [SAFETY 6, 7]"""
    cell = Cell(counting(), size, seed, rots=True)
    cell.run(4_000, faults=1.0)
    assert cell.rotted
    assert cell.settle()


@pytest.mark.seeds(12)
def test_agreement_holds_when_records_rot_that_say_who_the_members_are(seed: int) -> None:
    """Who cannot tell which configuration governs is silent until it has learned.  [SAFETY 15, 18]"""
    cell = Cell(counting(), 4, seed, changes=True, rots=True)
    cell.run(4_000, faults=1.0)
    assert cell.chosen


def test_configurations_rotted_often_enough_to_mean_something() -> None:
    """Some members had to be silent."""
    cells = [Cell(counting(), 4, seed, changes=True, rots=True) for seed in range(300, 312)]
    for cell in cells:
        cell.run(4_000, faults=1.0)
    assert sum(cell.silent for cell in cells) > 10


@pytest.mark.seeds(6)
def test_when_faults_end_every_member_learns_a_new_value(seed: int) -> None:
    """Safety alone is easy: a cell that does nothing has it."""
    cell = Cell(counting(), 3, seed)
    cell.run(1_000, faults=1.0)
    assert cell.settle()


def test_every_rule_was_carried_out_and_refused(carried_out: Callable[[str, Mapping[str, int]], None]) -> None:
    """A rule that no test fires is not tested; a guard that never failed might as well not stand there.  [SAFETY 30]"""
    core = counting()
    for seed in range(100, 106):
        cell = Cell(core, 3, seed, changes=seed % 2 == 0, rots=seed % 3 > 0)
        cell.run(4_000, faults=1.0)
        assert cell.leases
    carried_out("the core alone", {label: fired for (label, _, _), fired in zip(core.RULES, core.FIRED, strict=True)})
    for (label, _, place), fired, refused in zip(core.RULES, core.FIRED, core.REFUSED, strict=True):
        assert fired, f"{label} ({place}) never fired"
        assert refused or label == "B", f"the guard of {label} ({place}) never failed"


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_noticed(bug: str) -> None:
    """The harness can fail: each of these edits of the text breaks an invariant.

    A seed that shows it is written beside it, so that the gate does not search; when a change has moved it, others are tried.
    """
    old, new, pinned = BUGS[bug]
    core = compile_participant(edits=[SMALL_WINDOW, (old, new)])

    def search() -> None:
        for seed in (pinned, *range(100)):
            Cell(core, 3 + 2 * (seed % 2), seed).run(6_000, faults=1.0)

    with pytest.raises(InvariantViolated):
        search()


@pytest.mark.parametrize("bug", CHANGES)
def test_a_planted_bug_of_changes_is_noticed(bug: str) -> None:
    """[SAFETY 18, 29]"""
    core = compile_participant(edits=[SMALL_WINDOW, CHANGES[bug]])

    def search() -> None:
        for seed in range(60):
            Cell(core, 3 + 2 * (seed % 2), seed, changes=True).run(6_000, faults=1.0)

    with pytest.raises(InvariantViolated):
        search()


def test_a_vote_that_overtakes_the_mark_of_what_is_chosen_loses_a_value() -> None:
    """Why `chosen` may be written late only with that care: a torn batch, a repeated vote, and a second crash.  [SAFETY 5, 6]"""
    core = compile_participant(edits=[(SMALL_WINDOW[0], "WINDOW = Const(model=2, run=1) ")])

    def story(lazy: str) -> bytes:
        cell = Cell(core, 3, 0, lazy=lazy, written=True)
        one, two, three = cell.nodes.values()

        def settled(*members: int) -> None:
            while ready := [index for index, item in enumerate(cell.network) if {*item[:2]} <= {*members}]:
                cell.deliver(ready[0])
                for member in members:
                    cell.sync(cell.nodes[member], len(cell.nodes[member].waiting))

        cell.campaign(one)
        cell.sync(one, 1)
        settled(1, 2)
        cell.input(one, (core.RECOVER,))
        cell.input(one, (core.PROPOSE, b"first"))
        cell.sync(one, 1)
        settled(1, 2)
        cell.input(one, (core.PROPOSE, b"second"))
        cell.input(two, (core.ACCEPT, one.participant.bal, 1, 2, b"second"), 1)
        ((writes, _),) = two.waiting
        two.waiting = [([write for write in writes if write[0] != core.F_CHOSEN], [])]
        cell.sync(two, 1)
        two.durable["chosen"] = 0
        two.start()
        cell.learned[2] = 0
        cell.input(two, (core.LEARN, one.participant.bal, 1, 1), 1)
        cell.sync(one, 1)
        settled(1, 2)
        assert one.participant.chosen == 2
        two.start()
        cell.learned[2] = two.participant.chosen
        cell.campaign(three)
        cell.sync(three, 1)
        cell.network = [item for item in cell.network if item[2][0] == core.PREPARE or item[0] == item[1] == 3]
        settled(2, 3)
        if two.participant.chosen:
            cell.input(three, (core.SEEK, 1, 2))
            settled(2, 3)
            cell.input(three, (core.RECOVER,))
        else:
            cell.input(three, (core.RECOVER,))
        cell.sync(three, len(three.waiting))
        settled(2, 3)
        if three.participant.chosen < 2:
            cell.input(three, (core.PROPOSE, b"another"))
            cell.sync(three, len(three.waiting))
            settled(2, 3)
        return bytes(three.participant.acc[2][1])

    assert story("safe") == b"second"
    with pytest.raises(InvariantViolated, match="agreement: slot 2"):
        story("naive")


@pytest.mark.parametrize("waits", [True, False])
def test_a_release_that_overtakes_its_claim_ends_a_lease_of_the_next_reign(*, waits: bool) -> None:
    """Why it waits: a crash frees a ballot that was not claimed durably, and what was said of it is still on its way.  [SAFETY 5, 10]"""
    edit = ("to = OTHERS; after = RECORDS\n\ndef shortened", "to = OTHERS\n\ndef shortened")
    core = compile_participant(edits=[] if waits else [edit])
    first, second, term = core.ROUND + 1, core.ROUND + 2, 700
    one, two, three = (core.Participant(me, 0b1110) for me in (1, 2, 3))

    def step(participant: Any, event: Any, src: int = 0) -> list[Any]:
        out = core.Out()
        participant.step(event, src or participant.me, 1, out)
        return [message for _, message in out.sends]

    def lead(participant: Any, ballot: int, by: Any) -> bool:
        """With its own vote and that of one other; whether it holds a lease then."""
        for prepare in step(participant, (core.CAMPAIGN, ballot))[:1]:
            for promise in step(by, prepare, participant.me):
                step(participant, (core.PROMISE, ballot, 0, 0, {}, {}))
                step(participant, promise, by.me)
        step(participant, (core.RECOVER,))
        for beat in step(participant, (core.BEAT, term)):
            for grant in step(by, beat, participant.me) if beat[0] == core.HEARTBEAT else [beat]:
                step(participant, grant, by.me if beat[0] == core.HEARTBEAT else 0)
        return bool(participant.holds_lease(2))

    # Its disk is slow: what waits for the claim is lost with the process, and so is the claim.
    step(one, (core.CAMPAIGN, first))
    late = [message for message in step(one, (core.ABDICATE,)) if message[0] not in core.AFTER]
    one = core.Participant(1, 0b1110)
    assert lead(one, first, two)
    for message in late:
        step(two, message, 1)
    assert lead(two, second, three) is not waits
    assert one.holds_lease(2)
