"""Where the CPU seconds of `albumen restore` go: all its processes, sampled, as one picture.

    python bench/profile_restore.py [--jpegs N | --tiffs N] [--damage-model NAME] [--svg FILE]

py-spy looks at every process of the run 25 times a second and notes which function each thread
that is not waiting is in. Frames of libraries are left out below the project's own, but for the
innermost: what is drawn is where the project spends its time. The picture is an icicle: width is
time, what calls is above what is called.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench_scans import three_megapixel_scans, twenty_four_megapixel_scans
from icicle import draw

_RATE = 25
_OURS = re.compile(r"^(\S+) \(((?:flows|cluster|tasks|models)/\S+\.py)(?::\d+)?\)$")
_PROCESS = re.compile(r"^process \d+:\"?(.*?)\"?$")
_SERVERS = ("raylet", "gcs_server", "log_monitor", "monitor.py", "dashboard", "agent", "prefect")
_SHOWN = 24

Stack = tuple[str, ...]


def main() -> None:
    """Profile, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jpegs", type=int, default=8)
    parser.add_argument("--tiffs", type=int, default=0)
    parser.add_argument("--damage-model", default="auto")
    parser.add_argument("--svg", type=Path, default=Path("profile.svg"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="albumen-bench-") as folder:
        base = Path(folder)
        if given.tiffs:
            twenty_four_megapixel_scans(base / "scans", given.tiffs)
        else:
            three_megapixel_scans(base / "scans", given.jpegs)
        stacks = _sampled(base, ["--damage-model", given.damage_model])
    what = f"{given.tiffs} TIFFs" if given.tiffs else f"{given.jpegs} JPEGs"
    total = sum(stacks.values())
    print(f"\nProfile of `albumen restore`, {what}: {total / _RATE:.1f} seconds of threads at work")
    inside: Counter[str] = Counter()
    for stack, samples in stacks.items():
        inside.update(dict.fromkeys(stack, samples))
    print(f"{'inside of':64}{'s':>8}{'share':>8}")
    for name, samples in inside.most_common(_SHOWN):
        print(f"{name[:63]:64}{samples / _RATE:8.1f}{samples / total:8.1%}")
    given.svg.write_text(draw(stacks, 1 / _RATE), encoding="utf-8")
    print(f"drawn in {given.svg}")


def _sampled(base: Path, options: list[str]) -> Counter[Stack]:
    raw = base / "stacks.txt"
    spy = Path(sys.executable).with_name("py-spy")
    record = [str(spy), "record", "--subprocesses", "--rate", str(_RATE)]
    command = [sys.executable, "-m", "flows.cli", "restore", str(base / "scans"), str(base / "out")]
    subprocess.run(
        [*record, "--format", "raw", "--output", str(raw), "--", *command, *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    if not (base / "out" / "manifest.parquet").exists():  # py-spy itself ends well all the same
        raise SystemExit("the run did not reach its end: there is nothing to draw")
    stacks: Counter[Stack] = Counter()
    for line in raw.read_text(encoding="utf-8", errors="replace").splitlines():
        frames, _, samples = line.rpartition(" ")
        stacks[_shortened(frames.split(";"))] += int(samples)
    return stacks


def _shortened(frames: list[str]) -> Stack:
    """The process, the project's own frames in it, and the innermost of all.

    A stack begins with the processes above: driver, raylet, worker.
    """
    titles = [match[1] for frame in frames if (match := _PROCESS.match(frame))]
    own = [f"{match[2]} {match[1]}" for frame in frames if (match := _OURS.match(frame))]
    inner = re.sub(r" \(.*/", " (", frames[-1])
    is_known = _OURS.match(frames[-1]) or _PROCESS.match(frames[-1])
    innermost = [] if is_known else [re.sub(r":\d+\)$", ")", inner)]
    return (_process(titles, own), *own, *innermost)


def _process(titles: list[str], own: list[str]) -> str:
    title = titles[-1] if titles else "driver"
    if "default_worker" in title or title.startswith("ray::"):  # its arguments name the raylet
        return "workers" if own else "workers: starting, waiting, importing"
    if any(server in title for server in _SERVERS):
        return "servers of Ray and Prefect"
    return "driver"


if __name__ == "__main__":
    main()
