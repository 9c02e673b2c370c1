"""The colours of a drawn picture as they were before night or weather: each of those is one known blend of colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from canvasagent.sketch.regions import Array

NIGHT = ((30, 40, 92), 0.22)
VEILS = {"rain": ((70, 80, 96), 0.30), "snow": ((226, 233, 242), 0.22)}
FOG, FOG_TOP, FOG_BOTTOM = (222, 226, 230), 0.62, 0.20


@dataclass(frozen=True)
class Air:
    """What lies between the eye and the things: night or not, and weather."""

    night: bool = False
    weather: str = ""
    """rain, snow, fog, or nothing."""

    @property
    def gain(self) -> float:
        """By how much colour differences grow, at most, when it is undone."""
        kept = 1 - NIGHT[1] if self.night else 1.0
        kept *= {"": 1.0, "rain": 0.70, "snow": 0.78, "fog": 0.5}[self.weather]
        return 1 / kept


AIRS = tuple(Air(night, weather) for weather in ("", "rain", "snow", "fog") for night in (False, True))


def undone(pixels: Array, air: Air) -> Array:
    """The (height, width, 3) float32 colours of things without that air; of places by day, of night skies not."""
    clear = pixels.astype(np.float32)
    if air.weather == "fog":
        share = np.linspace(FOG_TOP, FOG_BOTTOM, len(pixels), dtype=np.float32)[:, None, None]
        clear -= share * np.array(FOG, np.float32)
        clear /= 1 - share
    elif air.weather:
        clear = _unblended(clear, *VEILS[air.weather])
    if air.night:
        clear = _unblended(clear, *NIGHT)
    return clear


def _unblended(pixels: Array, color: tuple[int, int, int], amount: float) -> Array:
    return np.asarray((pixels - amount * np.array(color, np.float32)) / np.float32(1 - amount), np.float32)


def beyond(pixels: Array, air: Air) -> float:
    """The share of pixels that have colours which nothing has when it is seen through that air."""
    first, second, third = cv2.split(undone(pixels, air))
    low, high = cv2.min(cv2.min(first, second), third), cv2.max(cv2.max(first, second), third)
    slack = 4 * air.gain
    return float(((low < -slack) | (high > 255 + slack)).mean())
