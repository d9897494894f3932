"""How a step tells the partition that runs it what came of a scan, without raising."""

from __future__ import annotations

import errno
import functools
import os
import socket
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec

from tasks.errors import AlbumenError, NoTemporarySpace, ScanError, StageFailed, TooLarge

P = ParamSpec("P")

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Of temporary files: those of a destination are told by its storage."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a scan gets a `failed` or `quarantined` row; fields as in the manifest, and for the log
    the traceback of an error nobody foresaw."""

    error_class: str
    message: str
    transient: bool = False
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The small answer of a step, fetched by the partition; pixels stay in shared memory.

    `columns` are manifest columns of the page or scan this step worked on.
    """

    seconds: float
    failure: Failure | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    detail: Any = None


def failure_of(error: BaseException, step: str) -> Failure:
    """The failure that describes `error`, raised in `step`."""
    if isinstance(error, ScanError):
        return Failure(type(error).__name__, str(error), error.transient)
    if isinstance(error, MemoryError):
        return Failure(
            TooLarge.__name__,
            f"not enough memory in step '{step}'. Give the node more memory or fewer lanes.",
        )
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which only `models` may import
        return Failure(
            TooLarge.__name__,
            f"the GPU has not enough memory in step '{step}', even for the smallest tiles. Give "
            f"each lane more of it (--lanes-per-gpu), or end what else runs there; the next run "
            f"tries the scan again.",
            transient=True,
        )
    if isinstance(error, OSError) and error.errno in _FULL:
        return Failure(
            NoTemporarySpace.__name__,
            f"step '{step}' found no room for temporary files on {socket.gethostname()}, in "
            f"{os.environ.get('TMPDIR') or tempfile.gettempdir()}: {error.strerror}. Free some, "
            f"or let TMPDIR name a larger disk; the next run tries again.",
            NoTemporarySpace.transient,
        )
    if isinstance(error, AlbumenError):  # such as the storage of the destination failing
        return Failure(type(error).__name__, str(error), transient=True)
    return Failure(
        StageFailed.__name__,
        f"step '{step}' raised {type(error).__name__}: {error}",
        trace="".join(traceback.format_exception(error)),
    )


def answering(
    step: str, values: int = 0
) -> Callable[[Callable[P, tuple[Outcome, ...]]], Callable[P, Any]]:
    """Decorate a step that returns an Outcome and `values` further objects.

    The step's time is measured here. An exception becomes an Outcome with a failure, and the
    further objects become None: a bad scan never fails a Ray task.
    """

    def decorate(function: Callable[P, tuple[Outcome, ...]]) -> Callable[P, Any]:
        @functools.wraps(function)
        def answer(*args: P.args, **kwargs: P.kwargs) -> Any:
            start = time.perf_counter()
            try:
                outcome, *others = function(*args, **kwargs)
            except Exception as error:
                outcome = Outcome(0.0, failure_of(error, step))
                others = [None] * values  # type: ignore[list-item]
            timed = Outcome(
                time.perf_counter() - start,
                outcome.failure,
                outcome.columns,
                outcome.flags,
                outcome.detail,
            )
            return (timed, *others) if values else timed

        return answer

    return decorate
