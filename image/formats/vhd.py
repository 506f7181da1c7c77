"""Fixed VHD, as Azure takes it (Virtual Hard Disk Image Format Specification 1.0): the raw disk and a footer.

Azure wants a whole number of MiB (its upload guide), so the disk is padded with zeros before the footer.
"""
import hashlib
import os
import struct

from sparse import align

MIB = 1 << 20
# Seconds from 1970 to 2000, where the format's clock begins.
EPOCH = 946_684_800


def geometry(sectors):
    """Cylinders, heads and sectors per track, by the specification's appendix."""
    sectors = min(sectors, 65535 * 16 * 255)
    if sectors >= 65535 * 16 * 63:
        per_track, heads = 255, 16
        cylinders_by_heads = sectors // per_track
    else:
        per_track = 17
        cylinders_by_heads = sectors // per_track
        heads = max((cylinders_by_heads + 1023) // 1024, 4)
        if cylinders_by_heads >= heads * 1024 or heads > 16:
            per_track, heads = 31, 16
            cylinders_by_heads = sectors // per_track
        if cylinders_by_heads >= heads * 1024:
            per_track, heads = 63, 16
            cylinders_by_heads = sectors // per_track
    return cylinders_by_heads // heads, heads, per_track


def footer(size, identity, epoch):
    """The 512 bytes at the end; `identity` makes the disk's unique id, `epoch` its time."""
    cylinders, heads, per_track = geometry(size // 512)
    body = struct.pack(
        ">8sIIQI4sI4sQQHBBI", b"conectix", 2, 0x0001_0000, 0xFFFF_FFFF_FFFF_FFFF, max(epoch - EPOCH, 0), b"hdft",
        0x0001_0000, b"Wi2k", size, size, cylinders, heads, per_track, 2)
    unique = identity[:16]
    checksum = ~sum(body + unique) & 0xFFFF_FFFF
    return (body + struct.pack(">I", checksum) + unique).ljust(512, b"\0")


def write(raw, out, epoch):
    """Writes the VHD of the raw image."""
    identity = hashlib.sha256()
    with open(raw, "rb") as source, open(out, "wb") as target:
        while chunk := source.read(MIB):
            identity.update(chunk)
            # Zeros stay holes in the file.
            if chunk.strip(b"\0"):
                target.write(chunk)
            else:
                target.seek(len(chunk), os.SEEK_CUR)
        size = align(source.tell(), MIB)
        target.seek(size)
        target.write(footer(size, identity.digest(), epoch))
