"""Stacked areas over time as SVG, in steps, one panel below the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log10

COLOURS = ("#3b6ea5", "#c9793a", "#5d8a4a", "#8a5d8a", "#b3a13c", "#4a9a96")
GREY = "#b0b0b0"
WIDTH, HEIGHT, LEFT, TOP, BETWEEN = 880, 170, 70, 66, 46


@dataclass(frozen=True)
class Layer:
    """One amount for each time. A pale layer belongs to the layer of the same colour."""

    colour: str
    values: Sequence[float]
    pale: bool = False


@dataclass(frozen=True)
class AreaPanel:
    """Layers from the bottom up, and named levels that are drawn as dashed lines."""

    title: str
    layers: Sequence[Layer]
    levels: Mapping[str, float] = field(default_factory=dict)


def draw_area_chart(
    title: str, times: Sequence[float], panels: Sequence[AreaPanel], names: Mapping[str, str]
) -> str:
    """Draw the panels.

    `times` are in seconds, one for each value of a layer. `names` maps a colour to what it means.
    """
    height = TOP + len(panels) * (HEIGHT + BETWEEN)
    body = [f'<text x="20" y="24" font-size="15">{title}</text>']
    for number, (colour, name) in enumerate(names.items()):
        x = LEFT + 125 * number
        body.append(f'<rect x="{x}" y="34" width="11" height="11" fill="{colour}"/>')
        body.append(f'<text x="{x + 16}" y="44">{name}</text>')
    for number, panel in enumerate(panels):
        body += _panel(panel, times, TOP + number * (HEIGHT + BETWEEN) + 16)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" height="{height}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{LEFT + WIDTH + 30}" height="{height}" fill="white"/>{"".join(body)}</svg>\n'
    )


def _panel(panel: AreaPanel, times: Sequence[float], top: float) -> list[str]:
    heights = _heights([layer.values for layer in panel.layers])
    high = _round_up(max([*(max(line) for line in heights), *panel.levels.values()]))

    def x_of(seconds: float) -> float:
        return LEFT + WIDTH * seconds / times[-1]

    def y_of(value: float) -> float:
        return top + HEIGHT * (1 - value / high)

    body = [f'<text x="{LEFT}" y="{top - 8}">{panel.title}</text>']
    for layer, line in reversed(list(zip(panel.layers, heights, strict=True))):
        steps = _steps(
            [
                (round(x_of(seconds)), round(y_of(value)))
                for seconds, value in zip(times, line, strict=True)
            ]
        )
        path = f"M{LEFT},{y_of(0):.0f}{steps}V{y_of(0):.0f}Z"
        body.append(f'<path d="{path}" fill="{layer.colour}"/>')
        if layer.pale:
            body.append(f'<path d="{path}" fill="white" fill-opacity="0.6"/>')
    for tick in (high * quarter / 4 for quarter in range(5)):
        y = f"{y_of(tick):.1f}"
        body.append(
            f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y}" y2="{y}" stroke="#000" '
            'stroke-opacity="0.1"/>'
        )
        body.append(
            f'<text x="{LEFT - 8}" y="{y_of(tick) + 4:.1f}" text-anchor="end">{tick:,.10g}</text>'
        )
    for name, level in panel.levels.items():
        y = f"{y_of(level):.1f}"
        body.append(
            f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y}" y2="{y}" stroke="#333" '
            'stroke-dasharray="5 4"/>'
        )
        body.append(
            f'<text x="{LEFT + WIDTH - 4}" y="{y_of(level) - 4:.1f}" '
            f'text-anchor="end">{name}</text>'
        )
    body += [
        f'<text x="{x_of(seconds):.0f}" y="{top + HEIGHT + 15}" '
        f'text-anchor="middle">{seconds}</text>'
        for seconds in range(0, round(times[-1]) + 1, 20)
    ]
    body.append(f'<text x="{LEFT - 14}" y="{top + HEIGHT + 15}" text-anchor="end">seconds</text>')
    return body


def _heights(layers: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return the upper edge of each layer, stacked on those below."""
    edges: list[list[float]] = []
    for layer in layers:
        below = edges[-1] if edges else [0.0] * len(layer)
        edges.append([one + other for one, other in zip(below, layer, strict=True)])
    return edges


def _steps(points: Sequence[tuple[int, int]]) -> str:
    """Return an SVG path that keeps each height until the next, without points of no change."""
    words, last = [f"V{points[0][1]}"], points[0][1]
    for x, y in points[1:]:
        if y != last:
            words.append(f"H{x}V{y}")
            last = y
    return "".join([*words, f"H{points[-1][0]}"])


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 2.4, 4, 6, 8 or 10 times a power of ten."""
    power = 10.0 ** (ceil(log10(max(value, 1e-9))) - 1)
    return next(power * step for step in (1, 2, 2.4, 4, 6, 8, 10) if value <= power * step)
