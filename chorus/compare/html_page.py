"""What differs, as one HTML page that needs nothing else: no script, nothing to fetch, light and
dark.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from chorus.compare.difference import Difference
from chorus.compare.html_style import STYLE
from chorus.compare.output import Texts, describe_left_out, find_text
from ensemble.compare import Comparison, LabelFlips, MovedRow

_MOST_LABELS = 4  # of whose probabilities a row shows: those that changed most


def render_page(found: Difference, texts: Texts) -> str:
    """The whole page. Everything that comes from a user is escaped."""
    before, after = escape(found.before), escape(found.after)
    out = "".join(
        f'<p class="soft">Left out: {escape(line)}.</p>' for line in describe_left_out(found)
    )
    targets = "".join(_target(target, found, texts) for target in found.targets)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{before} → {after}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><header><h1>{before} <span>→</span> {after}</h1>{out}</header>{targets}</body></html>\n"
    )


def _target(target: str, found: Difference, texts: Texts) -> str:
    whole, customers = found.overall(target), found.targets[target]
    mode = "one label a row" if whole.mode == "one_of" else "any number of labels a row"
    matrix = (
        f"<section><h3>Before and after</h3>{_matrix(whole)}</section>"
        if whole.mode == "one_of"
        else ""
    )
    several = (
        f"<section><h3>By customer</h3>{_customers(customers)}</section>"
        if len(customers) > 1
        else ""
    )
    return (
        f"<h2>{escape(target)}<small>{mode}</small></h2>{_figures(whole)}"
        f'<div class="pair"><section><h3>Flips</h3>{_flips(whole)}</section>{matrix}</div>{several}'
        f"<section><h3>Rows that moved most</h3>{_moved(whole.moved, texts)}</section>"
    )


def _figures(one: Comparison) -> str:
    figures = {
        "rows compared": f"{one.rows:,}",
        "rows changed": f"{one.changed:,}",
        "share changed": f"{one.share:.2%}",
        "Cohen's kappa": f"{one.kappa:.3f}",
    }
    cards = (
        f'<div><b>{value}</b><span class="soft">{name}</span></div>'
        for name, value in figures.items()
    )
    return f'<div class="figures">{"".join(cards)}</div>'


def _table(header: Iterable[str], rows: Iterable[str], kind: str = "") -> str:
    return f'<table class="{kind}"><tr>{"".join(header)}</tr>{"".join(f"<tr>{row}</tr>" for row in rows)}</table>'


def _flips(one: Comparison) -> str:
    """A label's losses to the left, its gains to the right."""
    most = max(1, max(max(flips.lost, flips.gained) for flips in one.flips))
    rows = (
        f"<td>{escape(label)}</td>{_count(lost, '&minus;', 'loss')}"
        f'<td><div class="bar"><span>{_bar(lost / most)}</span><span>{_bar(gained / most)}</span></div></td>'
        f'{_count(gained, "+", "gain")}<td class="n soft">{kappa:.3f}</td>'
        for label, gained, lost, kappa in one.flips
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


def _matrix(one: Comparison) -> str:
    """The fuller a cell, the more of its row is there: what stays in one colour, what moves in
    another.
    """
    rows = []
    for at, (label, counts) in enumerate(zip(one.labels, one.table.tolist(), strict=True)):
        cells = (
            f'<td style="background:rgb(var(--{"same" if at == column else "other"}) / '
            f'{0.75 * count / max(1, sum(counts)):.2f})">{count:,}</td>'
            for column, count in enumerate(counts)
        )
        rows.append(f"<th>{escape(label)}</th>{''.join(cells)}")
    return _table(
        ("<th>↓ before, after →", *(f"<th>{escape(label)}" for label in one.labels)), rows, "matrix"
    )


def _customers(customers: Mapping[str, Comparison]) -> str:
    labels = list(dict.fromkeys(label for one in customers.values() for label in one.labels))
    rows = []
    for customer, one in customers.items():
        flips = {each.label: each for each in one.flips}
        rows.append(
            f'<td>{escape(customer)}</td><td class="n">{one.rows:,}</td><td class="n">{one.changed:,}</td>'
            f'<td class="n">{one.share:.2%}</td><td class="n">{one.kappa:.3f}</td>'
            f"{''.join(_flip(flips.get(label)) for label in labels)}"
        )
    figures = (
        f'<th class="n">{escape(name)}' for name in ("rows", "changed", "share", "kappa", *labels)
    )
    return _table(("<th>customer", *figures), rows)


def _flip(flips: LabelFlips | None) -> str:
    """None: the customer has no such label."""
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
        f'<td class="n">{row.change:.3f}</td><td>{escape(row.id)}<div class="odds">{escape(row.customer)}</div></td>'
        f"<td>{_answer(row.before, row.probabilities_before, row)}</td>"
        f"<td>{_answer(row.after, row.probabilities_after, row)}</td><td>{_text(find_text(texts, row))}</td>"
        for row in rows
    )
    return _table(
        ('<th class="n">change', "<th>row", "<th>before", "<th>after", "<th>text"), cells, "moved"
    )


def _text(text: str | None) -> str:
    return '<span class="soft">its feedback is gone</span>' if text is None else escape(text)


def _answer(labels: tuple[str, ...], probabilities: Mapping[str, float], row: MovedRow) -> str:
    """The labels, and below them the probabilities that changed most, in the same order before and
    after.
    """
    pills = (
        "".join(f'<span class="pill">{escape(label)}</span>' for label in labels)
        or '<span class="soft">-</span>'
    )
    was, now = row.probabilities_before, row.probabilities_after
    names = sorted({**was, **now}, key=lambda label: -abs(was.get(label, 0) - now.get(label, 0)))[
        :_MOST_LABELS
    ]
    odds = "".join(
        f'<div class="odds">{escape(name)} {probabilities.get(name, 0):.3f}</div>' for name in names
    )
    return f"{pills}{odds}"
