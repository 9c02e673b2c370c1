"""Rain, snow and fog on drawn pictures, and clear weather again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from canvasagent.backends.lite.edits._drawn import Request, not_on_photographs
from canvasagent.backends.lite.edits._spec import Edit, Words
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.reading import Drawing

WEATHERS: dict[str, tuple[str, str, str]] = {
    "rain": ("(?:rain|raindrops|a (?:rain )?shower|heavy rain|light rain)", "rain(?:y|ing)", "rain"),
    "snow": ("(?:snow|snowfall|falling snow|snowflakes|a snowstorm)", "snow(?:y|ing)", "snow"),
    "fog": ("(?:fog|mist|haze|thick fog)", "(?:foggy|misty|hazy)", "be foggy"),
}
"""For each weather: what it is, how it is then, what it does."""
_CLEAR = "(?:clear|dry|fine|sunny)"


def revise(request: Request) -> Drawing | None:
    """Everything in another weather."""
    drawing = request.drawing
    wanted: Any = next((name for name in WEATHERS if f"weather_{name}" in request.values), None)
    gone = next((name for name in WEATHERS if f"no_{name}" in request.values), None)
    now = drawing.setting.weather
    if wanted is not None and not drawing.setting.outdoors:
        raise ToolRefusal(f"there is no {wanted} in a {drawing.setting.background}; change the background first.")
    if wanted is None and (now is None or (gone is not None and gone != now)):
        raise ToolRefusal(f"'{request.clause}': there is no {gone or 'rain, snow or fog'} in the picture.")
    if wanted == now:
        raise ToolRefusal(f"'{request.clause}': there is {now} in the picture already.")
    return replace(drawing, setting=replace(drawing.setting, weather=wanted))


def _words(name: str) -> Words:
    noun, being, doing = (f"(?P<weather_{name}>{words})" for words in WEATHERS[name])
    return Words(
        adjectives=(being,),
        things=(noun, f"{being} weather"),
        patterns=(
            f"(?:change|turn|set|make) the weather (?:to|into) (?:{noun})",
            f"(?:make|let) it {doing}",
            f"(?:it should|it shall|it is|it's) {doing}",
            f"it should be {being}",
            f"(?:make|let|have) {noun}(?: fall)?",
            f"in (?:the )?{noun}",
            f"{being}",
        ),
    )


def _stopped(name: str) -> Words:
    noun = f"(?P<no_{name}>{WEATHERS[name][0]})"
    gone = "(?:remove|stop|clear away|get rid of|take away|delete|erase|end|no more|lift)"
    return Words(patterns=(f"{gone} (?:the |all (?:the )?)?{noun}", f"make (?:the )?{noun} (?:stop|disappear|go away)"))


EDIT = Edit(
    summary="rain, snow, fog or clear weather on drawn pictures",
    words=(
        *(_words(name) for name in WEATHERS),
        *(_stopped(name) for name in WEATHERS),
        Words(
            patterns=(
                f"(?:make|let) the (?:weather|sky) (?:be )?{_CLEAR}",
                f"(?:clear|{_CLEAR}) (?:weather|skies)",
                "clear up the weather",
                f"(?:make|let) it (?:be )?{_CLEAR} weather",
                "(?:make|let) it (?:be )?(?:(?:bright and )?sunny|stop raining|stop snowing)",
            )
        ),
    ),
    examples=("make it rain", "add snow", "add fog", "rainy weather"),
    apply=not_on_photographs,
    blends=False,
    places=("whole",),
    revise=revise,
)
