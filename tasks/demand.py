"""What is asked of each model, by the board."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """What is asked of one model, and what is known of a worker of it."""

    model: str
    urgent: int  # rows asked for and not yet scored, in work included: of live and short jobs and those with a deadline
    bulk: int  # the same, of uploads
    nightly: int  # the same, of reprocessing
    oldest: float  # when the oldest job among them was submitted, in seconds since 1970; 0 without rows
    deadline: float | None  # the nearest, on the same clock
    rate: float  # rows a second that one worker was last measured to score; a guess before that
    start_seconds: float  # from the start of a worker to its first score, as last measured; a guess before that
    memory: int  # bytes that one worker takes, as last measured; a guess before that
    last_served: float = 0.0  # when a cell of it was last scored, on the same clock; 0: never

    @property
    def rows(self) -> int:
        return self.urgent + self.bulk + self.nightly
