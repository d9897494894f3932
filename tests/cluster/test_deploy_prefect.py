"""prefect.yaml, read by Prefect's own loader, against the flow it starts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from deploy_files import PREFECT, interpolated_compose
from fastapi import Body, FastAPI
from prefect.cli.deploy._config import _load_deploy_configs_and_actions
from prefect.cli.deploy._schedules import _construct_schedules
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import load_flow_from_entrypoint
from prefect.server.api.dependencies import LimitBody
from prefect.utilities.templating import apply_values
from rich.console import Console

ENVIRONMENT = {"ALBUMEN_SOURCE": "s3://masters", "ALBUMEN_DESTINATION": "s3://derivatives"}


def loaded(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one deployment, its variables put in, and the file's actions."""
    deployments, actions = _load_deploy_configs_and_actions(path, console=Console(quiet=True))
    (deployment,) = deployments
    return apply_values(deployment, {}, remove_notset=False), actions


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_the_flow_takes_its_parameters() -> None:
    deployment, _ = loaded(PREFECT)
    flow = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    settings = flow.validate_parameters(deployment["parameters"])["settings"]
    assert (settings.source, settings.destination) == ("s3://masters", "s3://derivatives")


def test_a_setting_that_is_none_would_be_found() -> None:
    deployment, _ = loaded(PREFECT)
    flow = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    deployment["parameters"]["settings"]["colourise"] = "never"
    with pytest.raises(Exception, match="colourise"):
        flow.validate_parameters(deployment["parameters"])


def test_one_night_at_a_time() -> None:
    deployment, _ = loaded(PREFECT)
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


def test_the_schedule_has_a_time_zone() -> None:
    deployment, _ = loaded(PREFECT)
    (made,) = _construct_schedules(
        deployment, {}, console=Console(quiet=True), is_interactive=False
    )
    schedule = made["schedule"]
    assert isinstance(schedule, CronSchedule)
    assert (schedule.cron, schedule.timezone) == ("0 2 * * *", "Europe/Vienna")


def test_nothing_is_built_or_pulled() -> None:
    _, actions = loaded(PREFECT)
    assert (actions["build"], actions["push"], actions["pull"]) == ([], [], [])


@pytest.mark.parametrize(
    ("before", "after"), [("cron:", "corn:"), ("limit: 1", "limit: one"), ("- name:", "- name")]
)
def test_a_mistake_would_be_found(tmp_path: Path, before: str, after: str) -> None:
    text = PREFECT.read_text(encoding="utf-8")
    assert before in text
    wrong = tmp_path / "prefect.yaml"
    wrong.write_text(text.replace(before, after), encoding="utf-8")
    console = Console(record=True)
    deployments, _ = _load_deploy_configs_and_actions(wrong, console=console)
    assert deployments == []
    said = console.export_text()
    assert "Invalid" in said or "Unable to read" in said


def test_compose_and_the_file_mean_the_same_work_pool() -> None:
    pool = yaml.safe_load(PREFECT.read_text(encoding="utf-8"))["deployments"][0]["work_pool"][
        "name"
    ]
    services = interpolated_compose()["services"]
    assert f"work-pool create {pool} " in services["register"]["command"][-1]
    command = services["worker"]["command"]
    assert command[command.index("--pool") + 1] == pool


def test_prefect_s_server_takes_what_its_client_leaves_empty() -> None:
    """`prefect deploy` asks for workers with limit and offset null; FastAPI 0.151 refuses them."""
    app = FastAPI()

    @app.post("/filter")
    def read(limit: int = LimitBody(), offset: int = Body(0, ge=0)) -> list[int]:
        return [limit, offset]

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.post("/filter", json={"limit": None, "offset": None})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()) == (200, [200, 0])
