"""Text on a picture: how it shall look, writing it, and writing it anew where a later wish changes it."""

from datetime import date
from typing import Any

from canvasagent.policies._scripted.accounting import without, words_of
from canvasagent.policies._scripted.details import anchor, angle, beside, colour, lookup, place
from canvasagent.policies._scripted.patterns import Details, pattern, rule
from canvasagent.policies._scripted.scene import Lettering, Scene, Unmet, need
from canvasagent.policies._scripted.wishes import Condition

ROOM = 220
"""How far inwards something is moved at most, in grid units; beyond that it is made smaller."""
SLANT = 15
"""Degrees from which on OCR may not read a slanted text."""
CORNERS = ([150, 120], [850, 120], [850, 880], [150, 880])


def style(text: str, used: list[str]) -> Details:
    """How words ask for a text or a thing to look and where to be: arguments of Overlayer, and `anchor`, `corners`.

    Only what the words say is there. The words that say so are appended to `used`.
    """
    found: Details = {}
    for name in ("background", "outline", "rotation"):
        if match := pattern(f"{{text_{name}}}").search(text):
            used.append(match[0])
            shade = "rotation" not in name and match["shade"]
            found[name] = (
                colour(match["shade"], []) if shade else angle(match[0], []) if name == "rotation" else "black"
            )
            text = f"{text[: match.start()]} {text[match.end() :]}"
    if corners := pattern("{each_corner}").search(text):
        used.append(corners[0])
        text = text.replace(corners[0], " ", 1)
    by, text = anchor(text, used)
    read = {"opacity": lookup("opacity", text, used), "color": colour(text, used)}
    read |= {"font_size": lookup("text_size", text, used)}
    read |= {"position": None if corners else place(text, used) or lookup("text_usual", text, used)}
    return (
        found
        | {name: value for name, value in read.items() if value is not None}
        | ({"anchor": by} if by else {})
        | ({"corners": True} if corners else {})
    )


def described(text: str, today: date) -> str:
    """What a text stands for that is not quoted: itself, or what it describes. Raises `Unmet` for what is not known."""
    if rule("todays_date").fullmatch(text):
        return f"{today.day} {today:%B} {today.year}"
    if rule("this_year").fullmatch(text):
        return str(today.year)
    if named := rule("named_text").fullmatch(text):
        return str(named["text"])
    need(not rule("description").match(text), f"what '{text}' is, is not known; put the text in quotation marks")
    return text


def write(wanted: Details, scene: Scene) -> None:
    """Write, read back, and write again in another way where OCR cannot read it; at most three times in all."""
    image, content = scene.target(wanted["image"]), wanted["content"]
    if not wanted["quoted"]:
        read = scene.texts.get("read") or (" ".join(scene.lines(image, "read")) if wanted["reads"] else None)
        content = described(content, scene.today()) if content else read
    content = need(content, "nothing was read that could be written")
    look = {name: value for name, value in wanted["style"].items() if name not in ("anchor", "corners")}
    spots = CORNERS if wanted["style"].get("corners") else [spot(wanted["style"], image, scene)[0]]
    scene.texts["written"], made = content, image
    for position in spots:
        made = _written(made, content, look | {"position": position}, scene)
    readable = _legible(made, content, look, scene)
    scene.change(image, made)
    scene.lettering = Lettering(wanted, image, made)
    scene.done.append(Condition("text", content, quote=content))
    need(readable, "it is written, but OCR could not read it back")


def _written(image: str, content: str, look: Details, scene: Scene) -> str:
    size, shade = look.get("font_size"), look.get("color")
    larger = min((size or 90) * 1.6, 300)
    for attempt, height in enumerate((size, larger, larger * 1.3 if shade else larger)):
        given: dict[str, Any] = look | {"color": shade or (None, None, "yellow")[attempt], "font_size": height}
        made = scene.make("rewrite" if attempt else "write", base_image=image, content=content, **given)
        if scene.reads(made, content) or is_slanted(look):
            break
    return made


def is_slanted(look: Details) -> bool:
    """Whether a text is turned so far that OCR may not read it as it is."""
    return bool(abs(look.get("rotation", 0)) % 90 >= SLANT)


def _legible(made: str, content: str, look: Details, scene: Scene) -> bool:
    """Whether OCR reads a text; one that is slanted is turned upright for it first."""
    if scene.reads(made, content) or not is_slanted(look):
        return scene.reads(made, content)
    return scene.reads(scene.make("set_upright", image=made, angle=-look["rotation"]), content)


def is_of_lettering(prompt: str, pronoun: bool, scene: Scene) -> bool:
    """Whether a change is one of the text that was written last: 'make it red', 'make the text larger'."""
    named = pronoun or rule("the_lettering").search(prompt)
    known = scene.lettering is not None and scene.lettering.made == scene.focus
    return bool(known and named and not rule("of_picture").fullmatch(prompt))


def restyle(prompt: str, scene: Scene) -> bool:
    """Write the last text anew, on the picture as it was before, in the look that a wish gives it.

    True: all of the wish is used.
    """
    before, used = scene.lettering, list[str]()
    asked = style(prompt, used)
    if before is None or not asked or without(words_of(rule("restyling").sub(" ", prompt)), used):
        raise Unmet("the text was written last, and it can only get another colour, size, place, box or angle")
    moved = {"anchor", "corners"} if "position" in asked else set()
    kept = {name: value for name, value in before.wanted["style"].items() if name not in moved}
    scene.focus = scene.picture = before.base
    write(before.wanted | {"image": "", "style": kept | asked}, scene)
    return True


def spot(wanted: Details, image: str, scene: Scene, content: str = "") -> tuple[list[int], float | None]:
    """Where something goes, and its scale: where the words say, or by a thing that has to be found first.

    No edge cuts it: it is moved inwards, and made smaller where it is too large for the named corner or side.
    """
    at, by, scale = wanted.get("position") or [500, 500], wanted.get("anchor"), wanted.get("scale")
    box = scene.seek(image, by["phrase"])[0].box if by else None
    sizes = zip(scene.sizes.get(content, (0, 0)), scene.sizes.get(image, (1, 1)), strict=True)
    halves = [(scale or 1.0) * 500 * own / base for own, base in sizes]
    at = beside(by["how"], box, [round(half) for half in halves]) if by and box else at
    if scale is None and at != [500, 500]:
        at = [min(max(value, min(half, ROOM)), 1000 - min(half, ROOM)) for value, half in zip(at, halves, strict=True)]
        fits = [min(value, 1000 - value) / half for value, half in zip(at, halves, strict=True) if half > ROOM]
        scale = round(min(fits), 2) if fits and min(fits) < 1 else None
    else:
        at = [
            min(max(value, half), 1000 - half) if half < 500 else value for value, half in zip(at, halves, strict=True)
        ]
    return [round(value) for value in at], scale
