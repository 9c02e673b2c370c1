"""Things of a drawing taken to another place: they stay where they are across, and stand on its ground."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.backends.lite.edits._drawn import family, place_of, shifted
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.layout import MARGIN, Stage
from canvasagent.sketch.lexicon import tokens
from canvasagent.sketch.reading import Drawing
from canvasagent.sketch.render import SHADED
from canvasagent.sketch.scene import Scene
from canvasagent.sketch.setting import Setting
from canvasagent.sketch.sprite import Place

_ALSO: dict[Place, tuple[Place, ...]] = {
    "ground": ("floor", "road"), "floor": ("ground", "road"), "road": ("ground", "floor"), "table": ("floor", "ground"),
    "shelf": ("wall", "table"), "wall": ("sky",), "water": ("ground", "floor"), "underwater": ("water", "ground"),
}  # fmt: skip


def place_named(words: str) -> str | None:
    """The drawn place that words name and nothing else, or None."""
    known, unknown = tokens(words)
    places = [token.value for token in known if token.sort == "background"]
    if any(other.sort == "light" for token in known for other in token.also):
        return None  # "night" is a light, though a night sky is a place
    others = [token for token in known if token.sort not in ("background", "filler", "the", "count", "relation")]
    return places[0] if len(set(places)) == 1 and not unknown and not others else None


def at_place(drawing: Drawing, name: str | None, color: str | None, seed: int) -> Drawing:
    """The drawing in another drawn place, or before a plain ground of a colour."""
    background = all_backgrounds()[name] if name is not None else None
    palettes = len(background.info.palettes) if background is not None else 1
    indoors = background is not None and background.info.indoor
    setting = Setting(
        name, seed % palettes, False, color, drawing.setting.light, None if indoors else drawing.setting.weather,
        drawing.setting.look,
    )  # fmt: skip
    before = Stage.of(Scene(), drawing.setting.place, drawing.size)
    after = Stage.of(Scene(), background, drawing.size)
    result = replace(drawing, setting=setting)
    margin = MARGIN * min(drawing.size)
    carried: set[int] = set()
    for index, item in enumerate(drawing.items):
        if index in carried:
            continue
        kin = family(drawing, index)
        carried.update(kin)
        if item.placement.place not in SHADED:
            continue
        place = place_of(drawing, item)
        low, high = before.zone(place)
        share = min(max((item.placement.bottom - low) / max(high - low, 1.0), 0.0), 1.0)
        new_low, new_high = after.zone(_there(place, after))
        foot = max(new_low + share * (new_high - new_low), item.placement.height + margin)
        result = shifted(result, kin, 0, min(foot, drawing.size[1] - margin) - item.placement.bottom)
    return result


def _there(place: Place, stage: Stage) -> Place:
    """The place of the new picture that is most like one of the old."""
    zones = stage.background.info.zones if stage.background is not None else {}
    return next((other for other in (place, *_ALSO.get(place, ())) if other in zones), place)
