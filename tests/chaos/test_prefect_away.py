"""Prefect's server goes away in the middle of a run, and comes back on the same database."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import prefect_server
import pytest
from faults import Collection, Note, collection

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]

SCANS = 60


@pytest.mark.parametrize("outage", [30, 240])
def test_prefects_server_is_gone_for_a_while(tmp_path: Path, note: Note, outage: int) -> None:
    home, port = tmp_path / "server", prefect_server.free_port()
    home.mkdir()
    with ExitStack() as first:
        server = first.enter_context(prefect_server.running(home, port))
        place = Collection(tmp_path, {"PREFECT_API_URL": server.api_url})
        collection(place.source, SCANS)
        started = time.monotonic()
        with place.restoring("--partition-scans", "6") as command:
            command.until(lambda: len(place.written()) >= 12, "progress")
            first.close()
            time.sleep(outage)
            with prefect_server.running(home, port) as second:
                code = command.wait(900)
                seconds = round(time.monotonic() - started)
                name = f"restore-into-{place.destination}"
                (run,) = second.find("flow_runs", flow_runs={"name": {"any_": [name]}})
    what = f"prefect server gone for {outage} s"
    note(what, code, SCANS, len(place.rows()), place.repeated(), "", seconds)
    assert code == 0, command.errors
    said = [line for line in command.errors.splitlines() if line and "scans done" not in line]
    assert said == []
    place.assert_whole()
    assert place.repeated() == 0
    assert run["state_type"] == "COMPLETED", run["state"]
