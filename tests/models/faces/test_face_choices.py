import pytest

from models.contract import BadStageInput
from models.faces.choices import (
    CHOICES,
    DEFAULT_MODEL,
    DETECT_REVISION,
    FACE_MODELS,
    handling,
    resolved,
)
from models.weights.table import row_of


def test_every_choice_has_weights_in_the_table_and_their_side() -> None:
    for choice in CHOICES.values():
        row = row_of(choice.weights)
        assert row.stage == "faces" and choice.side == row.settings["side"]
    assert (CHOICES["published-256"].side, CHOICES["published-512"].side) == (256, 512)
    revisions = {choice.revision for choice in CHOICES.values()}
    assert len(revisions) == len(CHOICES) and DETECT_REVISION not in revisions


def test_auto_is_the_embedded_one() -> None:
    assert resolved("auto") == DEFAULT_MODEL and row_of(CHOICES[DEFAULT_MODEL].weights).embedded
    assert set(FACE_MODELS) == {"auto", *CHOICES}
    assert all(resolved(name) == name for name in CHOICES)


def test_other_words_are_refused() -> None:
    with pytest.raises(BadStageInput, match="published-256"):
        resolved("prettiest")
    assert handling("detect") == "detect"
    with pytest.raises(BadStageInput, match="off, detect, enhance"):
        handling("beautify")
