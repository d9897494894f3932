"""Messages through Prefect's notification blocks, sent to a webhook that keeps them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli import Cli, ask
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_server import PrefectServer

from flows.notify import load_block, tell
from tasks.errors import UsageError


@pytest.fixture
def here(server: PrefectServer) -> Iterator[None]:
    """This process uses the server as the command does."""
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        yield


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[Any]]]:
    """A webhook that keeps what it is sent."""
    received: list[Any] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(json.loads(data))
            self.send_response(200 if self.path == "/secret-path" else 500)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    web = HTTPServer(("127.0.0.1", 0), Webhook)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{web.server_address[1]}", received
    web.shutdown()
    web.server_close()


def save_block(name: str, url: str) -> str:
    block = CustomWebhookNotificationBlock(
        name=name, url=url, json_data={"subject": "{{subject}}", "body": "{{body}}"}
    )
    block.save(name, overwrite=True)
    return f"custom-webhook/{name}"


@pytest.mark.usefixtures("here")
def test_a_message_through_a_block(inbox: tuple[str, list[Any]]) -> None:
    url, received = inbox
    name = save_block("heard", f"{url}/secret-path")
    assert tell(name, "Albumen: completed", "3 done") is None
    assert received == [{"subject": "Albumen: completed", "body": "3 done"}]
    failure = tell(save_block("unheard", f"{url}/hush"), "a", "b")
    assert failure is not None and "was not sent" in failure and "hush" not in failure
    for missing in ("custom-webhook/nobody", "no-such-type/name", "name"):
        with pytest.raises(UsageError, match="--notify"):
            load_block(missing)
        assert tell(missing, "a", "b") is not None


@pytest.mark.usefixtures("here")
def test_a_run_sends_its_summary_and_does_not_fail_for_it(
    cli: Cli, inbox: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, received = inbox
    places = (tmp_path / "scans", tmp_path / "out")
    places[0].mkdir()
    done = ask("restore", *places, "--notify", "slack-webhook/nobody")
    assert done.code == 2 and "slack-webhook/nobody" in done.err, done
    done = cli.run("restore", *places, "--notify", save_block("morning", url), code=0)
    (message,) = received
    assert message["subject"].startswith("Albumen: completed, 0 done, 0 failed")
    assert "report:" in message["body"]
    assert "was not sent" in done.err  # the webhook answered 500
