"""What only a store of objects has: settings of the environment, and a network."""

import pytest

from gaios.backup import objects, stores
from gaios.backup.objects import ObjectStore
from gaios.errors import ConfigurationError, Unavailable
from tests.fencing.services import free_ports


def test_a_url_and_the_environment_make_a_store(s3: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """As obstore takes them."""
    config = s3.config  # type: ignore[attr-defined]
    for name in ("endpoint", "access_key_id", "secret_access_key", "region"):
        monkeypatch.setenv(f"AWS_{name.upper()}", config[name])
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    store = stores.open_store("s3://bucket/from/url")
    assert store.create("x", b"1")
    assert store.names() == ["x"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ConfigurationError, match="cannot read x"):
        stores.open_store("s3://bucket/from/url").get("x")


def test_silence_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there."""
    (port,) = free_ports(1)
    monkeypatch.setattr(objects, "RETRIES", 0)
    for name, value in (
        ("ENDPOINT", f"http://127.0.0.1:{port}"),
        ("ALLOW_HTTP", "true"),
        ("ACCESS_KEY_ID", "k"),
        ("SECRET_ACCESS_KEY", "s"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    store = ObjectStore("s3://bucket/x")
    for act in (lambda: store.get("x"), lambda: store.put("x", b""), lambda: store.create("x", b""), store.names):
        with pytest.raises(Unavailable):
            act()


def test_what_cannot_be_replaced_under_a_condition_is_refused(bucket: ObjectStore) -> None:
    """A store that names no versions."""
    with pytest.raises(ConfigurationError, match="versions"):
        bucket.replace("x", b"", {})
