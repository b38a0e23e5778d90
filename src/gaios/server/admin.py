"""The admin port: a few answers over HTTP/1.1, for probes, scrapers and people.

    /healthz   200 while the event loop turns
    /readyz    200 when a master is known and this replica has applied what it knows to be chosen; else 503 and why
    /metrics   Prometheus text
    /status    this replica's facts as JSON, as `gaios status` shows them
    /sums      what its state came to behind the newest checks, as JSON, for `gaios diff`

Rule 1. GET and HEAD only; a request has at most 8 KiB of head and no body; whatever else comes gets one error and the connection ends.
Rule 2. A connection has `REQUEST_S` for each request; there are at most so many at once.
Rule 3. Nothing here changes anything.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

import msgspec

HEAD_BYTES_MAX: Final = 8 << 10
REQUEST_S: Final = 5.0
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_TEXT, _JSON, _METRICS = "text/plain; charset=utf-8", "application/json", "text/plain; version=0.0.4; charset=utf-8"


class Admin(Protocol):
    """What the admin port shows: `Replica`."""

    def status(self) -> dict[str, Any]:
        """Facts for `/status`."""

    def sums(self) -> dict[str, Any]:
        """Facts for `/sums`."""

    def not_ready(self) -> str:
        """Why not, for `/readyz`."""

    def render_metrics(self) -> bytes:
        """Text for `/metrics`."""


class AdminConnection(asyncio.Protocol):
    """One connection to the admin port. `gone` is told when it is closed; when there are too many, `full`, it is only refused."""

    def __init__(self, admin: Admin, gone: Callable[["AdminConnection"], object], *, full: bool = False) -> None:
        self._admin, self._gone, self._full = admin, gone, full
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody dialled the admin port."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        if self._full:
            self._answer(503, "too many connections\n", close=True)
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed."""
        del exc
        self._transport = None
        self._gone(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """A part of a request's head."""
        self._head += data
        while self._transport is not None and not self._transport.is_closing():
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                if len(self._head) > HEAD_BYTES_MAX:
                    self._answer(431, f"a request's head has at most {HEAD_BYTES_MAX} bytes\n", close=True)
                return
            head, self._head = self._head[:end], self._head[end + 4 :]
            self._request(head)

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(REQUEST_S, self.close)

    def _request(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        words = lines[0].split(b" ")
        if len(words) != 3 or not words[1].startswith(b"/") or not words[2].startswith(b"HTTP/") or len(head) > HEAD_BYTES_MAX:
            self._answer(400, "not an HTTP request\n", close=True)
            return
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip():
                self._answer(400, "not an HTTP header\n", close=True)
                return
            headers[name.lower()] = value.strip().lower()
        if words[2] not in {b"HTTP/1.1", b"HTTP/1.0"}:
            self._answer(505, "HTTP/1.1 is spoken here\n", close=True)
        elif words[0] not in {b"GET", b"HEAD"}:
            self._answer(405, "only GET and HEAD\n", close=True)
        elif headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            self._answer(400, "a request has no body here\n", close=True)
        else:
            keep = headers.get(b"connection") != b"close" and words[2] == b"HTTP/1.1"
            self._route(words[1].partition(b"?")[0], bare=words[0] == b"HEAD", close=not keep)

    def _route(self, path: bytes, *, bare: bool, close: bool) -> None:
        admin = self._admin
        if path == b"/healthz":
            self._answer(200, "ok\n", close=close, bare=bare)
        elif path == b"/readyz":
            reason = admin.not_ready()
            self._answer(503 if reason else 200, (reason or "ready") + "\n", close=close, bare=bare)
        elif path == b"/metrics":
            self._answer(200, admin.render_metrics(), kind=_METRICS, close=close, bare=bare)
        elif path == b"/status":
            self._answer(200, msgspec.json.encode(admin.status()) + b"\n", kind=_JSON, close=close, bare=bare)
        elif path == b"/sums":
            self._answer(200, msgspec.json.encode(admin.sums()) + b"\n", kind=_JSON, close=close, bare=bare)
        else:
            self._answer(404, "there are /healthz /readyz /metrics /status /sums\n", close=close, bare=bare)

    def _answer(self, code: int, body: str | bytes, *, kind: str = _TEXT, close: bool, bare: bool = False) -> None:
        transport = self._transport
        if transport is None:
            return
        data = body.encode() if isinstance(body, str) else body
        head = (
            f"HTTP/1.1 {code} {_REASONS[code]}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
            f"Connection: {'close' if close else 'keep-alive'}\r\nCache-Control: no-store\r\n\r\n"
        )
        transport.write(head.encode() + (b"" if bare else data))
        if close:
            transport.close()
        else:
            self._wait()
