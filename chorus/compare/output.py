"""What differs, as a table for people and as one object for machines."""

from collections.abc import Mapping

from chorus.common.console_table import print_table
from chorus.compare.difference import Difference
from ensemble.compare import Comparison, MovedRow

Texts = Mapping[tuple[str, str, str], str]  # customer, dataset, id → text

_LONGEST = 60  # characters of a text in a table


def find_text(texts: Texts, row: MovedRow) -> str | None:
    """None where the feedback is gone."""
    return texts.get((row.customer, row.dataset, row.id))


def describe_left_out(found: Difference) -> list[str]:
    """What was not compared, in words."""
    said = [
        (found.rejected, "rejected by one of the two"),
        (found.only_before, f"labelled by {found.before} alone"),
        (found.only_after, f"labelled by {found.after} alone"),
    ]
    rows = [f"{count:,} rows {why}" for count, why in said if count]
    return [*rows, *(f"target {name}, which one alone answers" for name in sorted(found.unshared))]


def to_json_object(found: Difference, texts: Texts) -> dict[str, object]:
    """All of it."""
    return {
        "before": found.before,
        "after": found.after,
        "rejected": found.rejected,
        "only_before": found.only_before,
        "only_after": found.only_after,
        "unshared": sorted(found.unshared),
        "targets": {target: _target(target, found, texts) for target in found.targets},
    }


def _target(target: str, found: Difference, texts: Texts) -> dict[str, object]:
    whole = found.overall(target)
    return {
        **_compared(whole),
        "matrix": _matrix(whole),
        "customers": {customer: _compared(one) for customer, one in found.targets[target].items()},
        "moved": [_moved(row, find_text(texts, row)) for row in whole.moved],
    }


def _compared(one: Comparison) -> dict[str, object]:
    return {
        "mode": one.mode,
        "rows": one.rows,
        "changed": one.changed,
        "share": one.share,
        "agreement": one.agreement,
        "kappa": one.kappa,
        "flips": {
            flips.label: {"gained": flips.gained, "lost": flips.lost, "kappa": flips.kappa}
            for flips in one.flips
        },
    }


def _matrix(one: Comparison) -> dict[str, dict[str, int]]:
    """one_of: label before → label after → rows. any_of: label → on_off, off_on → rows."""
    if one.mode == "one_of":
        rows = zip(one.labels, one.table.tolist(), strict=True)
        return {label: dict(zip(one.labels, counts, strict=True)) for label, counts in rows}
    return {flips.label: {"on_off": flips.lost, "off_on": flips.gained} for flips in one.flips}


def _moved(row: MovedRow, text: str | None) -> dict[str, object]:
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


def print_difference(found: Difference, texts: Texts) -> None:
    """On standard output."""
    print(f"{found.before} → {found.after}")
    for line in describe_left_out(found):
        print(f"left out: {line}")
    for target in found.targets:
        print()
        _print_target(target, found, texts)


def _print_target(target: str, found: Difference, texts: Texts) -> None:
    whole = found.overall(target)
    print(
        f"{target}: {whole.changed:,} of {whole.rows:,} rows changed ({whole.share:.2%}), "
        f"agreement {whole.agreement:.4f}, kappa {whole.kappa:.4f}\n"
    )
    if whole.mode == "one_of":
        print_table(("before \\ after", *whole.labels), matrix_rows(whole))
        print()
    print_table(("customer", "label", "gained", "lost", "kappa"), flip_rows(found, target))
    print()
    moved = [
        (
            row.id,
            row.customer,
            f"{row.change:.3f}",
            said(row.before),
            said(row.after),
            _cut(find_text(texts, row) or ""),
        )
        for row in whole.moved
    ]
    if moved:
        print_table(("moved most", "customer", "change", "before", "after", "text"), moved)


def matrix_rows(one: Comparison) -> list[tuple[object, ...]]:
    """(label before, rows of each label after), of a one_of target."""
    return [(label, *counts) for label, counts in zip(one.labels, one.table.tolist(), strict=True)]


def flip_rows(found: Difference, target: str) -> list[tuple[str, str, int, int, str]]:
    """(customer, label, gained, lost, kappa): of all together, and of each customer where there are
    several.
    """
    customers = found.targets[target]
    several = {"all": found.overall(target), **customers} if len(customers) > 1 else customers
    return [
        (customer, flips.label, flips.gained, flips.lost, f"{flips.kappa:.4f}")
        for customer, one in several.items()
        for flips in one.flips
    ]


def said(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) or "-"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
