"""The page of `gaios sim show` in a real browser: it opens, draws, hears keys and pointer, and is quick. `make page` runs it.

It is no stage of the gate, whose tests run the same script in a bare engine: a browser takes 300 MB. On Debian: `apt-get install
chromium-headless-shell`. Screenshots, light and dark, stay in the directory that it names: look at them.

Rule. The page is asked in its own words, by a script that is put behind its own; nobody drives the browser from outside.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GAIOS = Path(sys.executable).parent / "gaios"
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
SECONDS = 300
RUNS = {
    "small": ("7",),
    # More than 100,000 events.
    "large": ("3", "--scenario", "full", "--operations", "3000"),
}
FRAME_MS_MAX = 100.0
"""The median frame, whatever is shown: above that, moving stutters."""
TELL = """
const tell = (told) => {
  const answer = document.createElement("pre");
  answer.id = "told"; answer.textContent = JSON.stringify({ errors: window.errors, ...told }); document.body.append(answer);
};
"""
MEASURE = """
const { run, view, diagram } = window.gaios, frames = {};
for (const share of [1, 0.1, 0.01, 0.001]) {
  diagram.centre(run.end * 0.2, run.end * share);
  const times = [];
  for (let i = 0; i < 15; i++) { diagram.draw(); times.push(view.frame_ms); }
  frames[share] = times.sort((a, b) => a - b)[7];
}
tell({ events: run.events, frames });
"""
"""At once, in real time."""
USE = """
(async () => {
  const told = {}, { run, view, diagram } = window.gaios, canvas = document.getElementById("diagram");
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const key = (name) => document.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  await frame();
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, colours = new Set();
  for (let i = 0; i < pixels.length; i += 404) colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
  told.colours = colours.size;
  key("0"); await frame();
  told.whole = [view.from, view.until, run.end];
  key("+"); key("+"); await frame();
  told.zoomed = (view.until - view.from) / run.end;
  key("/"); told.focused = document.activeElement.id;
  const filter = document.getElementById("filter");
  filter.value = "slot 5"; filter.dispatchEvent(new Event("input")); await frame();
  told.found = document.getElementById("found").textContent;
  filter.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" })); await frame();
  told.pinned = run.texts[run[view.pinned[0]].text[view.pinned[1]]];
  told.details = document.getElementById("details").textContent;
  const before = view.until - view.from, at = canvas.getBoundingClientRect();
  const wheel = { deltaY: -400, clientX: at.x + 600, clientY: at.y + 200, bubbles: true, cancelable: true };
  canvas.dispatchEvent(new WheelEvent("wheel", wheel));
  told.wheeled = (view.until - view.from) / before;
  const chip = document.querySelector("#chips button"); chip.click(); await frame();
  told.chip = chip.getAttribute("aria-pressed");
  const theme = document.documentElement.dataset.theme; key("t"); await frame();
  told.theme = document.documentElement.dataset.theme !== theme;
  tell(told);
})().catch((error) => tell({ failed: String(error) }));
"""
"""Frame by frame, in time that passes as it is used."""
VIRTUAL_MS = 60_000


def browser() -> str:
    """The first that is installed."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise SystemExit(f"none of {', '.join(BROWSERS)} is installed; on Debian: apt-get install {BROWSERS[0]}")


def opened(program: str, page: Path, *flags: str) -> str:
    """What the browser says when it has opened a page."""
    # Root has no sandbox in a container.
    alone = ("--no-sandbox",) if os.geteuid() == 0 else ()
    command = [program, "--headless", *alone, "--disable-gpu", "--hide-scrollbars", "--window-size=1500,950", *flags]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, check=True, timeout=SECONDS)
    return done.stdout


def asked(program: str, page: Path, script: str, *flags: str) -> dict[str, Any]:
    """What the page tells when this is run in it."""
    # A browser without a screen gives few frames, and then none: here they are 16 ms of the time that passes as it is used.
    frames = "window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 16);"
    errors = f"<script>window.errors = []; window.onerror = (message) => window.errors.push(String(message)); {frames}</script>"
    probe = page.with_suffix(".probe.html")
    probe.write_text(page.read_text().replace("<head>", f"<head>{errors}").replace("</body>", f"<script>{TELL}{script}</script></body>"))
    found = re.search(r'<pre id="told">(.*?)</pre>', opened(program, probe, "--dump-dom", *flags), re.DOTALL)
    probe.unlink()
    assert found, "the page did not answer"
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    assert not told["errors"], told["errors"]
    assert "failed" not in told, told["failed"]
    return told


def check(name: str, told: dict[str, Any]) -> None:
    """Everything that must be so."""
    assert name == "small" or told["events"] > 100_000, f"{told['events']} events"
    assert told["colours"] > 8, "the canvas is empty"
    assert told["whole"][:2] == [0, told["whole"][2]]
    assert abs(told["zoomed"] - 1 / 2.25) < 0.01
    assert told["focused"] == "filter"
    assert int(told["found"].split()[0].replace(",", "")) > 0
    assert re.search(r"slot 5(?!\d)", told["pinned"])
    assert told["pinned"] in told["details"]
    assert told["wheeled"] < 1
    assert told["chip"] == "false"
    assert told["theme"]
    slow = {share: ms for share, ms in told["frames"].items() if ms > FRAME_MS_MAX}
    assert not slow, f"frames take {slow} ms"


def main() -> int:
    """Try it; 0 when all is well."""
    program, directory = browser(), Path(tempfile.mkdtemp(prefix="gaios-page-"))
    for name, arguments in RUNS.items():
        page = directory / f"{name}.html"
        subprocess.run([GAIOS, "sim", "show", *arguments, "--output", page], check=True, timeout=SECONDS)
        told = {**asked(program, page, MEASURE), **asked(program, page, USE, f"--virtual-time-budget={VIRTUAL_MS}")}
        frames = ", ".join(f"{float(share):.1%}: {ms:.1f}" for share, ms in told["frames"].items())
        print(f"    {name}: {told['events']} events; median frame in ms, by share of the run that is shown: {frames}", flush=True)
        check(name, told)
        for theme in ("light", "dark"):
            shot = directory / f"{name}-{theme}.png"
            themed = page.with_suffix(".theme.html")
            themed.write_text(page.read_text().replace("window.location.hash.slice(1)", json.dumps(f"theme={theme}")))
            opened(program, themed, f"--virtual-time-budget={VIRTUAL_MS}", f"--screenshot={shot}")
            themed.unlink()
            assert shot.stat().st_size > 20_000, f"{shot} is empty"
    print(f"the page works; look at {directory}/*.png", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
