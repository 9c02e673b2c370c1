"""Take written text away: the strokes are filled from what is round them."""

from __future__ import annotations

from canvasagent.backends.lite.edits._lettering import erase_lines
from canvasagent.backends.lite.edits._lines import lines_that_say
from canvasagent.backends.lite.edits._spec import TEXT, Edit, Job, Pixels, Words

_REMOVE = (
    "(?:remove|erase|delete|get rid of|take out|take away|eliminate|wipe out|wipe|clean off|clear|strip|"
    "hide|blank out|take off)"
)
_FROM = "(?: (?:from|in|on|of) (?:it|(?:the|this) (?:image|picture|photo|sign|scene|poster|page|box|shirt|wall)))?"


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Erase the lines that say `old`, or all lines. Raises `ToolRefusal` when there are none."""
    return erase_lines(pixels, lines_that_say(job, job.values.get("old", "")), job.seed)


EDIT = Edit(
    summary="removal of written text",
    words=(
        Words(
            patterns=(
                f"{_REMOVE} {{where}}{_FROM}",
                f"{_REMOVE} (?:the |all the )?(?:text|words?|caption|title|writing|lettering|watermark) {{old}}{_FROM}",
            ),
        ),
    ),
    examples=("remove the text", "erase the words from the sign", "delete the text 'OPEN'"),
    apply=apply,
    where=TEXT,
    places=("text",),
    blends=False,
    check=lambda values: "old" not in values or values["old"].startswith("\x02") or len(values["old"].split()) <= 4,
)
