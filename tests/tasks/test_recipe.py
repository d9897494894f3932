import json
import pickle

import pytest

from tasks.errors import UsageError
from tasks.recipe import Recipe

BASE = Recipe(revisions={"damage": "1", "faces": "1"}, weights={"scratch": "ab" * 32})


def test_order_and_spelling_do_not_matter() -> None:
    a = Recipe(
        stages=("color", "damage"), weights={"x": "1", "y": "2"}, requested={"b": 1, "a": [2]}
    )
    b = Recipe(
        stages=("damage", "color"), weights={"y": "2", "x": "1"}, requested={"a": [2], "b": 1}
    )
    assert a == b and hash(a) == hash(b) and a.digest == b.digest
    assert a.requested_json == b.requested_json == '{"a":[2],"b":1}'
    assert pickle.loads(pickle.dumps(a)) == a


@pytest.mark.parametrize(
    "change",
    [
        {"stages": ("damage",)},
        {"mode": "revive"},
        {"colorize": "never"},
        {"faces": "detect"},
        {"format": "png"},
        {"keep_masks": True},
        {"skip_unchanged": True},
        {"revisions": {"damage": "2", "faces": "1"}},
        {"weights": {"scratch": "cd" * 32}},
    ],
)
def test_what_determines_derivatives_changes_the_digest(change: dict[str, object]) -> None:
    settings = {"revisions": BASE.revisions, "weights": BASE.weights} | change
    assert Recipe(**settings).digest != BASE.digest  # type: ignore[arg-type]


def test_strengths_count_where_they_change_pixels() -> None:
    def digest(**settings: object) -> str:
        return Recipe(**settings).digest  # type: ignore[arg-type]

    for name in ("strength", "tone_strength"):
        assert digest(**{name: 0.5}) == digest()  # repair knows no strength
        assert digest(mode="revive", **{name: 0.5}) != digest(mode="revive")
        assert digest(mode="revive", **{name: 0.5}) != digest(mode="revive", **{name: 0.0})
    assert digest(mode="revive", strength=0.5) != digest(mode="revive", tone_strength=0.5)
    # The model is known by its revision and weights, not by the name it was asked for under.
    assert digest(damage_model="direct") == digest()


def test_the_face_network_counts_where_faces_are_enhanced() -> None:
    def recipe(**settings: object) -> Recipe:
        known = {
            "revisions": {"damage": "1", "faces": "look"},
            "weights": {"scratch": "ab"},
            "face_revision": "look direct/1",
            "face_weights": {"enhancer": "cd"},
        }
        return Recipe(**known | settings)  # type: ignore[arg-type]

    plain = recipe()
    kept = json.loads(plain.settings_json)
    assert kept["revisions"]["faces"] == "look direct/1"
    assert kept["weights"] == {"scratch": "ab", "enhancer": "cd"}
    for other in (
        {"face_weights": {"enhancer": "ef"}},
        {"face_revision": "look direct/2"},
        {"face_strength": 0.5},
    ):
        assert recipe(**other).digest != plain.digest
        for faces in ("off", "detect"):  # which a list may ask of one scan
            assert (
                recipe(**other).override(faces=faces).digest == plain.override(faces=faces).digest
            )
    detected = json.loads(plain.override(faces="detect").settings_json)
    assert detected["revisions"]["faces"] == "look"
    assert detected["weights"] == {"scratch": "ab"}
    back = recipe(faces="detect").override(faces="enhance")
    assert back.digest == plain.digest
    assert recipe(face_model="direct").digest == plain.digest


def test_the_colour_network_counts_where_it_may_be_used() -> None:
    def recipe(**settings: object) -> Recipe:
        known: dict[str, object] = {
            "revisions": {"damage": "1", "color": "look decision/1"},
            "weights": {"scratch": "ab"},
            "color_revision": "look lite/1",
            "color_weights": {"generator": "cd"},
        }
        return Recipe(**known | settings)  # type: ignore[arg-type]

    plain = recipe()
    kept = json.loads(plain.settings_json)
    assert plain.may_colorize and kept["revisions"]["color"] == "look lite/1"
    assert kept["weights"] == {"scratch": "ab", "generator": "cd"}
    assert not {"render_factor", "saturation", "keep_uncertainty"} & kept.keys()
    never = plain.override(colorize="never")
    assert not never.may_colorize
    assert json.loads(never.settings_json)["weights"] == {"scratch": "ab"}
    for other in (
        {"color_weights": {"generator": "ef"}},
        {"color_revision": "look lite/2"},
        {"render_factor": 20},
        {"saturation": 0.0},
        {"keep_uncertainty": True},
    ):
        assert recipe(**other).digest != plain.digest
        assert recipe(**other).override(colorize="never").digest == never.digest
        without = {"stages": ("damage",)}
        assert recipe(**other, **without).digest == recipe(**without).digest
    assert recipe(colorize="never").override(colorize="auto").digest == plain.digest
    # Without a network nothing but the decision counts, as before there was one.
    measured = recipe(color_revision=None, color_weights={}, render_factor=20)
    assert not measured.may_colorize
    assert json.loads(measured.settings_json)["revisions"]["color"] == "look decision/1"
    assert measured.digest == recipe(color_revision=None, color_weights={}).digest


def test_another_face_detector_counts_where_faces_are_looked_for() -> None:
    other = Recipe(
        revisions=BASE.revisions,
        weights=BASE.weights,
        face_detector="yunet",
        detector_revision="yunet/1",
        detector_weights={"yunet": "ef"},
    )
    assert BASE.looks_for_faces and other.digest != BASE.digest
    kept = json.loads(other.settings_json)
    assert kept["face_detector"] == "yunet/1"
    assert kept["weights"] == {"scratch": "ab" * 32, "yunet": "ef"}
    assert other.override(faces="detect").digest != BASE.override(faces="detect").digest
    for unseen in ({"faces": "off"}, {"stages": ("color",)}, {"stages": ()}):
        one, two = BASE.override(**unseen), other.override(**unseen)  # type: ignore[arg-type]
        assert not two.looks_for_faces and two.digest == one.digest
    assert other.override(stages=("damage",)).looks_for_faces  # which is careful inside faces
    # The default is part of the look; what was restored before there was a choice stays done.
    assert Recipe(face_detector="dlib").digest == Recipe().digest


def test_choices_alone_do_not_change_the_digest() -> None:
    chosen = Recipe(revisions=BASE.revisions, weights=BASE.weights, requested={"mode": "repair"})
    assert chosen.digest == BASE.digest
    assert json.loads(chosen.requested_json) == {"mode": "repair"}
    assert json.loads(BASE.requested_json) == {}


def test_revisions_of_stages_that_do_not_run_do_not_matter() -> None:
    one = Recipe(stages=("damage",), revisions={"damage": "1", "color": "1"})
    other = Recipe(stages=("damage",), revisions={"damage": "1", "color": "2"})
    assert one.digest == other.digest
    off = Recipe(faces="off", revisions={"faces": "1"})
    assert off.active_stages == ("damage", "color")
    assert off.digest == Recipe(faces="off", revisions={"faces": "2"}).digest


def test_settings_are_readable() -> None:
    settings = json.loads(BASE.settings_json)
    assert settings["stages"] == ["damage", "faces", "color"]
    assert settings["revisions"] == {"damage": "1", "faces": "1"}
    assert settings["weights"] == {"scratch": "ab" * 32}


def test_override_counts_as_chosen() -> None:
    chosen = BASE.override(stages=["color"], colorize="always", faces=None)
    assert chosen.stages == ("color",) and chosen.faces == BASE.faces
    assert json.loads(chosen.requested_json) == {"stages": ["color"], "colorize": "always"}
    assert chosen.digest != BASE.digest
    assert BASE.override() == BASE


@pytest.mark.parametrize(
    "bad",
    [{"mode": "x"}, {"colorize": "yes"}, {"faces": True}, {"format": "gif"}, {"stages": ("x",)}],
)
def test_unknown_values(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Recipe(**bad)  # type: ignore[arg-type]
