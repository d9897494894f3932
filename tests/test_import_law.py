"""The tree obeys the law of imports, and the checker sees every way of breaking it."""

from __future__ import annotations

from pathlib import Path

import pytest
from import_law import FLOWS_THAT_KNOW_MODELS, FOLDERS, files, violations

ROOT = Path(__file__).parent.parent


def test_the_tree_obeys() -> None:
    assert [str(item) for item in violations(ROOT)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_looked_at(folder: str) -> None:
    assert ROOT / folder / "__init__.py" in files(ROOT)


def found(root: Path, path: str, source: str) -> list[str]:
    """What the checker reports for one file in an otherwise empty tree."""
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(source, encoding="utf-8")
    return [f"{item.path}:{item.line} {item.module}" for item in violations(root)]


FORBIDDEN = [
    ("tasks/a.py", "import prefect", "prefect"),
    ("cluster/a.py", "from prefect import flow", "prefect.flow"),
    ("flows/a.py", "import ray", "ray"),
    ("models/a.py", "import ray.util.queue as q", "ray.util.queue"),
    ("tasks/a.py", "from torch.nn import functional", "torch.nn.functional"),
    ("cluster/a.py", "import torchvision", "torchvision"),
    ("tasks/a.py", "import prefect_ray", "prefect_ray"),
    ("tasks/a.py", "import models", "models"),
    ("tasks/a.py", "from cluster import lanes", "cluster.lanes"),
    ("tasks/deep/a.py", "from flows.restore import restore", "flows.restore.restore"),
    ("models/a.py", "from tasks.records import Scan", "tasks.records.Scan"),
    ("models/faces/a.py", "import cluster.lanes", "cluster.lanes"),
    ("models/a.py", "import flows", "flows"),
    ("models/a.py", "import pyvips", "pyvips"),
    ("cluster/a.py", "import flows.settings", "flows.settings"),
    ("flows/restore.py", "from models.contract import Box", "models.contract.Box"),
    ("flows/deep/train.py", "import models", "models"),
    ("tasks/a.py", "import json, ray", "ray"),
    ("tasks/a.py", "def f():\n    import torch", "torch"),
    ("tasks/a.py", "class A:\n    async def f(self):\n        from ray import get", "ray.get"),
    ("tasks/a.py", "try:\n    import torch\nexcept ImportError:\n    torch = None", "torch"),
    ("tasks/a.py", "if TYPE_CHECKING:\n    import models", "models"),
    ("tasks/a.py", "x = importlib.import_module('ray.data')", "ray.data"),
    ("tasks/a.py", "x = import_module(name='models.contract')", "models.contract"),
    ("tasks/a.py", "x = __import__('torch')", "torch"),
    ("tasks/a.py", "x = importlib.util.find_spec('torch')", "torch"),
    # a relative import that climbs out of its folder, as an installed tree would allow
    ("tasks/deep/a.py", "from ... import models", "models"),
    ("tasks/a.py", "from ..models import contract", "models.contract"),
]


@pytest.mark.parametrize(("path", "source", "module"), FORBIDDEN)
def test_forbidden(tmp_path: Path, path: str, source: str, module: str) -> None:
    line = 1 + source[: max(source.find("import"), source.find("from"))].count("\n")
    assert found(tmp_path, path, source) == [f"{path}:{line} {module}"]


ALLOWED = [
    ("flows/a.py", "import prefect\nfrom tasks import records\nimport cluster.lanes"),
    ("cluster/a.py", "import ray\nimport tasks.records\nfrom models import contract"),
    ("models/a.py", "import torch, torchvision, cv2\nfrom PIL import Image"),
    ("models/faces/a.py", "from . import detect\nfrom ..contract import Box\nfrom .guard import x"),
    ("tasks/a.py", "import numpy\nimport pyvips\nfrom tasks.errors import TooLarge"),
    ("tasks/a.py", "from .records import Scan\nfrom . import models"),  # tasks.models, not models
    ("tasks/a.py", "import modelsummary, rayon, torchless"),
    ("tasks/a.py", "# import torch\ntext = 'import ray'"),
    ("tests/a.py", "import torch, ray, prefect"),
    *((path, "from models import weights") for path in sorted(FLOWS_THAT_KNOW_MODELS)),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_allowed(tmp_path: Path, path: str, source: str) -> None:
    assert found(tmp_path, path, source) == []


def test_a_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(SyntaxError):
        found(tmp_path, "tasks/a.py", "import (")


def test_every_violation_is_named_with_its_reason(tmp_path: Path) -> None:
    found(tmp_path, "tasks/b.py", "import ray\n\nimport models.contract")
    assert [str(item) for item in violations(tmp_path)] == [
        "tasks/b.py:1: imports ray: only cluster/ knows ray",
        "tasks/b.py:3: imports models.contract: tasks/ may not know models/",
    ]
