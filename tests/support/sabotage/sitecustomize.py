"""Faults on demand, in every process of a run: put this folder on PYTHONPATH and name a control
folder in ALBUMEN_SABOTAGE. Without that variable nothing happens.

ALBUMEN_FAKE_HOST is another name for this host. Python imports this module at its start; Ray's
workers inherit the environment of the driver.
"""

import importlib.machinery
import importlib.util
import os
import socket
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _run_the_one_it_hides() -> None:
    """Some systems come with a sitecustomize of their own."""
    elsewhere = [entry for entry in sys.path if entry and Path(entry).resolve() != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_run_the_one_it_hides()
if os.environ.get("ALBUMEN_FAKE_HOST"):  # as on another machine, which knows nothing of this one
    socket.gethostname = lambda: os.environ["ALBUMEN_FAKE_HOST"]
if os.environ.get("ALBUMEN_SABOTAGE"):
    import saboteur

    saboteur.install(Path(os.environ["ALBUMEN_SABOTAGE"]))
