import io
import struct
from dataclasses import replace
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import pyvips
import tifffile
from corpus import jpeg_bytes, picture, tiff_bytes
from icc_profiles import icc_profile
from photographs import HISTORY, photograph
from PIL import Image

from tasks import exif as exif_blocks
from tasks import images
from tasks.jpeg_segments import iptc_of, photoshop_of, read_segments
from tasks.metadata import INVENTED, extended_xmp, for_derivative, review_notes
from tasks.records import Embedded
from tasks.xmp import PREFIXES, RDF, Packet

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
ENHANCED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
IPTC = b"\x1c\x02\x05\x00\x08Old barn\x1c\x02\x74\x00\x06Museum"
XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="uuid:x"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:m="http://ns.adobe.com/xap/1.0/mm/" xmlns:e="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
 xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 tiff:Orientation="6" tiff:ImageWidth="1" m:DocumentID="xmp.did:old" m:InstanceID="xmp.iid:old"
 i:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm"><dc:title>
 <rdf:Alt><rdf:li xml:lang="x-default">Scheune, früh &amp; spät</rdf:li></rdf:Alt></dc:title>
 <m:History><rdf:Seq><rdf:li e:action="scanned"/></rdf:Seq></m:History>
 </rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def _exif():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x8298] = "Hasselblad", "Flextight", "(c) Museum"
    exif[274] = 6
    photo = exif.get_ifd(0x8769)
    photo[0x9003], photo[0xA002], photo[0xA003] = "1931:05:06 07:08:09", 64, 48
    photo[0x927C] = b"maker note with \0 bytes"
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes()


def _source(tmp_path, kind):
    data = {"quality": 90, "exif": _exif(), "xmp": XMP, "icc_profile": icc_profile("adobe rgb")}
    data["dpi"] = (300, 600)
    resources = b"Photoshop 3.0\0" + photoshop_of(IPTC)
    data["extra"] = b"\xff\xed" + struct.pack(">H", len(resources) + 2) + resources
    path = tmp_path / "source.jpg"
    path.write_bytes(jpeg_bytes(picture(), **data))
    if kind != "jpeg":
        source = images.read_page(path, 0, "cd" * 32)
        path = tmp_path / f"source.{kind}"
        images.write_derivative(path, [(source, source.samples)], kind, HISTORY)
    return path


@pytest.mark.parametrize("kind", ["jpeg", "tiff", "png", "webp", "avif", "jp2"])
@pytest.mark.parametrize("wanted", ["jpeg", "tiff", "png", "webp", "avif", "jp2"])
def test_embedded_metadata_goes_from_every_format_to_every_other(tmp_path, kind, wanted):
    source = images.read_page(_source(tmp_path, kind), 0, "cd" * 32)
    target = tmp_path / "derivative"
    images.write_derivative(target, [(source, source.samples)], wanted, HISTORY)
    found = images.read_page(target, 0, "")
    assert found.embedded.icc == icc_profile("adobe rgb")
    exif = exif_blocks.parse(found.embedded.exif)
    assert exif_blocks.texts(exif)[0x010F] == "Hasselblad"
    assert found.embedded.tags[0x8298] == "(c) Museum"
    assert exif.photo[0x9003][2].startswith(b"1931:05:06")
    assert exif.photo[0x927C][2] == b"maker note with \0 bytes"
    assert exif.gps[1][2][:1] == b"N"
    assert exif_blocks.orientation(found.embedded.exif) == 1
    packet = Packet(found.embedded.xmp)
    assert "Scheune, früh &amp; spät" in found.embedded.xmp.decode()
    assert packet.get("tiff", "Orientation") == "1"
    assert packet.get("Iptc4xmpExt", "DigitalSourceType") == COMPOSITE
    assert found.samples.shape == source.samples.shape
    keeps_iptc = {"jpeg", "tiff", "jp2"}
    if {kind, wanted} <= keeps_iptc:
        assert found.embedded.iptc == IPTC
    if {kind, wanted} <= {"jpeg", "tiff", "png"}:
        assert np.allclose(found.embedded.resolution, (600, 300), atol=0.02)


def test_tiff_text_tags_profile_and_resolution_survive(tmp_path):
    texts = {269: "Box 7", 271: "Epson", 272: "V850", 305: "SilverFast 8", 315: "Åse", 33432: "© M"}
    extra = [(code, 2, 0, text.encode(), True) for code, text in texts.items()]
    extra += [(33723, 7, len(IPTC), IPTC, True)]
    path = tmp_path / "s.tif"
    path.write_bytes(
        tiff_bytes(
            picture(dtype=np.uint16),
            extratags=extra,
            datetime="1999:01:02 03:04:05",
            resolution=(4725, 4725),
            resolutionunit="centimeter",
            iccprofile=icc_profile("prophoto"),
            compression="lzw",
        )
    )
    source = images.read_page(path, 0, "cd" * 32)
    target = tmp_path / "d.tif"
    images.write_derivative(target, [(source, source.samples)], "source", HISTORY)
    with tifffile.TiffFile(target) as tif:
        tags = tif.pages[0].tags
        for code, text in texts.items():
            assert tags[code].value == text
        assert tags[306].value == "1999:01:02 03:04:05"
        assert tags[34675].value == icc_profile("prophoto")
        assert bytes(tags[33723].value) == IPTC
        x = tags["XResolution"].value
        assert abs(x[0] / x[1] - 4725 * 2.54) < 0.01
        assert tags["ResolutionUnit"].value == 2
        assert tif.pages[0].compression.name == "LZW"


def test_exif_directories_of_a_bigtiff_and_of_the_other_byte_order(tmp_path):
    source = images.read_page(_source(tmp_path, "jpeg"), 0, "cd" * 32)
    order = exif_blocks.parse(source.embedded.exif).order
    target = tmp_path / "big.tif"
    pages = [(source, source.samples)] * 2
    images.write_derivative(target, pages, "tiff", HISTORY, expected_bytes=5_000_000_000)
    assert target.read_bytes()[2] == 43
    assert order in "<>"
    for page in range(2):
        exif = exif_blocks.parse(images.read_page(target, page, "").embedded.exif)
        assert struct.unpack(exif.order + "H", exif.photo[0xA002][2])[0] == 48


def test_swapping_the_byte_order_of_a_block_keeps_its_values():
    values = {0x829A: (5, 1, struct.pack(">2I", 1, 250)), 0x9000: (7, 4, b"0232")}
    written = exif_blocks.directory_bytes(values, 8, ">", "<", big=False)
    block = b"II*\0" + struct.pack("<I", 8) + written
    found = exif_blocks.parse(block).main
    assert found[0x829A] == (5, 1, struct.pack("<2I", 1, 250))
    assert found[0x9000] == (7, 4, b"0232")


def test_exif_thumbnail_of_the_unrestored_picture_is_gone():
    thumbnail = jpeg_bytes(picture(16, 16))
    head = struct.pack("<H", 1) + struct.pack("<HHIHH", 274, 3, 1, 3, 0)
    second = 8 + len(head) + 4
    table = struct.pack("<H", 2)
    data_at = second + 2 + 24 + 4
    table += struct.pack("<HHII", 513, 4, 1, data_at)
    table += struct.pack("<HHII", 514, 4, 1, len(thumbnail))
    block = b"II*\0" + struct.pack("<I", 8) + head + struct.pack("<I", second) + table + bytes(4)
    block += thumbnail
    clean = exif_blocks.neutralised(block, 10, 10)
    assert len(clean) == len(block)
    assert thumbnail[2:40] not in clean
    assert exif_blocks.orientation(clean) == 1
    with Image.open(io.BytesIO(jpeg_bytes(picture(), exif=b"Exif\0\0" + clean))) as image:
        assert image.getexif().get_ifd(1) == {}


def test_history_is_appended_and_the_source_named():
    packet = Packet(extended_xmp(XMP, HISTORY, 64, 48))
    text = packet.to_bytes().decode()
    assert text.count("</m:History>") == 1
    assert text.index('e:action="scanned"') < text.index("stEvt:action")
    for words in (
        "Albumen 1.2.3",
        "damage classical-1; faces spade-2 (faces.safetensors sha256:" + "ab" * 32,
        "source sha256:" + "cd" * 32,
        "2026-01-02T03:04:05+00:00",
        "xmp.iid:old",
    ):
        assert words in text
    assert packet.get("albumen", "SourceSHA256") == "cd" * 32
    assert packet.get("xmpMM", "OriginalDocumentID") == "xmp.did:old"
    assert packet.get("xmpMM", "DocumentID") != "xmp.did:old"
    assert packet.get("tiff", "ImageWidth") == "64"
    assert 'rdf:about="uuid:x"' in text.split("</rdf:Description>")[1]
    assert packet.get("Iptc4xmpExt", "AISystemUsed") == "Albumen"
    assert packet.get("Iptc4xmpExt", "AISystemVersionUsed") == "1.2.3 (faces spade-2)"


def test_filtering_alone_claims_no_ai_system():
    plain = replace(HISTORY, source_type="algorithmicallyEnhanced", steps=HISTORY.steps[:1])
    packet = Packet(extended_xmp(None, plain, 64, 48))
    assert packet.get("Iptc4xmpExt", "DigitalSourceType") == ENHANCED
    assert packet.get("Iptc4xmpExt", "AISystemUsed") is None


def test_what_was_generative_already_stays_so():
    first = extended_xmp(XMP, HISTORY, 64, 48)
    plain = replace(HISTORY, source_type="algorithmicallyEnhanced")
    again = Packet(extended_xmp(first, plain, 64, 48))
    assert again.get("Iptc4xmpExt", "DigitalSourceType") == COMPOSITE
    assert again.to_bytes().count(b"</stEvt:changed>") == 2
    untouched = replace(HISTORY, source_type=None)
    kept = Packet(extended_xmp(XMP, untouched, 64, 48)).get("Iptc4xmpExt", "DigitalSourceType")
    assert kept.endswith("negativeFilm")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"", "well-formed"),
        (b"not xml", "well-formed"),
        (XMP[:-200], "well-formed"),
        (b"<a/>", "rdf:RDF"),
        (b"\xff\xfe\x00", "truncated"),
        (XMP.replace(b"Scheune", b"\xfc"), "utf-8"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>', "entities"),
        ('<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>'.encode("utf-16"), "entities"),
        (b"<a>" * 5000 + b"</a>" * 5000, "nested"),
        (XMP + b" " * (9 << 20), "more than"),
    ],
)
def test_broken_xmp_is_flagged_and_replaced(broken, why):
    notes = review_notes(Embedded(xmp=broken))
    assert len(notes) == 1
    assert notes[0].startswith("xmp replaced: ")
    assert why in notes[0]
    packet = Packet(extended_xmp(broken, HISTORY, 64, 48))
    assert packet.get("Iptc4xmpExt", "DigitalSourceType") == COMPOSITE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_xmp_is_understood_in_every_encoding_it_may_have(encoding):
    packet = XMP.decode().replace("\ufeff", "").encode(encoding) + b"\0" * 8
    assert review_notes(Embedded(xmp=packet)) == []
    assert Packet(packet).get("xmpMM", "DocumentID") == "xmp.did:old"


def test_untrusted_words_stay_words():
    odd = replace(HISTORY, software="<rdf:li>& \x00\ud800 ]]>", steps=())
    packet = Packet(extended_xmp(None, odd, 1, 1))
    assert packet.get("Iptc4xmpExt", "AISystemUsed").startswith("<rdf:li>& ")


def test_damaged_exif_is_flagged_and_left_out():
    source = photograph(picture(), embedded=Embedded(exif=b"II*\0\xff\xff\xff\x7f"))
    assert review_notes(source.embedded)[0].startswith("exif left out")
    assert for_derivative(source, source.samples, HISTORY).exif is None


def test_xmp_above_64_kb_goes_into_a_jpeg_and_comes_back(tmp_path):
    words = "".join(f"{number:06d} " for number in range(30_000))
    packet = XMP.replace(b"Scheune", words.encode())
    source = photograph(picture(), embedded=Embedded(xmp=packet))
    target = tmp_path / "x.jpg"
    images.write_derivative(target, [(source, source.samples)], "jpeg", HISTORY)
    with target.open("rb") as file:
        assert b"DigitalSourceType" in read_segments(file).xmp
    found = images.read_page(target, 0, "").embedded.xmp
    assert words.strip() in found.decode()
    assert found.count(b"compositeWithTrainedAlgorithmicMedia") == 1
    assert Packet(found).get("xmpNote", "HasExtendedXMP") is None


def test_exif_above_64_kb_is_flagged_and_kept_out_of_a_jpeg_only(tmp_path):
    exif = exif_blocks.build(exif_blocks.Exif("<", {270: (2, 80_000, b"x" * 79_999 + b"\0")}))
    source = photograph(picture(), embedded=Embedded(exif=exif))
    assert "64 KB" in review_notes(source.embedded)[0]
    for wanted, kept in (("jpeg", False), ("png", True)):
        target = tmp_path / wanted
        images.write_derivative(target, [(source, source.samples)], wanted, HISTORY)
        assert (images.read_page(target, 0, "").embedded.exif is not None) is kept


def test_iptc_is_found_among_other_photoshop_resources():
    other = b"8BIM\x03\xed\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    assert iptc_of(other + photoshop_of(IPTC)) == IPTC
    assert iptc_of(other) is None
    assert iptc_of(b"8BIM\x04\x04") is None


def test_png_blocks_are_read_by_other_programs(tmp_path):
    source = images.read_page(_source(tmp_path, "jpeg"), 0, "cd" * 32)
    target = tmp_path / "o.png"
    images.write_derivative(target, [(source, source.samples)], "png", HISTORY)
    with Image.open(target) as image:
        assert image.getexif()[0x010F] == "Hasselblad"
        assert image.info["icc_profile"] == icc_profile("adobe rgb")
        assert "DigitalSourceType" in image.text["XML:com.adobe.xmp"]
        assert np.allclose(image.info["dpi"], (600, 300), atol=0.1)
    assert cv2.imread(str(target)) is not None
    assert pyvips.Image.new_from_file(str(target), fail_on="warning").avg() > 0


def test_an_empty_exif_block_is_none_at_all(tmp_path):
    empty = b"Exif\0\0II*\0" + struct.pack("<IHI", 8, 0, 0)
    Image.fromarray(picture()).save(tmp_path / "a.jpg", exif=empty)
    read = images.read_page(tmp_path / "a.jpg", 0, "0" * 64)
    assert read.embedded.exif is None
    assert read.notes == ()


def _description(packet: bytes) -> list[str]:
    """Texts of `dc:description`, in the order of their languages."""
    root = ElementTree.fromstring(packet)
    path = f".//{{{PREFIXES['dc']}}}description/{{{RDF}}}Alt/{{{RDF}}}li"
    return [item.text or "" for item in root.iterfind(path)]


DC = f'xmlns:rdf="{RDF}" xmlns:dc="{PREFIXES["dc"]}"'


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", [INVENTED]),
        ("<dc:description>Old barn</dc:description>", [f"Old barn {INVENTED}"]),
        (
            '<dc:description><rdf:Alt><rdf:li xml:lang="de">Scheune</rdf:li>'
            '<rdf:li xml:lang="x-default">Old barn</rdf:li></rdf:Alt></dc:description>',
            ["Scheune", f"Old barn {INVENTED}"],
        ),
        (
            '<dc:description><rdf:Alt><rdf:li xml:lang="de">Scheune</rdf:li></rdf:Alt>'
            "</dc:description>",
            [f"Scheune {INVENTED}"],
        ),
    ],
)
def test_a_colorized_picture_says_so_after_its_own_description(said, told):
    source = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {DC}><rdf:Description rdf:about="">'
        f"{said}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
    colored = replace(HISTORY, steps=(*HISTORY.steps, ("color", "color-lite/1", {"w": "ef" * 32})))
    packet = extended_xmp(source, colored, 64, 48)
    assert _description(packet) == told
    assert _description(extended_xmp(packet, colored, 64, 48)) == told  # once only
    assert INVENTED.rstrip(".") in colored.parameters
    assert b"color color-lite/1" in packet
    # A restored picture without invented colours keeps its own description.
    untouched = _description(extended_xmp(source, HISTORY, 64, 48))
    assert not any(INVENTED in text for text in untouched)
    assert INVENTED.rstrip(".") not in HISTORY.parameters
