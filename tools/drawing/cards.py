"""Draw one layer: a card for every package, with a box for every sub-package.

Lengths are pixels. A card knows its height before it is drawn, because the cards of a layer are
all as high as the highest of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from tools.drawing.package_map import Package
from tools.drawing.svg import label, rectangle

PADDING, GAP = 12, 8
BOX_HEIGHT, NARROWEST_BOX = 32, 104
HEADER = 32  # from the upper edge to below the package's name
LINE = 18  # height of a line of text
CHARACTER = 6.5  # mean width, for wrapping
NAMED_MODULES = 12  # more modules beside the sub-packages are counted instead


@dataclass(frozen=True)
class Card:
    """A package drawn in a given width."""

    package: Package
    width: int

    @property
    def purpose(self) -> list[str]:
        """Lines that say what the package is for."""
        return self._wrapped(self.package.purpose)

    @property
    def own_modules(self) -> list[str]:
        """Lines that name the modules outside of sub-packages, or count them."""
        names = self.package.own_modules
        if len(names) > NAMED_MODULES:
            return [f"{len(names)} modules"]
        return self._wrapped(", ".join(f"{name}.py" for name in names))

    @property
    def columns(self) -> int:
        """Boxes in a row, such that all rows are about equally full."""
        fitting = (self._inner + GAP) // (NARROWEST_BOX + GAP)
        return -(-len(self.package.subpackages) // self._rows(fitting)) or 1

    @property
    def height(self) -> int:
        """Height that the content needs."""
        boxes = self._rows(self.columns) if self.package.subpackages else 0
        lines = len(self.purpose) + len(self.own_modules)
        return HEADER + LINE * lines + (BOX_HEIGHT + GAP) * boxes + GAP + PADDING

    def draw(self, x: int, y: int, height: int) -> Iterator[str]:
        """Yield the elements, with the upper left corner at (x, y)."""
        yield rectangle(x, y, self.width, height, "card edge")
        yield label(x + PADDING, y + 25, self.package.name, "name strong")
        y += HEADER
        for line in self.purpose:
            yield label(x + PADDING, y + 12, line, "weak")
            y += LINE
        y += GAP
        yield from self._draw_boxes(x + PADDING, y)
        if self.package.subpackages:
            y += self._rows(self.columns) * (BOX_HEIGHT + GAP)
        for line in self.own_modules:
            yield label(x + PADDING, y + 12, line, "weak")
            y += LINE

    def _draw_boxes(self, x: int, y: int) -> Iterator[str]:
        width = (self._inner - GAP * (self.columns - 1)) // self.columns
        for index, subpackage in enumerate(self.package.subpackages):
            row, column = divmod(index, self.columns)
            left, upper = x + column * (width + GAP), y + row * (BOX_HEIGHT + GAP)
            yield rectangle(left, upper, width, BOX_HEIGHT, "box edge", subpackage.purpose)
            yield label(left + 8, upper + 21, subpackage.name, "strong")
            yield label(left + width - 8, upper + 21, str(subpackage.modules), "weak", "end")

    @property
    def _inner(self) -> int:
        return self.width - 2 * PADDING

    def _rows(self, columns: int) -> int:
        return -(-len(self.package.subpackages) // columns) or 1

    def _wrapped(self, text: str) -> list[str]:
        return wrap(text, int(self._inner / CHARACTER))


def layer_height(layer: tuple[Package, ...], width: int) -> int:
    """Return the height of a layer that is `width` wide."""
    highest = max(card.height for card in _cards(layer, width))
    return highest if len(layer) == 1 else highest + 2 * GAP


def draw_layer(layer: tuple[Package, ...], x: int, y: int, width: int) -> Iterator[str]:
    """Yield the elements of a layer. Packages that share a layer stand in a frame."""
    height, cards = layer_height(layer, width), _cards(layer, width)
    if len(cards) > 1:
        yield rectangle(x, y, width, height, "page edge")
        x, y, height = x + GAP, y + GAP, height - 2 * GAP
    for card in cards:
        yield from card.draw(x, y, height)
        x += card.width + GAP


def _cards(layer: tuple[Package, ...], width: int) -> list[Card]:
    if len(layer) == 1:
        return [Card(layer[0], width)]
    share = (width - GAP * (len(layer) + 1)) // len(layer)
    return [Card(package, share) for package in layer]
