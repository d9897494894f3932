import io

import cv2
import imagecodecs
import numpy as np
import pytest
import pyvips
import tifffile
from corpus import jpeg_bytes, picture, png_bytes, tiff_bytes
from icc_profiles import icc_profile
from photographs import HISTORY, Patch, photograph, random_mask
from PIL import Image

from tasks import images
from tasks.errors import CorruptImage, DerivativeUnwritable, TooLarge, UnsupportedImage


@pytest.fixture
def save(tmp_path):
    def save(name, data):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return save


def _read(path, page=0):
    return images.read_page(path, page, "cd" * 32)


def _probe(path):
    with path.open("rb") as file:
        return images.probe(file, path.name)


def _rewritten(path, wanted="source", change=True):
    """The derivative of the scan at `path`: every page with a patch where it fits."""
    target = path.with_name("derivative of " + path.name)

    def pages():
        for page in range(_probe(path).page_count):
            source = _read(path, page)
            patch = Patch(2, 3, np.full_like(source.samples[:10, :12], 77), np.ones((10, 12), bool))
            yield source, images.compose(source, [patch] if change else [])

    images.write_derivative(target, pages(), wanted, HISTORY)
    return target


LAYOUTS = {
    "one strip": {},
    "strips of 7 rows": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "lzw": {"compression": "lzw", "predictor": True, "rowsperstrip": 5},
    "deflate": {"compression": "zlib", "tile": (32, 16)},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
    "big endian": {"byteorder": ">"},
    "big endian lzw": {"byteorder": ">", "compression": "lzw"},
    "bigtiff": {"bigtiff": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiff_samples_are_read_and_written_back_exactly(save, layout, dtype, channels):
    data = picture(channels=channels, dtype=dtype)
    path = save("scan.tif", tiff_bytes(data, **LAYOUTS[layout]))
    header = _probe(path)
    assert (header.width, header.height, header.channels) == (64, 48, channels)
    assert header.bit_depth == data.itemsize * 8
    assert header.decoded_bytes == data.nbytes
    assert np.array_equal(_read(path).samples, data)
    written = _rewritten(path)
    again = _read(written)
    changed = np.zeros((48, 64), bool)
    changed[2:12, 3:15] = True
    assert np.array_equal(again.samples[~changed], data[~changed])
    assert (again.samples[changed] == 77).all()
    assert again.compression == _read(path).compression


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_separate_planes_are_read(save, tile, compression):
    data = picture(dtype=np.uint16)
    planes = np.ascontiguousarray(data.transpose(2, 0, 1))
    options = {"planarconfig": "separate", "photometric": "rgb", "compression": compression}
    path = save("planes.tif", tiff_bytes(planes, tile=tile, **options))
    assert np.array_equal(_read(path).samples, data)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_to_a_tiff(save, orientation):
    upright = picture(30, 50)
    # Turned by Pillow: an independent opinion on what the eight values mean.
    undo = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    stored = np.asarray(_transposed(upright, undo))
    extra = [(274, 3, 1, orientation, True)]
    path = save("turned.tif", tiff_bytes(stored, rowsperstrip=7, extratags=extra))
    assert np.array_equal(_read(path).samples, upright)
    written = _rewritten(path, change=False)
    assert np.array_equal(_read(written).samples, upright)
    with tifffile.TiffFile(written) as tif:
        assert tif.pages[0].tags["Orientation"].value == 1
        assert np.array_equal(tif.pages[0].asarray(), upright)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_to_a_jpeg(save, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    data = jpeg_bytes(picture(32, 48), quality=95, exif=exif.tobytes())
    path = save("turned.jpg", data)
    wanted = _transposed(np.asarray(Image.open(io.BytesIO(data))), orientation)
    assert np.array_equal(_read(path).samples, np.asarray(wanted))
    with Image.open(_rewritten(path)) as written:
        assert written.getexif().get(274) == 1
        assert written.size == wanted.size


def _transposed(array, orientation):
    image, turn = Image.fromarray(array), Image.Transpose
    turns = [
        None,
        turn.FLIP_LEFT_RIGHT,
        turn.ROTATE_180,
        turn.FLIP_TOP_BOTTOM,
        turn.TRANSPOSE,
        turn.ROTATE_270,
        turn.TRANSVERSE,
        turn.ROTATE_90,
    ]
    chosen = turns[orientation - 1]
    return image if chosen is None else image.transpose(chosen)


def test_min_is_white_is_inverted(save):
    data = picture(channels=1, dtype=np.uint16)
    path = save("negative polarity.tif", tiff_bytes(data, photometric="miniswhite"))
    assert np.array_equal(_read(path).samples, 65_535 - data)
    assert np.array_equal(_read(_rewritten(path, change=False)).samples, 65_535 - data)


def test_bilevel_and_four_bits_become_eight(save):
    bilevel = picture(channels=1) > 127
    found = _read(save("b.tif", tiff_bytes(bilevel)))
    assert np.array_equal(found.samples, bilevel * np.uint8(255))
    assert found.notes == ("1-bit samples expanded to 8",)
    four = picture(channels=1) >> 4
    found = _read(save("4.tif", tiff_bytes(four, bitspersample=4)))
    assert np.array_equal(found.samples, four * 17)


@pytest.mark.parametrize("factor", [257, 256, 0])
def test_palettes_are_expanded(save, factor):
    indices = picture(channels=1)
    random = np.random.default_rng(4)
    if factor:
        colormap = (random.integers(0, 256, (3, 256)) * factor).astype(np.uint16)
    else:
        colormap = random.integers(0, 65_536, (3, 256)).astype(np.uint16)
    path = save("p.tif", tiff_bytes(indices, photometric="palette", colormap=colormap))
    found = _read(path)
    wanted = (colormap // factor).astype(np.uint8) if factor else colormap
    assert np.array_equal(found.samples, wanted.T[indices])
    assert found.samples.itemsize * 8 == _probe(path).bit_depth
    assert found.notes == ("palette expanded",)


@pytest.mark.parametrize("tile", [False, True])
def test_jpeg_in_tiff_is_decoded_and_written_as_deflate(tmp_path, tile):
    data = picture(64, 64)
    image = pyvips.Image.new_from_memory(data.tobytes(), 64, 64, 3, "uchar")
    path = tmp_path / "j.tif"
    options = {"tile": True, "tile_width": 16, "tile_height": 32} if tile else {}
    image.copy(interpretation="srgb").tiffsave(str(path), compression="jpeg", Q=90, **options)
    found = _read(path)
    assert np.abs(found.samples.astype(int) - data).mean() < 1
    assert found.compression == "jpeg"
    again = _read(_rewritten(path, change=False))
    assert again.compression == "deflate"
    assert np.array_equal(again.samples, found.samples)


@pytest.mark.parametrize("photometric", ["rgb", "minisblack"])
def test_jpeg_strip_cut_off_inside_a_whole_tiff_is_corrupt(save, photometric):
    data = picture(64, 64, 3 if photometric == "rgb" else 1)
    blob = bytearray(tiff_bytes(data, photometric=photometric, compression="jpeg"))
    end = bytes(blob).rindex(b"\xff\xd9")
    blob[end - 40 : end + 2] = bytes(42)
    with pytest.raises(CorruptImage, match="cut off"):
        _read(save("j.tif", bytes(blob)))


def test_pages_of_unequal_size_and_depth_are_written_back_as_one_file(save):
    pages = [
        picture(40, 50, dtype=np.uint16),
        picture(33, 21, 1),
        picture(64, 30),
        picture(20, 20, 1, np.uint16),
    ]
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for number, data in enumerate(pages):
            kind = "rgb" if data.ndim == 3 else "minisblack"
            options = {"photometric": kind, "metadata": None, "contiguous": False}
            writer.write(data, description=f"page {number}", **options)
            small = np.ascontiguousarray(data[::4, ::4])
            writer.write(small, subfiletype=1, **options)
    path = save("album.tif", buffer.getvalue())
    header = _probe(path)
    assert header.page_count == 4
    assert header.decoded_bytes == max(data.nbytes for data in pages)
    written = _rewritten(path, change=False)
    assert _probe(written).page_count == 4
    for number, data in enumerate(pages):
        found = _read(written, number)
        assert np.array_equal(found.samples, data)
        assert found.page == number
        assert found.embedded.tags[270] == f"page {number}"
    with tifffile.TiffFile(written) as tif:
        assert [page.shape for page in tif.pages] == [data.shape for data in pages]
    with pytest.raises(ValueError, match="no page 5"):
        _read(path, 4)
    with pytest.raises(UnsupportedImage, match="one page"):
        _rewritten(path, "png")


def test_pages_are_made_one_at_a_time(tmp_path):
    alive = 0

    def pages():
        nonlocal alive
        for _ in range(5):
            alive += 1
            source = photograph(picture(), page_count=5)
            yield source, source.samples

    generator = pages()
    seen = []

    class Watched:
        def __iter__(self):
            return self

        def __next__(self):
            seen.append(alive)
            return next(generator)

    images.write_derivative(tmp_path / "o.tif", Watched(), "source", HISTORY)
    assert seen == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["unspecified", "assocalpha", "unassalpha"])
def test_fourth_channel_of_a_tiff_is_kept_with_its_meaning(save, kind):
    data = picture(channels=4, dtype=np.uint16)
    path = save("a.tif", tiff_bytes(data, extrasamples=[kind], compression="lzw"))
    found = _read(path)
    assert np.array_equal(found.alpha, data[..., 3])
    with tifffile.TiffFile(_rewritten(path)) as tif:
        assert tif.pages[0].extrasamples[0].name.lower() == kind
        assert np.array_equal(tif.pages[0].asarray()[..., 3], data[..., 3])
        assert np.array_equal(tif.pages[0].asarray()[12:, :, :3], data[12:, :, :3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_is_exact(save, dtype, channels):
    data = picture(channels=channels, dtype=dtype)
    path = save("p.png", png_bytes(data))
    found = _read(path)
    assert np.array_equal(found.samples, data[..., :3] if channels == 4 else data)
    again = cv2.imread(str(_rewritten(path)), cv2.IMREAD_UNCHANGED)
    again = (
        again
        if channels == 1
        else cv2.cvtColor(again, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGBA)
    )
    assert np.array_equal(again[12:], data[12:])
    if channels == 4:
        assert np.array_equal(again[..., 3], data[..., 3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_jpeg_2000_is_exact_with_a_profile(save, dtype, channels):
    data = picture(channels=channels, dtype=dtype)
    source = save("j.tif", tiff_bytes(data, iccprofile=icc_profile("adobe rgb")))
    written = _rewritten(source, "jp2", change=False)
    assert _probe(written).bit_depth == data.itemsize * 8
    found = _read(written)
    assert np.array_equal(found.samples, data[..., :3] if channels == 4 else data)
    assert found.embedded.icc == icc_profile("adobe rgb")
    codestream = written.read_bytes()
    assert np.array_equal(
        imagecodecs.jpeg2k_decode(codestream[codestream.index(b"\xff\x4f\xff\x51") :]), data
    )


@pytest.mark.parametrize("wanted", ["webp", "avif"])
def test_webp_and_avif_are_written_without_loss(save, wanted):
    path = save("x.png", png_bytes(picture()))
    assert np.array_equal(_read(_rewritten(path, wanted, change=False)).samples, picture())
    deep = picture(dtype=np.uint16)
    path = save("deep.png", png_bytes(deep))
    found = _read(_rewritten(path, wanted, change=False)).samples
    assert np.abs(found.astype(float) - deep / 257).max() <= 0.5


@pytest.mark.parametrize(("quality", "subsampling"), [(60, 2), (83, 1), (95, 0)])
def test_jpeg_is_written_with_its_own_tables(save, quality, subsampling):
    path = save("p.jpg", jpeg_bytes(picture(), quality=quality, subsampling=subsampling))
    with Image.open(path) as source, Image.open(_rewritten(path)) as written:
        assert source.quantization == written.quantization
        assert source.layer == written.layer  # sampling factors of each component


def test_grey_jpeg_stays_grey_and_rgb_jpeg_keeps_its_model(save):
    with Image.open(_rewritten(save("g.jpg", jpeg_bytes(picture(channels=1))))) as written:
        assert written.mode == "L"
    path = save("rgb.jpg", jpeg_bytes(picture(), keep_rgb=True, subsampling=0))
    assert np.abs(_read(path).samples.astype(int) - picture()).max() < 12
    with Image.open(_rewritten(path)) as written:
        assert written.info["adobe_transform"] == 0


def test_cmyk_is_converted_flagged_and_loses_its_profile(save):
    ink = picture(channels=4)
    tiff = tiff_bytes(ink, photometric="separated", iccprofile=icc_profile("cmyk"))
    for path in (
        save("c.tif", tiff),
        save("c.jpg", jpeg_bytes(ink, icc_profile=icc_profile("cmyk"), quality=98)),
    ):
        found = _read(path)
        assert found.notes == ("cmyk converted",)
        assert found.working is found.samples
        assert _probe(path).channels == 3
        again = _read(_rewritten(path))
        assert again.notes == ()
        assert again.embedded.icc[16:20] == b"RGB "


def test_adobe_inverted_cmyk_jpeg_is_the_picture_pillow_sees(save):
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[..., 0] = 255  # full cyan
    found = _read(save("c.jpg", jpeg_bytes(ink, quality=95, subsampling=0))).samples
    assert found[8, 8, 0] < 60 < found[8, 8, 2]


def test_broken_profile_is_flagged_and_carried(save):
    rubbish = b"garbage" * 40
    for name, data in (
        ("b.tif", tiff_bytes(picture(), iccprofile=rubbish)),
        ("b.jpg", jpeg_bytes(picture(), icc_profile=rubbish)),
    ):
        path = save(name, data)
        found = _read(path)
        assert found.notes == ("icc profile ignored: it is no icc profile",)
        assert found.working is found.samples
        assert _read(_rewritten(path)).embedded.icc == rubbish


def test_png_in_disguise_is_read_by_content_and_named_for_it(save):
    path = save("scan.TIF", png_bytes(picture()))
    assert _probe(path).format == "png"
    assert images.output_extension("png", "source", "box/scan.TIF") == ".png"
    assert images.output_extension("tiff", "source", "box/scan.TIF") == ".TIF"
    assert images.output_extension("jpeg", "source", "x.JPeG") == ".JPeG"
    assert images.output_extension("jpeg", "tiff", "x.jpg") == ".tif"
    assert images.output_extension("heif", "source", "x.heic") == ".avif"


def test_pixel_limit_is_checked_before_decoding(save):
    path = save("p.png", png_bytes(picture(100, 100)))
    with path.open("rb") as file, pytest.raises(TooLarge, match="100 x 100"):
        images.probe(file, "p.png", pixel_limit=9_999)


def test_preview_is_srgb_bounded_and_grey_stays_grey():
    dark = photograph(np.full((300, 2000), 30_000, np.uint16), icc_profile("grey 1.0"))
    with Image.open(io.BytesIO(images.preview(dark.samples, dark))) as shown:
        assert (shown.mode, shown.size) == ("L", (1024, 154))
        assert abs(int(np.asarray(shown).mean()) - round(dark.working[0, 0] / 257)) <= 1
    small = photograph(picture())
    with Image.open(io.BytesIO(images.preview(small.samples, small))) as shown:
        assert (shown.mode, shown.size) == ("RGB", (64, 48))
        assert np.abs(np.asarray(shown).astype(int) - small.samples).mean() < 8


def test_colorized_picture_of_a_grey_scan_is_written_in_srgb(save):
    path = save("g.tif", tiff_bytes(picture(channels=1), iccprofile=icc_profile("grey 1.0")))
    source = _read(path)
    colors = np.dstack([source.working] * 3)
    patch = Patch(0, 0, colors, random_mask(48, 64))
    target = path.with_name("colorized.tif")
    composed = images.compose(source, [patch])
    images.write_derivative(target, [(source, composed)], "source", HISTORY)
    again = _read(target)
    assert again.samples.shape == (48, 64, 3)
    assert again.working is again.samples
    assert again.embedded.icc[16:20] == b"RGB "


def test_colorized_picture_of_a_grey_jpeg_is_an_rgb_jpeg(save):
    source = _read(save("g.jpg", jpeg_bytes(picture(channels=1), quality=90)))
    target = source_path = save("c.jpg", b"")
    images.write_derivative(target, [(source, picture())], "source", HISTORY)
    with Image.open(source_path) as written:
        assert written.mode == "RGB"


@pytest.mark.parametrize("wanted", ["tiff", "jpeg", "png", "webp", "jp2", "avif"])
def test_read_only_samples_are_written(tmp_path, wanted):
    # What comes out of an object store cannot be written to.
    samples = picture()
    samples.setflags(write=False)
    source = photograph(samples)
    images.write_derivative(tmp_path / "o", [(source, samples)], wanted, HISTORY)
    assert images.preview(samples, source)
    assert _read(tmp_path / "o").samples.shape == samples.shape


def test_mask_is_a_lossless_png():
    mask = (random_mask(40, 50) * np.uint8(255)).astype(np.uint8)
    with Image.open(io.BytesIO(images.write_mask(mask))) as shown:
        assert (shown.mode, shown.format) == ("L", "PNG")
        assert np.array_equal(np.asarray(shown), mask)


@pytest.mark.parametrize("wanted", ["tiff", "jpeg", "png", "webp", "jp2", "avif"])
def test_same_input_gives_the_same_bytes(save, wanted):
    path = save("s.tif", tiff_bytes(picture(), iccprofile=icc_profile("adobe rgb")))
    first = _rewritten(path, wanted).read_bytes()
    assert _rewritten(path, wanted).read_bytes() == first


@pytest.mark.parametrize("wanted", ["tiff", "jpeg", "png", "webp", "jp2", "avif"])
def test_unwritable_target_is_a_derivative_error(tmp_path, wanted):
    source = photograph(picture())
    target = tmp_path / "no such folder" / "out"
    with pytest.raises(DerivativeUnwritable, match="cannot be written"):
        images.write_derivative(target, [(source, source.samples)], wanted, HISTORY)


def test_picture_too_wide_for_the_format_is_refused(tmp_path):
    source = photograph(np.zeros((1, 70_000), np.uint8))
    for wanted in ("jpeg", "webp"):
        with pytest.raises(UnsupportedImage, match="tiff"):
            images.write_derivative(tmp_path / "o", [(source, source.samples)], wanted, HISTORY)
