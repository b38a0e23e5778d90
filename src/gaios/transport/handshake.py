"""Who speaks first, and what both sides then know of each other.

    dialler                                         listener
      MAGIC · HELLO {role, versions, cell, …}  ─►
                                               ◄─   MAGIC · WELCOME {version, cell, …}    or    MAGIC · GOODBYE {error}
      everything else                          ◄─►

Rule 1. The dialler sends nothing between its HELLO and the WELCOME: until then the listener takes frames of 4 KiB only.
Rule 2. Both speak the highest version that both know. There is none: GOODBYE, and both name what they speak.
Rule 3. Whoever names another cell is turned away.  [SAFETY 4] Boots, nonces and members are judged by whoever called this (server/).
Rule 4. No clock is read here. How long a stranger has for its HELLO, and a listener for its WELCOME, is for the shells to bound (server/).
"""

from gaios.errors import AnotherCell, Error, ProtocolError
from gaios.transport.frame import CLIENT_BYTES_MAX, HANDSHAKE_BYTES_MAX, MAGIC, PEER_BYTES_MAX, Decoder
from gaios.transport.messages import (
    VERSION_MAX,
    VERSION_MIN,
    Hello,
    Kind,
    Welcome,
    decode_goodbye,
    decode_hello,
    decode_welcome,
    encode_goodbye,
    encode_hello,
    encode_welcome,
)


def choose(versions: tuple[int, int], mine: tuple[int, int] = (VERSION_MIN, VERSION_MAX)) -> int:
    """The highest version in both ranges.

    Raises:
        ProtocolError: there is none.
    """
    version = min(versions[1], mine[1])
    if version < max(versions[0], mine[0]):
        raise ProtocolError(
            reason=f"no common version: the other side speaks {versions[0]} to {versions[1]}, this one {mine[0]} to {mine[1]}; "
            "upgrade the older one"
        )
    return version


def refuse(error: Error) -> bytes:
    """What a listener sends before it closes a connection that it does not want: MAGIC and GOODBYE."""
    return MAGIC + encode_goodbye(error)


class Listener:
    """The listening side of one connection: bytes in, frames out, the first one understood here.

    `hello` is None until the HELLO has come. Then the caller decides: it sends what `accept` returns, or `refuse(error)` and closes.
    An error raised by `feed` while `accepted` is False may be told to the other side with `refuse` as well.
    """

    __slots__ = ("_cell", "_decoder", "accepted", "hello")

    def __init__(self, cell: bytes) -> None:
        self._cell = cell
        self._decoder = Decoder(HANDSHAKE_BYTES_MAX)
        self.hello: Hello | None = None
        self.accepted = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames after the handshake that `data` completes; the HELLO itself goes to `hello`.

        Raises:
            ProtocolError: the bytes are no frames, the first is no HELLO, a frame comes before the WELCOME, or no version is common.
            AnotherCell: the dialler names another cell.
        """
        frames = self._decoder.feed(data)
        if self.accepted or not frames:
            return frames
        if self.hello is not None or len(frames) > 1:
            raise ProtocolError(reason="a frame came before the WELCOME")
        kind, body = frames[0]
        if kind != Kind.HELLO:
            raise ProtocolError(reason=f"the first frame has kind {kind}, not HELLO")
        hello = decode_hello(body)
        choose(hello.versions)
        if hello.role == "peer" and not hello.cell:
            raise ProtocolError(reason="a peer must name its cell")
        if hello.cell and hello.cell != self._cell:
            raise AnotherCell(what=f"the {hello.role} that dialled", found=f"cell {hello.cell.hex()}", expected=f"cell {self._cell.hex()}")
        self.hello = hello
        return []

    def accept(
        self,
        *,
        replica: int = 0,
        member: int = 0,
        boot: int = 0,
        nonce: int = 0,
        serving: bool = False,
        master: str = "",
    ) -> bytes:
        """The WELCOME to send. From now on frames of the dialler's role are taken, up to that role's limit."""
        assert self.hello is not None, "accept() follows the HELLO"
        self.accepted = True
        self._decoder.limit = PEER_BYTES_MAX if self.hello.role == "peer" else CLIENT_BYTES_MAX
        return MAGIC + encode_welcome(
            Welcome(
                version=choose(self.hello.versions),
                cell=self._cell,
                replica=replica,
                member=member,
                boot=boot,
                nonce=nonce,
                frame_bytes_max=self._decoder.limit,
                serving=serving,
                master=master,
            )
        )


class Dialler:
    """The dialling side of one connection. Send `opening` first; `welcome` is None until the listener's WELCOME has come."""

    __slots__ = ("_decoder", "_hello", "opening", "welcome")

    def __init__(self, hello: Hello) -> None:
        self._hello = hello
        self._decoder = Decoder(PEER_BYTES_MAX)
        self.opening = MAGIC + encode_hello(hello)
        self.welcome: Welcome | None = None

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames after the handshake that `data` completes; the WELCOME itself goes to `welcome`.

        Raises:
            ProtocolError: the bytes are no frames, or the first is neither WELCOME nor GOODBYE.
            AnotherCell: the listener belongs to another cell than the one that was named.
            Error: the listener said GOODBYE instead of WELCOME; this is its reason.
        """
        frames = self._decoder.feed(data)
        if self.welcome is not None or not frames:
            return frames
        kind, body = frames[0]
        if kind == Kind.GOODBYE:
            raise decode_goodbye(body)
        if kind != Kind.WELCOME:
            raise ProtocolError(reason=f"the first frame has kind {kind}, not WELCOME")
        welcome = decode_welcome(body)
        low, high = self._hello.versions
        if not low <= welcome.version <= high:
            raise ProtocolError(reason=f"the listener chose version {welcome.version}; {low} to {high} were offered")
        if self._hello.cell and self._hello.cell != welcome.cell:
            raise AnotherCell(
                what="the replica that was dialled", found=f"cell {welcome.cell.hex()}", expected=f"cell {self._hello.cell.hex()}"
            )
        self.welcome = welcome
        return frames[1:]
