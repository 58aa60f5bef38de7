"""What a version took when it was published."""

from storage.record import Record


class Measured(Record):
    """Of one process with nothing but the model, on one core of the machine that it was published
    from.
    """

    load_seconds: float  # from its artifacts on disk to the first answer, libraries included
    rows_per_second: float
    characters_per_second: float
    # read by the model, special tokens included; None for kinds without
    tokens_per_second: float | None = None
    rows: int  # that were scored for these rates
    memory: int  # bytes at the most
