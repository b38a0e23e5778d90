"""A guarded object never goes back to an older holder, in memory and on a real S3 server."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.exceptions import GenericError, PreconditionError
from obstore.store import LocalStore, MemoryStore, S3Store

from gaios.errors import ConfigurationError, Fenced, InvalidToken, Overloaded, ProtocolError, Unavailable, Unknown
from gaios.fencing import object_store
from gaios.fencing.object_store import MARKS, FencedObject, Found, unwrap, wrap
from gaios.fencing.token import Token
from tests.fencing.dropping import proxy
from tests.fencing.mutants import bites, mutant, never_decreases
from tests.fencing.services import bucket

OLD, NEW = Token(0, 812), Token(1, 4)
WAIT_S = 60.0
Store = MemoryStore | S3Store
_names = itertools.count()


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    return MemoryStore() if request.param == "memory" else request.getfixturevalue("s3")


@pytest.fixture
def path() -> str:
    """An object of this test's own: the bucket is there for all."""
    return f"objects/{next(_names)}"


def old_after_new_is_refused(store: Store, path: str, module: Any) -> None:
    """The claim, as a function: it has to fail of a mutant."""
    guarded = module.FencedObject(store, path)
    guarded.write(OLD, b"one")
    guarded.write(NEW, b"two")
    with pytest.raises(Fenced) as refused:
        guarded.write(OLD, b"three")
    assert (refused.value.what, refused.value.seen, refused.value.given) == (path, "1.4", "0.812")
    with pytest.raises(Fenced):
        guarded.claim(OLD)
    assert guarded.read() == b"two"
    guarded.write(NEW, b"four")
    assert guarded.read() == b"four"
    assert guarded.seen() == NEW


def old_beside_new_is_refused(store: Store, make: Callable[[], Any], between: bytes) -> None:
    """The old holder has read and compared; then the new one writes, perhaps what was there before; then the old one puts."""
    make().write(OLD, b"before")

    def change(_: bytes | None) -> bytes:
        make().write(NEW, between)
        return b"late"

    with pytest.raises(Fenced):
        make().update(OLD, change)
    assert make().read() == between
    assert make().seen() == NEW


def test_an_old_token_after_a_newer_one_is_refused_and_nothing_changed(store: Store, path: str) -> None:
    """[SAFETY 23]; an equal token is one holder's next change."""
    old_after_new_is_refused(store, path, object_store)


@pytest.mark.parametrize("between", [b"between", b"before"])
def test_an_old_token_beside_a_newer_one_is_refused(store: Store, path: str, between: bytes) -> None:
    """Rule 2, also when the contents are those that the old holder read."""
    old_beside_new_is_refused(store, lambda: FencedObject(store, path), between)


@pytest.mark.parametrize("broken", ["token > found.token", "token == found.token", "False"])
def test_an_object_that_compares_wrongly_is_noticed(store: Store, path: str, broken: str) -> None:
    with bites():
        old_after_new_is_refused(store, path, mutant(object_store, "token < found.token", broken))


def test_a_put_without_its_condition_is_noticed(store: Store, path: str) -> None:
    """It passes every test in which one write follows the other."""
    planted = mutant(object_store, "else found.version)", 'else "overwrite")')
    old_after_new_is_refused(store, path, planted)
    with bites():
        old_beside_new_is_refused(store, lambda: planted.FencedObject(store, f"{path}/beside"), b"between")


class TokenAsMetadata:
    """A bug that people write: contents stay as they are, and the token stands in the object's metadata."""

    def __init__(self, store: S3Store, path: str) -> None:
        self.store, self.path = store, path

    def found(self) -> tuple[bytes | None, Token | None, str | None]:
        with suppress(FileNotFoundError):
            answer = obstore.get(self.store, self.path)
            return bytes(answer.bytes()), Token.parse(answer.attributes["gaios-fence"]), answer.meta["e_tag"]
        return None, None, None

    def update(self, token: Token, change: Callable[[bytes | None], bytes]) -> None:
        while True:
            contents, seen, tag = self.found()
            if seen is not None and token < seen:
                raise Fenced(what=self.path, seen=str(seen), given=str(token))
            attributes: Any = {"gaios-fence": str(token)}
            with suppress(PreconditionError):
                obstore.put(self.store, self.path, change(contents), attributes=attributes, mode={"e_tag": tag} if tag else "create")
                return

    def write(self, token: Token, contents: bytes) -> None:
        self.update(token, lambda _: contents)

    def read(self) -> bytes | None:
        return self.found()[0]

    def seen(self) -> Token | None:
        return self.found()[1]


def test_a_token_in_the_metadata_would_not_be_safe(s3: S3Store, path: str) -> None:
    """Rule 1: an entity tag of S3 says nothing of it."""
    old_beside_new_is_refused(s3, lambda: TokenAsMetadata(s3, path), b"between")
    with bites():
        old_beside_new_is_refused(s3, lambda: TokenAsMetadata(s3, f"{path}/same"), b"before")


def test_many_holders_at_once_never_go_back(store: Store, path: str) -> None:
    """No update is lost, none is done twice, and tokens only grow."""
    start = threading.Barrier(4)

    def holder(number: int) -> int:
        start.wait(WAIT_S)
        for done in range(4):
            try:
                FencedObject(store, path).update(Token(0, number), lambda contents: (contents or b"") + b"0.%d\n" % number)
            except Fenced:
                return done
        return 4

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(holder, range(1, 5)))
    kept = (FencedObject(store, path).read() or b"").decode().split()
    assert len(kept) == done
    never_decreases(kept, Token.parse)
    assert FencedObject(store, path).seen() == Token(0, 4)


# ----------------------------------------------------------------------------------------------------------- lost answers


class Lossy:
    """obstore, of which some answers are lost. Each call of `put` or `get` takes the next of `plan`, and is sound after them."""

    def __init__(self, **plan: list[Callable[[], None]]) -> None:
        self.plan = {name: iter(steps) for name, steps in plan.items()}

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, steps in self.plan.items():
            monkeypatch.setattr(obstore, name, self.lossy(getattr(obstore, name), steps))

    @staticmethod
    def lossy(sound: Any, steps: Iterator[Callable[[], None]]) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            step = next(steps, None)
            if step is lost_request:
                step()
            answer = sound(*arguments, **options)
            if step is not None:
                step()
            return answer

        return call


def lost_request() -> None:
    """It never arrived."""
    raise GenericError("the connection broke")


def lost_answer() -> None:
    """It was carried out, and nobody was told."""
    raise GenericError("the connection broke")


def sent_twice() -> None:
    """Its answer was lost, and the client's own second attempt was refused."""
    raise PreconditionError("the object is not the one that was named")


def counts_once(path: str, module: Any, monkeypatch: pytest.MonkeyPatch, others: int) -> None:
    """An increment whose put was sent twice, with others that write before it looks again."""
    store = MemoryStore()
    guarded = module.FencedObject(store, path)
    guarded.write(NEW, b"0")

    def add(contents: bytes | None) -> bytes:
        return b"%d" % (int(contents or 0) + 1)

    def meanwhile() -> None:
        for _ in range(others):
            module.FencedObject(store, path).update(NEW, add)
        sent_twice()

    with monkeypatch.context() as patch:
        Lossy(put=[meanwhile]).patch(patch)
        guarded.update(NEW, add)
    assert guarded.read() == b"%d" % (1 + others)


@pytest.mark.parametrize("others", [0, 1, MARKS - 1])
def test_an_update_that_was_sent_twice_is_done_once(path: str, monkeypatch: pytest.MonkeyPatch, others: int) -> None:
    """Rule 3."""
    counts_once(path, object_store, monkeypatch, others)


async def counts_once_over_the_wire(s3: S3Store, path: str, module: Any) -> None:
    """The answer is lost after the put was carried out; obstore sends the same put again, which its own success refuses."""
    await FencedObject(s3, path).write_async(NEW, b"0")
    async with proxy(int(str(s3.config["endpoint"]).rpartition(":")[2])) as between:
        between.lose = 1
        guarded = module.FencedObject(bucket(f"http://127.0.0.1:{between.port}", "secret"), path)
        await guarded.update_async(NEW, lambda contents: b"%d" % (int(contents or 0) + 1))
        assert between.lost == 1
        assert between.puts >= 2
    assert await FencedObject(s3, path).read_async() == b"1"


async def test_an_update_whose_answer_was_lost_on_the_wire_is_done_once(s3: S3Store, path: str) -> None:
    """Rule 3, with obstore's real retries and a real server."""
    await counts_once_over_the_wire(s3, path, object_store)


async def test_without_a_mark_it_would_be_done_twice(s3: S3Store, path: str) -> None:
    with bites():
        await counts_once_over_the_wire(s3, path, mutant(object_store, "if mark in found.marks:", "if False:"))


def test_an_update_without_a_mark_is_noticed(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with bites():
        counts_once(path, mutant(object_store, "if mark in found.marks:", "if False:"), monkeypatch, 0)
    with bites():
        counts_once(path, mutant(object_store, "(mark, *found.marks[: MARKS - 1])", "(mark,)"), monkeypatch, 1)


def test_a_put_whose_answer_is_lost_is_unknown(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have taken effect, as the one here did."""
    guarded = FencedObject(MemoryStore(), path)
    Lossy(put=[lost_answer]).patch(monkeypatch)
    with pytest.raises(Unknown):
        guarded.write(NEW, b"written")
    assert guarded.read() == b"written"


def test_a_get_that_fails_leaves_nothing_open_unless_a_put_did(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any put nothing can have happened; after one that was refused, perhaps as its own second attempt, something may have."""
    guarded = FencedObject(MemoryStore(), path)
    with monkeypatch.context() as patch:
        Lossy(get=[lost_request]).patch(patch)
        with pytest.raises(Unavailable):
            guarded.write(NEW, b"")
    with monkeypatch.context() as patch:
        Lossy(put=[sent_twice], get=[lambda: None, lost_request]).patch(patch)
        with pytest.raises(Unknown):
            guarded.write(NEW, b"")


def test_it_gives_up_when_others_always_come_first(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That many writers at once hold no lock."""

    def refused(*_: Any, **__: Any) -> None:
        raise PreconditionError("another was first")

    monkeypatch.setattr(obstore, "put", refused)
    monkeypatch.setattr(object_store, "TRIES_MAX", 3)
    with pytest.raises(Overloaded, match="3 writes by others"):
        FencedObject(MemoryStore(), path).write(NEW, b"")


# ------------------------------------------------------------------------------------------------------ the rest of it


def test_a_claim_changes_no_contents_and_locks_the_older_out(store: Store, path: str) -> None:
    guarded = FencedObject(store, path)
    assert guarded.read() is None
    assert guarded.seen() is None
    guarded.write(OLD, b"contents")
    guarded.claim(NEW)
    assert guarded.read() == b"contents"
    with pytest.raises(Fenced):
        guarded.write(OLD, b"late")
    FencedObject(store, f"{path}/absent").claim(NEW)
    assert FencedObject(store, f"{path}/absent").read() == b""


def test_an_object_that_was_there_before_is_adopted(store: Store, path: str) -> None:
    """Any token is newer than none."""
    obstore.put(store, path, b"before")
    guarded = FencedObject(store, path)
    assert guarded.read() == b"before"
    assert guarded.seen() is None
    assert guarded.update("0.1", lambda contents: (contents or b"") + b" after") == b"before after"
    assert guarded.seen() == Token(0, 1)


async def test_the_asynchronous_twins_do_the_same(store: Store, path: str) -> None:
    guarded = FencedObject(store, path)
    await guarded.write_async(OLD, b"one")
    await guarded.claim_async(NEW)
    with pytest.raises(Fenced):
        await guarded.write_async(OLD, b"two")
    assert await guarded.update_async(NEW, lambda contents: (contents or b"") + b" more") == b"one more"
    assert await guarded.read_async() == b"one more"
    assert await guarded.seen_async() == NEW
    assert await FencedObject(store, f"{path}/absent").read_async() is None


async def test_an_old_token_beside_a_newer_one_is_refused_asynchronously(store: Store, path: str) -> None:
    guarded = FencedObject(store, path)
    await guarded.write_async(OLD, b"before")

    def change(_: bytes | None) -> bytes:
        FencedObject(store, path).write(NEW, b"between")
        return b"late"

    with pytest.raises(Fenced):
        await guarded.update_async(OLD, change)
    assert await guarded.read_async() == b"between"


def test_a_directory_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The local store of obstore cannot replace conditionally; `FencedFile` can."""
    guarded = FencedObject(LocalStore(tmp_path), "state")
    guarded.write(OLD, b"created")
    with pytest.raises(ConfigurationError) as refused:
        guarded.write(NEW, b"replaced")
    assert "FencedFile" in refused.value.hint
    assert guarded.read() == b"created"


def test_a_store_that_names_no_versions_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replacing without a condition would be the only way left."""

    class Answer:
        meta: ClassVar = {"e_tag": None, "version": None}

        def bytes(self) -> bytes:
            return b"contents"

    monkeypatch.setattr(obstore, "get", lambda *_: Answer())
    with pytest.raises(ConfigurationError, match="names no versions"):
        FencedObject(MemoryStore(), path).write(NEW, b"")


def test_a_store_that_counts_versions_is_asked_for_them(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """GCS compares these, and not the entity tag."""
    asked: list[Any] = []

    class Answer:
        meta: ClassVar = {"e_tag": None, "version": "1732"}

        def bytes(self) -> bytes:
            return b"contents"

    monkeypatch.setattr(obstore, "get", lambda *_: Answer())
    monkeypatch.setattr(obstore, "put", lambda *_, **options: asked.append(options["mode"]))
    FencedObject(MemoryStore(), path).write(NEW, b"")
    assert asked == [{"version": "1732"}]


def test_without_obstore_the_error_says_what_to_install() -> None:
    """It is an extra: nobody else needs it."""
    code = "import sys; sys.modules['obstore'] = None\nimport gaios.fencing, gaios.fencing.sql, gaios.fencing.file, gaios.fencing.asgi\n"
    done = subprocess.run([sys.executable, "-c", code + "import gaios.fencing.object_store"], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "ImportError: gaios.fencing.object_store needs obstore: pip install 'obstore>=0.10'"


def test_a_store_that_does_not_let_us_is_a_wrong_configuration(s3: S3Store, path: str) -> None:
    """Nothing was changed, and trying again does not help."""
    stranger = bucket(str(s3.config["endpoint"]), "guessed")
    with pytest.raises(ConfigurationError, match="the store refuses"):
        FencedObject(stranger, path).write(NEW, b"")


def test_a_server_that_is_not_there_is_unavailable(path: str) -> None:
    nowhere = bucket("http://127.0.0.1:1", "secret")
    with pytest.raises(Unavailable):
        FencedObject(nowhere, path).read()


def test_what_is_no_token_is_refused(path: str) -> None:
    with pytest.raises(InvalidToken):
        FencedObject(MemoryStore(), path).write("newest", b"")


@given(st.binary(), st.integers(1, MARKS))
def test_contents_and_token_come_back(contents: bytes, count: int) -> None:
    """Contents may be anything, also what looks like a first line."""
    found = Found(contents, NEW, tuple(f"{number:016x}" for number in range(count)))
    assert unwrap(wrap(found)) == found
    assert unwrap(wrap(found._replace(contents=wrap(found)))).contents == wrap(found)


DAMAGED = [
    b"",
    b"1",
    b"1 \n",
    b"1 1.4\n",
    b"2 1.4 ab\n",
    b"1 1.4 ab",
    b"1 1,4 ab\n",
    b"1 1.4 a b\n",
    b"1 01.4 ab\n",
    b"\xff\n",
    b"1 1.4 " + b"a" * 600 + b"\n",
]


@pytest.mark.parametrize("rest", DAMAGED)
def test_a_damaged_first_line_lets_nobody_in(path: str, rest: bytes) -> None:
    """No token would be older than any."""
    store = MemoryStore()
    obstore.put(store, path, b"gaios-fence " + rest)
    with pytest.raises(ProtocolError):
        FencedObject(store, path).write(NEW, b"")


@given(st.binary())
def test_hostile_bytes_are_contents_or_a_typed_error(body: bytes) -> None:
    with suppress(ProtocolError):
        unwrap(b"gaios-fence " + body)
    assert unwrap(b"x" + body) == Found(b"x" + body, None)
