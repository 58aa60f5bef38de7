"""The plan of a job for people and as an object of JSON: its rows, its rejects, and its work."""

from dataclasses import asdict, dataclass

from chorus.common.console import print_line
from chorus.common.console_table import print_table
from chorus.feedback.reject_examples import print_reject_examples
from chorus.feedback.reject_reasons import nothing_labelled
from intake.dataset.row_tally import RejectExample
from storage.records.feedback import Dataset
from tasks.planning.forecast import JobForecast, ModelForecast

_CHARS_PER_TOKEN = 4.3  # of English in the word pieces of BERT, without special tokens
_COLUMNS = (
    "model",
    "starts a worker",
    "cells to score",
    "cells there",
    "rows",
    "tokens, about",
    "processor s",
    "",
)


@dataclass(frozen=True)
class PlannedFeedback:
    """The feedback of a planned job, and an example of each kind of its rejects."""

    dataset: Dataset
    rejects: list[RejectExample]

    def error(self) -> str | None:
        """Return why nothing would be labelled; None if something would."""
        if self.dataset.rows:
            return None
        return nothing_labelled(self.dataset.rows_in, self.dataset.reasons)


@dataclass(frozen=True)
class PlannedWork:
    """The work that a job, or the jobs of a run together, would take."""

    forecast: JobForecast
    job: str | None = None  # None: a run
    feedback: PlannedFeedback | None = None


def print_plan(plan: PlannedWork) -> None:
    """Print the rows of the feedback, if it is one job, and what labelling would take."""
    if plan.feedback is not None:
        _print_feedback(plan.feedback)
    forecast = plan.forecast
    print_table(_COLUMNS, [_row(model) for model in forecast.models])
    name = f"Job {plan.job}: " if plan.job else ""
    print_line(f"\n{name}{forecast.rows:,} rows to label, in {forecast.parts:,} parts to write.")
    if not forecast.seconds:
        print_line("Nothing is left to do.")
        return
    basis = (
        "measured"
        if forecast.measured
        else "guessed in part: not all of these models were measured yet"
    )
    memory = f"{forecast.memory // 10**6:,} MB at the most"
    print_line(f"Expected: {forecast.seconds:,.0f} s, {memory} ({basis}).")
    if forecast.correction != 1:
        factor = f"{forecast.correction:.2f} times the calculated seconds"
        print_line(f"Earlier jobs here took {factor}; this is included.")


def plan_as_object(plan: PlannedWork) -> dict[str, object]:
    """Return the plan as an object of JSON."""
    forecast = plan.forecast
    return {
        "job": plan.job,
        "status": "planned",
        **(_feedback_as_object(plan.feedback) if plan.feedback else {}),
        "models": [_model_as_object(model) for model in forecast.models],
        "rows": forecast.rows,
        "parts": forecast.parts,
        "seconds": round(forecast.seconds, 3),
        "memory": forecast.memory,
        "measured": forecast.measured,
        "correction": round(forecast.correction, 3),
        "cores": forecast.machine.cores,
        "service": forecast.machine.service,
    }


def _print_feedback(feedback: PlannedFeedback) -> None:
    dataset, source = feedback.dataset, feedback.dataset.source
    ids = "the numbers of the rows" if source.id_column is None else f"column {source.id_column!r}"
    print_line(
        f"{source.name}: {dataset.rows_in:,} rows in, {dataset.rows:,} to label, "
        f"{dataset.rejected:,} rejected, {dataset.blank_rows:,} blank. "
        f"Text: column {source.text_column!r}; ids: {ids}."
    )
    print_reject_examples(feedback.rejects)
    if error := feedback.error():
        print_line(error)


def _feedback_as_object(feedback: PlannedFeedback) -> dict[str, object]:
    error = feedback.error()
    return {
        "text_column": feedback.dataset.source.text_column,
        "id_column": feedback.dataset.source.id_column,
        "rows_in": feedback.dataset.rows_in,
        "rows_rejected": feedback.dataset.rejected,
        "blank_rows": feedback.dataset.blank_rows,
        "reasons": feedback.dataset.reasons,
        "first_rejects": [asdict(example) for example in feedback.rejects],
        **({"error": error} if error else {}),
    }


def _row(model: ModelForecast) -> tuple[object, ...]:
    missing, tokens = model.missing, _estimated_tokens(model)
    return (
        f"{missing.model.name} {missing.model.version}",
        "yes" if model.starts_worker else "no",
        missing.cells,
        missing.existing,
        missing.rows,
        "" if tokens is None else f"{tokens:,}",
        round(model.seconds, 1),
        "measured" if model.measured else "guessed",
    )


def _model_as_object(model: ModelForecast) -> dict[str, object]:
    return {
        "model": model.missing.model.name,
        "version": model.missing.model.version,
        "wakes": model.starts_worker,
        "cells_to_score": model.missing.cells,
        "cells_there": model.missing.existing,
        "rows": model.missing.rows,
        "tokens_estimated": _estimated_tokens(model),
        "device_seconds": round(model.seconds, 3),
        "measured": model.measured,
    }


def _estimated_tokens(model: ModelForecast) -> int | None:
    """Return the tokens of the rows to score; None if some chunk does not know its characters."""
    chars = model.missing.chars
    return None if chars is None else round(chars / _CHARS_PER_TOKEN)
