"""A bank, which tests of several files replicate."""

import msgspec

import gaios
from gaios.machine import Context


class Accounts(msgspec.Struct):
    balances: dict[str, int] = {}
    last_ms: int = 0


class Deposit(gaios.Command[int]):
    account: str
    amount: int

    def check(self) -> None:
        if self.amount < 1:
            raise gaios.InvalidCommand(reason="an amount is 1 or more")


class Overdrawn(gaios.Refused):
    deterministic = True


class Withdraw(gaios.Command[int]):
    account: str
    amount: int


class Balance(gaios.Query[int | None]):
    account: str


class First(gaios.Query[str]):
    """Whose account was opened first."""


class Bank(gaios.Machine):
    state: Accounts

    @gaios.handler
    def deposit(self, command: Deposit, context: Context) -> int:
        self.state.last_ms = context.time_ms
        return self._add(command.account, command.amount)

    @gaios.handler
    def withdraw(self, command: Withdraw) -> int:
        have = self.state.balances.get(command.account, 0)
        if have < command.amount:
            raise Overdrawn(f"{command.account} has {have}, not {command.amount}")
        return self._add(command.account, -command.amount)

    @gaios.handler
    def balance(self, query: Balance) -> int | None:
        return self.state.balances.get(query.account)

    @gaios.handler
    def first(self, query: First) -> str:
        return next(iter(self.state.balances), "")

    def _add(self, account: str, amount: int) -> int:
        self.state.balances[account] = self.state.balances.get(account, 0) + amount
        return self.state.balances[account]


class Close(gaios.Command[int]):
    account: str


class NewBank(Bank):
    """Its second version: a fee on withdrawals, and accounts that can be closed."""

    version = 2

    @gaios.handler(version=2)
    def withdraw_with_fee(self, command: Withdraw) -> int:
        have = self.state.balances.get(command.account, 0)
        if have < command.amount + 1:
            raise Overdrawn(f"{command.account} has {have}, not {command.amount} and the fee")
        return self._add(command.account, -command.amount - 1)

    @gaios.handler(version=2)
    def close(self, command: Close) -> int:
        return self.state.balances.pop(command.account, 0)

    def upgraded(self, version: int) -> None:
        self.state.balances["the bank"] = version
