"""Small copies of a run's pictures, as data URIs. What cannot be read is reported, never raised."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from canvasagent.canvas import Kind
from canvasagent.errors import StorageError
from canvasagent.imaging.geometry import Size
from canvasagent.imaging.previews import data_uri, preview
from canvasagent.record.model import AssetRecord
from canvasagent.record.trajectory import Trajectory

FULL_SIDE = 512
"""Longest side of a thumbnail, where the run has few pictures."""
SMALL_SIDE = 160
"""Longest side in the asset graph."""
TINY = 96
"""Pictures smaller than this are shown enlarged, pixel by pixel."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture as the report shows it."""

    id: str
    kind: str
    alt: str
    size: Size
    """Of the picture itself."""
    link: str
    """The full-size file, beside the report."""
    source: str | None = None
    """Data URI; None where the picture cannot be shown."""
    shown: Size = (0, 0)
    see_through: bool = False
    problem: str | None = None
    """Why it cannot be shown."""

    @property
    def tiny(self) -> bool:
        """Whether it is shown enlarged."""
        return max(self.shown) < TINY


def side_for(pictures: int) -> int:
    """The longest side of thumbnails in a run with so many pictures, so that the report stays a few megabytes."""
    return FULL_SIDE if pictures <= 24 else 320 if pictures <= 60 else 224


def thumbnail(trajectory: Trajectory, name: str, side: int) -> Thumbnail:
    """The thumbnail of an asset, or a placeholder with the reason why it cannot be shown."""
    try:
        record = trajectory.record_of(name)
    except KeyError:
        return Thumbnail(name, "unknown", f"{name}: not in the record", (0, 0), "", problem="not in the record")
    link = f"assets/{record.id}.png"
    try:
        picture = trajectory.picture(name)
        small = preview(picture, side, mask=record.kind is Kind.MASK)
        source = data_uri(small)
    except (StorageError, OSError, ValueError, MemoryError) as error:
        problem = "the file is missing, damaged or was changed since the run"
        if not isinstance(error, StorageError):
            problem = f"the picture cannot be shown: {type(error).__name__}"
        alt = f"{_words(record)}: {problem}"
        return Thumbnail(name, record.kind.value, alt, record.size, link, problem=problem)
    return Thumbnail(
        id=name,
        kind=record.kind.value,
        alt=_words(record) + _coverage(picture, record.kind),
        size=record.size,
        link=link,
        source=source,
        shown=small.size,
        see_through="A" in small.getbands(),
    )


def _words(record: AssetRecord) -> str:
    kind = {Kind.IMAGE: "picture", Kind.MASK: "mask", Kind.CUTOUT: "cut-out"}[record.kind]
    if record.lineage is None:
        came = "input"
    else:
        parents = ", ".join(record.lineage.parents)
        came = f"made by {record.lineage.tool}" + (f" from {parents}" if parents else "")
    return f"{record.id}: {kind}, {came}, {record.size[0]} × {record.size[1]} pixels"


def _coverage(picture: Image.Image, kind: Kind) -> str:
    if kind is not Kind.MASK:
        return ""
    covered = picture.convert("L").histogram()[255] / max(1, picture.width * picture.height)
    return f"; white where the object is, {covered:.0%} of the area"
