"""CycloneDX 1.6, as JSON."""
import uuid


def licence(component):
    names = component["licences"]
    if len(names) == 1 and any(word in names[0] for word in (" OR ", " AND ", " WITH ")):
        return [{"expression": names[0]}]
    return [{"license": {"name": name} if name.startswith("LicenseRef-") else {"id": name}} for name in names]


def document(release, components):
    """The whole document; `release`: name, version, time (RFC 3339), root (hash of the root's hash tree), identity (bytes)."""
    top = f"pkg:generic/holdfast@{release['version']}"
    listed = []
    for part in components:
        item = {
            "type": "operating-system" if part["kind"] == "kernel" else "library" if part["kind"] == "cargo" else "application",
            "bom-ref": part["purl"], "supplier": {"name": part["supplier"]}, "name": part["name"], "version": part["version"],
            "purl": part["purl"], "properties": [{"name": "holdfast:role", "value": part["role"]}]}
        if part["sha256"]:
            item["hashes"] = [{"alg": "SHA-256", "content": part["sha256"]}]
        if part["licences"]:
            item["licenses"] = licence(part)
        item["properties"] += [{"name": "holdfast:file", "value": path} for path in part["files"]]
        listed.append(item)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=release['identity'][:16], version=4)}", "version": 1,
        "metadata": {
            "timestamp": release["time"],
            "component": {
                "type": "firmware", "bom-ref": top, "name": "holdfast", "version": release["version"], "purl": top,
                "hashes": [{"alg": "SHA-256", "content": release["root"]}]}},
        "components": listed,
        "dependencies": [{"ref": top, "dependsOn": [part["purl"] for part in components]}]}
