"""`compare` on a signed image and on altered copies of it: each altered byte must be named, and nothing else.

    python3 test.py COMPARE BUILT_FOLDER SIGNED
"""

import os
import subprocess
import sys

compare, built, signed = sys.argv[1:]
sys.path.insert(0, compare)
# The code under test finds the places to break; what it says of them is then compared with the names below.
import pe
from fat import Fat
from gpt import ESP, Table

BOOT_FILE = "/EFI/BOOT/BOOTX64.EFI"
COPY = "altered.img"


def run(image):
    done = subprocess.run([sys.executable, compare, f"{built}/disk.img", image, "--all"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def copy():
    subprocess.run(["cp", "--sparse=always", "--no-preserve=mode", signed, COPY], check=True)


def flip(offset):
    with open(COPY, "r+b") as disk:
        disk.seek(offset)
        byte = disk.read(1)[0]
        disk.seek(offset)
        disk.write(bytes([byte ^ 1]))


def altered(what, offset, *words):
    """One bit of the byte at `offset` is flipped: the report must hold each of `words`."""
    flip(offset)
    status, text = run(COPY)
    flip(offset)
    missing = [word for word in words if word not in text]
    assert status == 1 and not missing, f"{what}: status {status}, without {missing}:\n{text}"
    print(f"named: {what}: {next(line for line in text.splitlines() if words[0] in line)}")


status, text = run(signed)
assert status == 0 and "stripped: a Secure Boot signature" in text, text
status, text = run(f"{built}/disk.img")
assert status == 0 and "no Secure Boot signature" in text, text

with open(signed, "rb") as file:
    disk = file.read()
table = Table(lambda offset, length: disk[offset:offset + length], len(disk))
esp = next(part for part in table.parts if part[2] == ESP)[3]
fat = Fat(disk[esp:next(part for part in table.parts if part[2] == ESP)[4]])
uki = fat.read(BOOT_FILE)
entry, clusters, size = fat.files[BOOT_FILE]
parts = {part[1]: part for part in table.parts}
root = next(part for name, part in parts.items() if name.startswith("root-"))
tree = next(part for name, part in parts.items() if name.startswith("hash-"))

def in_uki(offset):
    return esp + fat.start(clusters[offset // fat.cluster]) + offset % fat.cluster


cases = [
    ("protective MBR", 450, "protective MBR"),
    ("disk id", 512 + 60, "GPT header, disk id"),
    ("name of the root's entry", table.entries_at + 128 + 58, "GPT entry 2, name"),
    ("backup header", len(disk) - 512 + 24, "backup GPT header, own place"),
    ("gap before the first partition", 40 * 512, "space outside the partitions"),
    ("FAT boot sector", esp + 3, "ESP, FAT boot sector"),
    ("FAT information sector", esp + fat.info + 488, "ESP, FAT information sector"),
    ("first FAT", esp + fat.reserved + 4 * (clusters[-1] + 40), "ESP, FAT table 1"),
    ("second FAT", esp + fat.reserved + fat.table_size + 4 * (clusters[-1] + 40), "ESP, FAT table 2"),
    ("attributes of the UKI's entry", esp + entry + 11, "FAT folder entry of " + BOOT_FILE),
    ("free space of the ESP", esp + len(fat.data) - 4096, "free space of the FAT"),
    ("behind the end of the UKI", esp + fat.start(clusters[-1]) + fat.cluster - 1, "behind the end of " + BOOT_FILE),
    ("PE checksum", in_uki(pe.optional_header(uki) + pe.CHECKSUM), "the PE checksum of the UKI is not"),
    ("PE header", in_uki(2), "PE header"),
    ("digest in the signature", in_uki(uki.index(pe.authenticode(uki))), "the signature is not over this file"),
    ("root, superblock", root[3] + 1024 + 8, "erofs superblock"),
    ("root, inodes", root[3] + 1024 + 256, "erofs inodes and folders"),
    ("root, the program", root[3] + disk[root[3]:root[4]].index(b"\x7fELF") + 1, "`root-", " (the piece from its byte 0)"),
    ("root, behind its end", root[4] - 1, "behind the end of the file system"),
    ("tree, superblock", tree[3] + 16, "superblock of the hash tree"),
    ("tree, top", tree[3] + 4096 + 40, "digest of the data blocks"),
    ("tree, lowest level", tree[3] + 4 * 4096 + 33, "level 0, digest of the data blocks"),
    ("slot B", table.parts[3][3] + 12345, "partition 4 `_empty`"),
]
for name, start, length in pe.sections(uki):
    cases.append((f"UKI section {name}", in_uki(start + length // 2), f"{BOOT_FILE}, section {name}", "the signature is not over this file"))
copy()
for case in cases:
    altered(*case)

# Whole files that are none.
for name, size_of, word in (("truncated", len(disk) - (64 << 20), "its end is missing"), ("cut in the ESP", 20 << 20, "its end is missing"), ("empty", 0, "no partition table")):
    copy()
    os.truncate(COPY, size_of)
    status, text = run(COPY)
    assert status == 1 and word in text and "Traceback" not in text, f"{name}: {status}\n{text}"
    print(f"named: {name}: {word}")
with open(COPY, "wb") as file:
    file.write(b"not a disk\n" * 100000)
status, text = run(COPY)
assert status == 1 and "no partition table" in text and "Traceback" not in text, text
with open(COPY, "wb") as file:
    file.write(disk + b"more")
status, text = run(COPY)
assert status == 1 and "behind its end" in text, text
status, text = run("absent.img")
assert status == 2 and "cannot read" in text, text
print(f"figure: 2 images without a difference; {len(cases)} flipped bits named by place, and 6 wrong files refused")
