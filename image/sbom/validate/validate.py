"""validate.py FOLDER: the documents through the validators of cyclonedx-python-lib and spdx-tools."""
import sys
from pathlib import Path

from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def main():
    folder = Path(sys.argv[1])
    validator = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6)
    error = validator.validate_str((folder / "holdfast.cdx.json").read_text())
    print(f"CycloneDX 1.6: {'valid' if error is None else error}")
    document = parse_file(str(folder / "holdfast.spdx.json"))
    found = validate_full_spdx_document(document)
    print(f"SPDX 2.3: {'valid' if not found else f'{len(found)} faults'}, {len(document.packages)} packages")
    for message in found[:20]:
        print(f"  {message.context.spdx_id}: {message.validation_message}")
    sys.exit(error is not None or bool(found))


if __name__ == "__main__":
    main()
