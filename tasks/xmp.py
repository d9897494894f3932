"""XMP packets: checked, neutralised and extended, with what is there kept as it is.

ISO 16684-1; IPTC Photo Metadata Standard 2025.1 (section IPTC Extension). Packets come from
strangers: no document type, no entities, bounded size, and a broken one never ends a scan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.dom import minidom
from xml.dom.minidom import Document, Element
from xml.parsers.expat import ExpatError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
XMLNS = "http://www.w3.org/2000/xmlns/"
PREFIXES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "albumen": "urn:albumen:processing:1.0/",
}

SIZE_LIMIT = 8 << 20
"""Bytes above which a packet is not parsed."""

DEPTH_LIMIT = 100

_EMPTY = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'
)


class Packet:
    """An XMP packet that can be read and changed property by property.

    Raises `ValueError`, saying why, where `packet` cannot be understood; without an argument
    it is empty.
    """

    def __init__(self, packet: bytes | None = None) -> None:
        self._document = _parse(_EMPTY if packet is None else _text(packet))
        found = self._document.getElementsByTagNameNS(RDF, "RDF")
        if not found:
            raise ValueError("it holds no rdf:RDF")
        self._rdf = found[0]
        if not any(True for _ in self._descriptions()):
            self._rdf.appendChild(self._element(RDF, "rdf:Description"))
        self._own: Element | None = None

    def get(self, prefix: str, name: str) -> str | None:
        """The text of a simple property, or None."""
        uri = PREFIXES[prefix]
        for description in self._descriptions():
            if description.hasAttributeNS(uri, name):
                return description.getAttributeNS(uri, name)
            for child in _children(description, uri, name):
                return child.getAttributeNS(RDF, "resource") or _content(child)
        return None

    def set(self, prefix: str, name: str, value: str) -> None:
        """Give a simple property one value, in place of every earlier one."""
        self.remove(prefix, name)
        self._description().appendChild(self._property(prefix, name, value))

    def set_structure(self, prefix: str, name: str, fields: dict[str, str]) -> None:
        """Give a property of structure type its fields, named `prefix:name`."""
        self.remove(prefix, name)
        self._description().appendChild(
            self._resource(f"{prefix}:{name}", PREFIXES[prefix], fields)
        )

    def append_text(self, prefix: str, name: str, text: str) -> None:
        """Put `text` after what a property with language alternatives says already, by default
        or else in its first language; once only."""
        uri = PREFIXES[prefix]
        for description in self._descriptions():
            for child in _children(description, uri, name):
                items = [
                    li for alt in _children(child, RDF, "Alt") for li in _children(alt, RDF, "li")
                ]
                if items:
                    default = [li for li in items if li.getAttribute("xml:lang") == "x-default"]
                    item = (default or items)[0]
                    if text not in _content(item):
                        item.appendChild(self._document.createTextNode(f" {text}"))
                    return
        said = self.get(prefix, name) or ""
        self.remove(prefix, name)
        item = self._element(RDF, "rdf:li")
        item.setAttributeNS(XML, "xml:lang", "x-default")
        whole = said if text in said else f"{said} {text}".strip()
        item.appendChild(self._document.createTextNode(_printable(whole)))
        parent = self._element(uri, f"{prefix}:{name}")
        alternatives = self._element(RDF, "rdf:Alt")
        alternatives.appendChild(item)
        parent.appendChild(alternatives)
        self._description().appendChild(parent)

    def append_event(self, fields: dict[str, str]) -> None:
        """Append one event to `xmpMM:History`, after those already there."""
        uri = PREFIXES["xmpMM"]
        for description in self._descriptions():
            for history in _children(description, uri, "History"):
                for sequence in _children(history, RDF, "Seq"):
                    sequence.appendChild(self._resource("rdf:li", RDF, fields))
                    return
        self.remove("xmpMM", "History")
        history = self._element(uri, "xmpMM:History")
        sequence = self._element(RDF, "rdf:Seq")
        sequence.appendChild(self._resource("rdf:li", RDF, fields))
        history.appendChild(sequence)
        self._description().appendChild(history)

    def remove(self, prefix: str, name: str) -> None:
        """Drop a property wherever it stands."""
        uri = PREFIXES[prefix]
        for description in self._descriptions():
            if description.hasAttributeNS(uri, name):
                description.removeAttributeNS(uri, name)
            for child in list(_children(description, uri, name)):
                description.removeChild(child)

    def merge(self, other: Packet) -> None:
        """Take over all properties of `other`, for the parts of an extended packet."""
        for description in list(other._descriptions()):
            self._rdf.appendChild(self._document.importNode(description, True))

    def to_bytes(self) -> bytes:
        """The packet in UTF-8, wrapped as ISO 16684-1 section 7.3.2 asks."""
        body = self._document.documentElement
        assert body is not None
        text = (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
            f'{body.toxml()}\n<?xpacket end="w"?>'
        )
        return text.encode("utf-8")

    def _descriptions(self) -> Iterator[Element]:
        return _children(self._rdf, RDF, "Description")

    def _description(self) -> Element:
        """The description that holds what is added here."""
        if self._own is None:
            # All descriptions of one packet must be about the same resource.
            about = next(self._descriptions()).getAttributeNS(RDF, "about")
            self._own = self._element(RDF, "rdf:Description")
            self._own.setAttributeNS(RDF, "rdf:about", about)
            self._rdf.appendChild(self._own)
        return self._own

    def _element(self, uri: str, qualified: str) -> Element:
        element = self._document.createElementNS(uri, qualified)
        # Declared on every element made here: the packet may use the prefix for another name.
        element.setAttributeNS(XMLNS, f"xmlns:{qualified.partition(':')[0]}", uri)
        return element

    def _property(self, prefix: str, name: str, value: str) -> Element:
        element = self._element(PREFIXES[prefix], f"{prefix}:{name}")
        element.appendChild(self._document.createTextNode(_printable(value)))
        return element

    def _resource(self, qualified: str, uri: str, fields: dict[str, str]) -> Element:
        element = self._element(uri, qualified)
        element.setAttributeNS(XMLNS, "xmlns:rdf", RDF)
        element.setAttributeNS(RDF, "rdf:parseType", "Resource")
        for field, value in fields.items():
            prefix, _, name = field.partition(":")
            element.appendChild(self._property(prefix, name, value))
        return element


def joined(main: bytes, extension: bytes) -> bytes:
    """One packet of a JPEG's standard and extended parts; raises `ValueError` if broken."""
    packet = Packet(main)
    packet.merge(Packet(extension))
    packet.remove("xmpNote", "HasExtendedXMP")
    return packet.to_bytes()


def _text(packet: bytes) -> str:
    if len(packet) > SIZE_LIMIT:
        raise ValueError(f"it has {len(packet):,} bytes, more than {SIZE_LIMIT:,}")
    encoding = "utf-8"
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif packet[:4].count(0) >= 2:
        encoding = "utf-16-le" if packet[1] == 0 else "utf-16-be"
    return packet.decode(encoding).strip("\0\ufeff \t\r\n")


def _parse(text: str) -> Document:
    # Without a document type there are no entities, so nothing can expand or be fetched.
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise ValueError("it declares a document type or entities")
    depth = 0
    for tag in re.finditer(r"<(/?)[A-Za-z_][^<>]*?(/?)>", text):
        depth += 0 if tag[2] else -1 if tag[1] else 1
        if depth > DEPTH_LIMIT:
            raise ValueError(f"it is nested deeper than {DEPTH_LIMIT}")
    try:
        return minidom.parseString(text.encode("utf-8"))
    except (ExpatError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not well-formed XML ({error})") from error


def _children(parent: Element, uri: str, name: str) -> Iterator[Element]:
    for child in parent.childNodes:
        if isinstance(child, Element) and (child.namespaceURI, child.localName) == (uri, name):
            yield child


def _content(element: Element) -> str:
    return "".join(
        node.data for node in element.childNodes if isinstance(node, minidom.Text)
    ).strip()


def _printable(value: str) -> str:
    """`value` without the characters XML cannot hold."""
    value = value.encode("utf-8", "replace").decode("utf-8")
    return re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", value)
