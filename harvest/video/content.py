"""Tells by a file's first bytes, not by its name, whether it is a video, a photograph, or neither."""

from pathlib import Path
from typing import Literal

from body.pictures import is_transport_stream

Kind = Literal["video", "photograph"]

_HEAD_BYTES = 1 << 10
_VIDEO_HEADS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"OggS", b"FLV\x01", b".RMF", b"DKIF", b"YUV4MPEG2", b"nut/multimedia", b"GIF87a", b"GIF89a",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"\x00\x00\x01\xb0",  # MPEG program stream, MPEG-1/2 and MPEG-4 video
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01",  # MXF
    b"\x1f\x07\x00",  # DV
    b"\xb7\xd8\x00\x20\x37\x49\xda\x11",  # WTV
)  # fmt: skip
_PHOTOGRAPH_HEADS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"\xff\x0a",
    b"\x00\x00\x00\x0cJXL ",
)
_STILL_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"avif", b"heim", b"heis"})
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})
_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
SOUND_SUFFIXES = frozenset(
    {".m4a", ".m4b", ".oga", ".ogg", ".opus", ".spx", ".mka", ".wma", ".aac", ".mp3", ".wav", ".flac"}
)
"""Suffixes of audio files. Their containers are those of videos, so only the name tells them apart."""


def content_kind(path: Path) -> Kind | None:
    """The kind of a file; None if it is neither a video nor a photograph, or cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "photograph" if brand in _STILL_BRANDS else None if brand in _SOUND_BRANDS else "video"
    if head[:4] == b"RIFF":
        return {b"AVI ": "video", b"WEBP": "photograph"}.get(head[8:12])  # type: ignore[return-value]
    if head.startswith(_VIDEO_HEADS) or head[4:8] in _ATOMS or is_transport_stream(head):
        return "video"
    return "photograph" if head.startswith(_PHOTOGRAPH_HEADS) else None
