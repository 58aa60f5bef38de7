"""Hostile files cost one upload: no traceback, bounded memory; the reader itself bounds its time.

Here a sample of them is read; `python -m tests.support.hostile.run` reads all, and measures.
"""

from functools import cache
from pathlib import Path

import pytest

from tests.support.hostile.catalogue import HostileFile, hostile_files
from tests.support.hostile.run import MAX_MEGABYTES, read_hostile

_EVERY = 20
_PARTS = 2


@cache
def catalogue() -> list[HostileFile]:
    return list(hostile_files())


@pytest.mark.parametrize("part", range(_PARTS))
def test_hostile_files_are_stored_or_refused_in_bounded_memory(tmp_path: Path, part: int) -> None:
    outcomes = {}
    for number, file in enumerate(catalogue()):
        if number % (_EVERY * _PARTS) == part * _EVERY:
            _, megabytes, outcome = read_hostile(file, tmp_path)
            outcomes[file.name] = (outcome, megabytes)
    assert len(outcomes) >= 4
    for name, (outcome, megabytes) in outcomes.items():
        assert outcome.startswith(("stored: ", "refused: ")), (name, outcome)
        assert megabytes < MAX_MEGABYTES, name


def test_there_are_two_hundred_hostile_files_with_names_of_their_own() -> None:
    names = [file.name for file in catalogue()]
    assert len(names) == len(set(names)) >= 200
