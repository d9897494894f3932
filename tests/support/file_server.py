"""A web server on the loopback that hands out one file, as well or as badly as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is handed out, how, and what was asked for.

    The first connections end after as many bytes of body as `cuts` says, one each. `status`
    other than 200 answers every request. Without `ranges` the server always begins at 0; without
    `etag` it gives no name to the file's version.
    """

    content: bytes
    url: str = ""
    cuts: list[int] = field(default_factory=list)
    status: int = 200
    ranges: bool = True
    etag: str = '"one"'
    redirect: bool = False
    asked: list[str] = field(default_factory=list)
    """The `Range` of every request, empty where there was none."""


@contextmanager
def serving(content: bytes, name: str) -> Iterator[FileServer]:
    """A running server; `url` ends in `name`."""
    told = FileServer(content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if told.redirect and self.path == f"/{name}":
                self.answer(302, 0, {"Location": f"/moved/{name}"})
                return
            asked = self.headers.get("Range", "")
            told.asked.append(asked)
            if told.status != 200:
                self.answer(told.status, 0, {})
                return
            start, named = 0, {"ETag": told.etag} if told.etag else {}
            if told.ranges and asked and self.headers.get("If-Range") == told.etag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            total = len(told.content)
            if start >= total and start:
                self.answer(416, 0, {"Content-Range": f"bytes */{total}"})
                return
            if start:
                extent = f"bytes {start}-{total - 1}/{total}"
                self.answer(206, total - start, {"Content-Range": extent, **named})
            else:
                self.answer(200, total, named)
            body = told.content[start:]
            if told.cuts:
                body = body[: told.cuts.pop(0)]
                self.close_connection = True
            self.wfile.write(body)

        def answer(self, status: int, length: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Nothing: the tests print enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        told.url = f"http://127.0.0.1:{server.server_port}/{name}"
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
