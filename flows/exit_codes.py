"""The exit codes of the command line: what a cron job or a colleague may rely on."""

from __future__ import annotations

from enum import IntEnum

from tasks.errors import (
    AlbumenError,
    ClusterError,
    LeaseHeld,
    LeaseLost,
    LeaseNotRenewed,
    ManifestError,
    PartitionsFailed,
    ServerError,
    StorageError,
    TooManyFailed,
    UsageError,
)


class ExitCode(IntEnum):
    """Documented in `albumen --help` and docs/command-line.md."""

    OK = 0
    UNFORESEEN = 1
    USAGE = 2
    SCANS_FAILED = 3
    ENVIRONMENT = 4
    LEASE = 5
    RUN_FAILED = 6
    DIFFERENCES = 7
    STOPPED = 8
    INTERRUPTED = 130


_BY_ERROR: tuple[tuple[type[AlbumenError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (LeaseHeld, ExitCode.LEASE),
    (LeaseNotRenewed, ExitCode.ENVIRONMENT),  # a LeaseLost, but nobody took it
    (LeaseLost, ExitCode.LEASE),
    (TooManyFailed, ExitCode.RUN_FAILED),
    (PartitionsFailed, ExitCode.RUN_FAILED),
    (StorageError, ExitCode.ENVIRONMENT),
    (ClusterError, ExitCode.ENVIRONMENT),
    (ServerError, ExitCode.ENVIRONMENT),
    (ManifestError, ExitCode.ENVIRONMENT),
)


def exit_code_for(error: AlbumenError) -> ExitCode:
    """The exit code of a foreseeable error."""
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    return ExitCode.UNFORESEEN
