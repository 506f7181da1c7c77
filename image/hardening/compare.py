#!/usr/bin/env python3
"""Compare what a yardstick says with the committed list of what it may say, both ways.

  compare.py kernel LIST OUTPUT    OUTPUT: of kernel-hardening-checker; LIST: TYPE NAME DESIRED — reason
  compare.py units LIST OUTPUT     OUTPUT: lines UNIT SCORE; LIST: UNIT SCORE — reason (needed above the bound)

Something that is found and not listed, listed and not found, or listed without a reason ends with 1.
"""
import sys

# The most that a unit may score without a reason: the server, and all others.
BOUNDS = {"holdfast.service": 1.0}
BOUND = 2.5


def listed(path):
    """What stands before the dash of each line → the reason behind it."""
    entries = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            what, _, reason = line.partition("—")
            key = " ".join(what.split())
            if key in entries:
                sys.exit(f"{path}: `{key}` is listed twice; keep one")
            entries[key] = reason.strip()
    return entries


def failing(path):
    """The rows that the checker fails, as `TYPE NAME DESIRED`."""
    with open(path, encoding="utf-8") as lines:
        rows = [[cell.strip() for cell in line.split("|")] for line in lines if line.count("|") == 5]
    return {f"{row[1]} {row[0]} {row[4]}" for row in rows if row[5].startswith("FAIL")}


def kernel(entries, output):
    found = failing(output)
    wrong = [f"fails, and has no reason: {key}" for key in sorted(found - set(entries))]
    wrong += [f"is listed, and does not fail: {key}" for key in sorted(set(entries) - found)]
    wrong += [f"is listed without a reason: {key}" for key in sorted(key for key in entries if not entries[key])]
    return wrong


def units(entries, output):
    with open(output, encoding="utf-8") as lines:
        found = {" ".join(line.split()) for line in lines if line.strip()}
    wrong = [f"is not in the list: {key}" for key in sorted(found - set(entries))]
    wrong += [f"is in the list, and was not measured: {key}" for key in sorted(set(entries) - found)]
    for key in sorted(entries):
        name, score = key.split()
        bound = BOUNDS.get(name, BOUND)
        if float(score) > bound and (name in BOUNDS or not entries[key]):
            wrong.append(f"is above {bound}, and must not be without a reason: {key}")
    return wrong


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("kernel", "units"):
        sys.exit(__doc__)
    wrong = {"kernel": kernel, "units": units}[sys.argv[1]](listed(sys.argv[2]), sys.argv[3])
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(f"{len(wrong)} differences; harden it, or change image/hardening/ and say why")


if __name__ == "__main__":
    main()
