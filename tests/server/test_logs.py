"""Log lines: bound fields, levels, both forms; and that logging never fails."""

import io
import json

from gaios.server.logs import Logger


class _Broken(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError


def test_a_line_carries_what_was_bound_and_what_it_says() -> None:
    stream = io.StringIO()
    Logger(stream=stream, replica=1).bind(peer=2).info("peer_link_up", boot=3, reason="a b", empty="")
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert "info" in line
    assert line.rstrip().endswith("replica=1 peer=2 boot=3 reason='a b' empty=''")


def test_json_is_one_object_a_line() -> None:
    stream = io.StringIO()
    log = Logger(stream=stream, format="json", replica=1)
    log.warning("client_cut", reason="x\ny")
    log.error("failed", error=ValueError("what"))
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["level"], first["event"], first["replica"], first["reason"]) == ("warning", "client_cut", 1, "x\ny")
    assert second["error"] == "what"
    assert first["timestamp"].endswith("Z")


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    log = Logger(stream=stream, level="warning")
    log.debug("a")
    log.info("b")
    assert stream.getvalue() == ""
    log.bind(x=1).info("c")
    assert stream.getvalue() == ""


def test_a_stream_that_fails_does_not_matter() -> None:
    """A replica must not stop because nobody reads its log any more."""
    Logger(stream=_Broken()).info("a")
    closed = io.StringIO()
    closed.close()
    Logger(stream=closed).info("a")
