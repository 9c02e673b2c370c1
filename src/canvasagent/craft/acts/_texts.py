"""What acts on written words have in common."""

from __future__ import annotations

from canvasagent.craft.acts._base import Bound, CheckContext, Data, Look, StepContext


def read(context: StepContext) -> Bound:
    """All text of the picture is read; a fact `text` says which of it matters."""
    return Bound({"image": context.image}, {"text": context.words_for("text")} if "text" in context.facts else {})


def text_of(rest: str) -> dict[str, str]:
    """The fact `text` from what follows `read`, `say`, `proof`."""
    return {"text": unquoted(rest)} if rest else {}


def unquoted(text: str) -> str:
    """A text without its quotation marks."""
    return text.strip().strip('"')


def read_back(text: str) -> Look | None:
    """A reading that finds the text; None for no text."""
    return Look("proofread", {}, {"text": text}) if text else None


def check(text: str) -> Data:
    """A text can be read."""
    return {"check": "text_readable", "text": text}


def readable(context: CheckContext) -> list[Data]:
    """What a step changed or wrote can be read, where the result still shows it as it was written."""
    return [] if context.view.restyled else _readable(context)


def written(context: CheckContext) -> list[Data]:
    """The same of words that were laid over the picture, also over a style, as the last thing."""
    return [] if context.view.restyled and not context.last else _readable(context)


def _readable(context: CheckContext) -> list[Data]:
    view = context.view
    if view.kind != "image":
        return []
    lines = [line for key in sorted(context.touched) if (line := view.line(key)) is not None]
    # Over a thing, letters that a person reads at once are often lost on the readers.
    lines += [line for line in view.lines if line.key == f"written:{context.step.id}" and line.bearer is None]
    level = view.upright or all(line.key.startswith("written:") for line in lines)
    return [check(line.words) for line in lines if level]


def readable_signs(context: CheckContext) -> list[Data]:
    """What stands on things of a picture that was generated can be read."""
    view = context.view
    if view.kind != "image" or not view.upright or view.restyled:
        return []
    return [check(line.words) for line in view.lines if line.bearer]


def gone(context: CheckContext, old: str) -> list[Data]:
    """A text that no line of the result holds cannot be read."""
    view = context.view
    if not old or view.kind != "image" or not view.upright or view.restyled:
        return []
    held = any(old.lower() in line.words.lower() for line in view.lines)
    return [] if held else [{"check": "text_absent", "text": old}]
