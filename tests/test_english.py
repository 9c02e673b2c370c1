"""The lexicon: every entry is understood by everything that reads words, and forms of nouns are those of English."""

from __future__ import annotations

import inflect
import numpy as np
import pytest
from PIL import Image, ImageDraw

from canvasagent.backends.lite.edits import understands
from canvasagent.backends.lite.phrases import parse as parse_phrase
from canvasagent.backends.lite.shapes import color_mask
from canvasagent.english.colors import color_named, colors, drawn_color, family_of, hsv_range
from canvasagent.english.lexicon import lexicon
from canvasagent.english.nouns import article, plural, singular
from canvasagent.policies._scripted.details import colour
from canvasagent.rewards.checks._colors import named
from canvasagent.sketch.grammar import parse as parse_scene
from canvasagent.sketch.sprite import all_sprites
from canvasagent.tools.overlayer import is_color

NAMES = sorted(colors())
OWN = [name for name in NAMES if name in lexicon()["colors"]]
TWO_FORMS = {"saguaro", "gateau", "gelato"}
"""Nouns that have two plurals: the library knows the other."""


def test_every_color_is_understood_by_every_reader() -> None:
    for name in NAMES:
        rgb = color_named(name)
        assert rgb is not None and drawn_color(name) is not None and is_color(name), name
        group = parse_scene(f"a {name} ball").groups[0]
        assert (group.sprite, group.color) == ("ball", drawn_color(name)), name
        query = parse_phrase(f"the {name} object")
        assert query.family == (family_of(name) or name) and not query.unknown, name
        plan = understands(f"make the ball {name}")
        assert plan.ok and plan.steps[0].values["color"] == name, name
        assert colour(f"write it in {name} letters") is not None, name
        assert named(name), name


@pytest.mark.parametrize("name", OWN)
def test_a_color_is_found_where_it_was_painted(name: str) -> None:
    for code in (color_named(name), drawn_color(name)):
        pixels = np.asarray(Image.new("RGB", (2, 2), code))
        assert color_mask(pixels, hsv_range(name)).all(), code


def test_colors_apart_are_not_taken_for_one_another() -> None:
    picture = Image.new("RGB", (90, 30), color_named("maroon"))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((30, 0, 59, 29), fill=color_named("navy"))
    draw.rectangle((60, 0, 89, 29), fill=color_named("coral"))
    pixels = np.asarray(picture)
    for at, name in enumerate(("maroon", "navy", "coral")):
        shares = color_mask(pixels, hsv_range(name)).reshape(30, 3, 30).mean(axis=(0, 2))
        assert list(shares) == [float(column == at) for column in range(3)], name


@pytest.mark.parametrize("word", ["giraffe", "", "snow", "wheat", "#12345", "redd"])
def test_other_words_are_no_colors(word: str) -> None:
    assert color_named(word) is None


def test_shades_and_codes_are_colors() -> None:
    assert color_named("#f80") == color_named("#ff8800") == (255, 136, 0)
    assert color_named("Sky-Blue") == color_named("sky blue")
    light, plain, dark = (sum(color_named(f"{shade}maroon") or ()) for shade in ("light ", "", "dark "))
    assert light > plain > dark


def test_a_color_that_is_also_a_thing_does_not_stand_for_all_of_that_color() -> None:
    assert parse_phrase("the rose").unknown == ("rose",)
    assert parse_phrase("the rose circle").unknown == ()


def test_nouns_have_the_forms_that_the_library_gives() -> None:
    engine = inflect.engine()
    nouns = {word for name, sprite in all_sprites().items() for word in (name, *sprite.info.synonyms)}
    nouns |= set(lexicon()["plurals"])
    nouns |= {"bus", "box", "glass", "church", "city", "boy", "horse", "pie", "mouse", "kiss", "fox", "gas"}
    for noun in sorted(nouns - TWO_FORMS - {"grape", "grapes", "gentleman"}):
        many = plural(noun)
        assert many == engine.plural_noun(noun), noun
        assert singular(many) == noun, noun
        assert f"{article(noun)} {noun}" == engine.a(noun), noun


def test_phrases_are_inflected_at_their_head() -> None:
    assert plural("red knife on the table") == "red knives on the table"
    assert singular("red mice in the box") == "red mouse in the box"
    assert plural("human") == "humans" and plural("policewoman") == "policewomen"
