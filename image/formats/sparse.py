"""Reading a raw disk image by clusters, of which those of zeros alone are told apart."""


def clusters(path, size):
    """Yields (number, bytes or None) for each cluster of `size` bytes; None where all are zero. The last is padded."""
    zero = bytes(size)
    with open(path, "rb") as raw:
        number = 0
        while chunk := raw.read(size):
            chunk = chunk.ljust(size, b"\0")
            yield number, None if chunk == zero else chunk
            number += 1


def align(number, to):
    """The next multiple of `to`."""
    return -(-number // to) * to
