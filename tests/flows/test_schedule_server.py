"""What a schedule leaves on a real Prefect server: deployments, slots given back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from cli import SECONDS, Cli, Running, ask
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Pending
from prefect_server import PrefectServer
from small_collection import save

from flows.collection import collection
from flows.orphans import OrphanWatch
from flows.schedule import _deployment
from tasks.lease import Lease
from tasks.location import Location

CANCEL_NEW = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


@pytest.fixture
def client(server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with (
        temporary_settings({PREFECT_API_URL: server.api_url}),
        get_client(sync_client=True) as client,
    ):
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A collection of nothing: its nights are short. It is restored once a year."""
    (tmp_path / "scans").mkdir()
    path = tmp_path / f"{tmp_path.name}.toml"
    path.write_text(
        f'faces = "off"\ncolorize = "never"\n[schedule]\nsource = "{tmp_path}/scans"\n'
        f'destination = "{tmp_path}/out"\ncron = "0 2 1 1 *"\ntimezone = "Europe/Vienna"\n'
    )
    return path


def state_of(client: SyncPrefectClient, run: UUID) -> str:
    state = client.read_flow_run(run).state
    assert state is not None
    return state.type.value.capitalize()  # there are several names of PENDING


# -- the record


def test_a_deployment_says_when_and_how(client: SyncPrefectClient, file: Path) -> None:
    one = collection({}, file, None, None)
    _deployment(one, concurrency_limit=CANCEL_NEW).apply()
    found = client.read_deployment_by_name(f"nightly/{one.name}")
    (schedule,) = found.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 2 1 1 *", "Europe/Vienna")
    assert schedule.active and not found.paused
    assert found.global_concurrency_limit is not None
    assert found.global_concurrency_limit.limit == 1
    assert found.concurrency_options is not None
    assert found.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert found.parameters == one.parameters()
    assert found.entrypoint == "flows.nightly.nightly"


def test_a_work_pool(client: SyncPrefectClient, file: Path, server: PrefectServer) -> None:
    done = ask("schedule", "--collections", file, "--work-pool", "missing")
    assert done.code == 2 and "--work-pool missing" in done.err, done
    pool = {"name": f"pool-{os.getpid()}", "type": "process"}
    httpx.post(f"{server.api_url}/work_pools/", json=pool, trust_env=False).raise_for_status()
    done = ask("schedule", "--collections", file, "--work-pool", pool["name"])
    assert done.code == 0 and f"nightly/{file.stem}: 0 2 1 1 *" in done.out, done
    found = client.read_deployment_by_name(f"nightly/{file.stem}")
    assert found.work_pool_name == pool["name"] and found.global_concurrency_limit is None


# -- runs without a process


def test_slots_of_the_dead_are_given_back(
    client: SyncPrefectClient, file: Path, tmp_path: Path
) -> None:
    one = collection({}, file, None, None)
    _deployment(one, concurrency_limit=CANCEL_NEW).apply()
    deployment = client.read_deployment_by_name(f"nightly/{one.name}").id

    def begin() -> UUID:
        run = client.create_flow_run_from_deployment(deployment).id
        client.set_flow_run_state(run, Pending())
        return run

    destination = Location.parse(str(tmp_path / "out"))
    (tmp_path / "out").mkdir()

    def watch(grace: float, silent: float = 0) -> OrphanWatch:
        return OrphanWatch(lambda: {one.name: destination}, grace, silent)

    pending, next_night = begin(), begin()
    assert (state_of(client, pending), state_of(client, next_night)) == ("Pending", "Cancelled")
    assert watch(grace=60).mark() == []  # it may just have begun
    assert watch(grace=0).mark() == [client.read_flow_run(pending).name]
    assert state_of(client, pending) == "Crashed"

    running = begin()
    assert state_of(client, running) == "Pending"  # the slot is free
    client.set_flow_run_state(running, _running(client, running), force=True)
    looking = watch(grace=0)
    assert looking.mark() == []  # on another machine, between two steps? looked at twice
    assert len(looking.mark()) == 1 and state_of(client, running) == "Crashed"

    running = begin()
    client.set_flow_run_state(running, _running(client, running), force=True)
    patient = watch(grace=0, silent=3600)
    assert patient.mark() == patient.mark() == []
    with Lease.acquire(destination):
        lease = (tmp_path / "out/.albumen/lease").read_text()
    dead = json.loads(lease)
    dead["holder"]["started"] -= 1000.0  # a process that was here, and is no more
    (tmp_path / "out/.albumen/lease").write_text(json.dumps(dead))
    assert len(patient.mark()) == 1  # the lease says that it died
    assert state_of(client, running) == "Crashed"
    assert state_of(client, begin()) == "Pending"


def _running(client: SyncPrefectClient, run: UUID) -> Any:
    """RUNNING as a run enters it: the slot goes with it."""
    from prefect.states import Running as RunningState

    state = client.read_flow_run(run).state
    assert state is not None
    return RunningState(state_details=state.state_details)


# -- nights that are killed


def until(happened: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if found := happened():
                return found
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_nights_after_kill_9_while_pending_and_while_running(
    client: SyncPrefectClient, cli: Cli, file: Path, tmp_path: Path
) -> None:
    name, destination = file.stem, Location.parse(str(tmp_path / "out"))
    lease = tmp_path / "out/.albumen/lease"

    def serve() -> Running:
        running = cli.start("schedule", "--collections", file)
        assert running.process.stdout is not None
        assert running.process.stdout.readline().startswith(f"nightly/{name}")
        return running

    def begin() -> UUID:
        found = until(lambda: _find(client, name), "a deployment")
        return client.create_flow_run_from_deployment(found).id

    def reaches(run: UUID, state: str) -> None:
        until(lambda: state_of(client, run) == state, f"{run} {state}")

    def kill_all(running: Running) -> None:
        for process in _family(running.process.pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        running.kill()

    watch = OrphanWatch(lambda: {name: destination}, grace_seconds=0, silent_seconds=0)
    running = serve()
    pending = begin()
    reaches(pending, "Pending")
    kill_all(running)
    assert state_of(client, pending) == "Pending"

    running = serve()
    held_up = begin()
    reaches(held_up, "Cancelled")  # what would become of every night from now on
    assert len(watch.mark()) == 1
    reaches(pending, "Crashed")

    for number in range(3):
        save(tmp_path / f"scans/{number}.png", number)
    killed = begin()
    reaches(killed, "Running")
    until(lease.exists, "a lease")
    assert watch.mark() == []  # it lives
    overrun = begin()
    reaches(overrun, "Cancelled")  # a second night beside a living one
    assert state_of(client, killed) == "Running"
    kill_all(running)
    assert lease.exists() and state_of(client, killed) == "Running"

    assert len(watch.mark()) == 1
    reaches(killed, "Crashed")
    running = serve()
    last = begin()
    until(lambda: state_of(client, last) in ("Completed", "Failed"), "the end")
    assert state_of(client, last) == "Completed"
    assert len(list((tmp_path / "out/restored").glob("*.png"))) == 3
    running.signal(signal.SIGTERM)
    finished = running.wait()
    assert "Traceback" not in finished.err, finished


def _find(client: SyncPrefectClient, name: str) -> UUID | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(f"nightly/{name}").id
    except ObjectNotFound:
        return None


def _family(pid: int) -> list[int]:
    import psutil

    top = psutil.Process(pid)
    return [pid, *(process.pid for process in top.children(recursive=True))]
