"""The comparison itself. What a signed disk has to be is made from the built one: its UKI is replaced by the signed one, as
`sign` does it, so that every other byte, free space included, has one right value."""

import hashlib
import os
import subprocess
import tempfile

import pe
from fat import Fat, NotFat
from gpt import ESP, NoTable, Table
from root import BLOCK, Root, manifest, tree_place

BOOT_FILE = "/EFI/BOOT/BOOTX64.EFI"
CHUNK = 1 << 20
# Fields of a folder entry that hold times: creation, access, change. They say when it was signed.
TIMES = frozenset((13, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25))


class Difference(Exception):
    """What is compared is no image, or has no part that can be compared further."""


def reader(file):
    def read(offset, length):
        file.seek(offset)
        return file.read(length)
    return read


def runs(one, other):
    """(offset, length) of what differs in two byte strings of one length."""
    start = None
    for block in range(0, len(one), BLOCK):
        a, b = one[block:block + BLOCK], other[block:block + BLOCK]
        if a == b:
            if start is not None:
                yield start, block - start
                start = None
            continue
        for at, (left, right) in enumerate(zip(a, b)):
            if left != right and start is None:
                start = block + at
            elif left == right and start is not None:
                yield start, block + at - start
                start = None
    if start is not None:
        yield start, len(one) - start


def compare(built_path, signed_path, report):
    """Reports every difference of `signed_path` from `built_path`."""
    with open(built_path, "rb") as built, open(signed_path, "rb") as signed, tempfile.TemporaryDirectory() as folder:
        size, found = os.path.getsize(built_path), os.path.getsize(signed_path)
        try:
            table = Table(reader(built), size)
        except NoTable as error:
            raise Difference(f"the built image is none: {error}") from error
        head = reader(signed)(0, 1024)
        # A broken table is compared like anything else; something that never had one is not.
        if head[510:512] != b"\x55\xaa" and head[512:520] != b"EFI PART":
            raise Difference(f"`{signed_path}` has no partition table: it is no disk image. Give the signed disk.img")
        if size != found:
            report.different(f"it is {found} bytes long, not {size}: " + ("its end is missing" if found < size else "something is behind its end"))
        esp = next(part for part in table.parts if part[2] == ESP)
        esp_bytes, uki = signed_esp(built_path, reader(built), reader(signed), esp, folder, report)
        walk(reader(built), reader(signed), min(size, found), table, esp, esp_bytes, uki, os.path.dirname(built_path), folder, report)


def signed_esp(built_path, built, signed, esp, folder, report):
    """What the ESP has to hold, given the UKI that the signed disk has, and that UKI's length."""
    _, _, _, start, end = esp
    expected, actual = built(start, end - start), signed(start, end - start)
    own = Fat(expected).read(BOOT_FILE)
    try:
        if len(actual) < end - start:
            raise NotFat("the image ends inside it")
        uki = Fat(actual).read(BOOT_FILE)
    except NotFat as error:
        report.different(f"the EFI system partition cannot be read as FAT32, so nothing of it is taken as a signature: {error}")
        return expected, own
    try:
        bare, signature, faults = pe.strip(uki, own)
    except pe.NotPE as error:
        report.different(f"ESP, {BOOT_FILE}: no PE file: {error}")
        bare, signature, faults = uki, None, []
    for fault in faults:
        report.different(f"ESP, {BOOT_FILE}: {fault}")
    if len(bare) != len(own):
        report.different(f"ESP, {BOOT_FILE}: {len(bare)} bytes without signature, not {len(own)}")
    shared = min(len(bare), len(own))
    for at, length in runs(own[:shared], bare[:shared]):
        for byte in range(at, at + length):
            part, within = pe.place(own, byte)
            report.byte_run(f"ESP, {BOOT_FILE}, {part}", offset_in_disk(expected, start, byte), 1, within)
    if signature is None:
        if not faults:
            report.note("it carries no Secure Boot signature")
        if bare == own:
            return expected, own
    else:
        report.note(f"stripped: a Secure Boot signature of {len(signature)} bytes, SHA-256 {hashlib.sha256(signature).hexdigest()}")
    # As `sign` does it: one file is overwritten by the pinned mtools.
    esp_file, uki_file = os.path.join(folder, "esp"), os.path.join(folder, "uki")
    for path, data in ((esp_file, expected), (uki_file, uki)):
        with open(path, "wb") as file:
            file.write(data)
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    subprocess.run(["mcopy", "-o", "-n", "-i", esp_file, uki_file, f"::{BOOT_FILE}"], check=True, env=environment, stdin=subprocess.DEVNULL)
    with open(esp_file, "rb") as file:
        return file.read(), uki


def offset_in_disk(esp, start, byte):
    """Where a byte of the UKI lies on the built disk."""
    fat = Fat(esp)
    _, clusters, _ = fat.files[BOOT_FILE]
    order, within = divmod(byte, fat.cluster)
    return start + fat.start(clusters[order]) + within


def walk(built, signed, size, table, esp, esp_bytes, uki, beside, folder, report):
    """Every byte of the disk, by place."""
    fat = Fat(esp_bytes)
    root = None
    offset = 0
    while offset < size:
        length = min(CHUNK, size - offset)
        one = esp_bytes[offset - esp[3]:offset - esp[3] + length] if esp[3] <= offset and offset + length <= esp[4] else built(offset, length)
        other = signed(offset, length)
        for at, count in () if one == other else runs(one, other):
            for byte in range(offset + at, offset + at + count):
                part = next((part for part in table.parts if part[3] <= byte < part[4]), None)
                if part is None:
                    place, within = table.place(byte)
                elif part == esp:
                    place, within = fat.place(byte - part[3])
                    if place == f"FAT folder entry of {BOOT_FILE}" and within in TIMES:
                        continue
                    if place == BOOT_FILE:
                        inside, within = pe.place(uki, within)
                        place = f"{place}, {inside}"
                    place = f"ESP, {place}"
                else:
                    number, name, _, start, end = part
                    place, within = "", byte - start
                    if name.startswith("root-"):
                        if root is None:
                            root = Root(cut(built, start, end, folder), erofs_blocks(built, start), manifest(os.path.join(beside, "manifest.tsv")))
                        place, within = root.place(byte - start)
                    elif name.startswith("hash-"):
                        data = next(part for part in table.parts if part[1] == "root-" + name[5:])
                        place, within = tree_place(byte - start, erofs_blocks(built, data[3]))
                    place = f"partition {number} `{name}`{', ' if place else ''}{place}"
                report.byte_run(place, byte, 1, within)
        offset += length


def erofs_blocks(read, start):
    """Blocks of the file system (erofs superblock at 1024: `blocks` at its byte 36)."""
    return int.from_bytes(read(start + 1024 + 36, 4), "little")


def cut(read, start, end, folder):
    """The partition as a file of its own."""
    path = os.path.join(folder, "root.erofs")
    with open(path, "wb") as file:
        for at in range(start, end, CHUNK):
            file.write(read(at, min(CHUNK, end - at)))
    return path
