"""Claims about fetching a snapshot: from anybody, a few parts at a time, and nothing that is not proved."""

import random

import pytest

from gaios.log.codec import ASK
from gaios.log.snapshots import CHUNK_BYTES, Capture, Closing, Part
from gaios.server.fetching import STORE, STORE_TAKES, UNDER_WAY, Fetching, coming

LATE = 100
CELL = bytes(16)


def made(chunks: int, seed: int = 1) -> tuple[Closing, list[bytes]]:
    """A snapshot of so many chunks."""
    dice = random.Random(seed)
    part = Part(1, 9, bytes(16), 5, 65_537, 0, b"", 1, 0)
    capture = Capture(part, iter(()), iter([dice.randbytes(1_000) for _ in range((chunks - 1) * CHUNK_BYTES // 1_008 + 1)]))
    found: list[bytes] = []
    while not capture.is_done:
        found += capture.take()
    return capture.closing(CELL), found


def parts(closing: Closing, chunks: list[bytes]) -> list[bytes]:
    return [closing.encode(), *chunks]


def asked(fetching: Fetching, now: int) -> list[tuple[int, int]]:
    """Whom for which part."""
    said = fetching.ask(now)
    assert all(message[:3] == (ASK, fetching.handle.slot, fetching.handle.digest) for _, message in said)
    return [(member, message[3]) for member, message in said]


@pytest.mark.seeds(20)
def test_a_snapshot_comes_whole_whatever_is_lost_and_doubled(seed: int) -> None:
    """In order, each chunk once."""
    dice, (closing, chunks) = random.Random(seed), made(9)
    fetching, source, found = Fetching(closing.handle, [2, 3, 4], LATE), parts(closing, chunks), list[bytes]()
    now, wire = 0, list[tuple[int, int]]()
    while not fetching.is_whole:
        wire += asked(fetching, now)
        assert len(wire) <= 60 * UNDER_WAY
        dice.shuffle(wire)
        for _ in range(dice.randrange(4)):
            if wire:
                member, part = wire.pop()
                if dice.random() < 0.7:
                    found += fetching.came(now, member, part, source[part])
                if dice.random() < 0.2:
                    wire.append((member, part))
        now += dice.randrange(LATE)
    assert found == chunks


def test_first_the_digests_then_a_few_chunks_at_a_time() -> None:
    """So much of it is in memory, and no more."""
    closing, chunks = made(9)
    fetching = Fetching(closing.handle, [2, 3], LATE)
    assert asked(fetching, 0) == [(2, 0)]
    assert asked(fetching, 1) == []
    assert fetching.came(1, 2, 0, closing.encode()) == []
    assert asked(fetching, 1) == [(2, part) for part in range(1, UNDER_WAY + 1)]
    assert fetching.came(1, 2, 2, chunks[1]) == []
    assert asked(fetching, 1) == []
    assert fetching.came(1, 2, 1, chunks[0]) == chunks[:2]
    assert [part for _, part in asked(fetching, 1)] == [5, 6]


def test_who_is_late_is_asked_again_when_the_others_were() -> None:
    """The source changes in the middle, and what came is not fetched again."""
    closing, chunks = made(3)
    fetching = Fetching(closing.handle, [2, 3], LATE)
    asked(fetching, 0)
    fetching.came(1, 2, 0, closing.encode())
    asked(fetching, 1)
    fetching.came(2, 2, 1, chunks[0])
    assert fetching.due_ns() == 2 + LATE
    assert asked(fetching, 1 + LATE) == []
    assert asked(fetching, 2 + LATE) == [(3, part) for part in range(2, closing.handle.chunks + 1)]
    assert asked(fetching, 2 + 2 * LATE) == [(2, part) for part in range(2, closing.handle.chunks + 1)]


def test_what_is_not_proved_is_not_taken_nor_its_sender_asked_again() -> None:
    """Another snapshot's closing, another chunk."""
    (closing, chunks), (other, others) = made(3), made(3, seed=2)
    fetching = Fetching(closing.handle, [2, 3, 4], LATE)
    asked(fetching, 0)
    assert fetching.came(0, 2, 0, other.encode()) == []
    assert asked(fetching, 0) == [(3, 0)]
    fetching.came(0, 3, 0, closing.encode())
    asked(fetching, 0)
    assert fetching.came(0, 3, 1, others[0]) == []
    assert asked(fetching, 0)[0] == (4, 1)
    assert fetching.came(0, 4, 1, chunks[0]) == chunks[:1]
    assert not fetching.is_hopeless
    fetching.gone(4)
    assert fetching.is_hopeless


def test_what_was_not_asked_for_is_not_taken() -> None:
    """Parts of the future, or twice."""
    closing, chunks = made(3)
    fetching = Fetching(closing.handle, [2], LATE)
    assert fetching.came(0, 2, 1, chunks[0]) == []
    asked(fetching, 0)
    fetching.came(0, 2, 0, closing.encode())
    asked(fetching, 0)
    assert fetching.came(0, 2, 1, chunks[0]) == chunks[:1]
    assert fetching.came(0, 2, 1, chunks[0]) == []


def test_what_is_coming_is_what_somebody_sends() -> None:
    """Or what came whole and is not recorded yet."""
    closing = made(2)[0]
    fetching = Fetching(closing.handle, [2, 3], LATE)
    fetching.ask(0)
    assert coming(0, None, None) == 0
    assert coming(0, fetching, None) == closing.handle.slot
    assert coming(3 * LATE, fetching, None) == 0, "nobody sends it"
    assert coming(0, None, closing) == closing.handle.slot


def test_the_store_is_asked_when_all_peers_were_late_and_has_more_time() -> None:
    """Peers come first, and again when it is late, too; what came from anybody stays."""
    closing, chunks = made(3)
    fetching = Fetching(closing.handle, [2, STORE], LATE)
    asked(fetching, 0)
    fetching.came(0, 2, 0, closing.encode())
    assert [source for source, _ in asked(fetching, 0)] == [2, 2, 2]
    assert asked(fetching, LATE) == [(STORE, part) for part in (1, 2, 3)]
    assert fetching.due_ns() == LATE + STORE_TAKES * LATE
    assert fetching.came(2 * LATE, STORE, 1, chunks[0]) == chunks[:1]
    assert asked(fetching, (1 + STORE_TAKES) * LATE) == []
    assert asked(fetching, (2 + STORE_TAKES) * LATE) == [(2, 2), (2, 3)]
    assert (fetching.from_peers, fetching.from_store) == (1, 1)


def test_a_peer_that_offers_what_the_store_sends_is_asked_next() -> None:
    """And is one of those who have it, so that a newer one of others' does not take its place."""
    closing, chunks = made(9)
    fetching = Fetching(closing.handle, [STORE], LATE)
    asked(fetching, 0)
    fetching.came(0, STORE, 0, closing.encode())
    asked(fetching, 0)
    begun = fetching.is_the_stores
    fetching.has(3)
    assert (begun, fetching.is_the_stores) == (True, False)
    fetching.came(1, STORE, 1, chunks[0])
    assert asked(fetching, 1) == [(3, 5)]
    fetching.gone(3)
    assert [source for source, _ in asked(fetching, 2)] == [STORE] * UNDER_WAY
    fetching.gone(STORE)
    assert fetching.is_hopeless


def test_while_the_store_sends_nothing_is_stalled() -> None:
    """It is slower than any peer; a peer's silence is noticed as soon as ever, although the store is a source, too."""
    closing, _ = made(2)
    alone, behind = Fetching(closing.handle, [STORE], LATE), Fetching(closing.handle, [2, STORE], LATE)
    for fetching in (alone, behind):
        asked(fetching, 0)
    assert [fetching.is_stalled(2 * LATE) for fetching in (alone, behind)] == [False, True]
    assert alone.is_stalled((STORE_TAKES + 1) * LATE)
    assert alone.is_left_to_the_store((STORE_TAKES + 1) * LATE)
    assert not behind.is_left_to_the_store((STORE_TAKES + 1) * LATE)
    assert coming(2 * LATE, alone, None) == closing.handle.slot
