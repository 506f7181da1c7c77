"""The UKI: a PE file (Microsoft PE format). Its sections, its Authenticode signature, and the file without it."""

import hashlib
import struct

CHECKSUM = 64  # Within the optional header.
SECURITY = 144  # The fifth data directory of a PE32+ file.


class NotPE(ValueError):
    """The bytes are no PE32+ file that can be read."""


def number(data, at, size):
    if at < 0 or at + size > len(data):
        raise NotPE(f"it ends before byte {at + size}")
    return int.from_bytes(data[at:at + size], "little")


def optional_header(data):
    if data[:2] != b"MZ":
        raise NotPE("it does not begin with `MZ`")
    header = number(data, 0x3C, 4)
    if data[header:header + 4] != b"PE\0\0":
        raise NotPE("it has no PE header")
    if number(data, header + 24, 2) != 0x20B:
        raise NotPE("it is not PE32+")
    return header + 24


def sections(data):
    """(name, first byte, length) of each section, as stored."""
    optional = optional_header(data)
    header = optional - 24
    table = optional + number(data, header + 20, 2)
    found = []
    for place in range(min(number(data, header + 6, 2), 96)):
        entry = table + 40 * place
        name = data[entry:entry + 8].split(b"\0")[0].decode("ascii", "replace")
        found.append((name, number(data, entry + 20, 4), number(data, entry + 16, 4)))
    return found


def checksum(data):
    """The checksum that belongs into the header (PE format, "Optional Header": the sum that ImageHlp computes)."""
    at = optional_header(data) + CHECKSUM
    whole = bytes(data[:at]) + b"\0\0\0\0" + bytes(data[at + 4:])
    whole += b"\0" * (len(whole) % 2)
    total = sum(struct.unpack(f"<{len(whole) // 2}H", whole))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(data)


def authenticode(data):
    """SHA-256 over the file without checksum, security entry and signature (Windows Authenticode PE format)."""
    optional = optional_header(data)
    start, size = number(data, optional + SECURITY, 4), number(data, optional + SECURITY + 4, 4)
    end = start if size else len(data)
    body = data[:optional + CHECKSUM] + data[optional + CHECKSUM + 4:optional + SECURITY] + data[optional + SECURITY + 8:end]
    return hashlib.sha256(body).digest()


def strip(data, unsigned):
    """(the file without its signature, the signature or None, faults). `unsigned` tells what stands in the fields that
    signing changes: they are put back only where signing explains what is there."""
    optional = optional_header(data)
    start, size = number(data, optional + SECURITY, 4), number(data, optional + SECURITY + 4, 4)
    if not size:
        return data, None, []
    faults = []
    if start < len(unsigned) or start - len(unsigned) > 7 or start + size != len(data):
        return data, None, [f"the signature's place in the header is wrong: byte {start}, {size} long, in a file of {len(data)}"]
    signature = data[start:]
    if any(data[len(unsigned):start]):
        faults.append("the filling before the signature is not zero")
    length, revision, kind = number(signature, 0, 4), number(signature, 4, 2), number(signature, 6, 2)
    if (revision, kind) != (0x200, 2) or length > size or size - length > 7 or any(signature[length:]):
        faults.append("the signature's head or its filling is not as the Authenticode format has it")
    if authenticode(data) not in signature:
        faults.append("the signature is not over this file: its digest is another")
    right = checksum(data)
    if number(data, optional + CHECKSUM, 4) != right:
        faults.append(f"the PE checksum of the UKI is not that of its bytes ({right:08x})")
    bare = bytearray(data[:len(unsigned)])
    for at, width in ((optional + CHECKSUM, 4), (optional + SECURITY, 8)):
        bare[at:at + width] = unsigned[at:at + width]
    return bytes(bare), signature, faults


def place(data, offset):
    """In which part of the file a byte lies, and where in it."""
    for name, start, length in sections(data):
        if start <= offset < start + length:
            return f"section {name}", offset - start
    first = min((start for _, start, length in sections(data) if length), default=len(data))
    return ("PE header", offset) if offset < first else ("between the sections", None)
