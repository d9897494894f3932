"""Progress in Prefect's interface, with a server that answers late or not at all."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any
from uuid import UUID, uuid4

import pytest

from flows import publish
from flows.publish import ProgressArtifact

FLOW_RUN: ContextVar[str] = ContextVar("flow_run", default="none")


class Server:
    """What is told of progress, and by which flow run; it answers once it is `there`."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.told: list[tuple[float, str]] = []

    def create(self, *, progress: float, **_: Any) -> UUID:
        self.update(uuid4(), progress)
        return uuid4()

    def update(self, _id: UUID, progress: float) -> None:
        self.there.wait(30)
        self.told.append((progress, FLOW_RUN.get()))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    fake = Server()
    monkeypatch.setattr(publish, "create_progress_artifact", fake.create)
    monkeypatch.setattr(publish, "update_progress_artifact", fake.update)
    monkeypatch.setattr(publish, "_SECONDS_BETWEEN_UPDATES", 0.0)
    return fake


def test_a_server_that_does_not_answer_holds_nothing_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "_LAST_SECONDS", 0.05)
    artifact = ProgressArtifact(10)
    for done in range(10):
        artifact.show(done)  # would wait for half a minute each
    artifact.show(10, last=True)
    assert server.told == []
    server.there.set()


def test_the_last_is_waited_for(server: Server) -> None:
    server.there.set()
    FLOW_RUN.set("the flow's")
    artifact = ProgressArtifact(10)
    artifact.show(5)
    artifact.show(10, last=True)
    assert server.told == [(50.0, "the flow's"), (100.0, "the flow's")]
