"""Write `uv.lock` and the hash-pinned lists for plain pip anew; `--check` only compares the lists with the lock. `make lock` runs it.

    requirements.txt       what a cell needs, and the tools that build an editable installation
    requirements-dev.txt   that and what the checks need

The lists come from the lock alone, so comparing needs no network.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
LISTS = {"requirements.txt": ("build",), "requirements-dev.txt": ("build", "dev")}
HEADER = "# Written by `make lock` from uv.lock. Do not edit.\n"
# A package found in a local directory would be locked under that directory's name.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}


def uv(*arguments: str) -> str:
    """What uv prints."""
    return subprocess.run([UV, *arguments], cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True).stdout


def export(groups: tuple[str, ...]) -> str:
    """A list's text, from the lock alone."""
    chosen = [argument for group in groups for argument in ("--group", group)]
    return HEADER + uv("export", "--quiet", "--frozen", "--no-default-groups", *chosen, "--no-emit-project", "--no-header")


def main() -> int:
    """Write, or with `--check` compare; 1 when a list is stale."""
    check = "--check" in sys.argv[1:]
    if not check:
        uv("lock", "--quiet")
    stale = 0
    for name, groups in LISTS.items():
        file, text = ROOT / name, export(groups)
        if check:
            if not file.exists() or file.read_text() != text:
                print(f"{name} does not say what uv.lock says")
                stale = 1
        else:
            file.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
