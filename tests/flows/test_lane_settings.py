"""What is asked of the lanes, on the command line and in a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.given import settings as given
from flows.lane_settings import by_stage, check_lanes, lane_wishes
from flows.settings_file import read_settings
from tasks.errors import UsageError

ALL = ("damage", "faces", "color")
PLACES: dict[str, Any] = {"source": "scans", "destination": "out"}


def test_options_and_a_file_say_the_same(tmp_path: Path) -> None:
    file = tmp_path / "lanes.toml"
    file.write_text(
        'lanes_per_gpu = 2\nio-nodes = "readers"\nwait_for_nodes = 900\nray_address = "auto"\n'
        "[gpus_per_stage]\ndamage = 0.3\nfaces = 0\ncolor = 0.2\n[actors]\ndamage = 2\n"
    )
    by_file = given(PLACES | {"settings_file": file})
    by_options = given(
        PLACES
        | {
            "lanes_per_gpu": 2,
            "io_nodes": "readers",
            "wait_for_nodes": 900.0,
            "ray_address": "auto",
            "gpus_per_stage": "damage=0.3, faces=0, color=0.2",
            "actors": "damage=2",
        }
    )
    assert lane_wishes(by_file) == lane_wishes(by_options)
    wishes = lane_wishes(by_file)
    assert wishes.gpus_per_stage == {"damage": 0.3, "faces": 0.0, "color": 0.2}
    assert (wishes.actors, wishes.io_nodes, wishes.wait_seconds) == ({"damage": 2}, "readers", 900)
    assert by_file.requested() == {}, "where a scan is restored does not change it"


def test_nothing_said_is_nothing_wished() -> None:
    wishes = lane_wishes(given(dict(PLACES)))
    assert not any((wishes.lanes, wishes.gpus_per_stage, wishes.actors, wishes.io_nodes))
    assert wishes.wait_seconds is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("damage", "stage=number"),
        ("", "stage=number"),
        ("smile=1", "'smile' is none of"),
        ("damage=much", "wants a number, not 'much'"),
        ("damage=1,damage=2", "named twice"),
    ],
)
def test_what_is_no_number_by_stage(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        by_stage("--actors", text)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"gpus_per_stage": "damage=1.5"}, "--gpus-per-stage"),
        ({"actors": "faces=0"}, "--actors"),
        ({"actors": "faces=1.5"}, "--actors"),
        ({"lanes_per_gpu": 0}, "--lanes-per-gpu"),
        ({"wait_for_nodes": -1.0}, "--wait-for-nodes"),
        ({"wait_for_nodes": 60.0}, "it needs --ray-address"),
        ({"io_nodes": "any"}, "it needs --ray-address"),
        ({"lanes_per_gpu": 2, "gpus_per_lane": 0.5}, "say the same"),
        ({"gpus_per_stage": "damage=0.6", "gpus_per_lane": 0.5}, "more than the 0.5 GPUs"),
        ({"gpus_per_lane": 1.5}, "whole ones"),
    ],
)
def test_wishes_that_make_no_sense(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_lanes(given(PLACES | options), ALL)


def test_a_table_is_for_stages_only(tmp_path: Path) -> None:
    file = tmp_path / "lanes.toml"
    file.write_text("[lanes]\ndamage = 1\n")
    with pytest.raises(UsageError, match="lanes is a table"):
        read_settings(file)
