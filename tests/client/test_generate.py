"""The twin's surface is the asyncio client's, and what is committed is what is generated."""

import inspect
from pathlib import Path

import pytest

from gaios.client import aio, generate, sync


def test_the_committed_file_is_fresh() -> None:
    assert generate.main(["--check"]) == 0, "python -m gaios.client.generate"


def test_a_stale_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "sync.py"
    monkeypatch.setattr(generate, "TARGET", target)
    assert generate.main(["--check"]) == 1
    assert "python -m gaios.client.generate" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    target.write_text(target.read_text() + "#")
    assert generate.main(["--check"]) == 1


def test_every_public_method_has_its_twin_with_the_same_parameters() -> None:
    def parameters(method: object) -> list[tuple[str, object, object]]:
        assert callable(method)
        return [(one.name, one.kind, one.default) for one in inspect.signature(method).parameters.values()]

    methods = {name: method for name, method in inspect.getmembers(aio.Cell, inspect.isfunction) if not name.startswith("_")}
    assert len(methods) >= 13
    for name, method in methods.items():
        assert parameters(getattr(sync.Cell, name)) == parameters(method), name
    assert parameters(sync.connect) == parameters(aio.connect)


def test_nothing_is_async_there() -> None:
    for name, method in vars(sync.Cell).items():
        assert not inspect.iscoroutinefunction(method), name
        assert "async" not in (inspect.getdoc(method) or ""), name
