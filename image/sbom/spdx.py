"""SPDX 2.3, as JSON."""
import re


def expression(names):
    """All of the licences hold; each may be an expression of its own."""
    return " AND ".join(f"({name})" if " OR " in name and len(names) > 1 else name for name in names) or "NOASSERTION"


def document(release, components):
    """The whole document; `release` as in cyclonedx.py."""
    packages, relations, texts = [], [], {}
    top = "SPDXRef-holdfast"
    packages.append({
        "SPDXID": top, "name": "holdfast", "versionInfo": release["version"], "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION", "licenseDeclared": "Apache-2.0 OR MIT", "copyrightText": "NOASSERTION",
        "supplier": "Organization: Holdfast", "primaryPackagePurpose": "FIRMWARE",
        "checksums": [{"algorithm": "SHA256", "checksumValue": release["root"]}]})
    for part in components:
        ref = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", f"{part['kind']}-{part['name']}-{part['version']}")
        package = {
            "SPDXID": ref, "name": part["name"], "versionInfo": part["version"], "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": expression(part["licences"]), "copyrightText": "NOASSERTION",
            "supplier": f"Organization: {part['supplier']}", "comment": part["role"],
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": part["purl"]}]}
        if part["sha256"]:
            package["checksums"] = [{"algorithm": "SHA256", "checksumValue": part["sha256"]}]
        packages.append(package)
        relations.append({"spdxElementId": top, "relationshipType": "CONTAINS", "relatedSpdxElement": ref})
        texts |= part["texts"]
        for name in part["licences"]:
            if name.startswith("LicenseRef-"):
                texts.setdefault(name, "See the package's own copyright file.")
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"holdfast-{release['version']}",
        "documentNamespace": f"https://holdfast.invalid/spdx/{release['identity'].hex()}",
        "creationInfo": {"created": release["time"], "creators": ["Organization: Holdfast", f"Tool: holdfast-sbom-{release['version']}"]},
        "packages": packages,
        "hasExtractedLicensingInfos": [
            {"licenseId": name, "name": name, "extractedText": text} for name, text in sorted(texts.items())],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": top}] + relations}
