"""Validation of a backend's result before it goes on a canvas and into a record."""

from __future__ import annotations

import json
from dataclasses import replace

from PIL import Image

from canvasagent.canvas import MODES, Asset
from canvasagent.errors import BackendFailure
from canvasagent.imaging.pictures import profile_of, with_profile
from canvasagent.tools.base import Outcome, Tool


def validate_outcome(tool: Tool, outcome: Outcome, first: Asset | None) -> Outcome:
    """The validated `outcome`: in the colour profile of the call's `first` input, its findings as plain JSON.

    Raises `BackendFailure` for pixels of another form than the kind has, or findings that JSON cannot hold.
    """
    picture = outcome.picture
    if picture is not None:
        if not isinstance(picture, Image.Image) or picture.mode not in MODES[outcome.kind]:
            got = f"a picture of mode {picture.mode}" if isinstance(picture, Image.Image) else type(picture).__name__
            wanted = " or ".join(MODES[outcome.kind])
            raise BackendFailure(
                f"the backend of {tool.name} gave {got}; pixels of kind {outcome.kind} have mode {wanted}."
            )
        picture.load()
        with_profile(picture, profile_of(first.picture if first is not None else picture))
    try:
        data = json.loads(json.dumps(outcome.data, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise BackendFailure(f"the findings of {tool.name} cannot be written as JSON: {error}.") from error
    words = None if outcome.words is None else _encodable(outcome.words)
    return replace(outcome, text=_encodable(outcome.text), words=words, data=data)


def _encodable(text: str) -> str:
    """The text without lone surrogates, which UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")
