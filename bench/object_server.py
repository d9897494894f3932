"""As much of S3 as storing and fetching needs, as quick as one Python process can serve it.

    python bench/object_server.py FOLDER

Prints its port. Objects are files of FOLDER; signatures are not looked at, so what is measured
against it is the client. PUT, GET (with ranges and If-Match), HEAD, DELETE, multipart uploads and
`ListObjectsV2` of a whole bucket.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from aiohttp import web


class Objects:
    """The files behind the keys, their etags, and the parts of unfinished uploads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, tuple[Path, str, datetime]] = {}
        self._parts: dict[str, dict[int, tuple[Path, str]]] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        query, key = request.query, request.path
        if request.method == "PUT":
            path, digest = await self._received(request)
            if "uploadId" in query:
                self._parts[query["uploadId"]][int(query["partNumber"])] = path, digest
            else:
                self._found[key] = path, digest, datetime.now(UTC)
            return web.Response(headers={"ETag": f'"{digest}"'})
        if request.method == "POST" and "uploads" in query:
            upload = secrets.token_hex(8)
            self._parts[upload] = {}
            return _xml(f"<X><UploadId>{upload}</UploadId></X>")
        if request.method == "POST":
            await request.read()
            etag = self._complete(key, query["uploadId"])
            return _xml(f"<X><ETag>{etag}</ETag></X>")
        if request.method == "DELETE":
            if "uploadId" in query:
                self._parts.pop(query["uploadId"], None)
            self._found.pop(key, None)
            return web.Response(status=204)
        if "list-type" in query:
            return _xml(self._listing(key.strip("/")))
        return self._get(request)

    async def _received(self, request: web.Request) -> tuple[Path, str]:
        path = self._folder / secrets.token_hex(8)
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("wb") as file:
            async for block in request.content.iter_chunked(1 << 20):
                digest.update(block)
                file.write(block)
        return path, digest.hexdigest()

    def _complete(self, key: str, upload: str) -> str:
        parts = [part for _, part in sorted(self._parts.pop(upload).items())]
        first = parts[0][0]
        with first.open("ab") as whole:
            for path, _ in parts[1:]:
                whole.write(path.read_bytes())
                path.unlink()
        sums = b"".join(bytes.fromhex(digest) for _, digest in parts)
        etag = f"{hashlib.md5(sums, usedforsecurity=False).hexdigest()}-{len(parts)}"
        self._found[key] = first, etag, datetime.now(UTC)
        return etag

    def _get(self, request: web.Request) -> web.StreamResponse:
        if request.path not in self._found:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        path, etag, modified = self._found[request.path]
        if request.headers.get("If-Match", etag).strip('"') != etag:
            return web.Response(status=412, text="<Error><Code>PreconditionFailed</Code></Error>")
        size = path.stat().st_size
        headers = {
            "ETag": f'"{etag}"',
            "Last-Modified": modified.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }
        if request.method == "HEAD":
            return web.Response(headers=headers | {"Content-Length": str(size)})
        wanted = re.match(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if not wanted:
            return web.Response(body=path.read_bytes(), headers=headers)
        first = int(wanted[1])
        end = min(int(wanted[2] or size) + 1, size)
        with path.open("rb") as file:
            file.seek(first)
            body = file.read(end - first)
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        return web.Response(status=206, body=body, headers=headers)

    def _listing(self, bucket: str) -> str:
        lines = [
            f"<Contents><Key>{escape(key.removeprefix(f'/{bucket}/'))}</Key>"
            f"<LastModified>{modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag><Size>{path.stat().st_size}</Size></Contents>"
            for key, (path, etag, modified) in sorted(self._found.items())
        ]
        return f"<ListBucketResult>{''.join(lines)}</ListBucketResult>"


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/xml")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    objects = Objects(parser.parse_args().folder)

    async def serve() -> None:
        application = web.Application(client_max_size=1 << 40)
        application.router.add_route("*", "/{path:.*}", objects.answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
