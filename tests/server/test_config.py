"""Configuration: what is read from where, and that a mistake is named."""

from pathlib import Path
from typing import Any

import pytest

from gaios import configuration
from gaios.errors import ConfigurationError
from gaios.server import config

CELL = "0123456789abcdef0123456789abcdef"


def keys(**more: Any) -> dict[str, Any]:
    return {
        "cell": {"id": CELL, "name": "harbour"},
        "replica": [
            {"id": 1, "client": "127.0.0.1:7420", "peer": "127.0.0.1:7520", "admin": "127.0.0.1:7620"},
            {"id": 2, "client": "127.0.0.1:7421", "peer": "127.0.0.1:7521", "admin": "127.0.0.1:7621"},
        ],
        "id": 1,
        "dir": "/tmp/replica-1",
        **more,
    }


def manifest(path: Path, more: str = "") -> Path:
    made = config.settings(keys())
    path.write_text(more + config.manifest_text(made.cell, made.replica))
    return path


def test_a_manifest_that_was_written_reads_back_the_same(tmp_path: Path) -> None:
    read = config.load(manifest(tmp_path / "cell.toml"), {"id": 2, "dir": "d"}, {})
    assert (read.cell, read.replica) == (config.settings(keys()).cell, config.settings(keys()).replica)
    assert read.me.client == "127.0.0.1:7421"


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    path = manifest(tmp_path / "cell.toml", 'id = 1\ndir = "file"\nidle_s = 11\n')
    assert config.load(path, {}, {}).idle_s == 11
    assert config.load(path, {}, {"GAIOS_IDLE_S": "12"}).idle_s == 12
    assert config.load(path, {"idle_s": "13"}, {"GAIOS_IDLE_S": "12"}).idle_s == 13
    assert config.load(path, {"idle_s": None}, {"GAIOS_IDLE_S": ""}).idle_s == 11
    assert config.load(path, {}, {}).client_requests == 1_024


def test_the_logs_numbers_are_keys_too() -> None:
    assert config.settings(keys(log={"term_ms": 900})).log.term_ms == 900


def test_what_was_given_wrong_is_named_as_it_was_given() -> None:
    """Whoever set a variable long ago has to be told which."""
    wrong = {"GAIOS_LOG_KEEP_HOURS": "0", "GAIOS_LOG_LEVEL": "debug"}
    with pytest.raises(ConfigurationError, match=r"^keep_hours must be at least 1: GAIOS_LOG_KEEP_HOURS=0$"):
        config.load(None, {}, wrong, keys())
    with pytest.raises(ConfigurationError, match=r"^keep_hours must be at least 1: --log-keep-hours 0$"):
        config.load(None, {"log_keep_hours": "0"}, {"GAIOS_LOG_KEEP_HOURS": "7"}, keys())
    with pytest.raises(ConfigurationError, match=r"beat_ms \(500\): GAIOS_LOG_BEAT_MS=500$"):
        config.load(None, {}, {"GAIOS_LOG_BEAT_MS": "500"}, keys())
    with pytest.raises(ConfigurationError, match=r"beat_ms \(500\): GAIOS_LOG_BEAT_MS=500, --log-term-ms 900$"):
        config.load(None, {"log_term_ms": "900"}, {"GAIOS_LOG_BEAT_MS": "500"}, keys() | {"log": {"term_ms": 2_000}})
    with pytest.raises(ConfigurationError, match=r"^id is missing$") as told:
        config.load(None, {"log_level": "debug"}, {}, {key: value for key, value in keys().items() if key != "id"})
    assert "--id, or GAIOS_ID" in told.value.hint


def test_the_variables_that_tell_how_a_replica_behaves_are_known() -> None:
    told = {"GAIOS_LOG_LEVEL": "debug", "GAIOS_BACKUP_URL": "", "GAIOS_ID": "3", "GAIOS_DIR": "/d", "GAIOS_ENDPOINTS": "x", "HOME": "/"}
    assert config.variables(told) == {"GAIOS_LOG_LEVEL": "debug", "GAIOS_BACKUP_URL": ""}


def test_backups_are_told_as_the_log_is() -> None:
    """By a table, a variable, a flag."""
    base = {"cell": {"id": "0" * 32}, "replica": [{"id": 1, "client": "127.0.0.1:1", "peer": "127.0.0.1:2", "admin": "127.0.0.1:3"}]}
    read = config.load(None, {"id": 1, "dir": "d", "backup_keep": "3"}, {"GAIOS_BACKUP_URL": "file:///b"}, base)
    assert read.backup == config.Backup(url="file:///b", every_s=3_600, keep=3)
    with pytest.raises(ConfigurationError, match=r"\[backup\]"):
        config.load(None, {"id": 1, "dir": "d"}, {}, base | {"backup": {"uri": "x"}})


def test_a_variable_reaches_the_log_and_log_format_is_not_one_of_its_keys(tmp_path: Path) -> None:
    """Two keys begin alike: `log_format` is the shell's, `log_term_ms` the log's."""
    path = manifest(tmp_path / "cell.toml", 'id = 1\ndir = "file"\n')
    read = config.load(path, {"log_format": "json"}, {"GAIOS_LOG_TERM_MS": "450", "GAIOS_ENDPOINTS": "ignored"})
    assert (read.log.term_ms, read.log_format) == (450, "json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lisen_client": "127.0.0.1:1"}, "did you mean 'listen_client'"),
        ({"log": {"term": 1}}, "did you mean 'term_ms'"),
        ({"cell": {"id": CELL, "nam": "x"}}, "did you mean 'name'"),
        ({"replica": [{"id": 1, "client": "a:1", "peer": "a:2", "admin": "a:3", "port": 1}]}, "'port'"),
        ({"id": 3}, "the replicas are 1, 2"),
        ({"dir": ""}, "dir is empty"),
        ({"cell": {"id": "xyz"}}, "cell"),
        ({"replica": []}, "at least one"),
        ({"replica": 7}, "replica"),
        ({"cell": 7}, "not a table"),
        ({"idle_s": 0}, "idle_s"),
        ({"log": {"term_ms": 200, "beat_ms": 100}}, "three times"),
        ({"listen_client": "0.0.0.0:7420"}, "insecure"),
        ({"listen_peer": "nonsense"}, "not an address"),
        ({"log_level": "loud"}, "log_level"),
    ],
)
def test_a_mistake_is_refused_with_a_sentence_that_names_it(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        config.settings(keys(**change))
    assert says in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"log_level": "bogus"}, "log_level: 'bogus' is not one of debug, error, info, warning"),
        ({"cell": {"id": "XYZ"}}, "cell.id: 'XYZ' is not 32 hexadecimal digits (0 to 9, a to f)"),
        ({"cell": {"id": CELL, "name": ""}}, "cell.name: '' is not text of 1 to 64 characters"),
        ({"cell": {}}, "cell: id is missing"),
        ({"replica": 7}, "replica: 7 is not a list of tables"),
        ({"replica": [{"id": 1, "client": "a:1", "peer": "a:1"}]}, "replica[0]: admin is missing"),
        ({"replica": [{"id": 33, "client": "a:1", "peer": "a:2", "admin": "a:3"}]}, "replica[0].id: 33 is not a whole number from 1 to 32"),
        ({"idle_s": "soon"}, "idle_s: 'soon' is not a whole number from 2 to 86400"),
        ({"insecure": "maybe"}, "insecure: 'maybe' is not true or false"),
        ({"log": {"term_ms": [1]}}, "log.term_ms: [1] is not a whole number"),
        ({"dir": 5}, "dir: 5 is not text"),
        ({"dir": "x" * 1_000_000 + "\0", "idle_s": ["y" * 1_000_000]}, "idle_s: ['" + "y" * 98 + " is not a whole number from 2 to 86400"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_in_the_words_of_the_file(change: dict[str, Any], sentence: str) -> None:
    """Whoever wrote the file knows keys and values, neither paths with a dollar nor patterns."""
    with pytest.raises(ConfigurationError) as refused:
        config.settings(keys(**change))
    assert str(refused.value) == sentence


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^replica is missing$"):
        config.settings({"cell": {"id": CELL}})


def test_an_address_given_twice_is_refused() -> None:
    twice = keys()
    twice["replica"][1]["peer"] = twice["replica"][0]["client"]
    with pytest.raises(ConfigurationError, match="given twice"):
        config.settings(twice)


def test_other_than_loopback_needs_the_flag_that_says_insecure() -> None:
    """A cell without TLS that anybody can reach is an accident unless it was asked for."""
    assert config.settings(keys(listen_client="0.0.0.0:7420", insecure=True)).listens["client"] == "0.0.0.0:7420"
    assert config.is_loopback("127.1.2.3")
    assert config.is_loopback("::1")
    assert not config.is_loopback("127.example.com")


def test_an_unknown_flag_names_the_nearest_known_one() -> None:
    with pytest.raises(ConfigurationError) as refused:
        config.load(None, {"segmnt_mib": 4}, {})
    assert "segment_mib" in refused.value.hint


@pytest.mark.parametrize("content", [b"id = ", b"\xff\xfe", b"[cell\n"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match="not TOML"):
        config.load(tmp_path / "bad.toml", {}, {})


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        config.load(tmp_path / "none.toml", {}, {})


@pytest.mark.parametrize(("text", "parts"), [("h:1", ("h", 1)), ("[::1]:65535", ("::1", 65_535)), ("10.0.0.1:80", ("10.0.0.1", 80))])
def test_an_address_is_host_and_port(text: str, parts: tuple[str, int]) -> None:
    assert config.address(text) == parts


@pytest.mark.parametrize("text", ["", ":", "h:", ":1", "h:0", "h:65536", "h:x", "h", "h:١"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        config.address(text)


def test_a_founders_address_is_free_once_the_invitation_does_not_list_it() -> None:
    """Replica 2 was removed, and a new member is to run where it was; another founder's address is taken as before."""
    first = configuration.founders({1: 1, 2: 2})
    where = {"client": "127.0.0.1:7421", "peer": "127.0.0.1:7521", "admin": "127.0.0.1:7621"}

    def joining(known: configuration.Configuration, peer: str = where["peer"]) -> config.Settings:
        invitation = config.invite(known.added(3, client=where["client"], peer=peer, admin=where["admin"]).encode())
        return config.settings(keys(id=3, place=[{"id": 3, "member": 3, "invitation": invitation, **where, "peer": peer}]))

    assert joining(first.removed(2)).me.peer == "127.0.0.1:7521"
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:7421 is given twice"):
        joining(first)
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:7520 is given twice"):
        joining(first.removed(2), peer="127.0.0.1:7520")
