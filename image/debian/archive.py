"""What relock and fetch share: the mirror, one download, the bootstrap's busybox. Python's standard library alone."""
import hashlib, http.client, io, lzma, os, re, sys, tarfile, time, urllib.error, urllib.request
from pathlib import Path


def mirror(name: str) -> str:
    """The address of an archive (`debian` or `debian-security`) as the machine's own configuration has it."""
    if name == "debian-security" and os.environ.get("HOLDFAST_DEBIAN_SECURITY_MIRROR"):
        return os.environ["HOLDFAST_DEBIAN_SECURITY_MIRROR"].rstrip("/")
    chosen = os.environ.get("HOLDFAST_DEBIAN_MIRROR", "").rstrip("/")
    if not chosen:
        found = re.findall(rf"https?://[^\s\]]+/{name}/?(?=\s)", apt_sources())
        if found:
            return found[0].rstrip("/")
        found = re.findall(r"https?://[^\s\]]+/debian/?(?=\s)", apt_sources())
        if not found:
            sys.exit("no Debian mirror found in this machine's apt sources: set HOLDFAST_DEBIAN_MIRROR to the address of one "
                     "(it ends in /debian)")
        chosen = found[0].rstrip("/")
    if name != "debian-security":
        return chosen
    return chosen.replace("/archive/debian/", "/archive/debian-security/") if "/archive/debian/" in chosen else chosen + "-security"


def apt_sources() -> str:
    """The lines of this machine's apt sources, with those of mirror lists that they name."""
    text = ""
    for source in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if source.is_file():
            text += "".join(line for line in source.read_text().splitlines(True) if not line.lstrip().startswith("#")) + "\n"
    for path in re.findall(r"mirror\+file:(\S+)", text):
        if Path(path).is_file():
            text += Path(path).read_text() + "\n"
    return text


def way_out(entry: dict) -> str:
    return (f"{entry['package']} {entry['version']} ({entry['path']}) has left the mirror: refresh the lock with `nix run .#relock`, "
            "or set HOLDFAST_DEBIAN_MIRROR to a snapshot mirror of the lock's Release date and run `nix run .#fetch` again")


class Missing(Exception):
    pass


def download(entry: dict, target: Path, progress=lambda count: None):
    """Fetch one pool file to `target`, going on where an earlier try stopped, and check size and SHA-256."""
    part = target.with_name(target.name + ".part")
    cause = "the bytes had another SHA-256"
    for attempt in range(5):
        have = part.stat().st_size if part.exists() else 0
        if have < entry["size"]:
            request = urllib.request.Request(f"{mirror(entry['archive'])}/{entry['path']}", headers={"Range": f"bytes={have}-"} if have else {})
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    resumed = answer.status == 206
                    with part.open("ab" if resumed else "wb") as out:
                        while block := answer.read(1 << 18):
                            out.write(block)
                            progress(len(block))
            except urllib.error.HTTPError as error:
                if error.code in (404, 410):
                    raise Missing(way_out(entry)) from None
                if error.code == 416:
                    part.unlink(missing_ok=True)
                cause = f"the mirror answered {error.code}"
                time.sleep(1 + attempt)
                continue
            except (OSError, http.client.HTTPException) as error:
                cause = str(error)
                time.sleep(1 + attempt)
                continue
            if part.stat().st_size < entry["size"]:
                cause = "the connection ended early"
                continue
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()
        if found == entry["sha256"]:
            part.rename(target)
            return
        cause = "the bytes had another SHA-256"
        part.unlink()
    raise Missing(f"{entry['path']} could not be fetched with the SHA-256 of the lock after five tries ({cause}): check the network and the mirror "
                  "(HOLDFAST_DEBIAN_MIRROR), or refresh the lock with `nix run .#relock`")


def bootstrap(deb: Path, folder: Path):
    """Unpack the static busybox of `deb` as folder/busybox: the first builder of every derivation."""
    data = deb.read_bytes()
    offset = 8
    while offset < len(data):
        name, size = data[offset:offset + 16].decode().strip().rstrip("/"), int(data[offset + 48:offset + 58])
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(lzma.decompress(data[offset + 60:offset + 60 + size]))) as tar:
                member = next(member for member in tar if member.name in ("./bin/busybox", "./usr/bin/busybox"))
                folder.mkdir(parents=True)
                (folder / "busybox").write_bytes(tar.extractfile(member).read())
                (folder / "busybox").chmod(0o555)
                return
        offset += 60 + size + size % 2
    sys.exit(f"no data.tar.xz in {deb.name}")


def lock_folder() -> Path:
    """image/debian of the working tree: below the current folder, else beside this file."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "image/debian/closures.json").exists() and (folder / "flake.nix").exists():
            return folder / "image/debian"
    beside = Path(__file__).resolve().parent
    if str(beside).startswith(os.environ.get("NIX_STORE_DIR", "/nix/store")):
        sys.exit("call this inside the clone: the folder with flake.nix")
    return beside
