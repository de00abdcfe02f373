"""Which column of a table is what."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datasets.formats.names import IMAGE_EXTENSIONS
from datasets.formats.tree import Tree, extension_of

SEPARATORS = (",", ";", "\t", "|")
# The usual spellings, without case, spaces and punctuation; the first that is there counts.
_SPELLINGS = {
    "file": "filename file filepath imagefilename imagefile imagepath imagename image imgpath imgname img path imageid",
    "label": "label class classname labelname category categoryname target labels",
    "split": "split set subset partition part usage",
    "labelled": "labelled labeled",
    "left": "xmin x1 left xtl minx bboxxmin bboxx x",
    "top": "ymin y1 top ytl miny bboxymin bboxy y",
    "right": "xmax x2 right xbr maxx bboxxmax",
    "bottom": "ymax y2 bottom ybr maxy bboxymax",
    "x_center": "xcenter xcentre centerx centrex cx xc",
    "y_center": "ycenter ycentre centery centrey cy yc",
    "width": "width w boxwidth bboxwidth bboxw",
    "height": "height h boxheight bboxheight bboxh",
    "image_width": "imagewidth imgwidth imwidth",
    "image_height": "imageheight imgheight imheight",
}
EDGES = ("left", "top", "right", "bottom")
CORNER = ("left", "top", "width", "height")
CENTER = ("x_center", "y_center", "width", "height")
WANTED = (
    "wanted a first line with the columns file and label, and for boxes xmin, ymin, xmax, ymax in pixels or x_center, "
    "y_center, width, height as fractions of the image"
)


@dataclass(frozen=True)
class Columns:
    """Where in a row the values are.

    Attributes:
        index: position by role, such as `file` or `label`.
        box: the four roles that make up a box; empty when the table has none.
        has_header: the first row names the columns.
    """

    separator: str
    index: dict[str, int]
    box: tuple[str, ...]
    has_header: bool

    def value(self, row: Sequence[str], role: str) -> str:
        """What a row says, empty when it has no such column."""
        position = self.index.get(role, -1)
        return row[position].strip() if 0 <= position < len(row) else ""

    @property
    def size(self) -> tuple[str, str]:
        """The roles that give the size of the whole image."""
        # Beside the edges of a box, width and height are those of the image.
        plain = self.box == EDGES and "image_width" not in self.index
        return ("width", "height") if plain else ("image_width", "image_height")


def lines_of_table(text: str) -> Iterator[str]:
    """Lines with their ends, one at a time, whatever system wrote them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def find_columns(text: str, tree: Tree, path: str) -> Columns | None:
    """The columns of a table; None when they cannot be told for certain."""
    first = next((line for line in lines_of_table(text) if line.strip()), "")
    found = []
    for separator in SEPARATORS:
        try:
            row = next(csv.reader([first], delimiter=separator, strict=True), [])
        except csv.Error:
            continue
        if columns := _from_header(row, separator) or _from_values(row, separator, tree, path):
            found.append(columns)
    return max(found, key=lambda columns: (columns.has_header, len(columns.index)), default=None)


def _from_header(row: list[str], separator: str) -> Columns | None:
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in row]
    index = {}
    for role, spellings in _SPELLINGS.items():
        if found := next((name for name in spellings.split() if name in plain), None):
            index[role] = plain.index(found)
    if "file" not in index or "label" not in index:
        return None
    box = next((roles for roles in (EDGES, CENTER, CORNER) if all(role in index for role in roles)), ())
    return Columns(separator, index, box, has_header=True)


def _from_values(row: list[str], separator: str, tree: Tree, path: str) -> Columns | None:
    """Without names only two layouts are clear: a file and its label, and a file, four edges and a label."""
    files = [position for position, value in enumerate(row) if _is_file(value, tree, path)]
    if len(files) != 1 or len(row) not in (2, 6):
        return None
    if len(row) == 2:
        return Columns(separator, {"file": files[0], "label": 1 - files[0]}, (), has_header=False)
    if files[0] != 0:
        return None
    return Columns(separator, dict(zip(("file", *EDGES, "label"), range(6), strict=True)), EDGES, has_header=False)


def _is_file(value: str, tree: Tree, path: str) -> bool:
    try:
        return extension_of(value.strip()) in IMAGE_EXTENSIONS and bool(tree.find(value, path.rpartition("/")[0]))
    except ValueError:
        return False
