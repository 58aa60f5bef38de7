"""The lines on standard error while a large file is taken in."""

import pytest

from chorus.uploads.intake_progress import IntakeProgress, describe
from intake.isolation.reading_progress import ReadingProgress


def test_lines_come_after_two_seconds_and_then_every_five(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    with IntakeProgress(clock=lambda: now) as show:
        for now in (0.5, 1.9, 2.0, 3.0, 6.9, 7.0):
            show(ReadingProgress("big.csv", int(now * 1000), 1_000_000, 9_000_000))
    assert capsys.readouterr().err.splitlines() == [
        "reading big.csv: 2,000 rows, 1 of 9 MB",
        "reading big.csv: 7,000 rows, 1 of 9 MB",
    ]


def test_a_file_that_takes_less_than_two_seconds_shows_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with IntakeProgress() as show:
        show(ReadingProgress("small.csv", 3, 30, 30))
    assert capsys.readouterr().err == ""


def test_the_first_pass_has_no_rows_yet() -> None:
    progress = ReadingProgress("big.csv", 0, 12_300_000, 101_700_000)
    assert describe(progress) == "checking big.csv: 12 of 102 MB"
