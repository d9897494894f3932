"""Prefect's server: the configured one, or the embedded one, found before a run needs it."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from flows import guardian
from tasks.errors import ServerError
from tasks.run_thread import run_thread

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_END_SECONDS = 5.0


def reach_server() -> None:
    """Check that Prefect's server answers; start the embedded one where none is configured.

    The embedded one is a process of its own and would end on a terminal's Ctrl-C while the
    run it records is still finishing: it inherits that SIGINT is blocked. Raises ServerError.
    """
    if not PREFECT_API_URL.value():
        guardian.start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        client = get_client(sync_client=True)
    except RuntimeError as error:
        raise ServerError(f"Prefect's embedded server did not start: {_line(error)}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        with client:
            client.raise_for_api_version_mismatch()
    except Exception as error:  # httpx's and Prefect's own, without a common base
        raise ServerError(
            f"Prefect's server cannot be used: {_line(error)}. Check PREFECT_API_URL, or unset "
            f"it to run on the embedded server."
        ) from error


@contextmanager
def kept_in_touch() -> Iterator[None]:
    """A run that needs the server; raises ServerError when it went away for good meanwhile.

    Prefect has then tried for minutes, and scans went on being restored. An embedded server that
    dies is started again: nobody else would.
    """
    ended = threading.Event()
    watch = run_thread("server", _revive, ended)
    if not PREFECT_API_URL.value():
        watch.start()
    try:
        yield
    except httpx.TransportError as error:
        raise ServerError(
            f"Prefect's server went away: {_line(error)}. What has a row is done; run the same "
            f"command again to go on."
        ) from error
    finally:
        ended.set()
        if watch.is_alive():
            watch.join(_END_SECONDS)


def _revive(ended: threading.Event) -> None:
    """Start the embedded server again, on its port and its database, whenever it is gone: what
    asks it goes on trying for minutes."""
    from prefect.server.api.server import SubprocessASGIServer  # seconds, where it is not needed

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the server inherits it
    while not ended.wait(_LOOK_SECONDS):
        server = SubprocessASGIServer()
        process = server.server_process
        if process is None or process.poll() is None:
            continue
        _LOG.warning("Prefect's embedded server died (%d): it is started again", process.returncode)
        server.running = False
        try:
            server.start()
        except RuntimeError as error:
            _LOG.warning("Prefect's embedded server did not start: %s", _line(error))


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
