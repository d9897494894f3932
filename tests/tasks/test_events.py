"""Lines of a log: complete, one line each, and without what does not belong there."""

from __future__ import annotations

import json
import logging

import pytest

from tasks.events import FIELDS, Event, JsonFormatter, TextFormatter, emit, event, masked


class Lines(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logger() -> logging.Logger:
    """One apart: what pytest captures of the others must be UTF-8 to be sent between processes."""
    return logging.Logger("events-under-test", logging.INFO)


def test_json_says_everything_and_when_it_happened(logger: logging.Logger) -> None:
    lines = Lines(JsonFormatter({"run": "000012-ab", "host": "driver"}))
    logger.addHandler(lines)
    failed = event(
        logging.WARNING,
        "failed: ends early",
        "Traceback ...\nValueError: x",
        scan="Schachtel 3/Müller.tif",
        status="failed",
        error_class="CorruptFile",
        seconds=1.25,
        host="gpu-1",
    )
    emit(logger, [Event(failed.level, failed.message, 1e9, failed.fields, failed.trace)])
    assert json.loads(lines.lines[0]) == {
        "time": "2001-09-09T01:46:40.000+00:00",
        "level": "warning",
        "logger": "events-under-test",
        "message": "failed: ends early",
        "run": "000012-ab",
        "scan": "Schachtel 3/Müller.tif",
        "status": "failed",
        "error_class": "CorruptFile",
        "seconds": 1.25,
        "host": "gpu-1",
        "traceback": "Traceback ...\nValueError: x",
    }


@pytest.mark.parametrize("kind", [JsonFormatter, TextFormatter])
def test_whatever_a_file_is_called_it_stays_one_line(
    logger: logging.Logger, kind: type[JsonFormatter] | type[TextFormatter]
) -> None:
    lines = Lines(kind({}))
    logger.addHandler(lines)
    hostile = 'a\n{"level": "error"}\r\x1b[31m\u2028b\udcff.tif'
    emit(logger, [event(logging.INFO, f"restored {hostile}", scan=hostile)])
    (line,) = lines.lines
    assert line.splitlines() == [line]
    assert "\x1b" not in line
    line.encode()  # no lone surrogate is left
    if kind is JsonFormatter:
        assert json.loads(line)["scan"] == hostile


def test_text_is_for_persons(logger: logging.Logger) -> None:
    lines = Lines(TextFormatter({"run": "000001-a"}))
    logger.addHandler(lines)
    emit(logger, [event(logging.INFO, "restored", scan="box 1/a.tif", seconds=0.5)])
    assert lines.lines[0].endswith('INFO     restored run=000001-a scan="box 1/a.tif" seconds=0.5')


def test_plain_logging_gets_the_same_form(logger: logging.Logger) -> None:
    lines = Lines(JsonFormatter({"run": "000001-a"}))
    logger.addHandler(lines)
    try:
        raise ValueError("token=hush")
    except ValueError:
        logger.warning("heartbeat failed: %s", "secret_key=abc", exc_info=True)
    told = json.loads(lines.lines[0])
    assert told["run"] == "000001-a"
    assert told["message"] == "heartbeat failed: secret_key=***"
    assert told["traceback"].endswith("ValueError: token=***")


def test_there_is_no_field_for_what_must_not_be_told() -> None:
    for name in ("descriptor", "options", "embedding", "settings"):
        assert name not in FIELDS
        with pytest.raises(ValueError, match=name):
            event(logging.INFO, "a face", **{name: "..."})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("GET https://anna:geheim@host/x", "GET https://***@host/x"),
        ("X-Amz-Signature=abc123&X-Amz-Date=7", "X-Amz-Signature=***&X-Amz-Date=7"),
        ("{'aws_secret_access_key': 'abc', 'x': 1}", "{'aws_secret_access_key': '***', 'x': 1}"),
        ("RAY_AUTH_TOKEN=abc is wrong", "RAY_AUTH_TOKEN=*** is wrong"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("box 3/token.tif failed", "box 3/token.tif failed"),
        ("s3://bucket/secrets/a.tif: not found", "s3://bucket/secrets/a.tif: not found"),
    ],
)
def test_credentials_are_masked(said: str, told: str) -> None:
    assert masked(said) == told
