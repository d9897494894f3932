import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest
import s3_server

from tasks import lease, storage
from tasks.errors import LeaseHeld, LeaseLost, LeaseNotRenewed, StorageError
from tasks.holder import Holder
from tasks.lease import Lease
from tasks.lease_info import LEASE, LeaseInfo, read_lease
from tasks.storage import Location

BEAT = 0.2
DRIVER = """
import sys, time
from tasks.lease import Lease
from tasks.storage import Location
with Lease.acquire(Location.parse(sys.argv[1]), "first", beat_seconds=0.2):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def driver(destination: Location) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, destination.uri], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()
    process.stdout.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def written_by_another_machine(destination: Location, **changes: object) -> bytes:
    holder = Holder("scanner-room", "another-boot/pid:[1]", 1, 0.0).as_dict()
    content = {
        "holder": holder,
        "nonce": "n",
        "run_id": "r",
        "since": "2001-01-01T00:00:00+00:00",
        "heartbeat": "2001-01-01T00:00:00+00:00",
        "count": 0,
        "progress": {},
    }
    data = json.dumps(content | changes).encode()
    storage.write_bytes(destination, LEASE, data)
    return data


def test_held_and_given_back(destination: Location) -> None:
    assert read_lease(destination) is None
    with Lease.acquire(destination, "run-1", beat_seconds=BEAT) as held:
        info = read_lease(destination)
        assert info is not None and info.run_id == "run-1" and info.holder.is_alive()
        held.check()
    assert read_lease(destination) is None
    with Lease.acquire(destination, beat_seconds=BEAT):
        pass


def test_heartbeat_carries_progress(destination: Location) -> None:
    with Lease.acquire(destination, beat_seconds=BEAT) as held:
        first = storage.read_bytes(destination, LEASE)
        held.update({"done": 7, "of": 9})
        until(lambda: (info := read_lease(destination)) is not None and info.progress != {})
        info = read_lease(destination)
        assert info is not None and info.progress == {"done": 7, "of": 9}
        assert storage.read_bytes(destination, LEASE) != first
        held.check()


def test_second_driver_gives_up_at_once(
    destination: Location, driver: subprocess.Popen[str]
) -> None:
    with pytest.raises(LeaseHeld) as raised:
        Lease.acquire(destination, beat_seconds=3600)
    text = str(raised.value)
    assert f"process {driver.pid}" in text and "since" in text and "last heartbeat" in text
    assert destination.uri in text and "\n" not in text


def test_the_same_process_does_not_hold_it_twice(destination: Location) -> None:
    with Lease.acquire(destination, beat_seconds=BEAT), pytest.raises(LeaseHeld):
        Lease.acquire(destination, beat_seconds=BEAT)


def test_killed_driver_on_this_machine_is_followed_at_once(
    destination: Location, driver: subprocess.Popen[str]
) -> None:
    driver.kill()  # not waited for: a zombie is dead, too
    until(lambda: not (read_lease(destination) or pytest.fail()).holder.is_alive())
    with Lease.acquire(destination, "second", beat_seconds=3600):
        assert (read_lease(destination) or pytest.fail()).run_id == "second"


def test_number_of_a_dead_driver_given_to_another_process() -> None:
    here = Holder.this_process()
    assert here.is_alive()
    assert Holder(here.host, here.machine, here.pid, here.started - 100).is_alive() is False
    assert Holder(here.host, "other-boot/pid:[1]", here.pid, here.started).is_alive() is None
    assert Holder("elsewhere", here.machine, here.pid, here.started).is_alive() is None
    assert Holder(here.host, here.machine, 2**22 + 1, here.started).is_alive() is False


def test_driver_elsewhere_whose_heart_stopped(destination: Location) -> None:
    written_by_another_machine(destination)
    told: list[str] = []
    with Lease.acquire(destination, "second", told.append, beat_seconds=BEAT) as held:
        held.check()
        assert (read_lease(destination) or pytest.fail()).run_id == "second"
    assert len(told) == 1 and "scanner-room" in told[0]


def test_driver_elsewhere_that_lives_though_its_clock_is_wrong(destination: Location) -> None:
    written_by_another_machine(destination)
    ended = threading.Event()

    def beat() -> None:
        count = 0
        while not ended.wait(BEAT):
            count += 1
            written_by_another_machine(destination, count=count)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(LeaseHeld, match="scanner-room"):
            Lease.acquire(destination, beat_seconds=BEAT)
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"holder": {"host": 1}}'])
def test_unreadable_lease_is_watched_and_taken(tmp_path: Path, content: bytes) -> None:
    destination = Location.parse(str(tmp_path))
    storage.write_bytes(destination, LEASE, content)
    assert read_lease(destination) is None
    with Lease.acquire(destination, beat_seconds=0.05) as held:
        held.check()


def test_lease_taken_by_another_is_noticed(destination: Location) -> None:
    held = Lease.acquire(destination, beat_seconds=BEAT)
    other = written_by_another_machine(destination)
    assert held.lost.wait(30)
    with pytest.raises(LeaseLost, match="run the command again"):
        held.check()
    held.release()
    assert storage.read_bytes(destination, LEASE) == other


def test_removed_lease_is_lost(destination: Location) -> None:
    with Lease.acquire(destination, beat_seconds=BEAT) as held:
        storage.remove(destination, LEASE)
        assert held.lost.wait(30)


def test_storage_failing_for_a_moment_does_not_lose_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = Location.parse(str(tmp_path))
    with Lease.acquire(destination, beat_seconds=BEAT) as held:
        replace = held._store.replace_if_same
        failures = iter([StorageError("no answer in time")])

        def failing(path: str, data: bytes, token: str) -> str | None:
            for error in failures:
                raise error
            return replace(path, data, token)

        monkeypatch.setattr(held._store, "replace_if_same", failing)
        before = storage.read_bytes(destination, LEASE)
        until(lambda: storage.read_bytes(destination, LEASE) != before)
        held.check()


def test_storage_failing_for_long_loses_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = Location.parse(str(tmp_path))
    with Lease.acquire(destination, beat_seconds=0.05) as held:

        def failing(*_: object) -> str:
            raise StorageError("no answer in time")

        monkeypatch.setattr(held._store, "replace_if_same", failing)
        assert held.lost.wait(30)
        with pytest.raises(LeaseNotRenewed, match="renewed for so long"):
            held.check()


def test_beat_whose_answer_was_lost_is_recognised(
    destination: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lease.acquire(destination, beat_seconds=BEAT) as held:
        replace = held._store.replace_if_same
        lost = iter([True])

        def losing(path: str, data: bytes, token: str) -> str | None:
            answer = replace(path, data, token)
            for _ in lost:
                raise StorageError("connection reset after the write")
            return answer

        monkeypatch.setattr(held._store, "replace_if_same", losing)
        for _ in range(3):
            before = storage.read_bytes(destination, LEASE)
            until(lambda before=before: storage.read_bytes(destination, LEASE) != before)  # type: ignore[misc]
        held.check()


@pytest.mark.parametrize("write", ["create_exclusive", "replace_if_same"])
def test_taking_it_when_the_answer_was_lost_is_recognised(
    destination: Location, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    """The request was carried out, its answer lost, and the same request then refused."""
    if write == "replace_if_same":
        written_by_another_machine(destination)
    store = storage.writable(destination)
    real = getattr(store, write)
    lost = iter([True])

    def losing(*arguments: object) -> str | None:
        answer: str | None = real(*arguments)
        return None if next(lost, False) else answer

    monkeypatch.setattr(store, write, losing)
    with Lease.acquire(destination, beat_seconds=BEAT) as held:
        held.check()
    assert read_lease(destination) is None


def test_many_drivers_at_once(destination: Location) -> None:
    start = threading.Barrier(6)
    held: list[Lease] = []
    refused: list[str] = []

    def drive() -> None:
        start.wait()
        try:
            held.append(Lease.acquire(destination, beat_seconds=5))
        except LeaseHeld as error:
            refused.append(str(error))

    threads = [threading.Thread(target=drive) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1 and len(refused) == 5
    held[0].release()


def test_service_without_conditional_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_SETTLE_SECONDS", 0.3)
    with s3_server.ignoring_conditions() as lax, s3_server.environment_of(lax):
        destination = Location.parse(f"s3://{lax.bucket()}/out")
        with Lease.acquire(destination, "first", beat_seconds=BEAT) as held:
            until(lambda: held._count > 1)
            held.check()
        written_by_another_machine(destination)
        with Lease.acquire(destination, "second", beat_seconds=BEAT) as held:
            assert (read_lease(destination) or pytest.fail()).run_id == "second"
            held.check()


def test_a_second_driver_on_such_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither writes over the lease of one that lives, nor are there two that start at once."""
    monkeypatch.setattr(lease, "_SETTLE_SECONDS", 0.5)
    with s3_server.ignoring_conditions() as lax, s3_server.environment_of(lax):
        destination = Location.parse(f"s3://{lax.bucket()}/out")
        with Lease.acquire(destination, "first", beat_seconds=3600) as held:
            with pytest.raises(LeaseHeld):
                Lease.acquire(destination, "second", beat_seconds=3600)
            assert (read_lease(destination) or pytest.fail()).run_id == "first"
            held.check()
            written_by_another_machine(destination)
            held._beat()
            with pytest.raises(LeaseLost):
                held.check()
        storage.writable(destination).remove(LEASE)
        test_many_drivers_at_once(destination)


def test_info_is_one_line() -> None:
    info = LeaseInfo(Holder("h", "m/n", 1, 0.0), "n", "r", "then", "now", {})
    assert str(info) == "process 1 on h, since then, last heartbeat now"


def test_what_the_heart_logs_belongs_to_the_run(
    destination: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ContextVar("run", default="none")
    seen: list[str] = []
    monkeypatch.setattr(Lease, "_keep", lambda _: seen.append(run.get()))
    token = run.set("tonight's")
    with Lease.acquire(destination, beat_seconds=BEAT):
        pass
    run.reset(token)
    assert seen == ["tonight's"]
