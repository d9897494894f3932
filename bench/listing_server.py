"""An S3 service that lists a million scans and their derivatives and holds none of them.

    python bench/listing_server.py OBJECTS MANIFEST [--milliseconds 0]

Prints its port. Bucket `collection` holds `scans/...` and, of a first night, `out/restored/...`,
`out/previews/...` and `out/manifest.parquet`, whose content is the file MANIFEST.
`ListObjectsV2` is answered in XML pages as Amazon's are, with prefix, delimiter, start and
continuation; HEAD and GET of any key other than the manifest with 404. With `--milliseconds`
every answer takes so long, as on a network.
"""

from __future__ import annotations

import argparse
import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web
from synthetic import Kind, derivatives_of, path_of

from tasks.paths import MANIFEST

_S3 = Kind("s3")
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="{}">'.format(
    "http://s3.amazonaws.com/doc/2006-03-01/"
)


@dataclass(frozen=True, slots=True)
class _Part:
    """Neighbouring keys: how many, the key at a place, the number of the scan it belongs to."""

    places: range
    key: Callable[[int], str]
    number: Callable[[int], int]
    is_scan: bool = False


def _parts(objects: int) -> list[_Part]:
    """All keys, in order."""
    return [
        _Part(range(1), lambda _: f"out/{MANIFEST}", lambda n: n),
        _Part(
            range(2 * objects),
            lambda n: f"out/{derivatives_of(n // 2)[1 + n % 2][1]}",
            lambda n: n // 2,
        ),
        _Part(range(objects), lambda n: f"out/{derivatives_of(n)[0][1]}", lambda n: n),
        _Part(range(objects), lambda n: f"scans/{path_of(n)}", lambda n: n, is_scan=True),
    ]


class Lister:
    """The bucket's keys in order, without holding them."""

    def __init__(self, objects: int) -> None:
        self._parts = _parts(objects)

    def keys(self, prefix: str, after: str) -> Iterator[tuple[str, int, bool]]:
        """Keys that begin with `prefix`, above `after`: key, number, whether it is a scan."""
        for part in self._parts:
            first = bisect_left(part.places, prefix, key=part.key)
            first = max(first, bisect_right(part.places, after, key=part.key))
            for place in part.places[first:]:
                key = part.key(place)
                if not key.startswith(prefix):
                    break
                yield key, part.number(place), part.is_scan

    def folders(self, prefix: str, after: str, delimiter: str) -> Iterator[str]:
        """What follows `after` below `prefix`, folders as one each."""
        keys = self.keys(prefix, after)
        while found := next(keys, None):
            inner, slash, _ = found[0][len(prefix) :].partition(delimiter)
            yield prefix + inner + slash
            if slash:
                keys = self.keys(prefix, f"{prefix}{inner}{slash}\U0010ffff")


def _page(lister: Lister, query: Any) -> str:
    prefix = query.get("prefix", "")
    after = query.get("continuation-token") or query.get("start-after", "")
    most = int(query.get("max-keys", "1000"))
    lines = []
    last = ""
    if query.get("delimiter"):
        if after.endswith("/"):
            after += "\U0010ffff"
        found = list(islice(lister.folders(prefix, after, query["delimiter"]), most + 1))
        for folder in found[:most]:
            name = escape(quote(folder, safe="/"))
            lines.append(f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>")
        last = found[most - 1] if len(found) > most else ""
    else:
        keys = list(islice(lister.keys(prefix, after), most + 1))
        for key, number, is_scan in keys[:most]:
            size, seconds, etag = _S3.state(number) if is_scan else _S3.derivative_state(number)
            lines.append(
                f"<Contents><Key>{quote(key, safe='/')}</Key>"
                f"<LastModified>{_text(seconds)}</LastModified>"
                f"<ETag>&quot;{etag}&quot;</ETag><ChecksumAlgorithm>CRC32"
                f"</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
                f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
        last = keys[most - 1][0] if len(keys) > most else ""
    token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if last else ""
    return (
        f"{_HEAD}<Name>collection</Name><EncodingType>url</EncodingType><KeyCount>{len(lines)}"
        f"</KeyCount><IsTruncated>{'true' if last else 'false'}</IsTruncated>{token}"
        f"{''.join(lines)}</ListBucketResult>"
    )


def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("objects", type=int)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--milliseconds", type=int, default=0)
    options = parser.parse_args()
    lister = Lister(options.objects)

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(options.milliseconds / 1000)
        if request.path.endswith(f"/out/{MANIFEST}") and options.manifest.is_file():
            return web.FileResponse(options.manifest, headers={"ETag": '"manifest"'})
        if request.query.get("list-type") != "2":
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        return web.Response(text=_page(lister, request.query), content_type="application/xml")

    async def serve() -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
