import itertools

from tasks import spool
from tasks.spool import Spool


def test_reads_back_what_was_appended_any_number_of_times() -> None:
    kept: Spool[tuple[int, str]] = Spool()
    assert list(kept) == []
    records = [(number, f"path/{number}") for number in range(2500)]
    for record in records:
        kept.append(record)
    assert len(kept) == 2500
    assert list(kept) == records
    kept.append((2500, "later"))
    assert list(kept) == [*records, (2500, "later")]


def test_two_readers_do_not_disturb_each_other() -> None:
    kept: Spool[int] = Spool()
    for number in range(5000):
        kept.append(number)
    pairs = list(itertools.zip_longest(kept, itertools.islice(kept, 1, None)))
    assert pairs[:2] == [(0, 1), (1, 2)] and pairs[-1] == (4999, None)


def test_goes_to_disk(monkeypatch: object) -> None:
    monkeypatch.setattr(spool, "_MEMORY_BYTES", 1000)  # type: ignore[attr-defined]
    kept: Spool[str] = Spool()
    for number in range(5000):
        kept.append(f"{number * 7919}")
    assert kept._file._rolled  # type: ignore[attr-defined]
    assert len(list(kept)) == 5000
