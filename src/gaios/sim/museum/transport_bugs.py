"""Bugs of frames."""

from gaios.sim.museum.exhibit import Exhibit, method, scenario
from gaios.transport import frame

EXHIBITS = [
    Exhibit(
        "a frame's checksum is not looked at",
        "transport",
        "SAFETY 4",
        method(frame, "_crc", lambda sound: lambda crc, data: 0),
        ("agreement", "no replica stops by itself", "persist, then say", "linearizability", "linearizability by witness", "exactly once"),
        scenario("noisy-links"),
    ),
]
