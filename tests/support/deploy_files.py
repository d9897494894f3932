"""The files of `cluster/deploy/`, read as their own tools read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "cluster" / "deploy"

CONTAINERFILE = DEPLOY / "image" / "Containerfile"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
RAY_CLUSTER = DEPLOY / "kubernetes" / "raycluster.yaml"
RAY_JOB = DEPLOY / "kubernetes" / "rayjob.yaml"
NETWORK_POLICY = DEPLOY / "kubernetes" / "networkpolicy.yaml"
AWS = DEPLOY / "ray" / "aws.yaml"
ON_PREMISE = DEPLOY / "ray" / "on-premise.yaml"
SLURM = DEPLOY / "slurm" / "albumen.sbatch"
PREFECT = DEPLOY / "prefect.yaml"

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def load(path: Path) -> dict[str, Any]:
    """A YAML file of one document."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def texts() -> dict[str, str]:
    """Every file for deployment, by its path below `cluster/deploy/`."""
    files = (path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(DEPLOY)): path.read_text(encoding="utf-8") for path in files}


def example_environment() -> dict[str, str]:
    """What example.env sets or, after a `#`, offers."""
    text = (COMPOSE.parent / "example.env").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))


def interpolated_compose() -> dict[str, Any]:
    """compose.yaml after Compose has put the variables in; what must be set is `set`."""
    text = COMPOSE.read_text(encoding="utf-8")
    filled = _VARIABLE.sub(lambda match: match[3] if match[2] == "-" else "set", text)
    found: dict[str, Any] = yaml.safe_load(filled)
    return found


def compose_variables() -> set[str]:
    """The variables that compose.yaml reads."""
    return {match[1] for match in _VARIABLE.finditer(COMPOSE.read_text(encoding="utf-8"))}


def pins() -> dict[str, str]:
    """Version by name from constraints.txt."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", text, re.MULTILINE))


def pod_templates(value: Any) -> Iterator[dict[str, Any]]:
    """Every pod template in a manifest, wherever it lies."""
    if isinstance(value, dict):
        if isinstance(value.get("spec"), dict) and "containers" in value["spec"]:
            yield value
        for part in value.values():
            yield from pod_templates(part)
    elif isinstance(value, list):
        for part in value:
            yield from pod_templates(part)
