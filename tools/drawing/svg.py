"""SVG elements, and the one style of the picture: light, and dark where the reader prefers that."""

from collections.abc import Iterable, Sequence
from html import escape

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

# class → (property, light colour, dark colour)
COLOURS = {
    "page": ("fill", "#ffffff", "#0d1117"),
    "card": ("fill", "#f3f5f8", "#161b22"),
    "box": ("fill", "#ffffff", "#22282f"),
    "edge": ("stroke", "#d3d9e0", "#39414a"),
    "strong": ("fill", "#1f2933", "#e6edf3"),
    "weak": ("fill", "#5b6672", "#9aa5b1"),
    "arrow": ("stroke", "#3a6ea5", "#6ea8e0"),
    "head": ("fill", "#3a6ea5", "#6ea8e0"),
    "halo": ("stroke", "#ffffff", "#0d1117"),
}
SHAPES = """
text{font-size:13px}
.title{font-size:18px;font-weight:600}
.name{font-size:15px;font-weight:600}
.line{fill:none;stroke-width:1.5}
.wide{fill:none;stroke-width:7}
""".strip()


def document(width: int, height: int, title: str, body: Iterable[str]) -> str:
    """Return a whole SVG file."""
    elements = "\n".join(body)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"
 viewBox="0 0 {width} {height}" role="img" font-family="{FONT}">
<title>{escape(title)}</title>
<style>
{SHAPES}
{_colours(dark=False)}
@media (prefers-color-scheme:dark){{
{_colours(dark=True)}
}}
</style>
<defs>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
 markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="M0,0.5L8,4L0,7.5Z"/></marker>
</defs>
<rect class="page" width="{width}" height="{height}"/>
{elements}
</svg>
"""


def _colours(*, dark: bool) -> str:
    return "\n".join(
        f".{name}{{{key}:{dark_colour if dark else light_colour}}}"
        for name, (key, light_colour, dark_colour) in COLOURS.items()
    )


def rectangle(x: int, y: int, width: int, height: int, classes: str, tooltip: str = "") -> str:
    """Return a rectangle with round corners."""
    inner = f"<title>{escape(tooltip)}</title>" if tooltip else ""
    return (
        f'<rect class="{classes}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6">'
        f"{inner}</rect>"
    )


def label(x: int, y: int, content: str, classes: str, anchor: str = "start") -> str:
    """Return a line of text; `y` is its baseline."""
    return (
        f'<text class="{classes}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(content)}</text>'
    )


def arrows(paths: Sequence[str]) -> str:
    """Return arrows along these paths, with space around them where they cross earlier ones."""
    return "\n".join(
        [
            *(f'<path class="wide halo" d="{path}"/>' for path in paths),
            *(f'<path class="line arrow" d="{path}" marker-end="url(#head)"/>' for path in paths),
        ]
    )
