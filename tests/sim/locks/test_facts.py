"""A replica's keys and the model say the same in the same words. That they do after any history, test_model.py shows."""

from gaios import lock_api
from gaios.lock_api import LockCommand
from gaios.locks import LockService
from gaios.machine import Context
from gaios.sim.locks.facts import of_keys, of_model
from gaios.sim.locks.model import Model
from gaios.sim.run import _reserved

TOKEN = b"t" * 16


def test_everything_has_its_fact() -> None:
    service, model = LockService(), Model()
    commands: list[LockCommand] = [
        lock_api.OpenSession(TOKEN, 1_000),
        lock_api.Open(2, TOKEN, "/f", lock_api.MAY_CREATE, contents=b"one", lock_delay_ms=9),
        lock_api.Open(2, TOKEN, "/f", events=3),
        lock_api.Acquire(2, TOKEN, 3, shared=True),
        lock_api.Acquire(2, TOKEN, 4),
    ]
    for number, command in enumerate(commands, 2):
        service.apply(lock_api.encode(command), Context(number, 0, 0, 1))
        model.apply(command, number)
    facts = of_keys(_reserved(service))
    assert facts == of_model(model)
    assert facts.sessions == {2: 1_000}
    assert facts.contents == {"/f": b"one"}
    assert facts.handles == {("/f", 2, 3): (3, True, 0, 9, None), ("/f", 2, 4): (3, True, 3, 0, None)}
    assert facts.holders == {("/f", 3): (2, True, 5)}
    assert facts.waiters == {("/f", 6): (2, 4, False)}
    assert facts.nodes["/f"].lock_generation == 1
