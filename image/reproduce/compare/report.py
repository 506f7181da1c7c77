"""What was found, gathered by place: how many bytes, and which."""

SHOWN = 8


class Report:
    """Places in the order of their first difference."""

    def __init__(self, everything):
        self.everything = everything
        self.places = {}
        self.statements = []
        self.notes = []

    def note(self, text):
        """Something that is no difference."""
        self.notes.append(text)

    def different(self, text):
        """A difference that is not a byte of the built image: a length, a signature that does not fit."""
        self.statements.append(text)

    def byte_run(self, place, offset, length, within=None):
        """`length` bytes from `offset` of the disk differ; `within`: the offset inside the file or section."""
        runs = self.places.setdefault(place, [])
        if runs and runs[-1][0] + runs[-1][1] == offset:
            runs[-1][1] += length
        else:
            runs.append([offset, length, within])

    def close(self):
        """Prints everything; the exit status."""
        for text in self.notes:
            print(text)
        for text in self.statements:
            print(f"differs: {text}")
        for place, runs in self.places.items():
            count = sum(length for _, length, _ in runs)
            print(f"differs: {place}: {count} byte{'s' if count > 1 else ''}")
            for offset, length, within in runs if self.everything else runs[:SHOWN]:
                inside = "" if within is None else f" (byte {within} of it)"
                print(f"    at {offset}, {length} long{inside}")
            if not self.everything and len(runs) > SHOWN:
                print(f"    and {len(runs) - SHOWN} more runs: --all shows them")
        found = len(self.places) + len(self.statements)
        total = sum(length for runs in self.places.values() for _, length, _ in runs)
        if found:
            print(f"NOT the same: {total} bytes differ, at {len(self.places)} places; {len(self.statements)} other differences")
            return 1
        print("the same: not one byte differs but the signature and what carries it")
        return 0
