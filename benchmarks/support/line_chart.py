"""Lines over time as SVG, for the pictures in docs/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10

COLOURS = ("#3b6ea5", "#77a7d4", "#c9793a", "#5d8a4a", "#8a5d8a", "#777777")
WIDTH, HEIGHT, LEFT, TOP = 880, 240, 70, 40  # of one panel, and the room around it


@dataclass(frozen=True)
class LinePanel:
    """Named lines of (x, y) points. With `log`, the y axis is logarithmic."""

    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    x_label: str  # what x is
    log: bool = False


def draw_line_chart(title: str, panels: Sequence[LinePanel]) -> str:
    """Draw the panels one below the other, with a legend each."""
    height = TOP + len(panels) * (HEIGHT + 70) + 10
    body = [f'<text x="20" y="24" font-size="15">{title}</text>']
    for number, panel in enumerate(panels):
        body += _panel(panel, TOP + number * (HEIGHT + 70) + 30)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" height="{height}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{LEFT + WIDTH + 30}" height="{height}" fill="white"/>{"".join(body)}</svg>\n'
    )


def _panel(panel: LinePanel, top: float) -> list[str]:
    points = [point for line in panel.lines.values() for point in line]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    y_max = max(y for _, y in points)
    low = 10.0 ** (ceil(log10(max(min(y for _, y in points), 0.01))) - 1) if panel.log else 0.0
    high = 10.0 ** ceil(log10(y_max)) if panel.log else _round_up(y_max)

    def x_of(x: float) -> float:
        return LEFT + WIDTH * (x - left) / max(right - left, 1e-9)

    def y_of(y: float) -> float:
        share = log10(max(y, low) / low) / log10(high / low) if panel.log else y / high
        return top + HEIGHT * (1 - share)

    ticks = (
        [low * 10**power for power in range(round(log10(high / low)) + 1)]
        if panel.log
        else [high * n / 4 for n in range(5)]
    )
    body = [f'<text x="{LEFT}" y="{top - 8}">{panel.title}</text>']
    for tick in ticks:
        body.append(
            f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y_of(tick):.1f}" y2="{y_of(tick):.1f}" '
            'stroke="#ddd"/>'
        )
        body.append(
            f'<text x="{LEFT - 8}" y="{y_of(tick) + 4:.1f}" text-anchor="end">{tick:,.4g}</text>'
        )
    body += [
        f'<text x="{x_of(x):.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{x}</text>'
        for x in range(round(left), round(right) + 1, max(1, round((right - left) / 15)))
    ]
    body.append(
        f'<text x="{LEFT - 8}" y="{top + HEIGHT + 16}" text-anchor="end">{panel.x_label}</text>'
    )
    for number, (name, line) in enumerate(panel.lines.items()):
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line)
        colour, x = COLOURS[number % len(COLOURS)], LEFT + 200 * number
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body.append(
            f'<rect x="{x}" y="{top + HEIGHT + 24}" width="14" height="4" fill="{colour}"/>'
        )
        body.append(f'<text x="{x + 20}" y="{top + HEIGHT + 31}">{name}</text>')
    return body


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 5, 8 or 10 times a power of ten."""
    power = 10.0 ** (ceil(log10(max(value, 1e-9))) - 1)
    return next(power * step for step in (1, 2, 4, 5, 8, 10) if value <= power * step)
