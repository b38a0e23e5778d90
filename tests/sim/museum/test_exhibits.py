"""Every exhibit is told by its name, and has seeds that catch it."""

import json
from pathlib import Path

import pytest

from gaios.sim.museum import exhibits
from gaios.sim.museum.exhibits import EXHIBITS, pins, write_pins

LAYERS = {"paxos", "locks", "log", "storage", "db", "server", "client", "transport"}


def test_names_are_unique_and_layers_are_rooms() -> None:
    assert len({exhibit.name for exhibit in EXHIBITS}) == len(EXHIBITS)
    assert {exhibit.layer for exhibit in EXHIBITS} <= LAYERS


def test_every_exhibit_has_pinned_seeds_and_every_pin_an_exhibit() -> None:
    assert pins().keys() == {exhibit.name for exhibit in EXHIBITS}
    assert all(pins().values())


def test_seeds_can_be_pinned_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhibits, "PINS", tmp_path / "pins.json")
    name = EXHIBITS[0].name
    write_pins({name: [3, 4], "no such exhibit": [1]})
    assert pins() == json.loads((tmp_path / "pins.json").read_text("utf-8")) == {name: [3, 4]}
