"""The partition table (UEFI 2.10, section 5.3)."""

import struct

SECTOR = 512
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
FIELDS = (
    (0, 8, "signature"), (8, 4, "revision"), (12, 4, "header size"), (16, 4, "header checksum"), (20, 4, "reserved"),
    (24, 8, "own place"), (32, 8, "place of the other header"), (40, 8, "first usable sector"), (48, 8, "last usable sector"),
    (56, 16, "disk id"), (72, 8, "place of the entries"), (80, 4, "number of entries"), (84, 4, "size of an entry"),
    (88, 4, "checksum of the entries"),
)
ENTRY_FIELDS = ((0, 16, "type"), (16, 16, "id"), (32, 8, "first sector"), (40, 8, "last sector"), (48, 8, "attributes"), (56, 72, "name"))


class NoTable(ValueError):
    """There is no partition table."""


class Table:
    """`read(offset, length)` gives bytes of a disk of `size` bytes."""

    def __init__(self, read, size):
        header = read(SECTOR, SECTOR)
        if header[:8] != b"EFI PART":
            raise NoTable("it has no partition table (GPT): it is no Holdfast disk image, or cut off before its second sector")
        self.size = size
        self.entries_at = struct.unpack_from("<Q", header, 72)[0] * SECTOR
        count, width = struct.unpack_from("<II", header, 80)
        if width != 128 or count > 1024:
            raise NoTable("its partition table has entries of another form")
        self.length = count * width
        self.parts = []
        table = read(self.entries_at, self.length)
        for number in range(count):
            entry = table[number * width:(number + 1) * width]
            if len(entry) < width or not any(entry[:16]):
                continue
            first, last = struct.unpack_from("<QQ", entry, 32)
            name = entry[56:128].decode("utf-16-le", "replace").split("\0")[0]
            kind = entry[:4][::-1].hex() + "-" + entry[4:6][::-1].hex() + "-" + entry[6:8][::-1].hex() + "-" + entry[8:10].hex() + "-" + entry[10:16].hex()
            self.parts.append((number + 1, name, kind, first * SECTOR, (last + 1) * SECTOR))

    def place(self, offset):
        """What a byte outside the partitions is."""
        if offset < SECTOR:
            return "protective MBR", offset
        backup = self.size - SECTOR
        for which, header, entries in (("GPT", SECTOR, self.entries_at), ("backup GPT", backup, backup - self.length)):
            if header <= offset < header + SECTOR:
                within = offset - header
                for start, width, name in FIELDS:
                    if start <= within < start + width:
                        return f"{which} header, {name}", within - start
                return f"{which} header, behind its fields", within
            if entries <= offset < entries + self.length:
                number, within = divmod(offset - entries, 128)
                for start, width, name in ENTRY_FIELDS:
                    if start <= within < start + width:
                        return f"{which} entry {number + 1}, {name}", within - start
        return "space outside the partitions", None
