"""Networks to be measured: the product's models, and files of trainings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_colors import SMALL, embed_tiny, without_embedded

from models.color.choices import CHOICES
from models.color.colorizer import load_colorizer
from models.color.generator import ColorUNet
from models.evaluation.color_networks import network_of_file, network_of_model
from models.weights import WeightsMismatch, WeightsMissing, WeightsTruncated, export
from models.weights.store import write_safetensors

LUMA = np.random.default_rng(0).random((64, 96), np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    network = ColorUNet(**SMALL)
    with torch.no_grad():
        network.layers[-1][0].weight.normal_(0, 0.1)  # type: ignore[index]
    path = tmp_path / "trial-3.safetensors"
    export("color_generator", network, path, {"settings": SMALL})
    return path


def test_a_training_s_file_is_used_as_the_embedded_model_is(file: Path) -> None:
    found = network_of_file(file, "cpu")
    assert found.name == "trial-3" and list(found.weights) == [file.name]
    assert len(found.weights[file.name]) == 64
    assert found.choice.finest == CHOICES["lite"].finest and found.multiple == ColorUNet.multiple
    made = found.predict(LUMA)
    assert made.shape == (64, 96, 2) and np.abs(made).max() > 1e-3
    colorizer = found.colorizer()
    assert colorizer.choice is found.choice and colorizer.weights == found.weights
    assert found.render_factor(5000, 4000) == CHOICES["lite"].finest


def test_the_product_s_own_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sha256 = embed_tiny(monkeypatch, tmp_path)
    found = network_of_model("auto", "cpu")
    assert found.name == "lite" and found.weights == {"color_generator": sha256}
    assert load_colorizer("lite", "cpu").weights == found.weights


def test_without_weights_it_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_embedded(monkeypatch)
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsMissing, match="--weights FILE"):
        network_of_model("auto", "cpu")
    with pytest.raises(WeightsMissing, match="deoldify"):
        network_of_model("published-stable", "cpu")


def test_other_files_are_refused(tmp_path: Path, file: Path) -> None:
    with pytest.raises(WeightsMissing, match="nowhere"):
        network_of_file(tmp_path / "nowhere.safetensors")
    other = tmp_path / "other.safetensors"
    write_safetensors({"a": torch.zeros(1)}, other, {"network": "ToneNet", "settings": {}})
    with pytest.raises(WeightsMismatch, match="ToneNet"):
        network_of_file(other)
    write_safetensors({"a": torch.zeros(1)}, other, {"network": "ColorUNet", "settings": SMALL})
    with pytest.raises(WeightsMismatch, match="do not fit"):
        network_of_file(other)
    other.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsTruncated):
        network_of_file(other)
