"""A refusal of ImageEdit is short, and names wordings that work."""

from __future__ import annotations

import re

import pytest

from canvasagent.backends.lite.edits import nearest, understands
from canvasagent.backends.lite.image_edit import refuse_unknown
from canvasagent.errors import ToolRefusal


@pytest.mark.parametrize(
    ("prompt", "like"),
    [
        ("make it briter", "bright"),
        ("crosshatch the picture", "picture"),
        ("turn it into a watercolour thing", "watercolo"),
        ("blur it in a spiral", "blur"),
    ],
)
def test_a_refusal_is_two_lines_with_the_nearest_wordings(prompt: str, like: str) -> None:
    with pytest.raises(ToolRefusal) as refusal:
        refuse_unknown(understands(prompt))
    text = str(refusal.value)
    assert len(text) < 400 and prompt.split()[-1] in text
    named = re.findall(r"'([^']+)'", text.partition("Nearest")[2])
    assert named and all(understands(wording).ok for wording in named)
    assert like in " ".join(nearest(prompt))
