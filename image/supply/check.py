#!/usr/bin/env python3
"""Check the crates of Cargo.lock: where they come from, under which licences, and how many of them twice.

  check.py CARGO_LOCK VENDOR     VENDOR: a folder with each locked crate as NAME-VERSION/Cargo.toml

Every crate of others must come from the one registry, with a checksum. Its licence must be met by those of licences.txt.
Names that are locked in two versions must be those of duplicates.txt, each with its reason: a new one is a decision, and
one that is gone leaves the list.
"""
import collections
import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent


def table(name):
    """The lines of a list: {first word: the rest}."""
    lines = (line.strip() for line in (HERE / name).read_text().splitlines())
    return dict((line.split(maxsplit=1) + [""])[:2] for line in lines if line and not line.startswith("#"))


class Expression:
    """An SPDX expression (SPDX 2.3, annex D): OR binds weaker than AND, WITH belongs to its licence."""

    def __init__(self, text):
        self.words = re.findall(r"[()]|[^\s()]+", text.replace("/", " OR "))

    def met(self, allowed):
        result = self.either(allowed)
        if self.words:
            raise ValueError(self.words[0])
        return result

    def either(self, allowed):
        result = self.both(allowed)
        while self.words[:1] == ["OR"]:
            self.words.pop(0)
            result = self.both(allowed) or result
        return result

    def both(self, allowed):
        result = self.one(allowed)
        while self.words[:1] == ["AND"]:
            self.words.pop(0)
            result = self.one(allowed) and result
        return result

    def one(self, allowed):
        word = self.words.pop(0)
        if word == "(":
            result = self.either(allowed)
            if not self.words or self.words.pop(0) != ")":
                raise ValueError("(")
            return result
        if self.words[:1] == ["WITH"]:
            self.words.pop(0)
            word = f"{word}-WITH-{self.words.pop(0)}"
        return word in allowed


def faults(lock, vendor):
    """All that is wrong, a sentence each; and the number of crates of others."""
    packages = tomllib.loads(Path(lock).read_text())["package"]
    foreign = [package for package in packages if "source" in package]
    found = []
    sources = {package["source"] for package in foreign}
    if len(sources) != 1 or not next(iter(sources)).startswith("registry+"):
        found.append(f"crates come from {len(sources)} places, or not from a registry: {', '.join(sorted(sources))}; use one registry")
    allowed = table("licences.txt")
    for package in foreign:
        name = f"{package['name']}-{package['version']}"
        if "checksum" not in package:
            found.append(f"{name} has no checksum in Cargo.lock; let cargo write it again")
        about = tomllib.loads((Path(vendor) / name / "Cargo.toml").read_text())["package"]
        licence = about.get("license")
        try:
            met = bool(licence) and Expression(licence).met(allowed)
        except (ValueError, IndexError):
            met = False
        if not met:
            found.append(f"{name} is under `{licence}`, which licences.txt does not meet; choose another crate, or decide and add it")
    count = collections.Counter(package["name"] for package in packages)
    twice, known = {name for name, number in count.items() if number > 1}, table("duplicates.txt")
    found += [f"{name} is locked in {count[name]} versions; unify them, or add it to duplicates.txt with the reason" for name in sorted(twice - set(known))]
    found += [f"{name} is locked once; take it out of duplicates.txt" for name in sorted(set(known) - twice)]
    found += [f"{name} has no reason in duplicates.txt" for name in sorted(known) if not known[name]]
    return found, len(foreign), len(twice)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    found, crates, twice = faults(*sys.argv[1:])
    for fault in found:
        print(f"supply: {fault}")
    if found:
        sys.exit(1)
    print(f"figure: {crates} crates from one registry, each with checksum and an accepted licence, {twice} in two versions or more, each with its reason")


if __name__ == "__main__":
    main()
