"""Small copies of a dataset's pictures for pages."""

from __future__ import annotations

from canvasagent.craft.store.reader import Dataset
from canvasagent.errors import StorageError
from canvasagent.imaging.previews import data_uri, preview


def thumbnail(dataset: Dataset, key: str, side: int) -> str | None:
    """A copy of at most `side` × `side` pixels as a data URI; None where the picture cannot be read."""
    try:
        return data_uri(preview(dataset.picture(key), side))
    except StorageError:
        return None
