"""The Compose file, by the specification's own rules and by ours."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from deploy_files import interpolated_compose

FILE = interpolated_compose()


def check(file: dict[str, Any]) -> None:
    PyCompose.from_yaml(yaml.safe_dump(file)).validate()


def test_it_keeps_to_the_specification() -> None:
    check(FILE)


def broken(where: tuple[str, ...], value: Any) -> dict[str, Any]:
    file = deepcopy(FILE)
    part = file
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    return file


@pytest.mark.parametrize(
    "file",
    [
        broken(("services", "worker", "shm_sise"), "8gb"),
        broken(("services", "worker", "networks"), ["nowhere"]),
        broken(("services", "worker", "shm_size"), "plenty"),
        broken(("services", "worker", "depends_on", "prefect", "condition"), "well"),
        broken(("services", "worker", "cap_drop"), {"ALL": 1}),
    ],
)
def test_a_mistake_would_be_found(file: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"\w"):
        check(file)


def test_only_the_user_interface_is_published_and_to_this_machine_only() -> None:
    ports = [port for service in FILE["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:4200:4200"]
    assert FILE["networks"]["database"]["internal"] is True


def test_no_service_of_ours_has_privileges() -> None:
    ours = {name: it for name, it in FILE["services"].items() if "albumen" in it["image"]}
    assert set(ours) == {"prefect", "register", "worker"}
    for service in ours.values():
        assert service["cap_drop"] == ["ALL"]
        assert "privileged" not in service


def test_masters_are_mounted_read_only() -> None:
    scans, *_ = FILE["services"]["worker"]["volumes"]
    assert scans.endswith(":/scans:ro")


def test_prefect_asks_for_a_password_and_keeps_its_runs_in_postgresql() -> None:
    environment = FILE["services"]["prefect"]["environment"]
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == "set"
    assert environment["PREFECT_SERVER_DATABASE_DRIVER"] == "postgresql+asyncpg"
    assert environment["PREFECT_SERVER_DATABASE_HOST"] in FILE["services"]
    for name in ("register", "worker"):
        assert FILE["services"][name]["environment"]["PREFECT_API_AUTH_STRING"] == "set"
