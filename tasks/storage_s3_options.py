"""Storage options for S3 as the user writes them, and what s3fs makes of them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from tasks.errors import UsageError

_ALIASES = {
    "aws_access_key_id": "key",
    "access_key_id": "key",
    "aws_secret_access_key": "secret",
    "secret_access_key": "secret",
    "aws_session_token": "token",
    "session_token": "token",
    "region_name": "region",
    "aws_region": "region",
    "aws_endpoint_url": "endpoint_url",
    "endpoint": "endpoint_url",
}
_NAMES = (
    "endpoint_url",
    "key",
    "secret",
    "token",
    "region",
    "profile",
    "anon",
    "use_ssl",
    "verify",
    "requester_pays",
    "addressing_style",
    "read_timeout",
)
_SWITCHES = ("anon", "use_ssl", "requester_pays")
_YES, _NO = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


def checked(options: Mapping[str, str]) -> dict[str, str]:
    """The options under their one name each. Raises UsageError for an unknown one.

    The endpoint and the region of the environment are added, so that a worker on another
    machine talks to the same place; credentials are not: there each machine has its own.
    """
    known: dict[str, str] = {}
    for given, value in options.items():
        name = _ALIASES.get(given.lower(), given.lower())
        if name not in _NAMES:
            raise UsageError(
                f"--storage-option {given}=... is not known for S3. Known: {', '.join(_NAMES)}."
            )
        if name in _SWITCHES:
            _switch(given, value)
        elif name == "read_timeout":
            _seconds(given, value)
        known[name] = value
    environment = {
        "endpoint_url": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        "region": ("AWS_DEFAULT_REGION", "AWS_REGION"),
    }
    for name, variables in environment.items():
        value = next((os.environ[v] for v in variables if os.environ.get(v)), "")
        if value and name not in known:
            known[name] = value
    endpoint = known.get("endpoint_url")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise UsageError(f"endpoint_url={endpoint} must begin with http:// or https://.")
    return known


def s3fs_arguments(options: Mapping[str, str], patient: bool) -> dict[str, Any]:
    """Keyword arguments for `s3fs.S3FileSystem`.

    `patient` connections ride out a busy or restarting service; the others, for checks at
    the start, fail within seconds, though not for a single answer that went wrong.
    """
    arguments: dict[str, Any] = {"use_listings_cache": False}
    client: dict[str, Any] = {}
    config: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": 60 if patient else 10,
        "retries": {"mode": "standard", "total_max_attempts": 5 if patient else 3},
        "max_pool_connections": 32,
    }
    for name, value in options.items():
        if name in _SWITCHES:
            arguments[name] = _switch(name, value)
        elif name == "region":
            client["region_name"] = value
        elif name == "verify":
            client["verify"] = _switch(name, value) if value.lower() in _YES + _NO else value
        elif name == "read_timeout":
            seconds = _seconds(name, value)
            config[name] = seconds if patient else min(seconds, config[name])
        elif name == "addressing_style":
            config["s3"] = {"addressing_style": value}
        else:
            arguments[name] = value
    return arguments | {"client_kwargs": client, "config_kwargs": config}


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"--storage-option {name}={value} must be a number of seconds above 0.")
    return seconds


def _switch(name: str, value: str) -> bool:
    if value.lower() not in _YES + _NO:
        raise UsageError(f"--storage-option {name}={value} must be true or false.")
    return value.lower() in _YES
