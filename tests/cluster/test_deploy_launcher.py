"""The files for `ray up`, prepared and validated by Ray's own cluster launcher."""

from __future__ import annotations

import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from deploy_files import AWS, ON_PREMISE, load
from ray.autoscaler._private.providers import _get_default_config
from ray.autoscaler._private.util import prepare_config, validate_config

BOTH = pytest.mark.parametrize("path", [AWS, ON_PREMISE], ids=lambda path: path.stem)


def prepared(config: dict[str, Any]) -> dict[str, Any]:
    """As `ray up` takes a file: defaults filled in, then checked."""
    config = prepare_config(config)
    validate_config(config)
    return config


@BOTH
def test_ray_accepts_the_file(path: Path) -> None:
    config = prepared(load(path))
    assert config["cluster_name"] == "albumen"
    assert config["max_workers"] >= 2


@BOTH
def test_ray_knows_every_field(path: Path) -> None:
    """Its schema says nothing about the fields of a node type."""
    config = load(path)
    assert set(config) <= set(_get_default_config(config["provider"])) | {"max_workers", "provider"}
    for node in config.get("available_node_types", {}).values():
        assert set(node) <= {"min_workers", "max_workers", "resources", "node_config"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("setup_command", []), ("max_workers", "four"), ("head_node_type", "hed"), ("auth", [])],
)
def test_a_mistake_would_be_found(field: str, value: Any) -> None:
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        prepared(deepcopy(load(AWS)) | {field: value})


@BOTH
def test_every_node_gets_the_token_and_starts_with_it(path: Path) -> None:
    config = load(path)
    tokens = [mount for mount in config["file_mounts"] if mount.endswith("/.ray/auth_token")]
    assert [config["file_mounts"][mount] for mount in tokens] == ["~/.ray/auth_token"]
    for part in ("head", "worker"):
        (start,) = (it for it in config[f"{part}_start_ray_commands"] if "ray start" in it)
        assert "RAY_AUTH_MODE=token" in start


@BOTH
def test_the_head_lends_nothing_to_lanes(path: Path) -> None:
    (start,) = (it for it in load(path)["head_start_ray_commands"] if "ray start" in it)
    assert "--num-cpus=0 --num-gpus=0" in start
    assert "--dashboard-host=127.0.0.1" in start


@BOTH
def test_its_commands_are_sound_shell(path: Path) -> None:
    config = load(path)
    commands = [
        line for key, lines in config.items() if key.endswith("_commands") for line in lines
    ]
    assert len(commands) >= 4
    for command in commands:
        subprocess.run(["bash", "-n", "-c", command], check=True)


def test_nodes_of_the_cloud_are_reached_by_a_security_group_of_ones_own() -> None:
    """The one Ray would make opens SSH to the world."""
    for node in load(AWS)["available_node_types"].values():
        assert node["node_config"]["SecurityGroupIds"]
        assert node["node_config"]["MetadataOptions"]["HttpTokens"] == "required"


def test_the_wheel_that_is_installed_is_the_one_that_is_copied() -> None:
    config = load(ON_PREMISE)
    assert config["file_mounts"]["~/albumen/dist/"] == "dist/"
    assert any("~/albumen/dist/albumen-" in command for command in config["setup_commands"])
