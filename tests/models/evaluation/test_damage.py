"""The rows of the damage stage, on cases whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_kit import case, told
from tiny_networks import model

from models.damage.restorer import DamageRestorer
from models.evaluation.contestants import STRIDE, contestant, of_model
from models.evaluation.damage import (
    INPUT,
    SAME,
    DamageRows,
    agreement_picture,
    best_denoiser,
    best_telea,
)
from models.evaluation.indices import psnr
from models.evaluation.methods import NonLocalMeans, TeleaFiller
from models.evaluation.report import FILL_DB, REPAIR_DB, degraded_rows
from models.evaluation.tables import figures


def measured(*contestants: object) -> DamageRows:
    rows = DamageRows(contestants, TeleaFiller(), NonLocalMeans(3))  # type: ignore[arg-type]
    for seed in (0, 1):
        rows.measure(case(seed, f"scene {seed}"))
    return rows


def test_a_method_that_returns_the_truth_reaches_everything_it_can() -> None:
    clean = {case(seed).degraded.tobytes(): case(seed).clean for seed in (0, 1)}
    rows = measured(told("perfect", lambda item: clean[item.pixels.tobytes()]))
    known = figures(rows.readings)
    assert known["perfect", "PSNR"].mean == SAME and known["perfect", "PSNR"].count == 2
    assert known["perfect", "SSIM"].mean == pytest.approx(1)
    assert known["perfect", "PSNR repaired, clean"].mean == SAME
    assert known["perfect", "recall"].mean == 1.0
    table = {(row.method, row.measure): row for row in degraded_rows("painted", rows)}
    assert table["perfect", "PSNR of revive"].met
    assert table["perfect", "damaged pixels after repair, against clean"].met
    assert table["perfect", "seconds a megapixel, repair"].value == pytest.approx(
        0.5 / (96 * 128 / 1e6)
    )


def test_a_method_that_does_nothing_reaches_nothing() -> None:
    rows = measured(told("idle", lambda item: np.array(item.pixels, np.uint8)))
    table = {(row.method, row.measure): row for row in degraded_rows("painted", rows)}
    for measure in ("PSNR of revive", "recall at the thresholds"):
        assert table["idle", measure].met is False
    for aim in ("worn", "clean"):
        idle = table["idle", f"damaged pixels after repair, against {aim}"]
        before = table[INPUT, f"damaged pixels after repair, against {aim}"]
        assert idle.value == before.value and idle.met is False
        assert idle.target is not None and idle.target.value == before.value + REPAIR_DB
    one = case(0)
    first = next(r for r in rows.readings if r.method == INPUT and r.measure == "PSNR")
    assert first.value == psnr(one.degraded, one.clean)


def test_a_network_is_asked_for_its_detector_and_its_filling() -> None:
    rows = measured(of_model(model()))
    assert rows.tallies["tiny"].curve().auc > 0.99
    assert rows.found["tiny"].recall > 0.9
    known = figures(rows.readings)
    assert known["tiny", "PSNR repaired, worn"].mean > known[INPUT, "PSNR before, worn"].mean + 6
    table = {(row.method, row.measure): row for row in degraded_rows("painted", rows)}
    for method in ("tiny", "tiny, no grain"):
        filling = table[method, "filling, true mask, against worn"]
        telea = table["Telea", "filling, true mask, against worn"]
        assert filling.target is not None
        assert filling.target.value == pytest.approx(telea.value + FILL_DB)
        assert filling.value > known[INPUT, "PSNR before, worn"].mean + 6
    assert {"ROC AUC", "best F1"} <= {measure for method, measure in table if method == "tiny"}


def test_the_classical_stage_takes_part_without_a_network() -> None:
    one = contestant("classical")
    rows = DamageRows([one], TeleaFiller(), None)
    rows.measure(case(0, height=384, width=512))
    assert one.network is None and "classical" not in rows.tallies
    known = figures(rows.readings)
    assert known["classical", "PSNR repaired, worn"].mean > known[INPUT, "PSNR before, worn"].mean
    assert rows.found["classical"].recall > 0.3


def test_tiles_are_where_the_stage_has_them() -> None:
    restorer = DamageRestorer("revive", model=model())
    assert restorer._reviving.stride == STRIDE == of_model(model()).stride


def test_baselines_get_the_settings_that_suit_them_best() -> None:
    cases = [case(0), case(1)]
    telea = best_telea(cases)

    def score(filler: TeleaFiller) -> float:
        return sum(psnr(filler(one.item, one.mask), one.worn, one.mask) for one in cases)

    assert score(telea) >= max(score(TeleaFiller(r, g)) for r in (3, 4, 5) for g in (0, 1, 2))
    noise = np.random.default_rng(0).normal(0, 8, cases[0].clean.shape)
    noisy = np.clip(cases[0].clean + noise, 0, 255).astype(np.uint8)
    from models.evaluation.cases import given

    chosen = best_denoiser([(given(noisy), cases[0].clean)], (1, 8))
    assert chosen.h == 8


def test_the_picture_of_a_mask_says_what_was_found_and_missed() -> None:
    marked = np.array([[True, True, False, False, True]])
    truth = np.array([[True, False, True, False, False]])
    ignore = np.array([[False, False, False, False, True]])
    picture = agreement_picture(marked, truth, ignore)
    assert picture[0].tolist() == [
        [255, 255, 255],
        [60, 110, 255],
        [255, 40, 40],
        [0, 0, 0],
        [60, 60, 60],
    ]
