"""A command of the command line inside this process, errors passed on."""

from __future__ import annotations

from collections.abc import Callable

import typer


def run(register: Callable[[typer.Typer], None], *words: object) -> int:
    """Run `albumen WORDS...` as the command line does, but for what `main` makes of errors.

    `register` adds the command to an otherwise empty command line.
    """
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)  # so that a single command stays a word of the command line
    code: int = app([str(word) for word in words], standalone_mode=False)
    return code
