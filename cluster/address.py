"""Whether a Ray address can be joined, as far as that can be told without joining it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tasks.errors import ClusterError, UsageError

_SECONDS = 5.0


def check_address(address: str) -> None:
    """Raise ClusterError where nothing answers at `host:port` or the token is missing, and
    UsageError for what is no address; within seconds, and without importing Ray."""
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if "://" in address or not (colon and host and port.isdecimal() and int(port) < 1 << 16):
        raise UsageError(
            f"--ray-address {address}: give host:port of the cluster's head node, such as "
            f"10.0.0.1:6379, or auto, on one of its nodes."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address}: {error.strerror or error}. Check the address "
            f"and that its head node is up."
        ) from None
    if os.environ["RAY_AUTH_MODE"] == "token" and not _has_token():
        raise ClusterError(
            f"the Ray cluster at {address} asks for a token: set RAY_AUTH_TOKEN or "
            f"RAY_AUTH_TOKEN_PATH, or put it into ~/.ray/auth_token."
        )


def _has_token() -> bool:
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return bool(named) or (Path.home() / ".ray" / "auth_token").exists()
