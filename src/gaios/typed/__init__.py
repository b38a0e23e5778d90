"""Machines with typed commands: what a program replicates, said in its own words.  [PML §3]

    class Deposit(gaios.Command[int]):                  # its reply is an int
        account: str
        amount: int

    class Bank(gaios.Machine):
        state: Accounts

        @gaios.handler
        def deposit(self, command: Deposit) -> int: ...

    balance = await replica.submit(Deposit("alice", 5))

A thin layer on `gaios.machine`, the seam of bytes, for machines whose state fits into memory and into one snapshot.

    words      commands and queries, and their bytes
    forms      of what types these, and a state, may be
    handlers   what a class says about itself, checked when it is defined
    machine    the machine that carries them out, and its versions
"""

from gaios.typed.handlers import handler
from gaios.typed.machine import Machine
from gaios.typed.words import Command, Query, Upgrade, decode_reply, encode

__all__ = ["Command", "Machine", "Query", "Upgrade", "decode_reply", "encode", "handler"]
