"""Time, order and the hash of a simulated world."""

from gaios.sim.world import World


def test_events_run_in_order_of_time_then_of_entry() -> None:
    world = World(0)
    ran: list[str] = []
    world.at(20, ran.append, "c")
    world.at(10, ran.append, "a")
    world.at(10, ran.append, "b")
    assert world.run(15)
    assert (ran, world.now_ns) == (["a", "b"], 15)
    assert not world.run(30, stop=lambda: True)
    assert ran == ["a", "b", "c"]


def test_an_event_put_into_the_past_runs_now() -> None:
    world = World(0)
    world.run(50)
    times: list[int] = []
    world.at(10, lambda: times.append(world.now_ns))
    world.run(60)
    assert times == [50]


def test_the_hash_covers_time_text_and_data() -> None:
    def hashed(at: int, text: str, data: bytes) -> str:
        world = World(0)
        world.at(at, world.note, text, data)
        world.run(100)
        return world.trace_hash()

    one = hashed(1, "sent", b"x")
    assert one == hashed(1, "sent", b"x")
    assert len({one, hashed(2, "sent", b"x"), hashed(1, "lost", b"x"), hashed(1, "sent", b"y")}) == 4


def test_lines_are_kept_for_a_reader() -> None:
    world = World(0)
    world.lines = []
    world.note("sent", b"xyz")
    assert world.lines == ["0 sent [3]"]
