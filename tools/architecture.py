"""Draw docs/architecture.svg from the code's imports: `make architecture`.

python -m tools.architecture            writes the picture
python -m tools.architecture --check    fails if the picture differs from the code, or if a
                                        document refers to what does not exist
"""

import argparse
import sys
from pathlib import Path

from tools.doc_references import broken_references
from tools.drawing.package_map import read_package_map
from tools.drawing.picture import draw
from tools.source_tree import REPOSITORY

PICTURE = "docs/architecture.svg"
DOCUMENTS = ("*.md", "docs/**/*.md", "examples/**/*.md", "benchmarks/**/*.md")


def main(arguments: list[str], root: Path = REPOSITORY) -> int:
    """Write the picture, or with `--check` print what is out of date. Return the exit status."""
    parser = argparse.ArgumentParser(prog="architecture", description="Draw or check the picture.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if stale")
    check = parser.parse_args(arguments).check
    picture = draw(read_package_map(root))
    if not check:
        (root / PICTURE).write_text(picture, encoding="utf-8", newline="\n")
        return 0
    documents = sorted({file for pattern in DOCUMENTS for file in root.glob(pattern)})
    broken = (finding for file in documents for finding in broken_references(file, root))
    findings = [*_stale_picture(root / PICTURE, picture), *broken]
    print("\n".join([*findings, f"architecture: {len(findings)} findings"]))
    return 1 if findings else 0


def _stale_picture(file: Path, picture: str) -> list[str]:
    if file.is_file() and file.read_text(encoding="utf-8") == picture:
        return []
    return [f"{PICTURE} is not what the imports say: run `make architecture` and commit it"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
