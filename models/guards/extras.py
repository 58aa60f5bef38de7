"""The error for an optional package that is not installed, with the command that installs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import BadRequest


class MissingPackage(BadRequest):
    """A package of one of the extras that is needed and not installed."""

    def __init__(self, package: str, purpose: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(
            f"{purpose} needs the package {package}. Run: pip install 'chorus[{extra}]'"
        )


@contextmanager
def require_extra(extra: str, purpose: str) -> Iterator[None]:
    """Turn a ModuleNotFoundError of the imports in the block into MissingPackage."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None:  # an installed package that refuses to be imported
            raise
        raise MissingPackage(error.name, purpose, extra) from error
