"""The law of imports, read from the syntax of every file: who may know whom.

`violations(root)` looks at every import statement, wherever it stands (function bodies and
`TYPE_CHECKING` blocks too), and at modules named by a literal in `import_module`, `__import__`
and `find_spec`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("flows", "tasks", "models", "cluster")

ONLY_IN = {"prefect": "flows", "ray": "cluster", "torch": "models", "torchvision": "models"}
"""Each of these libraries is known to one folder alone."""

KNOWS = {
    "flows": {"flows", "tasks", "cluster"},
    "cluster": {"cluster", "tasks", "models"},
    "tasks": {"tasks"},
    "models": {"models"},
}
"""Which of our own folders each folder may import."""

FLOWS_THAT_KNOW_MODELS = {
    "flows/degrade.py",
    "flows/evaluate.py",
    "flows/evaluate_color.py",
    "flows/evaluate_faces.py",
    "flows/train.py",
    "flows/weights.py",
}

NOT_IN_MODELS = {"fsspec", "s3fs", "boto3", "botocore", "pyarrow", "pandas", "pyvips", "tifffile"}
"""Files, profiles and storage: absent from the bare machines that models train on."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An import the law forbids; `path` is relative to the root, with `/`."""

    path: str
    line: int
    module: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: imports {self.module}: {self.reason}"


def _absolute(node: ast.ImportFrom, package: list[str]) -> list[str]:
    """The modules a `from` statement may import; relative ones resolved from `package`."""
    base = package[: len(package) - node.level + 1] if node.level else []
    stem = ".".join([*base, *([node.module] if node.module else [])])
    # `from . import x` names modules only in its aliases.
    return [f"{stem}.{alias.name}" if stem else alias.name for alias in node.names]


def _named_in_call(node: ast.Call) -> str | None:
    """The module a call imports by name, where that is written as a literal."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in {"import_module", "__import__", "find_spec"}:
        return None
    given = [*node.args, *(word.value for word in node.keywords if word.arg == "name")]
    first = given[0] if given else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None


def imports(source: str, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything `source`, a module of `package`, imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, module) for module in _absolute(node, package))
        elif isinstance(node, ast.Call) and (module := _named_in_call(node)):
            yield node.lineno, module


def _reason(path: str, folder: str, module: str) -> str | None:
    """Why the file at `path`, in `folder`, may not import `module`; None where it may."""
    top = module.split(".")[0]
    home = next(
        (ONLY_IN[name] for name in ONLY_IN if top == name or top.startswith(f"{name}_")), ""
    )
    if home and folder != home:
        return f"only {home}/ knows {top}"
    if folder == "models" and top in NOT_IN_MODELS:
        return "models/ knows neither files nor storage"
    if top not in FOLDERS or top in KNOWS[folder]:
        return None
    if top == "models" and path in FLOWS_THAT_KNOW_MODELS:
        return None
    return f"{folder}/ may not know {top}/"


def files(root: Path) -> list[Path]:
    """Every Python file of the four folders below `root`."""
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))


def violations(root: Path) -> list[Violation]:
    """Everything below `root` that breaks the law, by file and line."""
    found = []
    for file in files(root):
        relative = file.relative_to(root)
        path, folder = relative.as_posix(), relative.parts[0]
        for line, module in imports(file.read_text(encoding="utf-8"), list(relative.parts[:-1])):
            if reason := _reason(path, folder, module):
                found.append(Violation(path, line, module, reason))
    return sorted(found, key=lambda item: (item.path, item.line, item.module))
