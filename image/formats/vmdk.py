"""streamOptimized VMDK (VMware Virtual Disk Format 1.1), as OVF templates take it: deflated grains of 64 KiB.

Layout: header, descriptor, grains, one grain table after each 512 grains, grain directory, footer, end of stream.
"""
import hashlib
import struct
import zlib

from sparse import clusters

SECTOR = 512
GRAIN = 128
TABLE = 512
AT_END = 0xFFFF_FFFF_FFFF_FFFF
# Valid newline test, compressed grains, markers.
FLAGS = 0x3_0001
OVERHEAD = 128
END_OF_STREAM, GRAIN_TABLE, GRAIN_DIRECTORY, FOOTER = range(4)

DESCRIPTOR = """# Disk DescriptorFile
version=1
CID={cid}
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RDONLY {sectors} SPARSE "{name}"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "{cylinders}"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.virtualHWVersion = "13"
"""


def header(sectors, directory):
    """The sparse extent's header; `directory` is the grain directory's sector, or AT_END."""
    packed = struct.pack(
        "<4sIIQQQQIQQQ?4sH", b"KDMV", 3, FLAGS, sectors, GRAIN, 1, 20, TABLE, 0, directory, OVERHEAD, False, b"\n \r\n", 1)
    return packed.ljust(SECTOR, b"\0")


def padded(data):
    return data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0")


def marker(kind, sectors):
    """A metadata marker: the sectors that follow, no data size, what they are."""
    return struct.pack("<QII", sectors, 0, kind).ljust(SECTOR, b"\0")


def write(raw, out, _epoch):
    """Writes the VMDK of the raw image."""
    digest = hashlib.sha256()
    with open(raw, "rb") as source:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
        size = source.tell()
    sectors = -(-size // (GRAIN * SECTOR)) * GRAIN
    # The content id says which content this is; the two highest values mean something else.
    cid = f"{int(digest.hexdigest()[:8], 16) & 0x7fff_ffff:08x}"
    text = DESCRIPTOR.format(
        cid=cid, sectors=sectors, name="holdfast.vmdk", cylinders=max(1, sectors // (255 * 63)))
    with open(out, "wb") as target:
        target.write(header(sectors, AT_END))
        target.write(text.encode().ljust(20 * SECTOR, b"\0"))
        target.write(bytes(OVERHEAD * SECTOR - target.tell()))
        directory, table = [], []

        def end_table():
            if any(table):
                target.write(marker(GRAIN_TABLE, TABLE * 4 // SECTOR))
                directory.append(target.tell() // SECTOR)
                target.write(struct.pack(f"<{TABLE}I", *table, *[0] * (TABLE - len(table))))
            else:
                directory.append(0)
            table.clear()

        for number, chunk in clusters(raw, GRAIN * SECTOR):
            if chunk is None:
                table.append(0)
            else:
                table.append(target.tell() // SECTOR)
                packed = zlib.compress(chunk, 9)
                target.write(padded(struct.pack("<QI", number * GRAIN, len(packed)) + packed))
            if len(table) == TABLE:
                end_table()
        if table:
            end_table()
        entries = padded(struct.pack(f"<{len(directory)}I", *directory))
        target.write(marker(GRAIN_DIRECTORY, len(entries) // SECTOR))
        place = target.tell() // SECTOR
        target.write(entries)
        target.write(marker(FOOTER, 1) + header(sectors, place) + marker(END_OF_STREAM, 0))
