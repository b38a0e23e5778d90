"""Completion is a script that the shell itself must accept, and that knows every command."""

import shutil
import subprocess

import pytest

from gaios.cli.app import names
from gaios.cli.run import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_knows_every_command_and_an_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    for name in (*names(), "failover"):
        assert name in script
    assert "prefix" in script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A shell that is not on this machine cannot be asked; bash always is."""
    assert run(["completion", shell]) == 0
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=capsys.readouterr().out, text=True, check=True)


def test_bash_completes_a_command() -> None:
    program = """
        source <("$0" -c 'from gaios.cli import main; main()' completion bash)
        function=$(complete -p gaios | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        COMP_WORDS=(gaios sta) COMP_CWORD=1 COMP_LINE='gaios sta' COMP_POINT=9
        $function gaios sta gaios
        echo "${COMPREPLY[@]}"
    """
    import sys

    done = subprocess.run(["bash", "-c", program, sys.executable], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["status"]
