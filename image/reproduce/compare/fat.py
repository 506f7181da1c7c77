"""The EFI system partition: a FAT32 file system (Microsoft, FAT32 File System Specification 1.03)."""

ENTRY = 32
END = 0x0FFFFFF8


class NotFat(ValueError):
    """The bytes are no FAT32 file system that can be read."""


class Fat:
    """`data`: the whole partition."""

    def __init__(self, data):
        self.data = data
        if len(data) < 512 or data[510:512] != b"\x55\xaa":
            raise NotFat("no boot sector")
        self.sector, self.cluster = self.number(11, 2), self.number(13, 1) * self.number(11, 2)
        self.reserved, self.copies = self.number(14, 2) * self.sector, self.number(16, 1)
        self.table_size = self.number(36, 4) * self.sector
        self.info = self.number(48, 2) * self.sector
        self.backup = self.number(50, 2) * self.sector
        if self.sector not in (512, 4096) or not self.cluster or not self.table_size or not 1 <= self.copies <= 2:
            raise NotFat("the boot sector makes no sense")
        self.heap = self.reserved + self.copies * self.table_size
        self.owners = {}
        self.files = {}
        self.entries = {}
        self.walk(self.number(44, 4), "", 0)

    def number(self, at, size):
        return int.from_bytes(self.data[at:at + size], "little")

    def chain(self, first):
        """Clusters of a file; each once, so that a loop ends."""
        found, seen = [], set()
        while 2 <= first < END and first not in seen and self.heap + (first - 1) * self.cluster <= len(self.data):
            seen.add(first)
            found.append(first)
            first = self.number(self.reserved + 4 * first, 4) & 0x0FFFFFFF
        return found

    def start(self, cluster):
        return self.heap + (cluster - 2) * self.cluster

    def walk(self, first, path, depth):
        clusters = self.chain(first)
        for order, cluster in enumerate(clusters):
            self.owners[cluster] = (f"folder {path or '/'}", order)
            for at in range(self.start(cluster), self.start(cluster) + self.cluster, ENTRY):
                head = self.data[at]
                if head == 0:
                    break
                kind = self.number(at + 11, 1)
                if head in (0xE5, 0x2E) or kind == 0x0F or kind & 8:
                    continue
                stem, suffix = (self.data[at + a:at + b].decode("ascii", "replace").rstrip() for a, b in ((0, 8), (8, 11)))
                name = f"{path}/{stem}{'.' + suffix if suffix else ''}"
                child = (self.number(at + 20, 2) << 16) | self.number(at + 26, 2)
                self.entries[at] = name
                if kind & 16:
                    if depth < 8:
                        self.walk(child, name, depth + 1)
                else:
                    own = self.chain(child)
                    for place, member in enumerate(own):
                        self.owners[member] = (name, place)
                    self.files[name] = (at, own, self.number(at + 28, 4))

    def read(self, name):
        """A file's bytes."""
        if name not in self.files:
            raise NotFat(f"there is no file {name}")
        _, clusters, size = self.files[name]
        data = b"".join(self.data[self.start(one):self.start(one) + self.cluster] for one in clusters)
        if len(data) < size:
            raise NotFat(f"{name} is cut off")
        return data[:size]

    def place(self, offset):
        """What a byte of the partition is, and where in it. A file is given as its path."""
        for name, start, length in (
            ("FAT boot sector", 0, self.sector),
            ("FAT information sector", self.info, self.sector),
            ("FAT backup boot sector", self.backup, self.sector),
        ):
            if start <= offset < start + length:
                return name, offset - start
        if offset < self.reserved:
            return "FAT reserved sectors", offset
        if offset < self.heap:
            copy, within = divmod(offset - self.reserved, self.table_size)
            return f"FAT table {copy + 1}, entry {within // 4}", within % 4
        at = offset - offset % ENTRY
        if at in self.entries:
            return f"FAT folder entry of {self.entries[at]}", offset - at
        cluster, within = divmod(offset - self.heap, self.cluster)
        owner, order = self.owners.get(cluster + 2, (None, 0))
        if owner is None:
            return "free space of the FAT file system", None
        within += order * self.cluster
        if owner in self.files and within >= self.files[owner][2]:
            return f"behind the end of {owner}", within
        return owner, within
