"""Roots with small real models, and the command line on them."""

import csv
import shutil
from pathlib import Path

import pytest

from tests.support.runs.command import Command


@pytest.fixture
def home(registry, tmp_path) -> Path:
    """A root of this test alone."""
    shutil.copytree(registry, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def chorus(home) -> Command:
    return Command(home)


@pytest.fixture
def upload(tmp_path):
    """Writes a CSV file from rows and returns its path."""
    return lambda rows, name="upload.csv": write_upload(tmp_path / name, rows)


def write_upload(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "comment"), *rows])
    return path
