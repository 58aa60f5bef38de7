"""Roots with small real models, and the command line on them."""

import csv
import shutil
from pathlib import Path

import pytest

from storage.place import LocalPlace
from tests import small_models
from tests.command import Command


@pytest.fixture(scope="session")
def registry(tmp_path_factory) -> Path:
    """A root with models and ensembles, to be copied."""
    home = tmp_path_factory.mktemp("registry")
    small_models.build(LocalPlace(home))
    return home


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
