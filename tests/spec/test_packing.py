"""States of running participants as numbers, and back."""

from gaios.spec.configurations import find
from gaios.spec.instances import Key
from gaios.spec.packing import Packing, compiled
from tests.spec.models import scope

SCOPE = scope()


def packing() -> Packing:
    return Packing(SCOPE, compiled(SCOPE))


def test_a_member_comes_back_as_it_went() -> None:
    pack = packing()
    person = pack.fresh(1)
    person.core.promised, person.core.acc, person.core.votes, person.core.phase = 2, {1: (1, b"\1")}, {1: 0b1010}, 3
    again = pack.unpack(pack.pack(person)).core
    assert (again.promised, again.acc, again.votes, again.phase) == (2, {1: (1, b"\1")}, {1: 0b1010}, 3)


def test_equal_states_have_equal_numbers_and_what_does_not_matter_is_forgotten() -> None:
    """Nothing depends on who granted what, where nobody asks for leases."""
    pack = packing()
    one, other = pack.fresh(1), pack.fresh(1)
    other.core.grants = {2: 5}
    assert pack.pack(one) == pack.pack(other)
    other.core.promised = 1
    assert pack.pack(one) != pack.pack(other)


def test_two_lives_do_not_share_a_map() -> None:
    pack = packing()
    number = pack.pack(pack.fresh(1))
    pack.unpack(number).core.acc[1] = (1, b"\1")
    assert pack.unpack(number).core.acc == {}


def test_a_message_is_told_by_its_key_and_what_it_says_by_its_payload() -> None:
    pack = packing()
    promise = SCOPE.model.event("Promise")
    key, payload = pack.key(promise, 3, 0, (1, 1, 0, {1: (1, b"\2")}, {}))
    assert key == Key("Promise", 3, 0, (1,))
    assert pack.fields_of(key, payload)[3] == {1: (1, b"\2")}
    assert pack.message(key, payload) == pack.message(key, payload) == 1
    assert pack.message(*pack.key(promise, 2, 0, (1, 1, 0, {}, {}))) == 2
    assert list(pack.of(3)) == pack.messages
    assert pack.kind("Promise") == 3
    assert pack.kind("Accept") == 0


def test_a_disk_that_lags_is_part_of_its_members_state() -> None:
    built = scope(find("disks"))
    pack = Packing(built, compiled(built))
    person = pack.fresh(1)
    person.core.promised = 1
    assert person.durable is not None
    unsynced = pack.pack(person)
    person.durable["promised"] = 1
    assert pack.pack(person) != unsynced
    assert pack.fresh(3).durable is None


def test_the_numbers_of_the_model_replace_constants_only() -> None:
    """The code is what replicas run, line for line."""
    module = compiled(SCOPE)
    assert (module.WINDOW, module.ROUND) == (2, 4)
    plain = compiled(scope(find("narrow-window")))
    assert plain.WINDOW == 1
    assert plain.Participant.on_accept.__code__.co_code == module.Participant.on_accept.__code__.co_code
