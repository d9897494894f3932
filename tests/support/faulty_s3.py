"""An S3 service over HTTP that fails on a share of its requests, as real ones do on a bad night.

`requests` are answered by moto. Which of them fail is drawn from a seed, the request, and how
often it was asked for: threads do not change it.
"""

from __future__ import annotations

import logging
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import s3_server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from s3_server import S3Server

Kind = Literal["500", "SlowDown", "hold", "reset", "cut"]
"""An internal error; a service that is asked too much; a connection that is held without an
answer, or reset; a body that ends in the middle."""

KINDS: tuple[Kind, ...] = ("500", "SlowDown", "hold", "reset", "cut")
HOLD_SECONDS = 8.0
_MOST_SKEW_SECONDS = 15 * 60
"""Beyond this Amazon's service refuses a request."""


@dataclass
class Faults:
    """What goes wrong from now on; may be changed while the service runs."""

    kinds: tuple[Kind, ...] = ()
    share: float = 0.1
    seed: int = 0
    is_expired: Callable[[str], bool] = lambda _key: False
    """Whether the session of an access key has ended."""
    checks_clocks: bool = False
    struck: Counter[str] = field(default_factory=Counter)
    """How often each fault happened, in all `asked` requests."""
    asked: int = 0

    def set(self, *kinds: Kind, share: float = 0.1, seed: int = 0) -> None:
        """Other faults, counted anew."""
        self.kinds, self.share, self.seed = kinds, share, seed
        self.asked, self.struck = 0, Counter()

    @property
    def told(self) -> str:
        """How many requests failed, of how many."""
        return f"{self.struck.total()} of {self.asked} requests"


@dataclass
class FaultyS3:
    """The service twice: `server` with faults, `plain` without, over the same objects."""

    server: S3Server
    plain: S3Server
    faults: Faults


@contextmanager
def running() -> Iterator[FaultyS3]:
    """Start the service, without faults at first."""
    moto = DomainDispatcherApplication(create_backend_app)
    faults = Faults()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request otherwise
    with ExitStack() as stack:
        plain = stack.enter_context(s3_server.serving(moto))
        server = stack.enter_context(s3_server.serving(_Application(moto, faults)))
        yield FaultyS3(server, plain, faults)


class _Application:
    def __init__(self, inner: Any, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults
        self._lock = threading.Lock()
        self._times: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        faults = self._faults
        if faults.is_expired(_access_key(environ)):
            return self._refuse(environ, start_response, "400 Bad Request", "ExpiredToken")
        if faults.checks_clocks and _skew(environ) > _MOST_SKEW_SECONDS:
            return self._refuse(environ, start_response, "403 Forbidden", "RequestTimeTooSkewed")
        kind, is_late = self._drawn(environ)
        if kind == "SlowDown":
            return self._refuse(environ, start_response, "503 Slow Down", "SlowDown")
        if kind == "cut":
            return _cut(self._answered(environ, start_response), environ)
        if kind and is_late:  # the service has done it, only its answer is lost
            b"".join(self._answered(environ, lambda *_: None))
            environ["CONTENT_LENGTH"] = "0"
        if kind == "500":
            return self._refuse(
                environ, start_response, "500 Internal Server Error", "InternalError"
            )
        if kind == "hold":
            time.sleep(HOLD_SECONDS)
        if kind:
            _reset(environ)
        return self._answered(environ, start_response)

    def _answered(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._inner(environ, start_response)
        return answer

    def _drawn(self, environ: dict[str, Any]) -> tuple[Kind | None, bool]:
        """The fault of a request, and whether the service does what it was asked first."""
        faults = self._faults
        below_bucket = environ["PATH_INFO"].lstrip("/").partition("/")[2]
        asked_for = f"{environ['REQUEST_METHOD']} {below_bucket} {environ['QUERY_STRING']}"
        with self._lock:
            faults.asked += 1
            self._times[asked_for] += 1
            draw = random.Random(f"{faults.seed} {self._times[asked_for]} {asked_for}")
            if not faults.kinds or draw.random() >= faults.share:
                return None, False
            kind = draw.choice(faults.kinds)
            if kind == "cut" and environ["REQUEST_METHOD"] != "GET":
                return None, False
            faults.struck[kind] += 1
            return kind, draw.random() < 0.5

    def _refuse(
        self, environ: dict[str, Any], start_response: Any, status: str, code: str
    ) -> Iterable[bytes]:
        with self._lock:
            if code in ("ExpiredToken", "RequestTimeTooSkewed"):
                self._faults.struck[code] += 1
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
            f"<Message>{code}, as the test asked for</Message></Error>"
        ).encode()
        if environ["REQUEST_METHOD"] == "HEAD":  # as with every service: no body, hence no code
            body = b""
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]


def _access_key(environ: dict[str, Any]) -> str:
    signed: str = environ.get("HTTP_AUTHORIZATION", "")
    return signed.partition("Credential=")[2].partition("/")[0]


def _skew(environ: dict[str, Any]) -> float:
    """Seconds between the clock of a request and this one."""
    stamp = environ.get("HTTP_X_AMZ_DATE")
    if not stamp:
        return 0.0
    asked = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return abs((datetime.now(UTC) - asked).total_seconds())


def _reset(environ: dict[str, Any]) -> None:
    """End the connection without a word."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)  # no further request: the server closes it now
    raise ConnectionResetError("reset on purpose")


def _cut(answer: Iterable[bytes], environ: dict[str, Any]) -> Iterator[bytes]:
    """Half of a body that was announced whole."""
    whole = b"".join(answer)
    yield whole[: len(whole) // 2]
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("cut short on purpose")
