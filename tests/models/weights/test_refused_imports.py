"""What must not become weights: other networks, damage, code, and archives that try something."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from checkpoints import (
    NAMES,
    SCRATCH,
    VAE,
    Payload,
    assert_loads,
    packed,
    reason,
    row,
    save,
    state,
    statuses,
    unpacked,
)

from models.weights import UnsafeWeights, WeightsTruncated
from models.weights.imports import import_path

pytestmark = pytest.mark.usefixtures("folder")

Edit = Callable[[zipfile.ZipFile], None]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [({"width": 8}, "shape: encoder.1.weight is 8x3x7x7, not 4x3x7x7"), ({"latent": 8}, "shape")],
)
def test_another_width_is_refused(
    folder: Path, tmp_path: Path, settings: dict[str, int], complaint: str
) -> None:
    path = save(VAE, tmp_path / "VAE_A_quality/latest_net_G.pth", state(VAE, **settings))
    (outcome,) = import_path(path)
    assert outcome.status == "refused"
    assert complaint in outcome.reason
    assert list(folder.iterdir()) == []


def test_another_network_is_refused_and_recognised(folder: Path, tmp_path: Path) -> None:
    other = "bopbl_mapping_quality"
    path = save(VAE, tmp_path / "VAE_A_quality/latest_net_G.pth", state(other))
    (outcome,) = import_path(path)
    assert outcome.status == "refused"
    assert outcome.reason.endswith(f"It has the layout of {other}")
    assert list(folder.iterdir()) == []


def _without(tensors: dict[str, torch.Tensor]) -> dict[str, object]:
    return {key: tensor for key, tensor in tensors.items() if key != "encoder.1.bias"}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_without, "missing: encoder.1.bias"),
        (lambda given: given | {"fc.weight": torch.ones(2)}, "unknown: fc.weight"),
        (lambda given: given | {"encoder.1.bias": torch.full((4,), float("nan"))}, "NaN"),
        (lambda given: given | {"encoder.1.bias": torch.ones(4, dtype=torch.int64)}, "kind"),
        (lambda given: given | {"encoder.1.bias": torch.ones(4).to_sparse()}, "kind"),
        (lambda given: given | {"encoder.1.bias": "random"}, "it holds encoder.1.bias"),
    ],
    ids=["missing key", "unknown key", "nan", "integers", "sparse", "no tensor"],
)
def test_nothing_is_loaded_in_part(
    folder: Path,
    tmp_path: Path,
    spoil: Callable[[dict[str, torch.Tensor]], dict[str, object]],
    complaint: str,
) -> None:
    path = save(VAE, tmp_path / "VAE_A_quality/latest_net_G.pth", spoil(state(VAE)))
    (outcome,) = import_path(path)
    assert outcome.status == "refused"
    assert complaint in outcome.reason
    assert list(folder.iterdir()) == []


def test_an_enormous_tensor_made_of_one_number_is_not_unfolded(tmp_path: Path) -> None:
    huge = torch.ones(1).expand(1 << 40)
    path = save(VAE, tmp_path / "VAE_A_quality/latest_net_G.pth", {**state(VAE), "more": huge})
    (outcome,) = import_path(path)
    assert (outcome.status, "unknown: more" in outcome.reason) == ("refused", True)


def test_one_bad_file_among_good_ones_is_refused_alone(folder: Path, tmp_path: Path) -> None:
    given = unpacked(tmp_path / "Global")
    trace = tmp_path / "trace"
    spoilt = given / "checkpoints/restoration/VAE_A_quality/latest_net_G.pth"
    save(VAE, spoilt, {"x": Payload(os.mkdir, str(trace))})
    outcomes = import_path(packed(given, tmp_path / "global_checkpoints.zip"))
    assert statuses(outcomes) == dict.fromkeys(NAMES, "imported") | {VAE: "refused"}
    assert "asks for more than tensors" in reason(outcomes, VAE)
    assert not trace.exists()
    assert not (folder / f"{VAE}.safetensors").exists()


def test_a_refused_file_leaves_what_was_imported_before(tmp_path: Path) -> None:
    path = save(VAE, tmp_path / "VAE_A_quality/latest_net_G.pth")
    import_path(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(WeightsTruncated, match="cut off"):
        import_path(path)
    assert statuses(import_path(tmp_path / "VAE_A_quality"))[VAE] == "refused"
    assert_loads(VAE)


def _link(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("VAE_A_quality/latest_net_G.pth")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(member, "/etc/passwd")


def _locked(archive: zipfile.ZipFile) -> None:
    archive.writestr("secret.pth", b"x")
    archive.infolist()[-1].flag_bits |= 1  # as written into the list of members


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda archive: archive.writestr("../outside.pth", b"x"), "leads out"),
        (lambda archive: archive.writestr("a/../../outside.pth", b"x"), "leads out"),
        (lambda archive: archive.writestr("a\\..\\outside.pth", b"x"), "leads out"),
        (lambda archive: archive.writestr("/tmp/outside.pth", b"x"), "absolute"),
        (lambda archive: archive.writestr("C:\\outside.pth", b"x"), "absolute"),
        (_link, "a symbolic link"),
        (_locked, "encrypted"),
    ],
    ids=["dots", "dots inside", "backslashes", "absolute", "drive", "link", "encrypted"],
)
def test_a_hostile_archive_is_refused_whole(
    folder: Path, tmp_path: Path, edit: Edit, complaint: str
) -> None:
    inner = unpacked(tmp_path / "inner" / "Global")
    path = packed(inner, tmp_path / "inner" / "global_checkpoints.zip")
    with zipfile.ZipFile(path, "a") as archive:
        edit(archive)
    with pytest.raises(UnsafeWeights, match=f"{complaint}.*nothing was unpacked"):
        import_path(path)
    assert not folder.exists()
    assert not list(tmp_path.rglob("outside*"))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    limit = row(VAE).limit
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("VAE_A_quality/latest_net_G.pth", "w") as member:
            for _ in range((limit >> 20) + 1):
                member.write(bytes(1 << 20))
        archive.write(save(SCRATCH, tmp_path / "s.pt"), "FT_Epoch_latest.pt")
    outcomes = import_path(tmp_path / "bomb.zip")
    assert statuses(outcomes)[VAE] == "refused"
    assert f"more than the {limit} bytes" in reason(outcomes, VAE)
    assert statuses(outcomes)[SCRATCH] == "imported"


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("VAE_A_quality/latest_net_G.pth", "w") as member:
            for _ in range((row(VAE).limit >> 20) + 1):
                member.write(bytes(1 << 20))
        size = archive.infolist()[0].file_size
    held = path.read_bytes()
    assert held.count(size.to_bytes(4, "little")) == 2  # beside the data, and in the list
    path.write_bytes(held.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    assert statuses(import_path(path))[VAE] == "refused"
    assert list(folder.iterdir()) == []


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(10_001):
            archive.writestr(str(number), b"")
    with pytest.raises(UnsafeWeights, match="10001 files"):
        import_path(tmp_path / "many.zip")


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    path = packed(unpacked(tmp_path / "Global"), tmp_path / "global_checkpoints.zip")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(WeightsTruncated, match="cut off"):
        import_path(path)


def test_a_damaged_member_is_refused_alone(tmp_path: Path) -> None:
    path = packed(unpacked(tmp_path / "Global"), tmp_path / "global_checkpoints.zip")
    with zipfile.ZipFile(path) as archive:
        member = next(m for m in archive.infolist() if "VAE_A" in m.filename)
    held = bytearray(path.read_bytes())
    held[member.header_offset + 300] ^= 0xFF
    path.write_bytes(held)
    outcomes = import_path(path)
    assert statuses(outcomes) == dict.fromkeys(NAMES, "imported") | {VAE: "refused"}
