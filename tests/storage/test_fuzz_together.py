"""Every decoder of this room with bytes that nobody wrote. The gate's share of the fuzzing: more than 10⁵ inputs."""

from random import Random

from gaios.errors import AnotherCell, StateDamaged, StateMissing
from gaios.storage import Journal, Problem, copies, record, segment, verify
from tests.storage.memory import ME, accounted, lived, values

DECODED = 120_000
"""Inputs for the decoders of a header, an opening block and a copy, together."""
OPENED = 3_000
"""Whole directories, mutated."""


def mutated(random: Random, data: bytes) -> bytes:
    """These bytes with a few changes: bits, runs, cuts, shifts; or noise."""
    changed = bytearray(data)
    match random.randrange(6):
        case 0:
            return random.randbytes(random.randrange(200))
        case 1:
            del changed[random.randrange(len(changed) + 1) :]
        case 2:
            at = random.randrange(len(changed))
            changed[at:at] = random.randbytes(random.randrange(1, 9))
        case 3:
            at = random.randrange(len(changed))
            changed[at : at + random.randrange(64)] = random.randbytes(random.randrange(64))
        case _:
            for _ in range(random.randrange(1, 5)):
                changed[random.randrange(len(changed))] = random.choice((0, 1, 255, random.randrange(256)))
    return bytes(changed)


def test_decoders_are_total() -> None:
    """Whatever stands there: None, a problem, or exactly what was written."""
    random = Random(7)
    memory, _ = lived(4)
    log = memory.read("wal/00000001.wal", 0, 1024)
    copy = memory.read("promise-1", 0, 100)
    written = {bytes(log[: segment.OPENING_BYTES]), copy}
    decoded = 0
    seed = record.seed(ME)
    for _ in range(DECODED // 3):
        data = mutated(random, log)
        at = random.choice((0, segment.OPENING_BYTES, random.randrange(1100)))
        header = record.decode(data, at, seed)
        if header is not None:
            decoded += 1
            record.payload_is_intact(data, at, header)
            assert data[at : at + record.HEADER_BYTES] in log
        opening = segment.decode(data)
        assert opening is None or data[: segment.OPENING_BYTES] in written
        found = copies.decode(mutated(random, copy), 1)
        assert isinstance(found, Problem) or found == copies.decode(copy, 1)
    assert decoded > 100, "some inputs get past the first check"


def test_mutated_directories_are_refused_or_read_right() -> None:
    """A start and `verify` raise nothing but this room's errors, and no record comes out that was not written."""
    random = Random(11)
    memory, life = lived(4)
    right = 0
    for _ in range(OPENED):
        broken = memory.copy()
        for _ in range(random.choice((1, 1, 2))):
            name = random.choice(memory.names())
            data = bytes(broken.files[name].current[:1024]) or b"cut away"
            broken.files[name].current[: len(data)] = mutated(random, data)
        verify(broken)
        try:
            _, recovered = Journal.open(ME, broken)
            found = values(recovered)
        except (StateDamaged, StateMissing, AnotherCell):
            continue
        if recovered.damaged:
            accounted(recovered, life.written)
        else:
            assert found == life.written[: len(found)]
        assert recovered.copies in life.copies
        right += 1
    assert right > OPENED // 20
