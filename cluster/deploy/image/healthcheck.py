"""Whether what this container was started for answers; says why where it does not.

A Ray node's agent is asked for the raylet, a Prefect server for itself. Anything else (a driver, a
Prefect worker) is as well as its process, and that is the container's own.
"""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

SECONDS = 10.0

QUESTIONS = {
    "raylet/raylet": "http://127.0.0.1:52365/api/local_raylet_healthz",
    "prefect server start": "http://127.0.0.1:4200/api/health",
}
"""What a process's command line contains, and the address that answers 200 while it is well."""


def command_lines(proc: Path = Path("/proc")) -> list[str]:
    """The command lines of the processes of this container."""
    lines = []
    for path in proc.glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it ended meanwhile
            continue
    return lines


def complaints(lines: list[str], questions: dict[str, str] = QUESTIONS) -> list[str]:
    """Why each of the processes that can be asked is not well; empty where all are."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found = []
    for name, url in questions.items():
        if not any(name in line for line in lines):
            continue
        try:
            opener.open(url, timeout=SECONDS).close()
        except OSError as error:
            found.append(f"{url}: {error}")
    return found


if __name__ == "__main__":
    problems = complaints(command_lines())
    print("\n".join(problems))
    sys.exit(bool(problems))
