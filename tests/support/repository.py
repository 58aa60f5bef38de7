"""The folder of the repository, for tests that read files of it or run its modules."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
