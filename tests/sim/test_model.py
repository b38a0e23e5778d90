"""The model and the database are two readings of one page: api.py."""

from random import Random

from gaios import api
from gaios.db.database import Database
from gaios.errors import NotANumber
from gaios.machine import Context
from gaios.sim.model import Model

KEYS = (b"a", b"b", b"c")


def random_command(dice: Random) -> api.MultiOp:
    def key() -> bytes:
        return dice.choice(KEYS)

    def end() -> bytes | None:
        return dice.choice([None, None, b"", b"c"])

    def test() -> api.Test:
        field = dice.choice(["present", "absent", "value", "version", "mod_revision", "create_revision"])
        to = dice.choice([b"1", b"x"]) if field == "value" else dice.randint(0, 6)
        return api.Test(key(), field, dice.choice(["==", "!=", "<", ">"]), to, end())

    def operation() -> api.Operation:
        drawn: list[api.Operation] = [
            api.Put(key(), dice.choice([b"1", b"2", b"x"])), api.Put(key(), b"1"), api.Get(key(), end(), dice.choice([0, 0, 1])),
            api.Delete(key(), end()), api.Increment(key(), dice.randint(-2, 2)),
        ]  # fmt: skip
        return dice.choice(drawn)

    return api.MultiOp(
        tuple(test() for _ in range(dice.choice([0, 0, 1, 2]))),
        tuple(operation() for _ in range(dice.randint(0, 2))),
        tuple(operation() for _ in range(dice.randint(0, 2))),
    )


def test_the_model_and_the_database_agree_on_every_reply_event_and_state() -> None:
    dice = Random(5)
    for _ in range(60):
        model, database = Model(), Database()
        told: list[api.Event] = []
        for slot in range(60):
            command = random_command(dice)
            expected = model.apply(command)
            try:
                reply, events = database.apply(api.encode(command), Context(slot, 0, 0, 1))
            except NotANumber:
                assert expected is None
                continue
            told.extend(events)
            assert api.decode_reply(reply) == expected
            assert database.revision == model.revision
        page = api.decode_answer(database.query(api.encode(api.Range(b"", b""))))
        assert isinstance(page, api.Page)
        assert {entry.key: entry for entry in page.entries} == model.entries
        assert told == model.events
