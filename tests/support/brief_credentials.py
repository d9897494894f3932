"""Hands out credentials that S3 honours only for a while; for `credential_process` of AWS.

Run as a program with a folder as its argument, it prints a new key each time it is asked; the
folder keeps when.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

LIFE_SECONDS = 30.0
_TOLD_SECONDS = 905
"""Until when a key is said to be good: whoever holds it asks for another 15 minutes before."""


def configuration(folder: Path) -> dict[str, str]:
    """Variables by which botocore asks this program for its credentials."""
    keys = folder / "issued"
    keys.mkdir()
    config = folder / "aws-config"
    program = f"{sys.executable} {__file__} {keys}"
    config.write_text(f"[default]\nregion = us-east-1\ncredential_process = {program}\n")
    return {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}


def issued(folder: Path) -> int:
    """How many keys were handed out."""
    return len(list((folder / "issued").iterdir()))


def is_expired(folder: Path, key: str) -> bool:
    """Whether a key was handed out too long ago, or never."""
    try:
        return time.time() - (folder / "issued" / key).stat().st_mtime > LIFE_SECONDS
    except OSError:
        return True


if __name__ == "__main__":
    place = Path(sys.argv[1])
    number = len(list(place.iterdir()))
    while True:
        try:
            (place / f"KEY{number:06}").touch(exist_ok=False)
            break
        except FileExistsError:
            number += 1
    until = datetime.now(UTC) + timedelta(seconds=_TOLD_SECONDS)
    answer = {
        "Version": 1,
        "AccessKeyId": f"KEY{number:06}",
        "SecretAccessKey": "testing",
        "SessionToken": "testing",
        "Expiration": until.isoformat(timespec="seconds"),
    }
    print(json.dumps(answer))
