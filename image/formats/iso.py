"""A disc for UEFI that is a disk as well: the image's ESP, root and hash tree, each where the raw image has it.

Two partition tables tell of the same partitions: one in sectors of 512 bytes (a disk), one in sectors of 2048 (an optical
drive). Firmware that looks for El Torito (section 13.3.2 of UEFI 2.10) is led to the same ESP, and an ISO 9660 directory
(ECMA-119) shows it as a file. The empty slot is left out: a disc is never written.

  byte 0        protective MBR                  byte 32 KiB   volume descriptors, path tables, directory, boot catalog
       512      header, sectors of 512               64 KiB   entries, sectors of 512
       2048     header, sectors of 2048              1 MiB    the partitions
       8192     entries, sectors of 2048             the end  1 MiB with both backups
"""
import struct
import time

import gpt

SECTOR = 2048
MIB = 1 << 20
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
# ESP, root and hash tree: a data partition stays at home.
KINDS = (ESP, "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5")
EMPTY = "_empty"
LABEL = b"HOLDFAST"
# Sectors of the file system's parts.
PRIMARY, BOOT, END, PATHS, PATHS_BIG, ROOT, CATALOG = range(16, 23)
# Bytes from the start, and from the end, of what the tables need. Header and entries of one table never touch the other's.
ENTRIES_2048, ENTRIES_512, BACKUP_2048, BACKUP_512 = 8192, 65536, 65536, 131072


def both(form, number):
    """A number in both byte orders."""
    return struct.pack("<" + form, number) + struct.pack(">" + form, number)


def record(name, sector, length, folder, moment):
    """A directory record (ECMA-119, section 9.1)."""
    stamp = bytes([moment.tm_year - 1900, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec, 0])
    body = b"\0" + both("I", sector) + both("I", length) + stamp + bytes([2 if folder else 0, 0, 0]) + both("H", 1)
    body += bytes([len(name)]) + name
    body += b"\0" * ((len(body) + 1) % 2)
    return bytes([len(body) + 1]) + body


def primary(sectors, moment):
    """The primary volume descriptor (section 8.4)."""
    blank = b" "
    stamp = time.strftime("%Y%m%d%H%M%S00", moment).encode() + b"\0"
    never = b"0" * 16 + b"\0"
    return b"".join([
        b"\1CD001\1\0", blank * 32, LABEL.ljust(32), bytes(8), both("I", sectors), bytes(32), both("H", 1), both("H", 1),
        both("H", SECTOR), both("I", 10), struct.pack("<II", PATHS, 0), struct.pack(">II", PATHS_BIG, 0),
        record(b"\0", ROOT, SECTOR, True, moment), blank * (4 * 128 + 3 * 37), stamp, stamp, never, stamp, b"\1\0",
    ]).ljust(SECTOR, b"\0")


def catalog(esp):
    """The boot catalog (El Torito 1.0, section 2): one entry, without emulation, as long as the disc."""
    check = struct.pack("<BBH24sH2s", 1, 0xEF, 0, LABEL.ljust(24, b"\0"), 0, b"\x55\xaa")
    total = -sum(struct.unpack("<16H", check)) & 0xFFFF
    check = check[:28] + struct.pack("<H", total) + check[30:]
    # More sectors than the field can say: 0 means "up to the end of the disc".
    return (check + struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 0, esp.first // SECTOR)).ljust(SECTOR, b"\0")


def filesystem(esp, sectors, epoch):
    """Sectors 16 to 22."""
    moment = time.gmtime(epoch)
    directory = record(b"\0", ROOT, SECTOR, True, moment) + record(b"\1", ROOT, SECTOR, True, moment)
    directory += record(b"ESP.IMG;1", esp.first // SECTOR, esp.end - esp.first, False, moment)
    boot = b"\0CD001\1" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", CATALOG)
    parts = {
        PRIMARY: primary(sectors, moment), BOOT: boot, END: b"\xffCD001\1", ROOT: directory, CATALOG: catalog(esp),
        PATHS: struct.pack("<BBIHBB", 1, 0, ROOT, 1, 0, 0), PATHS_BIG: struct.pack(">BBIHBB", 1, 0, ROOT, 1, 0, 0)}
    return b"".join(parts[number].ljust(SECTOR, b"\0") for number in sorted(parts))


def write(raw, out, epoch):
    """Writes the disc of the raw image."""
    with open(raw, "rb") as source, open(out, "wb") as target:
        disk, partitions = gpt.read(source)
        kept = [part for part in partitions if part.name != EMPTY and gpt.text(part.kind) in KINDS]
        esp = next((partition for partition in kept if gpt.text(partition.kind) == ESP), None)
        if esp is None or min(partition.first for partition in kept) < MIB:
            raise SystemExit("the image has no EFI system partition behind its first MiB: was it altered?")
        end = max(partition.end for partition in kept)
        size = end + MIB
        target.truncate(size)

        def put(at, data):
            target.seek(at)
            target.write(data)

        put(0, gpt.protective())
        for sector, entries_at, from_end in (512, ENTRIES_512, BACKUP_512), (SECTOR, ENTRIES_2048, BACKUP_2048):
            entries = gpt.array(kept, sector)
            last, usable = size - sector, (MIB, end)
            put(sector, gpt.header(disk, entries, sector, sector, last, entries_at, usable))
            put(entries_at, entries)
            put(size - from_end, entries)
            put(last, gpt.header(disk, entries, sector, last, sector, size - from_end, usable))
        put(PRIMARY * SECTOR, filesystem(esp, size // SECTOR, epoch))
        for partition in kept:
            for at in range(partition.first, partition.end, MIB):
                source.seek(at)
                chunk = source.read(min(MIB, partition.end - at))
                if chunk.strip(b"\0"):
                    put(at, chunk)
