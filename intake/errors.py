"""The error of an upload that cannot be read."""

from storage.errors import BadRequest


class UnreadableUpload(BadRequest):
    """The upload as a whole cannot be read; nothing was stored.

    `name`: the upload, as people call it. `problem`: what is wrong with it. `advice`: what to do.
    """

    def __init__(self, name: str, problem: str, advice: str) -> None:
        self.name, self.problem, self.advice = name, problem, advice
        super().__init__(f"Cannot read {name}: {problem}. {advice}")


class NoSpreadsheetReader(BadRequest):
    """The package that reads spreadsheets is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Reading spreadsheets needs the package python_calamine. "
            "Run: pip install 'chorus[excel]'"
        )
