import math

import numpy as np
import pytest
from corpus import jpeg_bytes, picture
from photographs import HISTORY, Patch, photograph, random_mask

from tasks import images
from tasks.errors import DerivativeUnwritable
from tasks.metrics import check_reads_back, compare_outside


def _written(tmp_path, source, changes, wanted="source"):
    target = tmp_path / "derivative"
    images.write_derivative(target, [(source, images.compose(source, changes))], wanted, HISTORY)
    return target


@pytest.mark.parametrize("wanted", ["tiff", "png", "jp2", "webp", "avif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_derivatives_are_equal_outside_the_mask(tmp_path, wanted, channels):
    source = photograph(picture(300, 280, channels))
    patch = Patch(9, 9, np.full_like(source.samples[:50, :50], 3), random_mask(50, 50))
    found = compare_outside(_written(tmp_path, source, [patch], wanted), 0, source, [patch])
    assert found["psnr_outside_mask"] == math.inf
    assert found["ssim_outside_mask"] == 1.0
    assert found["changed_fraction"] == pytest.approx(patch.mask.sum() / (300 * 280))


def test_lossy_derivatives_have_real_values(tmp_path):
    noise = np.random.default_rng(1).integers(0, 60, (400, 700, 3), np.uint8)
    for quality in (40, 95):
        path = tmp_path / "s.jpg"
        path.write_bytes(jpeg_bytes(picture(400, 700) // 2 + noise, quality=quality))
        source = images.read_page(path, 0, "")
        # A visible change, so that what is compared is a picture encoded anew.
        patch = Patch(9, 9, np.full((90, 90, 3), 255, np.uint8), np.ones((90, 90), bool))
        found = compare_outside(_written(tmp_path, source, [patch]), 0, source, [patch])
        assert 25 < found["psnr_outside_mask"] < 70
        assert 0.9 < found["ssim_outside_mask"] < 1


def test_psnr_and_ssim_are_those_of_their_definitions(tmp_path):
    data = picture(64, 64, 1)
    other = data.astype(int)
    other[::2] += np.where(data[::2] < 250, 4, -4)
    target = _written(tmp_path, photograph(other.astype(np.uint8)), [], "png")
    found = compare_outside(target, 0, photograph(data), [])
    assert found["psnr_outside_mask"] == pytest.approx(10 * math.log10(255**2 / 8))
    assert 0.5 < found["ssim_outside_mask"] < 0.9999


def test_one_altered_sample_is_seen(tmp_path):
    data = picture(600, 700, dtype=np.uint16)
    altered = data.copy()
    altered[599, 699, 2] ^= 1
    target = _written(tmp_path, photograph(altered), [], "tiff")
    found = compare_outside(target, 0, photograph(data), [])
    assert 150 < found["psnr_outside_mask"] < math.inf
    corner = Patch(599, 699, altered[599:, 699:], np.ones((1, 1), bool))
    assert compare_outside(target, 0, photograph(data), [corner])["psnr_outside_mask"] == math.inf


def test_a_mask_over_everything_leaves_nothing_to_compare(tmp_path):
    source = photograph(picture())
    patch = Patch(0, 0, 255 - source.samples, np.ones((48, 64), bool))
    found = compare_outside(_written(tmp_path, source, [patch]), 0, source, [patch])
    assert found["psnr_outside_mask"] is None
    assert found["ssim_outside_mask"] is None
    assert found["changed_fraction"] == 1.0


def test_deep_sources_are_compared_at_the_depth_written(tmp_path):
    source = photograph(picture(dtype=np.uint16))
    found = compare_outside(_written(tmp_path, source, [], "jpeg"), 0, source, [])
    assert 30 < found["psnr_outside_mask"] < 80


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:0],
        lambda data: data.replace(b"II", b"XX", 1),
    ],
)
def test_a_derivative_that_does_not_read_back_is_an_error(tmp_path, damage):
    source = photograph(picture())
    target = _written(tmp_path, source, [], "tiff")
    target.write_bytes(damage(target.read_bytes()))
    with pytest.raises(DerivativeUnwritable, match="read back"):
        compare_outside(target, 0, source, [])


@pytest.mark.parametrize("other", [picture(48, 63), picture(dtype=np.uint16), picture(channels=1)])
def test_a_derivative_of_another_size_or_depth_is_an_error(tmp_path, other):
    target = _written(tmp_path, photograph(other), [], "tiff")
    with pytest.raises(DerivativeUnwritable, match="reads back as"):
        compare_outside(target, 0, photograph(picture()), [])


@pytest.mark.parametrize("wanted", ["tiff", "png", "jp2", "webp", "avif", "jpeg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_written_reads_back_as_it_was(tmp_path, wanted, dtype, channels):
    source = photograph(picture(40, 60, channels, dtype))
    target = _written(tmp_path, source, [], wanted)
    check_reads_back(target, 0, source.samples.shape, source.samples.dtype)
    with pytest.raises(DerivativeUnwritable, match="reads back as"):
        check_reads_back(target, 0, (41, *source.samples.shape[1:]), source.samples.dtype)


def test_what_lost_its_colour_or_its_end_is_no_derivative(tmp_path):
    grey = photograph(picture(40, 60, 1))
    target = _written(tmp_path, grey, [], "tiff")
    with pytest.raises(DerivativeUnwritable, match="reads back as"):
        check_reads_back(target, 0, (40, 60, 3), grey.samples.dtype)
    target.write_bytes(target.read_bytes()[:200])
    with pytest.raises(DerivativeUnwritable, match="does not read back"):
        check_reads_back(target, 0, (40, 60), grey.samples.dtype)
