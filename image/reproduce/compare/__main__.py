"""Compares a signed disk image with one that was built: names every differing byte. Exit status 0 only for none.

    python3 compare BUILT SIGNED [--all]
"""

import sys

from report import Report
from disk import Difference, compare

USAGE = "usage: python3 compare BUILT SIGNED [--all]; `nix run .#reproduce -- --help` says what it does"


def main(arguments):
    files = [argument for argument in arguments if argument != "--all"]
    if len(files) != 2 or any(name.startswith("-") for name in files):
        print(USAGE, file=sys.stderr)
        return 2
    report = Report("--all" in arguments)
    try:
        compare(files[0], files[1], report)
    except Difference as difference:
        report.different(str(difference))
    except OSError as error:
        print(f"reproduce: cannot read `{error.filename}`: {error.strerror}", file=sys.stderr)
        return 2
    return report.close()


sys.exit(main(sys.argv[1:]))
