"""What changed between two locks, with the ids of Debian's security tracker that the packages' own changelogs name."""
import gzip, io, lzma, re, subprocess, tarfile
from pathlib import Path

import archive

IDS = re.compile(r"\b(?:CVE-\d{4}-\d{4,}|DSA-\d+(?:-\d+)?|TEMP-\d+-[0-9A-F]+)\b")
ENTRY = re.compile(r"^(\S+) \(([^)]+)\) .*;", re.M)


def data(deb: Path) -> tarfile.TarFile:
    """The data.tar of a .deb, which is an ar archive."""
    content = deb.read_bytes()
    place = 8
    while place < len(content):
        name, size = content[place:place + 16].decode().strip().rstrip("/"), int(content[place + 48:place + 58])
        if name == "data.tar.xz":
            return tarfile.open(fileobj=io.BytesIO(lzma.decompress(content[place + 60:place + 60 + size])))
        place += 60 + size + size % 2
    raise archive.Missing(f"{deb.name} holds no data.tar.xz")


def changelog(deb: Path, package: str) -> str:
    """Debian's changelog in the package, or nothing: some link it to another package of their source."""
    with data(deb) as tar:
        for name in ("changelog.Debian.gz", "changelog.gz"):
            try:
                member = tar.extractfile(f"./usr/share/doc/{package}/{name}")
            except KeyError:
                continue
            if member:
                return gzip.decompress(member.read()).decode("utf-8", "replace")
    return ""


def newer(one: str, other: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", one, "gt", other]).returncode == 0


def ids_since(text: str, version: str) -> list:
    """The ids in the changelog's entries that are newer than `version`."""
    found = set()
    entries = list(ENTRY.finditer(text))
    for place, entry in enumerate(entries):
        if not newer(entry.group(2), version):
            break
        end = entries[place + 1].start() if place + 1 < len(entries) else len(text)
        found.update(IDS.findall(text[entry.start():end]))
    return sorted(found)


def report(old: list, new: list, folder: Path):
    """Yields a line for each package that came, went or changed; downloads those that changed, to read their changelogs."""
    def named(packages):
        return {(p["package"], p["architecture"]): p for p in packages}
    before, after = named(old), named(new)
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was is None:
            yield f"new      {now['package']} {now['version']} ({', '.join(now['closures'])})"
        elif now is None:
            yield f"gone     {was['package']} {was['version']}"
        elif was["sha256"] != now["sha256"]:
            deb = folder / Path(now["path"]).name
            archive.download(now, deb)
            # A rebuild (+b1) has no entry of its own; an entry names the source's version.
            ids = ids_since(changelog(deb, now["package"]), re.sub(r"\+b\d+$", "", was["version"]))
            deb.unlink()
            yield f"changed  {now['package']} {was['version']} -> {now['version']}" + (f": {', '.join(ids)}" if ids else "")
        elif was["closures"] != now["closures"]:
            yield f"moved    {now['package']}: {', '.join(was['closures'])} -> {', '.join(now['closures'])}"
