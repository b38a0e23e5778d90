"""Every command, where it lives, and one line about it.

Rule. A command's module is imported when that command runs, so what its help says stands here.
"""

from cyclopts import App, Group, Parameter

_KEYS = Group("Keys and values", sort_key=1)
_LOCKS = Group("Locks", sort_key=2)
_CELL = Group("The cell", sort_key=3)
_CHECKS = Group("Measuring and checking", sort_key=4)
_SHELL = Group("Shell", sort_key=5)

_TXN = """Carry out a MultiOp: guard, then, else; atomically.

If all of `guard` holds, `then` is carried out, else `else`: in order, at one revision. FILE holds
{"guard": [TEST…], "then": [OP…], "else": [OP…]}; docs/cli.md has the grammar."""
_LOCK = """Run a command under a lock, with its sequencer in GAIOS_SEQUENCER.

It ends the command when the lock is lost: SIGTERM, then SIGKILL. Exits with the command's code; 124: not acquired within --wait;
125: the lock was lost, or gaios failed."""
_ELECT = """Run a command while leading, with its sequencer in GAIOS_SEQUENCER; or show who leads.

It ends the command when the leadership is lost: SIGTERM, then SIGKILL. Exits with the command's code; 124: others led all through --wait;
125: the leadership was lost (and there is no --again), or gaios failed."""
_COMPLETION = """Print the completion script of a shell.

bash: source <(gaios completion bash). zsh: gaios completion zsh, into a file _gaios of $fpath.
fish: gaios completion fish > ~/.config/fish/completions/gaios.fish"""

_COMMANDS = (
    ("put", "gaios.cli.keys:put", _KEYS, "Set a key."),
    ("get", "gaios.cli.keys:get", _KEYS, "Print a key's value, or every key and value with a prefix."),
    ("del", "gaios.cli.keys:delete", _KEYS, "Delete a key, or every key with a prefix."),
    ("ls", "gaios.cli.keys:ls", _KEYS, "List keys."),
    ("cas", "gaios.cli.keys:cas", _KEYS, "Compare and set: put only if the key is as expected."),
    ("incr", "gaios.cli.keys:incr", _KEYS, "Add to a counter."),
    ("txn", "gaios.cli.txn:txn", _KEYS, _TXN),
    ("watch", "gaios.cli.watch:watch", _KEYS, "Print every change of a key until interrupted."),
    ("compact", "gaios.cli.keys:compact", _KEYS, "Drop history before a revision."),
    ("lock", "gaios.cli.lock:lock", _LOCKS, _LOCK),
    ("elect", "gaios.cli.elect:elect", _LOCKS, _ELECT),
    ("session", "gaios.cli.locks:session", _LOCKS, "Show sessions of the lock service."),
    ("tree", "gaios.cli.locks:tree", _LOCKS, "Show the lock service's files, and who holds each lock."),
    ("explain", "gaios.cli.explain:explain", _LOCKS, "Say why a session ended, a lock was lost, or an operation was refused."),
    ("up", "gaios.cli.local:up", _CELL, "Start a cell on this machine, or the named replicas of one."),
    ("down", "gaios.cli.local:down", _CELL, "Stop the cell on this machine, or the named replicas of it."),
    ("init", "gaios.cli.serve:init", _CELL, "Create one replica's directory from its configuration."),
    ("serve", "gaios.cli.serve:serve", _CELL, "Run one replica in the foreground."),
    ("member", "gaios.cli.member:member", _CELL, "Show the members of a cell, and change them while it serves."),
    ("status", "gaios.cli.status:status", _CELL, "Show every replica, the master, and how many may still fail."),
    ("verify", "gaios.cli.verify:verify", _CHECKS, "Check a replica's or a whole cell's directory offline."),
    ("diff", "gaios.cli.diff:diff", _CHECKS, "Compare two replicas, to the first slot behind which they differ."),
    ("snapshot", "gaios.cli.snapshot:snapshot", _CHECKS, "Show and check snapshots; make, check and restore backups."),
    ("bench", "gaios.cli.bench:bench", _CHECKS, "Measure a cell under load, or its fail-over."),
    ("spec", "gaios.cli.spec:spec", _CHECKS, "Check what runs against the specification."),
    ("sim", "gaios.cli.simulate:sim", _CHECKS, "Run one seed of the simulator."),
    ("completion", "gaios.cli.completion:completion", _SHELL, _COMPLETION),
)


def make_app() -> App:
    """The application, freshly made."""
    app = App(
        name="gaios",
        help="A fault-tolerant cell: one log by Multi-Paxos, one database on it, one lock service on that.",
        version=_version,
        default_parameter=Parameter(negative=()),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        help_format="plaintext",
    )
    for name, where, group, line in _COMMANDS:
        app.command(where, name=name, group=group, help=line, sort_key=0)
    return app


def _version() -> str:
    import gaios

    return f"gaios {gaios.__version__}"


def names() -> list[str]:
    """Every command, without importing any."""
    return [name for name, *_ in _COMMANDS]
