"""Output of a difference: tables for people, and one JSON object for machines."""

from collections.abc import Mapping

from chorus.common.console import print_line
from chorus.common.console_table import print_table, shorten_text
from chorus.compare.difference import Difference
from ensemble.compare import Comparison, MovedRow

Texts = Mapping[tuple[str, str, str], str]  # customer, dataset, id → text


def find_text(texts: Texts, row: MovedRow) -> str | None:
    """Return the text of a row, or None if its feedback is no longer stored."""
    return texts.get((row.customer, row.dataset, row.id))


def describe_left_out(difference: Difference) -> list[str]:
    """Return one line for each reason why rows, targets or labels were not compared."""
    reasons = [
        (difference.rejected, "rejected by one of the two"),
        (difference.only_before, f"labelled by {difference.before} alone"),
        (difference.only_after, f"labelled by {difference.after} alone"),
    ]
    rows = [f"{count:,} rows {reason}" for count, reason in reasons if count]
    return [
        *rows,
        *(f"target {name}, which one alone answers" for name in sorted(difference.unshared)),
        *(
            f"target {name}, which the two answer with other labels"
            for name in sorted(difference.other_labels)
        ),
        *(
            f"labels of {name} that one alone has: {', '.join(sorted(labels))}"
            for name, labels in sorted(difference.unshared_labels.items())
        ),
    ]


def to_json_object(difference: Difference, texts: Texts) -> dict[str, object]:
    """Return the whole difference as the object that `chorus diff --json` prints."""
    return {
        "before": difference.before,
        "after": difference.after,
        "rejected": difference.rejected,
        "only_before": difference.only_before,
        "only_after": difference.only_after,
        "unshared": sorted(difference.unshared),
        "other_labels": sorted(difference.other_labels),
        "unshared_labels": {
            target: sorted(labels) for target, labels in difference.unshared_labels.items()
        },
        "targets": {
            target: _target_object(target, difference, texts) for target in difference.targets
        },
    }


def _target_object(target: str, difference: Difference, texts: Texts) -> dict[str, object]:
    overall = difference.overall(target)
    return {
        **_comparison_object(overall),
        "matrix": _matrix_object(overall),
        "customers": {
            customer: _comparison_object(comparison)
            for customer, comparison in difference.targets[target].items()
        },
        "moved": [_moved_object(row, find_text(texts, row)) for row in overall.moved],
    }


def _comparison_object(comparison: Comparison) -> dict[str, object]:
    return {
        "mode": comparison.mode,
        "rows": comparison.rows,
        "changed": comparison.changed,
        "share": comparison.share,
        "agreement": comparison.agreement,
        "kappa": comparison.kappa,
        "flips": {
            flips.label: {"gained": flips.gained, "lost": flips.lost, "kappa": flips.kappa}
            for flips in comparison.flips
        },
    }


def _matrix_object(comparison: Comparison) -> dict[str, dict[str, int]]:
    """Return rows by label before and after (one_of), or by label and on_off or off_on (any_of)."""
    if comparison.mode == "one_of":
        rows = zip(comparison.labels, comparison.table.tolist(), strict=True)
        return {label: dict(zip(comparison.labels, counts, strict=True)) for label, counts in rows}
    return {
        flips.label: {"on_off": flips.lost, "off_on": flips.gained} for flips in comparison.flips
    }


def _moved_object(row: MovedRow, text: str | None) -> dict[str, object]:
    return {
        "customer": row.customer,
        "dataset": row.dataset,
        "id": row.id,
        "change": row.change,
        "before": list(row.before),
        "after": list(row.after),
        "probabilities_before": row.probabilities_before,
        "probabilities_after": row.probabilities_after,
        "text": text,
    }


def print_difference(difference: Difference, texts: Texts) -> None:
    """Print the difference as tables on standard output."""
    print_line(f"{difference.before} → {difference.after}")
    for line in describe_left_out(difference):
        print_line(f"left out: {line}")
    for target in difference.targets:
        print_line()
        _print_target(target, difference, texts)


def _print_target(target: str, difference: Difference, texts: Texts) -> None:
    overall = difference.overall(target)
    print_line(
        f"{target}: {overall.changed:,} of {overall.rows:,} rows changed ({overall.share:.2%}), "
        f"agreement {overall.agreement:.4f}, kappa {overall.kappa:.4f}\n"
    )
    if overall.mode == "one_of":
        print_table(("before \\ after", *overall.labels), _matrix_rows(overall))
        print_line()
    print_table(("customer", "label", "gained", "lost", "kappa"), _flip_rows(difference, target))
    print_line()
    moved = [
        (
            row.id,
            row.customer,
            f"{row.change:.3f}",
            _join_labels(row.before),
            _join_labels(row.after),
            shorten_text(find_text(texts, row) or ""),
        )
        for row in overall.moved
    ]
    if moved:
        print_table(("moved most", "customer", "change", "before", "after", "text"), moved)


def _matrix_rows(comparison: Comparison) -> list[tuple[object, ...]]:
    """Return a row for each label before, with the counts by label after, of a one_of target."""
    return [
        (label, *counts)
        for label, counts in zip(comparison.labels, comparison.table.tolist(), strict=True)
    ]


def _flip_rows(difference: Difference, target: str) -> list[tuple[str, str, int, int, str]]:
    """Return (customer, label, gained, lost, kappa) of every customer and label.

    Where there are several customers, the rows of all customers together come first.
    """
    customers = difference.targets[target]
    shown = {"all": difference.overall(target), **customers} if len(customers) > 1 else customers
    return [
        (customer, flips.label, flips.gained, flips.lost, f"{flips.kappa:.4f}")
        for customer, comparison in shown.items()
        for flips in comparison.flips
    ]


def _join_labels(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) or "-"
