"""The servers are started once, by the first test that wants one."""

from collections.abc import Iterator

import pytest
from obstore.store import S3Store

from tests.fencing import services


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL's connection string."""
    with services.postgres() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Store]:
    """A bucket of a real S3 server."""
    with services.s3() as store:
        yield store
