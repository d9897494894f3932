"""A schedule as it is given: the collections, their files, the moment a night ends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cli import ask

from flows.collection import collection, collections_in, night_settings
from flows.until import Until, end_of, in_zone, machine_zone
from tasks.errors import UsageError

FILE = """
colorize = "never"
until = "06:30"
max_failed = 0
[schedule]
source = "s3://masters/prints"
destination = "s3://restored/prints"
cron = "30 1 * * *"
timezone = "Europe/Vienna"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prints.toml"
    path.write_text(FILE)
    return path


def test_a_file_says_it_all(file: Path) -> None:
    found = collection({}, file, None, None)
    assert (found.name, found.cron, found.timezone) == ("prints", "30 1 * * *", "Europe/Vienna")
    settings = found.settings()
    assert (settings.source, settings.destination) == (
        "s3://masters/prints",
        "s3://restored/prints",
    )
    assert (settings.colorize, settings.max_failed) == ("never", 0)
    assert settings.until == "06:30 Europe/Vienna"
    assert settings.requested() == {"colorize": "never"}


def test_the_command_line_comes_before_the_file(file: Path, tmp_path: Path) -> None:
    given = {"source": str(tmp_path / "in"), "strength": 0.0, "refresh": False, "mode": None}
    found = collection(given, file, "0 3 * * 1", "America/Lima", "other")
    assert (found.name, found.cron, found.timezone) == ("other", "0 3 * * 1", "America/Lima")
    assert found.given == {"source": str(tmp_path / "in"), "strength": 0.0}
    settings = found.settings()
    assert (settings.source, settings.strength) == (str(tmp_path / "in"), 0.0)
    assert settings.until == "06:30 America/Lima"


def test_every_night_reads_the_file_again(file: Path) -> None:
    parameters = collection({}, file, None, None).parameters()
    file.write_text(FILE.replace('"never"', '"always"'))
    assert night_settings(**parameters).colorize == "always"
    file.write_text(FILE.replace('"never"', '"sometimes"'))
    with pytest.raises(UsageError, match="--colorize"):
        night_settings(**parameters)


def test_relative_folders_are_made_absolute(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    found = collection({"source": "in", "destination": "out"}, None, None, "UTC")
    assert found.given == {"source": str(tmp_path / "in"), "destination": str(tmp_path / "out")}
    assert (found.name, found.cron) == ("out", "0 2 * * *")


def test_storage_options_reach_the_nights_by_the_environment(monkeypatch: Any) -> None:
    given = {"source": "s3://a", "destination": "s3://b"}
    monkeypatch.setenv("ALBUMEN_STORAGE_OPTIONS", '["secret=hush", "region=eu"]')
    found = collection(given, None, None, "UTC")
    assert "hush" not in repr(found.parameters())
    assert found.settings().storage_options["secret"].get_secret_value() == "hush"


def test_several_collections(file: Path, tmp_path: Path) -> None:
    other = FILE.replace("prints", "plates").replace('timezone = "Europe/Vienna"', "")
    (tmp_path / "plates.toml").write_text(other)
    (tmp_path / "notes.txt").write_text("no collection")
    found = collections_in([tmp_path], None, "Asia/Tokyo")
    assert [one.name for one in found] == ["plates", "prints"]
    assert [one.timezone for one in found] == ["Asia/Tokyo"] * 2
    assert [one.name for one in collections_in([file], None, None)] == ["prints"]
    (tmp_path / "twin.toml").write_text(FILE)
    with pytest.raises(UsageError, match="same destination"):
        collections_in([tmp_path], None, None)
    (tmp_path / "twin.toml").write_text(other.replace("[schedule]", '[schedule]\nname = "prints"'))
    with pytest.raises(UsageError, match="same name"):
        collections_in([tmp_path], None, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[schedule]", "[schedule]\nhour = 2"), "'hour' is none of"),
        (('"30 1 * * *"', '"half past one"'), "--cron 'half past one'"),
        (('"30 1 * * *"', '"61 1 * * *"'), "--cron '61 1"),
        (('"30 1 * * *"', "30"), "cron wants a text"),
        (("Europe/Vienna", "Europe/Wien"), "--timezone 'Europe/Wien'"),
        (('"06:30"', '"half past six"'), "--until wants"),
        (('"06:30"', '"06:30 Mars"'), "--until 'Mars'"),
        (('source = "s3://masters/prints"', ""), "names no source"),
        (('colorize = "never"', 'colourize = "never"'), "'colourize' is no setting"),
        (('colorize = "never"', 'verify_source = "much"'), "--verify-source"),
        (("[schedule]", '[schedule]\nname = "a/b"'), "'a/b'"),
    ],
)
def test_a_file_with_a_mistake(file: Path, change: tuple[str, str], said: str) -> None:
    file.write_text(FILE.replace(*change))
    done = ask("schedule", "--collections", file)
    assert done.code == 2 and said in done.err, done


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "names no source"),
        (["a", "b", "--cron", "* *"], 2, "--cron"),
        (["a", "b", "--timezone", "here"], 2, "--timezone"),
        (["a", "b", "--until", "25:00"], 2, "--until"),
        (["a", "b", "--strength", "7"], 2, "--strength"),
        (["a", "b", "--settings", "missing.toml"], 2, "missing.toml"),
        (["a", "b", "--collections", "c.toml"], 2, "leave out source, destination"),
        (["--collections", "c.toml", "--faces", "off"], 2, "leave out faces"),
        (["--collections", "."], 2, "no .toml file"),
        (["a", "b", "--work-pool", "p", "--storage-option", "key=x"], 2, "--storage-option"),
        (["a", "b"], 4, "PREFECT_API_URL"),
    ],
)
def test_a_command_with_a_mistake(
    options: list[str], code: int, said: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flows.schedule._has_server", lambda: False)
    done = ask("schedule", *options)
    assert done.code == code and said in done.err, done


def test_restore_leaves_the_schedule_alone(file: Path, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    done = ask("plan", tmp_path / "scans", tmp_path / "out", "--settings", file)
    assert done.code == 0, done


@pytest.mark.parametrize(
    ("until", "start", "end"),
    [
        ("06:30 UTC", "2026-11-23T02:00+00:00", "2026-11-23T06:30+00:00"),
        ("06:30Z", "2026-11-23T06:30+00:00", "2026-11-24T06:30+00:00"),
        ("6:30 Europe/Vienna", "2026-11-23T02:00+00:00", "2026-11-23T05:30+00:00"),
        ("06:30 Europe/Vienna", "2026-06-23T22:00+00:00", "2026-06-24T04:30+00:00"),
        ("06:30 +05:30", "2026-11-23T02:00+00:00", "2026-11-24T01:00+00:00"),
        # the night in which the clock is put forward, and the one in which it is put back
        ("06:30 Europe/Vienna", "2026-03-29T00:30+00:00", "2026-03-29T04:30+00:00"),
        ("06:30 Europe/Vienna", "2026-10-25T00:30+00:00", "2026-10-25T05:30+00:00"),
    ],
)
def test_the_moment_a_night_ends(until: str, start: str, end: str) -> None:
    found = end_of(until, datetime.fromisoformat(start))
    assert found is not None and found.astimezone(UTC) == datetime.fromisoformat(end)


def test_without_a_zone_the_machines_is_meant(monkeypatch: Any) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert machine_zone() == "Asia/Tokyo"
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert Until.parse("06:30").after(start).astimezone(UTC).hour == 21
    assert in_zone("06:30", "UTC") == "06:30 UTC" and in_zone("06:30Z", "Asia/Tokyo") == "06:30Z"
    assert end_of(None, start) is None
