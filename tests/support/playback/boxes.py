"""Boxes of MP4 (ISO/IEC 14496-12), written by hand: small ones, odd ones, and broken ones."""


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box of one kind with these contents."""
    content = b"".join(contents)
    return (len(content) + 8).to_bytes(4) + kind + content


def track(*, number: int = 1, timescale: int = 90_000, samples: bytes = b"avc1", edits: bytes = b"") -> bytes:
    """The box of a track."""
    times = bytes(12)
    media = box(
        b"mdia",
        box(b"mdhd", times, timescale.to_bytes(4), bytes(8)),
        box(b"minf", box(b"stbl", box(b"stsd", samples))),
    )
    edited = box(b"edts", edits) if edits else b""
    return box(b"trak", box(b"tkhd", times, number.to_bytes(4), bytes(60)), edited, media)


def section(*tracks: bytes, date: int = 0, extra: bytes = b"") -> bytes:
    """An initialization section of tracks, by default of one."""
    header = box(b"mvhd", bytes(4), date.to_bytes(4), bytes(92))
    return box(b"ftyp", b"iso6") + box(b"moov", header, *(tracks or (track(),)), box(b"mvex"), extra)
