"""What to say when an optional package is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import BadRequest


class MissingPackage(BadRequest):
    """A package of one of the extras is needed and not there."""

    def __init__(self, package: str, purpose: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(
            f"{purpose} needs the package {package}. Run: pip install 'chorus[{extra}]'"
        )


@contextmanager
def require_extra(extra: str, purpose: str) -> Iterator[None]:
    """Around late imports: turns their ModuleNotFoundError into MissingPackage."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None:  # a package that is there, and was not satisfied
            raise
        raise MissingPackage(error.name, purpose, extra) from error
