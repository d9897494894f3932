"""The image: linted, not root, and well only when what runs in it answers."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from deploy_files import CONTAINERFILE, ROOT, pins

TEXT = CONTAINERFILE.read_text(encoding="utf-8")
HADOLINT = Path(sys.executable).with_name("hadolint")


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, path], capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing() -> None:
    done = lint(CONTAINERFILE)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RUN useradd", "RUNN useradd"),
        ("--from=wheel", "--from=weehl"),
        ("WORKDIR /s", "WORKDIR s"),
    ],
)
def test_hadolint_would_find_a_mistake(tmp_path: Path, before: str, after: str) -> None:
    assert before in TEXT
    (tmp_path / "Containerfile").write_text(TEXT.replace(before, after), encoding="utf-8")
    assert lint(tmp_path / "Containerfile").returncode != 0


def test_it_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (.*)$", TEXT, re.MULTILINE)
    assert users == ["1000:1000"]  # a number: Kubernetes cannot check a name for runAsNonRoot
    assert TEXT.rindex("RUN ") < TEXT.index("USER ")


def test_everything_that_it_copies_is_there() -> None:
    ignored = CONTAINERFILE.with_name("Containerfile.dockerignore").read_text(encoding="utf-8")
    sent = re.findall(r"^!(\S+)$", ignored, re.MULTILINE)
    for line in re.findall(r"^COPY (?!--from)(.*)$", TEXT, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in sent, source


def test_what_is_installed_is_pinned() -> None:
    assert "boto3" in pins()
    for command in re.findall(r"pip install ((?:.|\\\n)*?)(?:&&|\n\n|\nCOPY)", TEXT):
        assert "--constraint" in command


@pytest.fixture(scope="module")
def healthcheck() -> ModuleType:
    path = CONTAINERFILE.with_name("healthcheck.py")
    spec = importlib.util.spec_from_file_location("healthcheck", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Answer(BaseHTTPRequestHandler):
    """200 to /well, 503 to everything else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_runs_is_asked(healthcheck: ModuleType, url: str) -> None:
    ask = {"raylet/raylet": f"{url}/well", "prefect server start": f"{url}/ill"}
    ray, prefect = "/usr/ray/raylet/raylet --x", "python /bin/prefect server start --host 0.0.0.0"
    assert healthcheck.complaints([ray, "bash"], ask) == []
    assert healthcheck.complaints(["albumen restore a b"], ask) == []
    (said,) = healthcheck.complaints([ray, prefect], ask)
    assert "503" in said


def test_nobody_answers(healthcheck: ModuleType) -> None:
    (said,) = healthcheck.complaints(
        ["x raylet/raylet y"], {"raylet/raylet": "http://127.0.0.1:9/"}
    )
    assert said.startswith("http://127.0.0.1:9/")


def test_it_sees_processes(healthcheck: ModuleType) -> None:
    assert any("python" in line for line in healthcheck.command_lines())
