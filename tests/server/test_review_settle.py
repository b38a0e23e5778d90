"""A new member's directory whose making was cut short behind its manifest is finished by the command that is given again.  [SAFETY 2]"""

from pathlib import Path

import pytest

from gaios.configuration import founders
from gaios.server import config, directory, local


def test_a_new_members_directory_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = local.open_or_create(tmp_path / "cell", replicas=1, port=21_000)
    told = founders({1: 1}).added(2, peer="127.0.0.1:21101", client="127.0.0.1:21001", admin="127.0.0.1:21201")
    at = local.place_at(cell, 2)
    place = config.Place(id=2, member=2, client=at.client, peer=at.peer, admin=at.admin, invitation=config.invite(told.encode()))
    unlink = Path.unlink

    def killed(self: Path, missing_ok: bool = False) -> None:
        if self.name == directory.CREATING:
            raise KeyboardInterrupt
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        local.settle(cell, place)
    monkeypatch.undo()
    cell = local.settle(local.open_or_create(tmp_path / "cell"), place)
    home = cell.replica_dir(2)
    settings = config.Settings(cell=cell.cell, replica=cell.founders, place=(place,), id=2, dir=str(home))
    directory.open_(settings).close()
