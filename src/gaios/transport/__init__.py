"""Frames between processes: a pure core, bytes in and messages out. The shells that own sockets are server/ and client/.

The handshake, then frames (both are objects per connection; they hold no socket):

    listener = Listener(cell)                        dialler = Dialler(Hello(role="client" | "peer", cell=…, member=…, boot=…, nonce=…))
    frames = listener.feed(data)                     send(dialler.opening)
    if listener.hello and not listener.accepted:     frames = dialler.feed(data)          # [(kind, body), …]
        send(listener.accept(replica=…, member=…,    dialler.welcome                      # a Welcome, once it has come
             boot=…, nonce=…, serving=…, master=…))
        # or: send(refuse(error)); close

`feed` raises `ProtocolError` (or `AnotherCell`, or the error of a GOODBYE): close the connection; a listener that has not accepted yet
may send `refuse(error)` before. `Decoder(limit).feed(data)` and `encode(kind, body)` are the layer below, for whoever wants no handshake.

Messages: `Kind`, `Status`, and a pair `encode_x` (whole frame) / `decode_x` (a frame's body) for each x of
hello, welcome, goodbye, submit, read, watch, request (CANCEL, STATUS, PING), answer, events, watch_end, pong, members, keepalive and
kept_alive. PEER has `encode_peer` alone, for its body is the log's; CHANGE has `encode_change`, and is decoded as SUBMIT is.

    encode_submit(request, entry)                    decode_submit(body) -> (request, entry)              READ alike, with a question
    encode_watch(request, Watch(key, end, from))     decode_watch(body) -> (request, Watch)               from 0: after the present revision
    encode_request(kind, request)                    decode_request(body) -> request                      CANCEL, STATUS, PING
    encode_answer(request, status, slot, index, body)  decode_answer(body) -> Answer
    encode_events(request, next_revision, events)    decode_events(body) -> Events
    encode_watch_end(request, error)                 decode_watch_end(body) -> (request, error)
    encode_pong(request, serving, master)            decode_pong(body) -> Pong
    encode_members(configuration, clients)           decode_members(body) -> (configuration, clients)
    encode_keepalive(KeepAlive(…))                   decode_keepalive(body) -> KeepAlive                  answered by ANSWER with
    encode_kept_alive(KeptAlive(…))                  decode_kept_alive(body) -> KeptAlive                 this as body

What a replica owes a client: PING is answered by PONG at once, by any replica, master or not (`serving`: master, epoch applied;
`master`: the client address to ask, or empty); a PONG with request 0 may be sent unasked to every client whenever that answer changes,
and spares clients a search.
STATUS is answered by ANSWER with status DONE and a JSON object as body. Every status but DONE has `errors.pack(error)` as body.
WATCH is answered by an EVENTS at once (its list may be empty): from then on every event below its `next_revision` has been told;
each later EVENTS holds whole revisions in order and moves `next_revision` on. After WATCH_END or CANCEL the request is forgotten;
what was under way may still arrive. A replica that stops says GOODBYE.
"""

from gaios.transport.frame import (
    CLIENT_BYTES_MAX,
    HANDSHAKE_BYTES_MAX,
    HEADER_BYTES,
    MAGIC,
    PEER_BYTES_MAX,
    Decoder,
    encode,
)
from gaios.transport.handshake import Dialler, Listener, choose, refuse
from gaios.transport.keepalive import (
    EXPIRED,
    NOTICES_MAX,
    KeepAlive,
    KeptAlive,
    decode_keepalive,
    decode_kept_alive,
    encode_keepalive,
    encode_kept_alive,
)
from gaios.transport.messages import (
    VERSION_MAX,
    VERSION_MIN,
    Answer,
    Events,
    Hello,
    Kind,
    Pong,
    Status,
    Watch,
    Welcome,
    decode_answer,
    decode_events,
    decode_goodbye,
    decode_hello,
    decode_members,
    decode_pong,
    decode_read,
    decode_request,
    decode_submit,
    decode_watch,
    decode_watch_end,
    decode_welcome,
    encode_answer,
    encode_change,
    encode_events,
    encode_goodbye,
    encode_hello,
    encode_members,
    encode_peer,
    encode_pong,
    encode_read,
    encode_request,
    encode_submit,
    encode_watch,
    encode_watch_end,
    encode_welcome,
)

__all__ = [
    "CLIENT_BYTES_MAX",
    "EXPIRED",
    "HANDSHAKE_BYTES_MAX",
    "HEADER_BYTES",
    "MAGIC",
    "NOTICES_MAX",
    "PEER_BYTES_MAX",
    "VERSION_MAX",
    "VERSION_MIN",
    "Answer",
    "Decoder",
    "Dialler",
    "Events",
    "Hello",
    "KeepAlive",
    "KeptAlive",
    "Kind",
    "Listener",
    "Pong",
    "Status",
    "Watch",
    "Welcome",
    "choose",
    "decode_answer",
    "decode_events",
    "decode_goodbye",
    "decode_hello",
    "decode_keepalive",
    "decode_kept_alive",
    "decode_members",
    "decode_pong",
    "decode_read",
    "decode_request",
    "decode_submit",
    "decode_watch",
    "decode_watch_end",
    "decode_welcome",
    "encode",
    "encode_answer",
    "encode_change",
    "encode_events",
    "encode_goodbye",
    "encode_hello",
    "encode_keepalive",
    "encode_kept_alive",
    "encode_members",
    "encode_peer",
    "encode_pong",
    "encode_read",
    "encode_request",
    "encode_submit",
    "encode_watch",
    "encode_watch_end",
    "encode_welcome",
    "refuse",
]
