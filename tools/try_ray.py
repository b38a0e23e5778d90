"""A campaign on real Ray: on one that starts here, and on a cluster of two nodes, to which the package has to be shipped.

`make ray` runs it. It is no stage of the gate: what Ray needs takes 250 MB. All of it is in a directory of its own, pinned by `uv.lock`,
and gone afterwards.

Rule. Each seed has the same trace on Ray as on this machine's cores, and each is run once.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
SEEDS = "12"
CAMPAIGN = ("sim", "campaign", "--seeds", SEEDS, "--clients", "2", "--operations", "20")
SECONDS = 600


class Place:
    """A directory with Ray in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bin = directory / "venv" / "bin"
        # Only the command has the package on its path; the cluster has what it is sent.
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.cluster = {**os.environ, **token, "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(directory / "ray")}
        self.command = {**self.cluster, "PYTHONPATH": str(ROOT / "src")}

    def install(self) -> None:
        """What the lock says, without the package itself."""
        environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(self.directory / "venv"), "UV_PYTHON": sys.executable}
        arguments = ("sync", "--quiet", "--frozen", "--no-default-groups", "--extra", "ray", "--no-install-project")
        subprocess.run([UV, *arguments], cwd=ROOT, env=environment, check=True, timeout=SECONDS)

    @contextmanager
    def node(self, *arguments: str) -> Iterator[None]:
        """A node of the cluster, with all that it starts."""
        command: list[str | Path] = [self.bin / "ray", "start", "--block", "--num-cpus=1", *arguments]
        log = (self.directory / "node.log").open("ab")
        node = subprocess.Popen(command, env=self.cluster, stdout=log, stderr=log, start_new_session=True)
        try:
            yield
        finally:
            node.send_signal(signal.SIGTERM)
            try:
                node.wait(30)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(node.pid, signal.SIGKILL)
                log.close()

    def campaign(self, *arguments: str) -> dict[int, str]:
        """Each seed's trace, from the ledger."""
        ledger = self.directory / "ledger.jsonl"
        ledger.unlink(missing_ok=True)
        program = "from gaios.cli import main; main()"
        command: list[str | Path] = [self.bin / "python", "-c", program, *CAMPAIGN, "--ledger", ledger, "--json", *arguments]
        began = time.monotonic()
        done = subprocess.run(command, env=self.command, check=True, timeout=SECONDS, stdout=subprocess.PIPE, text=True)
        rate = json.loads(done.stdout)["seeds_per_hour"]
        print(f"    {' '.join(arguments) or 'cores'}: {SEEDS} seeds in {time.monotonic() - began:.1f} s, {rate} seeds/hour", flush=True)
        lines = [json.loads(line) for line in ledger.read_text().splitlines()[1:]]
        traces = {line["seed"]: line["trace_hash"] for line in lines}
        assert len(traces) == len(lines) == int(SEEDS)
        return traces


def free_port() -> int:
    """A port below those that Ray gives to its workers."""
    for port in range(6_400, 6_500):
        with socket.socket() as taken:
            if taken.connect_ex(("127.0.0.1", port)):
                return port
    raise SystemExit("no free port from 6400 to 6499")


def until_open(port: int) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with socket.socket() as dialled:
            if not dialled.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    raise SystemExit(f"nobody listens on port {port}")


def main() -> int:
    """Run it; 0 when Ray and the cores agree."""
    began = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="gaios-ray-"))
    place = Place(directory)
    try:
        print("==> installing Ray", flush=True)
        place.install()
        print(f"    {sum(file.stat().st_size for file in directory.rglob('*') if file.is_file()) >> 20} MB", flush=True)
        expected = place.campaign()
        assert place.campaign("--on", "ray") == expected
        print("==> a cluster of two nodes", flush=True)
        head = free_port()
        client = head + 100
        with place.node("--head", f"--port={head}", f"--ray-client-server-port={client}", "--include-dashboard=false"):
            until_open(head)
            with place.node(f"--address=127.0.0.1:{head}"):
                until_open(client)
                assert place.campaign("--on", f"ray://127.0.0.1:{client}") == expected
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"Ray and the cores agree on every trace; {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
