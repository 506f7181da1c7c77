"""GUID partition tables (UEFI 2.10, section 5.3): reading one with sectors of 512 bytes, writing one with any."""
import struct
import uuid
import zlib

ENTRY = 128
ENTRIES = 128
ARRAY = ENTRY * ENTRIES
HEADER = "<8sIIIIQQQQ16sQIII"


class Partition:
    """An entry; `first` and `end` in bytes, `end` is the first byte behind it."""

    def __init__(self, raw, sector):
        self.kind, self.id = raw[:16], raw[16:32]
        first, last, self.attributes = struct.unpack("<QQQ", raw[32:56])
        self.first, self.end = first * sector, (last + 1) * sector
        self.name = raw[56:].decode("utf-16-le").rstrip("\0")

    def pack(self, sector):
        """The entry of a table with sectors of this size."""
        if self.first % sector or self.end % sector:
            raise SystemExit(f"partition `{self.name}` does not lie on sectors of {sector} bytes: was the image altered?")
        place = struct.pack("<QQQ", self.first // sector, self.end // sector - 1, self.attributes)
        return self.kind + self.id + place + self.name.encode("utf-16-le").ljust(72, b"\0")


def read(disk):
    """The disk's GUID and its partitions, from the primary table of a disk with sectors of 512 bytes."""
    disk.seek(512)
    head = disk.read(92)
    if head[:8] != b"EFI PART":
        raise SystemExit("the image has no partition table: is it the disk.img of `nix build .#image`, or a signed one?")
    fields = struct.unpack(HEADER, head)
    blank = head[:16] + bytes(4) + head[20:]
    disk.seek(fields[10] * 512)
    array = disk.read(ARRAY)
    if zlib.crc32(blank) != fields[3] or fields[11:13] != (ENTRIES, ENTRY) or zlib.crc32(array) != fields[13]:
        raise SystemExit("the image's partition table is damaged: copy or build the image again")
    entries = (array[at:at + ENTRY] for at in range(0, ARRAY, ENTRY))
    return fields[9], [Partition(entry, 512) for entry in entries if entry[:16] != bytes(16)]


def array(partitions, sector):
    """The entries of a table."""
    return b"".join(partition.pack(sector) for partition in partitions).ljust(ARRAY, b"\0")


def header(disk, entries, sector, at, other, entries_at, usable):
    """A header that stands at byte `at`; `usable`: first byte and end of the room for partitions."""
    first, end = usable
    fields = [
        b"EFI PART", 0x1_0000, 92, 0, 0, at // sector, other // sector, first // sector, end // sector - 1, disk,
        entries_at // sector, ENTRIES, ENTRY, zlib.crc32(entries)]
    fields[3] = zlib.crc32(struct.pack(HEADER, *fields))
    return struct.pack(HEADER, *fields)


def protective():
    """The protective MBR (section 5.2.3), of the length that stands for "more than can be said": sectors may differ in size."""
    entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, 0xFFFF_FFFF)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


def text(guid):
    """A GUID as people write it."""
    return str(uuid.UUID(bytes_le=guid))
