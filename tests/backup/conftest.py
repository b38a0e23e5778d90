"""Stores: a directory, and a bucket of a real S3 server, which is started once."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import S3Store

from gaios.backup.objects import ObjectStore
from gaios.backup.stores import DirectoryStore, Store
from tests.backup.parts import NEVER, OFTEN, SHORT, Living
from tests.fencing import services

_prefixes = itertools.count()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Store]:
    """A bucket."""
    with services.s3() as store:
        yield store


@pytest.fixture
def bucket(s3: S3Store) -> ObjectStore:
    """A prefix of it that nobody else has."""
    return ObjectStore(
        "s3://bucket/prefix", S3Store(config=s3.config, client_options=s3.client_options, prefix=f"backups/{next(_prefixes)}")
    )


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """A directory."""
    return DirectoryStore(tmp_path / "store")


@pytest.fixture(params=["directory", "s3"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """Each kind in turn."""
    found: Store = request.getfixturevalue("store" if request.param == "directory" else "bucket")
    return found


@pytest.fixture
def plain() -> Living:
    """A cell without snapshots."""
    return Living(NEVER)


@pytest.fixture
def living() -> Living:
    """One with some."""
    return Living(OFTEN)


@pytest.fixture
def forgetful() -> Living:
    """One that gives old log up."""
    return Living(SHORT, 1 << 14)
