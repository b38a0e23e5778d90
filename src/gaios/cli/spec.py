"""spec: what is checked against the specification, each command in a file of its own.  [INTERFACE `spec check`, `spec trace`]"""

from cyclopts import App

spec = App(name="spec", help="Check what runs against the specification.")
spec.command("gaios.cli.spec_trace:trace", name="trace", help="Check recordings of replicas, together.")
spec.command("gaios.cli.spec_check:check", name="check", help="Model-check it: every state of every configuration, and planted bugs.")
