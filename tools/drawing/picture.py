"""Draw the package map: layers from top to bottom, and arrows with the number of imports.

Arrows to the next layer go straight down. Those that skip layers go around: those of the highest
layer on the left, the others on the right.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tools.drawing.cards import GAP, draw_layer, layer_height
from tools.drawing.package_map import PackageMap
from tools.drawing.svg import arrows, document, label

WIDTH, TOP = 900, 84  # pixels, as all lengths here
LEFT, RIGHT = 54, 824  # edges of the layers
MIDDLE = (LEFT + RIGHT) // 2
BETWEEN = 40  # space between layers
LANE = 22  # space between two arrows side by side

Span = tuple[int, int]  # upper and lower edge of a layer


def draw(package_map: PackageMap) -> str:
    """Return the picture as the text of an SVG file."""
    spans, y = list[Span](), TOP
    for layer in package_map.layers:
        height = layer_height(layer, RIGHT - LEFT)
        spans.append((y, y + height))
        y += height + BETWEEN
    body = [
        label(LEFT, 34, "What imports what in Chorus", "title strong"),
        *_legend(package_map),
        *_arrows_around(package_map, spans),
        *_arrows_down(package_map, spans),
    ]
    for layer, (upper, _) in zip(package_map.layers, spans, strict=True):
        body += draw_layer(layer, LEFT, upper, RIGHT - LEFT)
    return document(WIDTH, y - BETWEEN + GAP * 2, "Packages of Chorus and their imports", body)


def _legend(package_map: PackageMap) -> Iterator[str]:
    order = (
        "" if package_map.has_cycles else " Inside a package, boxes import only from later ones."
    )
    text = f"At an arrow: imports, counted in pairs of modules. In a box: its modules.{order}"
    yield label(LEFT, 58, text, "weak")


def _arrows_down(package_map: PackageMap, spans: Sequence[Span]) -> Iterator[str]:
    for layer, ((_, start), (end, _)) in enumerate(pairwise(spans)):
        number = package_map.imports.get((layer, layer + 1), 0)
        if number:
            yield arrows([f"M{MIDDLE},{start}V{end}"])
            yield label(MIDDLE + 10, (start + end) // 2 + 4, str(number), "strong")


def _arrows_around(package_map: PackageMap, spans: Sequence[Span]) -> Iterator[str]:
    sources = range(len(spans) - 2)
    for layer in sources:
        on_the_left = layer == 0
        lane = 0 if on_the_left else sources[-1] - layer
        edge, out = (LEFT, -1) if on_the_left else (RIGHT, 1)
        paths, labels = [], []
        for target in range(layer + 2, len(spans)):
            number = package_map.imports.get((layer, target), 0)
            if number:
                start, end = sum(spans[layer]) // 2, sum(spans[target]) // 2 + LANE * lane
                paths.append(_path_around(start, end, edge, edge + out * (38 + LANE * lane)))
                anchor = "end" if on_the_left else "start"
                labels.append(label(edge + out * 8, end - 7, str(number), "strong", anchor))
        yield from [arrows(paths), *labels] if paths else []


def _path_around(start: int, end: int, edge: int, corner: int) -> str:
    bend = corner - 8 if corner > edge else corner + 8
    return (
        f"M{edge},{start}H{bend}Q{corner},{start} {corner},{start + 8}"
        f"V{end - 8}Q{corner},{end} {bend},{end}H{edge}"
    )
