"""Page of a difference: one self-contained HTML file without scripts or external resources."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape as escape_html

from chorus.common.escape import escape_lines
from chorus.compare.difference import Difference
from chorus.compare.html_style import STYLE
from chorus.compare.output import Texts, describe_left_out, find_text
from ensemble.compare import Comparison, LabelFlips, MovedRow

_MAX_PROBABILITIES = 4  # shown for a row: the labels whose probability changed most


def render_page(difference: Difference, texts: Texts) -> str:
    """Return the whole page as HTML. Everything that comes from a user is escaped."""
    before, after = escape(difference.before), escape(difference.after)
    omissions = "".join(
        f'<p class="soft">Left out: {escape(line)}.</p>' for line in describe_left_out(difference)
    )
    targets = "".join(_target(target, difference, texts) for target in difference.targets)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{before} → {after}</title>"
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head>"
        f"<body><header><h1>{before} <span>→</span> {after}</h1>{omissions}</header>"
        f"{targets}</body></html>\n"
    )


def escape(text: str) -> str:
    """Return a text from outside as HTML, with its control and invisible characters escaped."""
    return escape_html(escape_lines(text))


def _target(target: str, difference: Difference, texts: Texts) -> str:
    overall, customers = difference.overall(target), difference.targets[target]
    mode = "one label a row" if overall.mode == "one_of" else "any number of labels a row"
    matrix = (
        f"<section><h3>Before and after</h3>{_matrix(overall)}</section>"
        if overall.mode == "one_of"
        else ""
    )
    by_customer = (
        f"<section><h3>By customer</h3>{_customers(customers)}</section>"
        if len(customers) > 1
        else ""
    )
    return (
        f"<h2>{escape(target)}<small>{mode}</small></h2>{_figures(overall)}"
        f'<div class="pair"><section><h3>Flips</h3>{_flips(overall)}</section>{matrix}</div>'
        f"{by_customer}"
        f"<section><h3>Rows that moved most</h3>{_moved(overall.moved, texts)}</section>"
    )


def _figures(comparison: Comparison) -> str:
    figures = {
        "rows compared": f"{comparison.rows:,}",
        "rows changed": f"{comparison.changed:,}",
        "share changed": f"{comparison.share:.2%}",
        "Cohen's kappa": f"{comparison.kappa:.3f}",
    }
    cards = (
        f'<div><b>{value}</b><span class="soft">{name}</span></div>'
        for name, value in figures.items()
    )
    return f'<div class="figures">{"".join(cards)}</div>'


def _table(header: Iterable[str], rows: Iterable[str], kind: str = "") -> str:
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<table class="{kind}"><tr>{"".join(header)}</tr>{body}</table>'


def _flips(comparison: Comparison) -> str:
    """Return a row of bars for each label: its losses to the left, its gains to the right."""
    longest = max(1, max(max(flips.lost, flips.gained) for flips in comparison.flips))
    rows = (
        f"<td>{escape(label)}</td>{_count(lost, '&minus;', 'loss')}"
        f'<td><div class="bar"><span>{_bar(lost / longest)}</span>'
        f"<span>{_bar(gained / longest)}</span></div></td>"
        f'{_count(gained, "+", "gain")}<td class="n soft">{kappa:.3f}</td>'
        for label, gained, lost, kappa in comparison.flips
    )
    header = (
        "<th>label",
        '<th class="n">lost',
        "<th>",
        '<th class="n">gained',
        '<th class="n">kappa',
    )
    return _table(header, rows)


def _bar(share: float) -> str:
    return f'<i style="width:{share:.1%}"></i>'


def _count(rows: int, sign: str, kind: str) -> str:
    return f'<td class="n {kind}">{sign}{rows:,}</td>' if rows else '<td class="n zero">0</td>'


def _matrix(comparison: Comparison) -> str:
    """Return the table of labels before and after.

    The opacity of a cell is its share of its row. Unchanged and changed rows differ in colour.
    """
    rows = []
    for row, (label, counts) in enumerate(
        zip(comparison.labels, comparison.table.tolist(), strict=True)
    ):
        cells = (
            f'<td style="background:rgb(var(--{"same" if row == column else "other"}) / '
            f'{0.75 * count / max(1, sum(counts)):.2f})">{count:,}</td>'
            for column, count in enumerate(counts)
        )
        rows.append(f"<th>{escape(label)}</th>{''.join(cells)}")
    return _table(
        ("<th>↓ before, after →", *(f"<th>{escape(label)}" for label in comparison.labels)),
        rows,
        "matrix",
    )


def _customers(customers: Mapping[str, Comparison]) -> str:
    labels = list(
        dict.fromkeys(label for comparison in customers.values() for label in comparison.labels)
    )
    rows = []
    for customer, comparison in customers.items():
        flips_by_label = {flips.label: flips for flips in comparison.flips}
        rows.append(
            f'<td>{escape(customer)}</td><td class="n">{comparison.rows:,}</td>'
            f'<td class="n">{comparison.changed:,}</td><td class="n">{comparison.share:.2%}</td>'
            f'<td class="n">{comparison.kappa:.3f}</td>'
            f"{''.join(_flip(flips_by_label.get(label)) for label in labels)}"
        )
    figures = (
        f'<th class="n">{escape(name)}' for name in ("rows", "changed", "share", "kappa", *labels)
    )
    return _table(("<th>customer", *figures), rows)


def _flip(flips: LabelFlips | None) -> str:
    """Return a cell with the gains and losses of a label; empty if the customer lacks the label."""
    if flips is None:
        return "<td></td>"
    if not flips.gained and not flips.lost:
        return '<td class="n zero">0</td>'
    gained, lost = (
        f'<span class="gain">+{flips.gained:,}</span>',
        f'<span class="loss">&minus;{flips.lost:,}</span>',
    )
    return f'<td class="n">{gained} {lost}</td>'


def _moved(rows: Sequence[MovedRow], texts: Texts) -> str:
    if not rows:
        return '<p class="soft">None moved.</p>'
    cells = (
        f'<td class="n">{row.change:.3f}</td>'
        f'<td>{escape(row.id)}<div class="odds">{escape(row.customer)}</div></td>'
        f"<td>{_answer(row.before, row.probabilities_before, row)}</td>"
        f"<td>{_answer(row.after, row.probabilities_after, row)}</td>"
        f"<td>{_text(find_text(texts, row))}</td>"
        for row in rows
    )
    return _table(
        ('<th class="n">change', "<th>row", "<th>before", "<th>after", "<th>text"), cells, "moved"
    )


def _text(text: str | None) -> str:
    return '<span class="soft">its feedback was removed</span>' if text is None else escape(text)


def _answer(labels: tuple[str, ...], probabilities: Mapping[str, float], row: MovedRow) -> str:
    """Return the labels, and below them the probabilities that changed most.

    Their order is the same before and after.
    """
    pills = (
        "".join(f'<span class="pill">{escape(label)}</span>' for label in labels)
        or '<span class="soft">-</span>'
    )
    before, after = row.probabilities_before, row.probabilities_after
    ordered = sorted(
        {**before, **after}, key=lambda label: -abs(before.get(label, 0) - after.get(label, 0))
    )
    lines = "".join(
        f'<div class="odds">{escape(label)} {probabilities.get(label, 0):.3f}</div>'
        for label in ordered[:_MAX_PROBABILITIES]
    )
    return f"{pills}{lines}"
