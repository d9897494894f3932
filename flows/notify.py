"""Notifications through the blocks that Prefect has for them: Slack, Teams, mail, a webhook."""

from __future__ import annotations

import re
from typing import Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block

from tasks.errors import UsageError

_URL = re.compile(r"(\w+://[^/\s'\"]*)[^\s'\"]*")
_LONGEST = 3000
"""Characters; services cut or refuse longer ones."""


def load_block(name: str) -> NotificationBlock:
    """The notification block `TYPE/NAME`, such as `slack-webhook/archive`.

    Raises UsageError where there is none, or it is of another kind.
    """
    if name.count("/") != 1:
        raise UsageError(
            f"--notify wants a block as TYPE/NAME, such as slack-webhook/archive, not {name!r}."
        )
    import prefect.blocks.notifications  # noqa: F401  makes the types known

    try:
        block: Any = Block.load(name)
    except Exception as error:  # ValueError, or whatever the server's answer raises
        raise UsageError(
            f"--notify {name}: cannot be loaded: {_line(error)}. `prefect block ls` lists the "
            f"blocks there are."
        ) from error
    if not isinstance(block, NotificationBlock):
        raise UsageError(f"--notify {name} is no notification block but a {type(block).__name__}.")
    return block


def tell(name: str, subject: str, body: str) -> str | None:
    """Send a notification; why it was not sent, or None. Never raises: the night goes on."""
    try:
        block = load_block(name)
        with block.raise_on_failure():
            block.notify(body[:_LONGEST], subject)  # type: ignore[unused-coroutine]
    except Exception as error:  # each service has its own
        return f"the notification {name} was not sent: {_line(error)}"
    return None


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    text = _URL.sub(r"\1...", text)  # the address of a webhook is its password
    return text[:300].rstrip(".")
