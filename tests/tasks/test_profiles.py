import numpy as np
import pytest
from corpus import picture
from icc_profiles import icc_profile

from tasks.profiles import cmyk_to_srgb, from_working, space_of, srgb_profile, to_working


@pytest.mark.parametrize("profile", [None, icc_profile("srgb"), srgb_profile()])
def test_srgb_samples_are_worked_on_as_they_are(profile):
    samples = picture()
    assert to_working(samples, profile) is samples


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (b"", "no icc profile"),
        (b"garbage" * 40, "no icc profile"),
        (icc_profile("adobe rgb")[:-150], "cut off"),
        (icc_profile("grey 2.2"), "GRAY"),
        (icc_profile("cmyk"), "CMYK"),
    ],
)
def test_unusable_profiles_leave_the_samples_as_srgb_and_say_why(profile, why):
    samples = picture()
    assert to_working(samples, profile) is samples
    assert why in (space_of(profile, 3).problem or "")


def test_profile_with_mangled_tags_never_raises():
    sound = icc_profile("adobe rgb")
    random = np.random.default_rng(3)
    for _ in range(60):
        mangled = bytearray(sound)
        for at in random.integers(128, len(sound), 6):
            mangled[at] = int(random.integers(0, 256))
        space = space_of(bytes(mangled), 3)
        assert space.icc is None or space.problem is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_adobe_rgb_green_is_known_colorimetry(dtype):
    # Adobe RGB (128, 255, 128)/255 and sRGB, computed from the two standards' matrices.
    top = np.iinfo(dtype).max
    value = np.array([[[200, 150, 100]]], np.float64) / 255
    linear = value ** (563 / 256)
    to_xyz = np.array(
        [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
    )
    from_xyz = np.array(
        [[3.24045, -1.53714, -0.49853], [-0.96927, 1.87601, 0.04156], [0.05564, -0.20403, 1.05723]]
    )
    rgb = linear[0, 0] @ to_xyz.T @ from_xyz.T
    wanted = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    given = np.rint(value * top).astype(dtype)
    found = to_working(given, icc_profile("adobe rgb"))[0, 0] / top
    assert np.abs(found - wanted).max() < 0.006


def test_sixteen_bits_survive_the_profile():
    ramp = np.arange(0, 65_536, dtype=np.uint16).reshape(256, 256)
    grey_rgb = np.dstack([ramp] * 3)
    working = to_working(grey_rgb, icc_profile("adobe rgb"))
    assert len(np.unique(working)) > 50_000
    assert len(np.unique(to_working(ramp, icc_profile("grey 2.2")))) > 50_000


def test_there_and_back_is_exact_within_a_level_inside_the_gamut():
    samples = (picture(dtype=np.uint16) // 4 + 24_000).astype(np.uint16)
    for name in ("adobe rgb", "prophoto"):
        working = to_working(samples, icc_profile(name))
        back = from_working(working.reshape(-1, 3), icc_profile(name)) * 65_535
        assert np.abs(back.reshape(samples.shape) - samples).max() < 4


def test_grey_stays_grey_and_dark_stays_dark():
    working = to_working(picture(channels=1), icc_profile("grey 1.0"))
    assert working.ndim == 2
    ends = to_working(np.array([[0, 255]], np.uint8), icc_profile("grey 1.0"))
    assert ends.tolist() == [[0, 255]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_becomes_srgb(dtype):
    top = np.iinfo(dtype).max
    ink = np.zeros((1, 3, 4), dtype)
    ink[0, 1, 3] = top  # black
    ink[0, 2, 0] = top  # cyan
    rgb, notes = cmyk_to_srgb(ink, icc_profile("cmyk"))
    assert notes == ["cmyk converted"]
    assert (rgb[0, 0] >= top * 0.98).all()
    assert (rgb[0, 1] < top * 0.25).all()
    assert rgb[0, 2, 0] < rgb[0, 2, 2]
    assert rgb.dtype == dtype


def test_cmyk_without_a_usable_profile_is_flagged():
    _, notes = cmyk_to_srgb(np.zeros((2, 2, 4), np.uint8), icc_profile("adobe rgb"))
    assert notes[0] == "cmyk converted"
    assert "generic cmyk profile assumed" in notes[1]
