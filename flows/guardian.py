"""Ends Prefect's embedded server with the run that started it, even with one that was killed.

Prefect stops that server when Python exits. After `kill -9` nobody would, and every killed
night would leave one behind. So a run starts this module as a small process beside itself and
holds the other end of its standard input, which the system closes when the run ends, however
it ends.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from contextlib import suppress

import psutil

_VARIABLE = "ALBUMEN_RUN"
_SERVER = "prefect.server.api.server:create_app"
_SECONDS = 10.0

_guardians: list[subprocess.Popen[bytes]] = []
"""Kept: what is collected would be closed."""


def start() -> None:
    """Guard the server that this process starts from now on, known by its environment."""
    if _guardians:
        return
    os.environ[_VARIABLE] = secrets.token_hex(8)
    _guardians.append(
        subprocess.Popen(
            [sys.executable, "-m", "flows.guardian", os.environ[_VARIABLE]],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C is not meant for it
        )
    )


def _end_server(mark: str) -> None:
    """End the server with this mark, first gently."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # ended meanwhile, or another user's
            if process.environ().get(_VARIABLE) == mark and _SERVER in process.cmdline():
                process.terminate()
                found.append(process)
    for process in psutil.wait_procs(found, timeout=_SECONDS)[1]:
        with suppress(psutil.Error):
            process.kill()


if __name__ == "__main__":
    sys.stdin.buffer.read()  # ends when the run does
    _end_server(sys.argv[1])
