"""A Python as on a node that was given everything but Albumen."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest


def bare_python(folder: Path) -> Path:
    """A Python below `folder` with all that this one has installed, except Albumen.

    Skips the test where Albumen cannot be hidden.
    """
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # The folders alone: links in them, as an editable installation leaves them, are not followed.
    installed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (packages / "everything.pth").write_text("\n".join(installed))
    python = folder / "bin/python"
    probe = (
        "import ray, cv2, importlib.util as u; print(u.find_spec('tasks'), u.find_spec('models'))"
    )
    asked = subprocess.run([python, "-c", probe], cwd="/", capture_output=True, text=True)
    if asked.stdout.strip() != "None None":
        pytest.skip(f"Albumen cannot be hidden from a node here: {asked.stdout}{asked.stderr}")
    return python
