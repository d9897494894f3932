"""One page of an S3 listing, parsed for what Albumen asks of it.

botocore's own parser takes some fifteen times as long: most of the time of a night in which
nothing changed. Everything else of a request (signing, credentials, retries) stays botocore's:
this only takes the body out of its hands, through the event it offers for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from botocore.parsers import ResponseParserError

_EVENT = "before-parse.s3.ListObjectsV2"
_ANSWER = "AlbumenPage"
_NOTHING = b"<ListBucketResult/>"


class Item(NamedTuple):
    """An object: key, bytes, microseconds since the epoch (UTC), etag without quotes."""

    key: str
    size: int
    modified_us: int
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """Objects and, with a delimiter, folders (each ends in it); `token` leads to the next page
    and is empty on the last one."""

    items: list[Item]
    folders: list[str]
    token: str


def ask_page(filesystem: Any, **request: Any) -> Page:
    """`ListObjectsV2` through an s3fs file system. Raises what s3fs and botocore raise."""
    for _ in range(2):  # s3fs may have made itself a new client meanwhile
        filesystem.s3.meta.events.register(_EVENT, _take_over, unique_id=_EVENT)
        answer = filesystem.call_s3("list_objects_v2", **request)
        if _ANSWER in answer:
            page: Page = answer[_ANSWER]
            return page
    raise ResponseParserError("the answer to a listing was not handed on")


def _take_over(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Parse the body before botocore does, and leave it an empty listing."""
    if response_dict["status_code"] == 200:
        customized_response_dict[_ANSWER] = parse_page(response_dict["body"])
        response_dict["body"] = _NOTHING


def parse_page(body: bytes) -> Page:
    """Raises ResponseParserError for what is no page of a listing."""
    try:
        root = ElementTree.fromstring(body)
        space, name = root.tag[: root.tag.find("}") + 1], root.tag.rpartition("}")[2]
        if name != "ListBucketResult":
            raise ValueError(f"<{name}> instead of a listing")
        is_encoded = root.findtext(f"{space}EncodingType") == "url"
        items = _items(root, space)
        folders = [
            text
            for found in root.iterfind(f"{space}CommonPrefixes/{space}Prefix")
            if (text := found.text)
        ]
        if is_encoded:
            items = [item._replace(key=unquote_plus(item.key)) for item in items]
            folders = [unquote_plus(folder) for folder in folders]
        truncated = root.findtext(f"{space}IsTruncated") == "true"
        token = (root.findtext(f"{space}NextContinuationToken") or "") if truncated else ""
        if truncated and not token:
            raise ValueError("a page that is not the last one names no next one")
    except (ElementTree.ParseError, KeyError, TypeError, ValueError) as error:
        raise ResponseParserError(f"not a page of a listing: {error}") from error
    return Page(items, folders, token)


def _items(root: ElementTree.Element, space: str) -> list[Item]:
    key, size = f"{space}Key", f"{space}Size"
    modified, etag = f"{space}LastModified", f"{space}ETag"
    items = []
    for contents in root.iterfind(f"{space}Contents"):
        found: dict[str, Any] = {child.tag: child.text for child in contents}
        items.append(
            Item(
                found[key],
                int(found[size]),
                _microseconds(found[modified]),
                found[etag].strip('"'),
            )
        )
    return items


@lru_cache(4096)
def _microseconds(text: str) -> int:
    return microseconds_of(datetime.fromisoformat(text))


def microseconds_of(moment: datetime) -> int:
    """Microseconds since the epoch."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
