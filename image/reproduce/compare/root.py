"""Places in the root file system (erofs) and in its hash tree (dm-verity)."""

import os
import re
import subprocess

BLOCK = 4096
DIGESTS = BLOCK // 32


class Root:
    """`image`: the built root.erofs, cut out of the disk; `blocks`: its length; `paths`: its files. What lies where is asked of
    `dump.erofs` for one file after the other, and only when a byte of the root differs."""

    def __init__(self, image, blocks, paths):
        self.size = blocks * BLOCK
        self.extents = []
        for path in paths:
            told = subprocess.run(
                ["dump.erofs", f"--path={path}", "-e", image], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
            ).stdout
            for line in told.splitlines():
                # ` 0:        0..   65536 |   65536 :    4096..   8192 |   4096`: extent, in the file, on the disk.
                found = re.match(r"\s*\d+:\s*(\d+)\.\.\s*(\d+) \|\s*\d+ :\s*(\d+)\.\.\s*(\d+) \|", line)
                if found:
                    logical, _, start, end = (int(word) for word in found.groups())
                    self.extents.append((start, end, path, logical))
        self.extents.sort()

    def place(self, offset):
        """The file (and the first byte of the piece of it) that is stored at this byte of the partition."""
        names = [(path, logical) for start, end, path, logical in self.extents if start <= offset < end]
        if names:
            path, logical = names[0]
            return f"{path} (the piece from its byte {logical})", None
        if 1024 <= offset < 1024 + 128:
            return "erofs superblock", offset - 1024
        if offset >= self.size:
            return "behind the end of the file system", offset - self.size
        return "erofs inodes and folders", offset


def tree_place(offset, blocks):
    """What a byte of the hash tree vouches for; `blocks`: number of data blocks."""
    block, within = divmod(offset, BLOCK)
    if block == 0:
        return "superblock of the hash tree (the kernel does not read it)", within
    levels, count = [], blocks
    while count > 1:
        count = -(-count // DIGESTS)
        levels.append(count)
    block -= 1
    for level in range(len(levels) - 1, -1, -1):
        if block < levels[level]:
            span = DIGESTS ** level
            index = (block * DIGESTS + within // 32) * span
            last = min(index + span, blocks) - 1
            if index >= blocks:
                return f"hash tree, level {level}, filling", within
            return f"hash tree, level {level}, digest of the data blocks {index} to {last}", within % 32
        block -= levels[level]
    return "behind the hash tree", offset


def manifest(path):
    """Paths of the files in the root."""
    with open(path, encoding="utf-8") as lines:
        rows = [line.split("\t") for line in lines]
    return [row[1] for row in rows if len(row) > 1 and row[0] in ("file", "program", "library")]
