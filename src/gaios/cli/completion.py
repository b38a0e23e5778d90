"""completion: a shell's script, on standard output."""

from typing import Annotated, Literal

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.app import make_app


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell that is to read it.")], /) -> int:
    """Print the completion script of a shell."""
    output.write_line(make_app().generate_completion(shell=shell).rstrip("\n"))
    return exits.DONE
