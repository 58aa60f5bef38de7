"""A small repository for the tools, written by each test."""

import pytest

PYPROJECT = """
[tool.importlinter]
root_packages = ["shop", "cart", "till", "store"]

[[tool.importlinter.contracts]]
type = "layers"
layers = ["shop", "cart | till", "store"]
"""


@pytest.fixture
def write(tmp_path):
    """Write files, path → content, into an otherwise empty repository; its folder."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)

    def write(files):
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(content)
        return tmp_path

    return write
