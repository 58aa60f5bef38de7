"""The one error of an upload that cannot be read."""

from storage.errors import BadRequest


class UnreadableUpload(BadRequest):
    """The upload as a whole cannot be read; nothing was stored. `found` says what is there,
    `advice` what to do.
    """

    def __init__(self, name: str, found: str, advice: str) -> None:
        self.name, self.found, self.advice = name, found, advice
        super().__init__(f"Cannot read {name}: {found}. {advice}")
