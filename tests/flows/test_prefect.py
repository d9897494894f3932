"""What Prefect's own server shows of a run: state, task runs, artifacts, logs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prefect_server import PrefectServer
from untidy import NAMES, Night


@pytest.fixture(scope="module")
def flow_run(server: PrefectServer, night: Night) -> dict[str, Any]:
    name = f"restore-into-{night.destination}"
    (run,) = server.find("flow_runs", flow_runs={"name": {"any_": [name]}})
    return run


def of(flow_run: dict[str, Any]) -> dict[str, Any]:
    return {"flow_runs": {"id": {"any_": [flow_run["id"]]}}}


def test_the_run_is_completed_although_scans_failed(flow_run: dict[str, Any]) -> None:
    assert (flow_run["state_type"], flow_run["state_name"]) == ("COMPLETED", "Completed")


def test_its_parameters_are_those_of_the_command(flow_run: dict[str, Any], night: Night) -> None:
    settings = flow_run["parameters"]["settings"]
    assert settings["source"] == str(night.source)
    assert settings["partition_scans"] == 8


def test_every_partition_is_a_task_run(
    server: PrefectServer, flow_run: dict[str, Any], night: Night
) -> None:
    runs = server.find("task_runs", **of(flow_run))
    assert {run["state_type"] for run in runs} == {"COMPLETED"}
    named = {f"partition-{partition}" for partition in night.rows.partition_id.unique()}
    assert {run["name"] for run in runs} == named
    assert len(named) == 3


def test_artifacts(server: PrefectServer, flow_run: dict[str, Any], night: Night) -> None:
    found = server.find("artifacts", artifacts={"flow_run_id": {"any_": [flow_run["id"]]}})
    artifacts = {artifact["key"]: artifact for artifact in found}
    assert set(artifacts) == {"restore-progress", "restore-summary", "restore-report"}
    assert artifacts["restore-progress"]["type"] == "progress"
    assert float(artifacts["restore-progress"]["data"]) == 100.0
    table = artifacts["restore-summary"]
    assert table["type"] == "table"
    rows = {row["what"]: row["value"] for row in json.loads(table["data"])}
    assert rows["failed"] == "4"
    assert rows["restored"] == str(len(NAMES) + 1)
    link = (night.destination / "report/index.html").as_uri()
    assert link in artifacts["restore-report"]["data"]


def test_logs_are_kept_there(server: PrefectServer, flow_run: dict[str, Any]) -> None:
    found = server.find("logs", logs={"flow_run_id": {"any_": [flow_run["id"]]}})
    messages = "\n".join(log["message"] for log in found)
    assert "scans, attempt 1" in messages
    assert "Traceback" not in messages
