"""What a holder says is read back as it was written, and names its grant."""

import msgspec
import pytest

from gaios.api import Entry
from gaios.api import Test as KeyTest
from gaios.client.recipes.said import Said, said_in
from gaios.errors import ProtocolError
from gaios.lock_api import Sequencer, holder_key

GRANT = Sequencer("/recipes/election/a/~lock", False, 0, 7)


def entry(value: bytes) -> Entry:
    return Entry(b"recipes/election/a", value, 1, 8, 8)


def test_what_was_said_is_read_back() -> None:
    said = Said(5, GRANT, b"10.0.0.7")
    assert said_in(entry(said.encode()), "leader") == said
    assert said.encode() == msgspec.msgpack.encode((5, GRANT, b"10.0.0.7")), "as earlier versions wrote it"


def test_it_is_guarded_by_its_grant() -> None:
    said = Said(5, GRANT, b"")
    assert said.guard() == KeyTest(holder_key(GRANT.path, 5), "create_revision", "==", 7)
    assert said.guard().key == said.holder_key


@pytest.mark.parametrize("value", [b"", b"text", msgspec.msgpack.encode((1, 2))])
def test_what_nobody_wrote_is_refused_by_its_key(value: bytes) -> None:
    with pytest.raises(ProtocolError, match="'recipes/election/a' holds something that no leader wrote"):
        said_in(entry(value), "leader")
