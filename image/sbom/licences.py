"""Licences of Debian packages, from their machine-readable copyright files (DEP-5), as SPDX names them."""
import re
from pathlib import Path

FAMILY = re.compile(r"^(A?GPL|LGPL|GFDL)-?v?(\d+(?:\.\d+)?)(\+|-or-later|-only)?$", re.I)
SAME = {
    "expat": "MIT", "mit": "MIT", "isc": "ISC", "zlib": "Zlib", "cc0-1.0": "CC0-1.0", "cc0": "CC0-1.0", "apache-2.0": "Apache-2.0",
    "apache-2": "Apache-2.0", "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "bsd-4-clause": "BSD-4-Clause",
    "bsl-1.0": "BSL-1.0", "openssl": "OpenSSL", "artistic": "Artistic-1.0", "0bsd": "0BSD", "mit-0": "MIT-0", "unicode-3.0": "Unicode-3.0",
}


def spdx(name):
    """The SPDX name of a DEP-5 short name, or a reference for one that SPDX does not know."""
    found = FAMILY.match(name)
    if found:
        family, version, later = found.groups()
        version = version if "." in version else version + ".0"
        return f"{family.upper()}-{version}-{'only' if later in (None, '-only') else 'or-later'}"
    return SAME.get(name.lower()) or "LicenseRef-Debian-" + re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-")


def declared(copyright_file):
    """The set of licences that a copyright file declares, with the text of those that SPDX does not know."""
    path = Path(copyright_file)
    if not path.exists():
        return set(), {}
    names, texts = set(), {}
    for paragraph in path.read_text(encoding="utf-8", errors="replace").split("\n\n"):
        found = re.search(r"^Licen[sc]e:[ \t]*(.*(?:\n[ \t].*)*)", paragraph, re.M)
        if not found:
            continue
        head, _, text = found.group(1).partition("\n")
        # "A or B", "A, and B with X exception": each short name stands for itself.
        for name in re.split(r"\s*(?:,|\band/or\b|\bor\b|\band\b|\|)\s*", head.strip()):
            name = re.sub(r"\s+with\s+.*", "", name, flags=re.I).strip()
            if not name or " " in name:
                name = name.replace(" ", "-")
            if name:
                names.add(spdx(name))
                if text.strip():
                    texts.setdefault(spdx(name), re.sub(r"(?m)^[ \t]\.?", "", text).strip())
    return names, {name: text for name, text in texts.items() if name.startswith("LicenseRef-")}
