"""Google Compute Engine: a gzipped old-GNU tar with one sparse member `disk.raw`, a whole number of GiB long."""
import gzip

from sparse import align, clusters

GIB = 1 << 30
BLOCK = 1 << 16
NUL = b"\0"


def octal(number, width):
    """A number field of tar; base 256 where octal digits do not fit (GNU)."""
    digits = f"{number:0{width - 1}o}".encode()
    return digits + NUL if len(digits) < width else b"\x80" + number.to_bytes(width - 1, "big")


def regions(raw, size):
    """(offset, length) of what is not zero; the last one, empty, marks the end."""
    found = []
    for number, chunk in clusters(raw, BLOCK):
        if chunk is None:
            continue
        start = number * BLOCK
        if found and sum(found[-1]) == start:
            found[-1] = (found[-1][0], found[-1][1] + BLOCK)
        else:
            found.append((start, BLOCK))
    return found + [(size, 0)]


def member(size, found, epoch):
    """The member's header, with as many more blocks as its map of regions takes."""
    stored = sum(length for _, length in found)
    pairs = [octal(offset, 12) + octal(length, 12) for offset, length in found]
    first, more = b"".join(pairs[:4]), pairs[4:]
    head = b"".join([
        b"disk.raw".ljust(100, NUL), octal(0o644, 8), octal(0, 8), octal(0, 8), octal(stored, 12), octal(epoch, 12), b" " * 8,
        b"S", NUL * 100, b"ustar  \0", b"root".ljust(32, NUL), b"root".ljust(32, NUL), octal(0, 8), octal(0, 8),
        NUL * 12, NUL * 12, NUL * 12, NUL * 4, NUL, first.ljust(96, NUL), b"\1" if more else NUL, octal(size, 12),
    ]).ljust(512, NUL)
    head = head[:148] + f"{sum(head):06o}".encode() + b"\0 " + head[156:]
    blocks = [head]
    while more:
        part, more = b"".join(more[:21]), more[21:]
        blocks.append((part.ljust(504, NUL) + (b"\1" if more else NUL)).ljust(512, NUL))
    return b"".join(blocks)


def write(raw, out, epoch):
    """Writes the tar.gz of the raw image."""
    with open(raw, "rb") as source, open(out, "wb") as file:
        size = align(source.seek(0, 2), GIB)
        found = regions(raw, size)
        # No name and no time of its own in the gzip header.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as target:
            target.write(member(size, found, epoch))
            for offset, length in found:
                source.seek(offset)
                target.write(source.read(length).ljust(length, NUL))
            target.write(NUL * 10240)
