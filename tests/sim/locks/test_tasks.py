"""Programs go on when what they wait for is known, and end with their process."""

from collections.abc import Callable

from gaios.sim.locks.tasks import Program, Tasks, Wait
from gaios.sim.world import World


def at_once(act: Callable[[], None]) -> None:
    act()


def test_a_program_goes_on_with_what_it_waited_for() -> None:
    world, told = World(0), []
    tasks, wait = Tasks(world, at_once), Wait()

    def program() -> Program:
        told.append((yield wait))
        told.append((yield wait))
        yield tasks.sleep(50)
        told.append(world.now_ns)

    tasks.begin(program())
    world.run(10)
    assert not told
    wait.set("it")
    wait.set("another")
    world.run(100)
    assert told == ["it", "it", 60]
    assert not len(tasks)


def test_a_wait_may_end_by_itself() -> None:
    world, told = World(0), []
    tasks = Tasks(world, at_once)

    def program() -> Program:
        told.append((yield tasks.within(Wait(), 7)))

    tasks.begin(program())
    world.run(6)
    assert len(tasks) == 1
    world.run(7)
    assert told == [None]


def test_a_killed_process_says_nothing_more() -> None:
    world, told = World(0), []
    tasks, wait = Tasks(world, at_once), Wait()

    def program() -> Program:
        told.append("begun")
        yield wait
        told.append("gone on")

    tasks.begin(program())
    world.run(1)
    tasks.kill()
    wait.set()
    world.run(2)
    assert told == ["begun"]


def test_a_process_that_stands_still_goes_on_later() -> None:
    world, told, held = World(0), [], list[Callable[[], None]]()
    tasks, wait = Tasks(world, held.append), Wait()

    def program() -> Program:
        told.append((yield wait))

    tasks.begin(program())
    world.run(1)
    wait.set(3)
    assert not told
    held.pop()()
    assert told == [3]
