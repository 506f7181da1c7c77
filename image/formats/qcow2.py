"""qcow2 version 3 (QEMU's docs/interop/qcow2.txt): clusters of 64 KiB, those of zeros left out, no compression."""
import struct

from sparse import clusters

BITS = 16
CLUSTER = 1 << BITS
COPIED = 1 << 63
# Entries of a table of 8 bytes, and of a refcount block of 16 bits.
TABLE = CLUSTER // 8
COUNTS = CLUSTER // 2


def write(raw, out, _epoch):
    """Writes the qcow2 of the raw image."""
    with open(raw, "rb") as source:
        size = source.seek(0, 2)
    total = -(-size // CLUSTER)
    tables = -(-total // TABLE)
    used = [number for number, chunk in clusters(raw, CLUSTER) if chunk is not None]
    filled = sorted({number // TABLE for number in used})
    # Header, L1, refcount table and blocks, L2 tables, data: in this order, with no hole.
    l1_clusters = -(-tables * 8 // CLUSTER)
    others = 1 + l1_clusters + len(filled) + len(used)
    blocks = 1
    while True:
        directory = -(-blocks * 8 // CLUSTER)
        if blocks * COUNTS >= others + blocks + directory:
            break
        blocks += 1
    everything = others + blocks + directory
    directory_at = 1 + l1_clusters
    blocks_at = directory_at + directory
    l2_at = blocks_at + blocks
    data_at = l2_at + len(filled)

    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, BITS, size, 0, tables, CLUSTER, directory_at * CLUSTER, directory, 0, 0,
        0, 0, 0, 4, 104)
    l2_of = {table: (l2_at + place) * CLUSTER for place, table in enumerate(filled)}
    data_of = {number: (data_at + place) * CLUSTER for place, number in enumerate(used)}
    with open(out, "wb") as target:
        # No header extensions: an end mark of 8 zero bytes, which padding gives.
        target.write(header.ljust(CLUSTER, b"\0"))
        l1 = b"".join(struct.pack(">Q", l2_of[table] | COPIED if table in l2_of else 0) for table in range(tables))
        target.write(l1.ljust(l1_clusters * CLUSTER, b"\0"))
        counts = b"".join(struct.pack(">Q", (blocks_at + block) * CLUSTER) for block in range(blocks))
        target.write(counts.ljust(directory * CLUSTER, b"\0"))
        target.write((b"\0\1" * everything).ljust(blocks * CLUSTER, b"\0"))
        for table in filled:
            numbers = range(table * TABLE, (table + 1) * TABLE)
            target.write(b"".join(struct.pack(">Q", data_of[n] | COPIED if n in data_of else 0) for n in numbers))
        for _, chunk in clusters(raw, CLUSTER):
            if chunk is not None:
                target.write(chunk)
