import numpy as np
import pytest
from corpus import picture
from icc_profiles import icc_profile
from photographs import Patch, photograph, random_mask

from tasks.compose import compose, union_mask
from tasks.profiles import from_working

SPACES = [
    (depth, channels, profile)
    for depth in (np.uint8, np.uint16)
    for channels, profile in (
        (1, None),
        (1, "grey 2.2"),
        (1, "grey 1.0"),
        (3, None),
        (3, "srgb"),
        (3, "adobe rgb"),
        (3, "prophoto"),
    )
]


def _photograph(depth, channels, profile):
    samples = picture(60, 80, channels, depth)
    if channels == 3:
        # Colours no sRGB pixel can show.
        samples[5:30, 5:30] = 0
        samples[5:30, 5:30, 1] = np.iinfo(depth).max
    return photograph(samples, icc_profile(profile) if profile else None)


@pytest.mark.parametrize(("depth", "channels", "profile"), SPACES)
def test_outside_the_masks_every_sample_is_the_source_s_own(depth, channels, profile):
    source = _photograph(depth, channels, profile)
    top = np.iinfo(depth).max
    shape = (20, 30) if channels == 1 else (20, 30, 3)
    changes = [
        Patch(0, 0, np.full(shape, top // 3, depth), random_mask(20, 30)),
        Patch(10, 15, np.full(shape, top // 2, depth), random_mask(20, 30, 2)),
        Patch(40, 50, np.full(shape, top // 4, depth), random_mask(20, 30, 3)),
    ]
    before = source.samples.copy()
    result = compose(source, changes)
    union = union_mask(changes, 60, 80)
    assert np.array_equal(result[~union], before[~union])
    assert np.array_equal(source.samples, before)
    assert (result[union] != before[union]).any()
    assert result.dtype == depth


@pytest.mark.parametrize(("depth", "channels", "profile"), SPACES)
def test_what_a_stage_left_as_it_was_comes_back_exactly_even_out_of_gamut(depth, channels, profile):
    source = _photograph(depth, channels, profile)
    whole = Patch(0, 0, source.working.copy(), np.ones((60, 80), bool))
    assert np.array_equal(compose(source, [whole]), source.samples)


@pytest.mark.parametrize(("depth", "channels", "profile"), SPACES)
def test_changed_pixels_have_the_restored_colour_in_the_source_s_space(depth, channels, profile):
    top = np.iinfo(depth).max
    muted = (picture(60, 80, channels, depth) // 4 + top // 3).astype(depth)
    source = photograph(muted, icc_profile(profile) if profile else None)
    restored = source.working.copy()
    restored[40:, 40:] = top // 3
    mask = np.zeros((60, 80), bool)
    mask[40:, 40:] = True
    result = compose(source, [Patch(0, 0, restored, mask)])
    wanted = from_working(restored[mask], source.embedded.icc) * top
    # In gamut, source - profile(working) is only the rounding of the working pixels.
    assert np.abs(result[mask] - wanted).max() <= (2 if depth == np.uint8 else 8)


def test_grey_profile_is_inverted_through_its_curve():
    source = photograph(np.full((8, 8), 30_000, np.uint16), icc_profile("grey 1.0"))
    white = Patch(0, 0, np.full((8, 8), 65_535, np.uint16), np.ones((8, 8), bool))
    assert (compose(source, [white]) == 65_535).all()
    assert (source.working > 30_000).all()


def test_nothing_changed_gives_the_source_array_itself():
    source = photograph(picture())
    empty = Patch(0, 0, np.zeros((5, 5, 3), np.uint8), np.zeros((5, 5), bool))
    assert compose(source, []) is source.samples
    assert compose(source, [empty]) is source.samples


def test_a_later_change_wins_where_two_overlap():
    source = photograph(picture(), icc_profile("adobe rgb"))
    mask = np.ones((10, 10), bool)
    first = Patch(0, 0, np.full((10, 10, 3), 10, np.uint8), mask)
    second = Patch(0, 0, np.full((10, 10, 3), 200, np.uint8), mask)
    assert np.array_equal(compose(source, [first, second]), compose(source, [second]))


def test_read_only_samples_are_composed():
    samples = picture()
    samples.setflags(write=False)
    source = photograph(samples)
    patch = Patch(1, 1, np.zeros((2, 2, 3), np.uint8), np.ones((2, 2), bool))
    assert (compose(source, [patch])[1:3, 1:3] == 0).all()


def test_colour_on_a_grey_photograph_gives_rgb_in_srgb():
    source = photograph(picture(channels=1), icc_profile("grey 1.0"))
    colors = np.dstack([source.working] * 3).copy()
    colors[..., 0] = 255
    mask = random_mask(48, 64)
    result = compose(source, [Patch(0, 0, colors, mask)])
    assert result.shape == (48, 64, 3)
    assert np.array_equal(result[mask], colors[mask])
    assert np.array_equal(result[~mask][:, 1], source.working[~mask])


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (Patch(45, 0, np.zeros((5, 5, 3), np.uint8), np.ones((5, 5), bool)), "inside"),
        (Patch(-1, 0, np.zeros((5, 5, 3), np.uint8), np.ones((5, 5), bool)), "inside"),
        (Patch(0, 0, np.zeros((5, 5, 3), np.uint16), np.ones((5, 5), bool)), "uint16"),
        (Patch(0, 0, np.zeros((4, 5, 3), np.uint8), np.ones((5, 5), bool)), "mask"),
        (Patch(0, 0, np.zeros((5, 5), np.uint8), np.ones((5, 5), bool)), "grey"),
    ],
)
def test_changes_that_do_not_fit_are_refused(patch, reason):
    with pytest.raises(ValueError, match=reason):
        compose(photograph(picture()), [patch])
