"""A rule of a member at an event: guard, simultaneous updates, messages."""

from dataclasses import replace

from gaios.spec.configurations import find
from gaios.spec.formulas import python, reads
from gaios.spec.instances import RESTART, Instance, Key
from tests.spec.models import TINY, scope


def instances(label: str, me: int, **changes: object) -> list[Instance]:
    built = scope(replace(TINY, **changes))  # type: ignore[arg-type]
    return [instance for instance in built.instances if instance.label == label and instance.me == me]


def test_an_input_is_asked_of_whom_it_may_concern() -> None:
    """Member 3 owns no ballot here, so it has no campaign."""
    assert [each.fields for each in instances("P1a", 1)] == [(1,)]
    assert [each.fields for each in instances("P1a", 2)] == [(2,)]
    assert instances("P1a", 3) == []


def test_a_message_is_received_by_the_others_or_by_whom_it_is_routed_to() -> None:
    assert {(each.received.src, each.me) for each in instances("P1b", 3) if each.received} == {(1, 3), (2, 3)}
    assert {each.received.fields[0] for each in instances("P3", 1) if each.received} == {1}


def test_a_later_rule_of_an_event_asks_that_the_earlier_ones_do_not_hold() -> None:
    (known,) = [each for each in instances("P2b-known", 3) if each.received == Key("Accept", 1, 0, (1, 0, 1, 1))]
    (plain,) = [each for each in instances("P2b", 3) if each.received == Key("Accept", 1, 0, (1, 0, 1, 1))]
    assert any("chosen_3" in python(part) for part in known.guard)
    assert any(python(part) == "(not (1 <= chosen_3))" for part in plain.guard)


def test_updates_read_the_state_before() -> None:
    """Every formula of an instance is over cells, never over another update."""
    for instance in scope().instances:
        for term in instance.updates.values():
            assert not any(name.startswith("t") and name[1:].isdigit() for name in reads(term))


def test_a_restart_keeps_what_is_durable_and_boots() -> None:
    (restart,) = instances("restart", 1, restarts=(1,))
    assert restart.event == RESTART
    assert restart.labels == ("restart", "B")
    assert "phase_1" in restart.updates
    assert "promised_1" not in restart.updates
    assert not any(name.startswith("acc_1") for name in restart.updates)


def test_a_restart_from_a_late_mark_knows_less() -> None:
    built = scope(find("lost-mark"))
    restart = next(each for each in built.instances if each.label == "restart" and each.me == 1)
    assert python(restart.updates["chosen_1"]) == "(mark_1 if (mark_1 >= 0) else 0)"


def test_what_is_not_durable_in_the_text_is_lost() -> None:
    built = scope(replace(TINY, restarts=(1,)), ("promised:  Durable[Ballot]", "promised:  Ballot"))
    restart = next(each for each in built.instances if each.label == "restart")
    assert restart.updates["promised_1"] == 0


def test_a_message_that_must_wait_waits_for_its_senders_disk_only() -> None:
    built = scope(find("disks"))
    vote = next(each for each in built.instances if each.label == "P2b" and each.me == 1)
    assert [name[0] for name in vote.updates if "Accepted" in name] == ["w"]
    other = next(each for each in built.instances if each.label == "P2b" and each.me == 3)
    assert [name[0] for name in other.updates if "Accepted" in name] == ["n"]
    proposal = next(each for each in built.instances if each.label == "P2a" and each.me == 1)
    assert {name[0] for name in proposal.updates if "Accept_" in name} == {"n"}, "an Accept leaves at once"
