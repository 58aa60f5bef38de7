"""LibreOffice, which opens and makes spreadsheets as people do."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

# Each conversion starts LibreOffice, which takes seconds: convert many files in one call.
_LIMIT_SECONDS = 100
CSV_IN_UTF8 = "csv:Text - txt - csv (StarCalc):44,34,76"  # commas, double quotes, UTF-8
# The same for reading, from line 1: fields in quotes are text, others what LibreOffice recognises.
FROM_CSV_IN_UTF8 = "CSV:44,34,76,1,,0,true"


def soffice() -> str:
    """Return the program. Skip the test where it is not installed; fail it in CI."""
    program = shutil.which("soffice")
    if program is None:
        missing = "LibreOffice is not installed (Debian: apt-get install libreoffice-calc-nogui)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return program


def convert(
    files: Sequence[Path], to: str, folder: Path, infilter: str | None = None
) -> list[Path]:
    """Return the files that LibreOffice wrote into `folder`, in the order of `files`.

    `to`: an extension such as xlsx, alone or with a filter and its options (CSV_IN_UTF8).
    `infilter`: how to read the files, where their name does not say it (FROM_CSV_IN_UTF8). The
    names of the files differ in more than their extensions.
    """
    command = [
        soffice(),
        f"-env:UserInstallation={(folder / 'office-profile').absolute().as_uri()}",
        "--headless",
        *([f"--infilter={infilter}"] if infilter else []),
        *("--convert-to", to, "--outdir", folder),
        *files,
    ]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
    )
    made = [folder / f"{file.stem}.{to.partition(':')[0]}" for file in files]
    missing = [file.name for file in made if not file.exists()]
    assert not missing, f"LibreOffice made no {missing}: {ended.stdout}{ended.stderr}"
    return made
