#!/usr/bin/env python3
"""check.py FOLDER MANIFEST: do both documents name the same components, with licences, and cover every file of the image?"""
import json
import re
import sys
from pathlib import Path

# What is our own work or made by the build: from no package.
OURS = re.compile(r".*holdfast.*|/etc/.*|/usr/lib/(clock-epoch|os-release)")
KINDS = ("program", "library")


def main():
    folder, manifest = (Path(name) for name in sys.argv[1:3])
    cyclonedx = json.loads((folder / "holdfast.cdx.json").read_text())
    spdx = json.loads((folder / "holdfast.spdx.json").read_text())
    wrong = []
    parts = cyclonedx["components"]
    refs = [part["bom-ref"] for part in parts]
    packages = [package for package in spdx["packages"] if package["SPDXID"] != "SPDXRef-holdfast"]
    purls = [package["externalRefs"][0]["referenceLocator"] for package in packages]
    if sorted(refs) != sorted(purls):
        wrong.append(f"only one of the documents names {sorted(set(refs) ^ set(purls))}")
    for what, names in (("reference", refs), ("SPDXID", [package["SPDXID"] for package in spdx["packages"]])):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            wrong.append(f"one {what} for two: {sorted(twice)}")
    for entry in cyclonedx["dependencies"]:
        missing = set(entry["dependsOn"]) - set(refs)
        if missing:
            wrong.append(f"depends on what is not there: {sorted(missing)}")
    ids = {package["SPDXID"] for package in spdx["packages"]} | {"SPDXRef-DOCUMENT"}
    for relation in spdx["relationships"]:
        if not {relation["spdxElementId"], relation["relatedSpdxElement"]} <= ids:
            wrong.append(f"a relationship with what is not there: {relation}")
    texts = {entry["licenseId"] for entry in spdx["hasExtractedLicensingInfos"]}
    for package in packages:
        named = set(re.findall(r"LicenseRef-[A-Za-z0-9.-]+", package["licenseDeclared"]))
        if package["licenseDeclared"] == "NOASSERTION" or not named <= texts:
            wrong.append(f"{package['name']}: no licence, or none with a text: {package['licenseDeclared']}")
    wrong += [f"{part['name']}: no licence" for part in parts if not part.get("licenses")]
    covered = {entry["value"] for part in parts for entry in part["properties"] if entry["name"] == "holdfast:file"}
    rows = [line.split("\t") for line in manifest.read_text().splitlines()]
    files = [(kind, path) for kind, path, *_ in rows if kind in KINDS or kind == "file"]
    for kind, path in files:
        own = OURS.fullmatch(path) if kind == "file" else re.fullmatch(r"/usr/(bin/holdfast|lib/holdfast/.*)", path)
        if path not in covered and not own:
            wrong.append(f"{path}: from no component")
    if wrong:
        sys.exit("sbom: " + "\n      ".join(wrong))
    print(f"figure: {len(parts)} components in both documents, each with a licence; {len(files)} files of the image covered; twice the same bits")


if __name__ == "__main__":
    main()
