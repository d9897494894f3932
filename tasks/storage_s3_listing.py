"""Listing of many S3 objects: several pages are asked for at once, and come in key order.

A page names the next one, so a plain listing waits for every answer in turn. Where there are
more than a few pages, the keys are divided at folders into stretches, and the stretches are
listed side by side, each from its first key (`StartAfter`) to its last. What is held is a few
hundred pages (60 MB) at most, however many objects and folders there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from tasks.errors import StorageError
from tasks.storage_s3_page import Item, Page

_AT_ONCE = 8
_PLAIN_PAGES = 16
"""As many are listed one after the other before it is worth asking for folders."""
_PAGES = 16
"""Pages of a stretch that are fetched before their turn. Stretches of about as many are aimed
at: the last page of each reaches beyond its end and is partly thrown away."""
_ENOUGH_FOLDERS = 16
_MOST_FOLDERS = 20_000
_MOST_GROUPED = 256


class Ask(Protocol):
    """Asks for one page below `prefix`: the one `token` names, or the first after a key."""

    def __call__(self, prefix: str, *, token: str, after: str, delimiter: str) -> Page:
        """Raises StorageError."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Keys above `after`, or from the page that `token` names, up to `end` (itself included)."""

    after: str = ""
    end: str = ""
    token: str = ""


_Fetched = tuple[list[list[Item]], _Stretch | None]


class _OutOfOrder(Exception):
    """Keys did not come where they belong: what is divided by order would not be whole."""


class Listing:
    """The objects of a bucket below one prefix."""

    def __init__(self, ask: Ask, prefix: str, is_ordered: bool) -> None:
        self._ask = ask
        self._prefix = prefix
        self._is_ordered = is_ordered
        self._is_ended = False
        self._grouped = 1

    def pages(self) -> Iterator[list[Item]]:
        """Pages of objects in the order of their keys."""
        pool = ThreadPoolExecutor(_AT_ONCE, "albumen-listing")
        try:
            yield from self._in_turn(pool)
        finally:
            self._is_ended = True
            pool.shutdown(wait=True, cancel_futures=True)

    def _in_turn(self, pool: ThreadPoolExecutor) -> Iterator[list[Item]]:
        waiting: deque[Future[_Fetched]] = deque([pool.submit(self._fetch, _Stretch(), 1)])
        stretches: Iterator[_Stretch] | None = None
        count, last = 0, ""
        while waiting:
            try:
                pages, rest = waiting.popleft().result()
            except _OutOfOrder:
                yield from self._plainly(last)
                return
            count += len(pages)
            if stretches is None:
                self._is_ordered = self._is_ordered and _ascends(pages, last)
            last = next((page[-1].key for page in reversed(pages) if page), last)
            if rest and stretches is None and self._is_ordered and count >= _PLAIN_PAGES:
                folders = self._folders(pool, last)
                rest = replace(rest, end=folders[0] if folders else "")
                stretches = self._stretches(folders)
            if rest:
                most = 1 if stretches is None else _PAGES
                waiting.appendleft(pool.submit(self._fetch, rest, most))
            while stretches and len(waiting) < _AT_ONCE and (found := next(stretches, None)):
                waiting.append(pool.submit(self._fetch, found, _PAGES))
            yield from pages

    def _fetch(self, stretch: _Stretch, most: int) -> _Fetched:
        """At most so many pages of a stretch, and what then is left of it."""
        pages: list[list[Item]] = []
        after = stretch.after
        while not self._is_ended:
            page = self._ask(self._prefix, token=stretch.token, after=stretch.after, delimiter="")
            items, is_last = page.items, not page.token
            if stretch.after or stretch.end:
                if not _ascends([items], after):
                    raise _OutOfOrder
                after = items[-1].key if items else after
                is_last = is_last or bool(stretch.end and after >= stretch.end)
                if stretch.end and after > stretch.end:
                    items = [item for item in items if item.key <= stretch.end]
            pages.append(items)
            if is_last:
                self._learn(pages)
                return pages, None
            stretch = replace(stretch, token=page.token)
            if len(pages) >= most:
                self._grouped = max(1, self._grouped // 2) if most > 1 else self._grouped
                return pages, stretch
        return [], None

    def _plainly(self, last: str) -> Iterator[list[Item]]:
        """For a storage that does not know `StartAfter`: page after page, from the beginning;
        what has been handed on already, all up to the key `last`, is left out."""
        token, before = "", ""
        while True:
            page = self._ask(self._prefix, token=token, after="", delimiter="")
            if not _ascends([page.items], before):
                raise StorageError("this storage lists its objects in no order of their names")
            before = page.items[-1].key if page.items else before
            yield [item for item in page.items if item.key > last]
            token = page.token
            if not token:
                return

    def _learn(self, pages: list[list[Item]]) -> None:
        """Many small folders make one stretch."""
        if len(pages) <= _PAGES // 2:
            self._grouped = min(2 * self._grouped, _MOST_GROUPED)

    def _stretches(self, folders: list[str]) -> Iterator[_Stretch]:
        at = 0
        while at < len(folders):
            following = at + self._grouped
            yield _Stretch(folders[at], folders[following] if following < len(folders) else "")
            at = following

    def _folders(self, pool: ThreadPoolExecutor, last: str) -> list[str]:
        """Folders above the key `last`, in order, down to the level that has enough of them."""
        above: list[str] = []
        level = [self._prefix]
        while level and len(above) < _ENOUGH_FOLDERS:
            inner = pool.map(lambda folder: self._folders_in(folder, last), level)
            level = [folder for found in inner for folder in found]
            above += [folder for folder in level if folder > last]
        return sorted(above)[:_MOST_FOLDERS]

    def _folders_in(self, folder: str, last: str) -> list[str]:
        """The folders in a folder, beginning with the one that holds the key `last`."""
        found: list[str] = []
        token = ""
        after = last.removeprefix(folder).partition("/")[0] if last.startswith(folder) else ""
        while not self._is_ended:
            page = self._ask(
                folder, token=token, after=folder + after if after else "", delimiter="/"
            )
            found += page.folders
            token = page.token
            if not token or not page.folders or len(found) >= _MOST_FOLDERS:
                break  # a page without any: files lie flat here, however many
        return found


def _ascends(pages: list[list[Item]], after: str) -> bool:
    keys = [after, *(item.key for page in pages for item in page)]
    return all(a < b for a, b in pairwise(keys))
