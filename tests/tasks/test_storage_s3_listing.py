import threading
from bisect import bisect_right
from collections.abc import Callable
from itertools import chain

import pytest
from botocore.parsers import ResponseParserError

from tasks import storage_s3_listing
from tasks.errors import StorageError
from tasks.storage_s3_listing import Listing
from tasks.storage_s3_page import Item, Page, parse_page


class Bucket:
    """Answers as S3 does, a few keys a page, and counts."""

    def __init__(self, keys: list[str], page: int = 10, knows_start: bool = True) -> None:
        self.keys = sorted(keys)
        self.page = page
        self.knows_start = knows_start
        self.plain = 0
        self.delimited = 0

    def __call__(self, prefix: str, *, token: str, after: str, delimiter: str) -> Page:
        after = token or (after if self.knows_start else "")
        found: list[str] = []
        for key in self.keys[bisect_right(self.keys, after) :]:
            inner, slash, _ = key[len(prefix) :].partition(delimiter or "\0")
            name = prefix + inner + slash
            if not key.startswith(prefix) or (slash and name == after) or name in found[-1:]:
                continue
            found.append(name)
            if len(found) > self.page:
                break
        if delimiter:
            self.delimited += 1
        else:
            self.plain += 1
        kept = found[: self.page]
        return Page(
            [Item(name, 1, 0, "e") for name in kept if not (delimiter and name.endswith("/"))],
            [name for name in kept if delimiter and name.endswith("/")],
            kept[-1] if len(found) > self.page else "",
        )


def listed(ask: Bucket, prefix: str = "scans/") -> list[str]:
    pages = Listing(ask, prefix, is_ordered=True).pages()
    return [item.key for item in chain.from_iterable(pages)]


def flat() -> list[str]:
    return [f"scans/{n:05d}.tif" for n in range(700)]


def boxes() -> list[str]:
    return [f"scans/box {n // 23:03d}/{n:05d}.tif" for n in range(1500)]


def deep_and_uneven() -> list[str]:
    inner = [f"scans/a/b/c{n % 5}/{n % 7}/{n:05d}.jpg" for n in range(900)]
    return [*inner, *(f"scans/{n:03d}.tif" for n in range(250)), "scans/z/1", "scans/é/ü/2"]


def tiny_folders() -> list[str]:
    return [f"scans/{n:05d}/only.tif" for n in range(1200)]


def folder_markers() -> list[str]:
    return [*boxes(), *(f"scans/box {n:03d}/" for n in range(66)), "scans/box 001.tif"]


@pytest.mark.parametrize("keys", [flat, boxes, deep_and_uneven, tiny_folders, folder_markers])
def test_all_keys_once_and_in_order(keys: Callable[[], list[str]]) -> None:
    wanted = keys()
    bucket = Bucket([*wanted, "scans-other/x", "scan", "z/y"])
    assert listed(bucket) == sorted(wanted)
    # Never a request a folder: about as many as a plain listing takes, and some more.
    assert bucket.plain <= 2.2 * len(wanted) / bucket.page + 40
    assert bucket.delimited <= len(wanted) / bucket.page + 60


def test_short_listings_are_asked_for_plainly() -> None:
    bucket = Bucket(boxes()[:155])
    assert listed(bucket) == sorted(boxes()[:155])
    assert (bucket.plain, bucket.delimited) == (16, 0)
    assert listed(Bucket([])) == []


def test_pages_are_asked_for_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3)  # breaks unless three requests are under way at once
    first = iter(range(3))

    class Slow(Bucket):
        def __call__(self, prefix: str, *, token: str, after: str, delimiter: str) -> Page:
            if after and not delimiter and next(first, None) is not None:
                together.wait(timeout=30)
            return super().__call__(prefix, token=token, after=after, delimiter=delimiter)

    monkeypatch.setattr(storage_s3_listing, "_PLAIN_PAGES", 2)
    keys = [f"scans/{n // 15:02d}/{n:04d}" for n in range(900)]
    assert listed(Slow(keys)) == keys
    assert next(first, None) is None


def test_what_is_fetched_ahead_is_bounded() -> None:
    bucket = Bucket([f"scans/{n // 1000:03d}/{n:06d}" for n in range(20_000)])
    pages = Listing(bucket, "scans/", is_ordered=True).pages()
    for _ in range(40):
        next(pages)
    most = (storage_s3_listing._AT_ONCE + 2) * storage_s3_listing._PAGES
    assert bucket.plain <= 40 + most
    pages.close()  # type: ignore[attr-defined]


def test_a_service_that_does_not_know_start_after_is_listed_plainly() -> None:
    bucket = Bucket(boxes(), knows_start=False)
    assert listed(bucket) == sorted(boxes())


def test_a_service_without_order_is_listed_plainly() -> None:
    class Shuffled(Bucket):
        def __call__(self, prefix: str, *, token: str, after: str, delimiter: str) -> Page:
            page = super().__call__(prefix, token=token, after=after, delimiter=delimiter)
            return Page(page.items[::-1], page.folders, page.token)

    bucket = Shuffled(boxes())
    assert sorted(listed(bucket)) == sorted(boxes())
    assert bucket.delimited == 0


def test_order_lost_on_the_way_is_an_error_not_a_gap() -> None:
    class Late(Bucket):
        def __call__(self, prefix: str, *, token: str, after: str, delimiter: str) -> Page:
            page = super().__call__(prefix, token=token, after=after, delimiter=delimiter)
            late = any("box 060" in item.key for item in page.items)
            return Page(page.items[::-1] if late else page.items, page.folders, page.token)

    with pytest.raises(StorageError, match="no order"):
        listed(Late(boxes()))


def test_an_error_on_the_way_ends_the_listing() -> None:
    class Broken(Bucket):
        def __call__(self, prefix: str, *, token: str, after: str, delimiter: str) -> Page:
            if self.plain > 40:
                raise StorageError("gone")
            return super().__call__(prefix, token=token, after=after, delimiter=delimiter)

    with pytest.raises(StorageError, match="gone"):
        listed(Broken(boxes()))


# -- pages


PAGE = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>a+b%2F==</NextContinuationToken>
<Contents><Key>scans/a+b%2B%C3%A9%0A.tif</Key>
<LastModified>2024-02-29T12:00:00.123Z</LastModified><ETag>&quot;abc-2&quot;</ETag>
<Owner><ID>x</ID></Owner><Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>
<CommonPrefixes><Prefix>scans/box+1/</Prefix></CommonPrefixes></ListBucketResult>"""


def test_a_page_is_parsed() -> None:
    page = parse_page(PAGE)
    assert page.items == [Item("scans/a b+é\n.tif", 12, 1_709_208_000_123_000, "abc-2")]
    assert page.folders == ["scans/box 1/"]
    assert page.token == "a+b%2F=="


def test_a_page_of_another_maker_is_parsed() -> None:
    plain = PAGE.replace(b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b"")
    plain = plain.replace(b"<EncodingType>url</EncodingType>", b"").replace(b"&quot;", b"")
    page = parse_page(plain.replace(b"<IsTruncated>true", b"<IsTruncated>false"))
    assert page.items[0].key == "scans/a+b%2B%C3%A9%0A.tif" and page.items[0].etag == "abc-2"
    assert page.token == ""


@pytest.mark.parametrize(
    "body",
    [
        PAGE[:-30],
        b"",
        b"<Error><Code>SlowDown</Code></Error>",
        PAGE.replace(b"<Size>12</Size>", b""),
        PAGE.replace(b"<NextContinuationToken>a+b%2F==</NextContinuationToken>", b""),
    ],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(ResponseParserError, match="not a page of a listing"):
        parse_page(body)
