"""Noun phrases: what each word says, that no word is lost, and that everything that reads phrases knows the lexicon."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvasagent.backends.lite.phrases import parse as parse_query
from canvasagent.backends.lite.prompts import parse_figures
from canvasagent.english.colors import colors
from canvasagent.english.lexicon import lexicon
from canvasagent.english.noun_phrase import (
    NounPhrase,
    Vocabulary,
    noun_phrase,
    noun_phrases,
    words_for_order,
    words_for_relations,
    words_for_things,
)
from canvasagent.policies._scripted.details import number
from canvasagent.sketch.grammar import parse as parse_scene

NOUNS = {"car": "car", "dog": "dog", "house": "house", "tree": "tree", "orange": "orange"}
COUNTS = {word: count for word, count in lexicon()["counts"].items() if count > 1 and " " not in word}
SPOTS = {f"on the {words}": spot for words, spot in lexicon()["sides"].items()} | {
    f"in the {high} {side} corner": f"{lexicon()['sides'][high]} {side}"
    for high in ("top", "upper", "bottom", "lower")
    for side in ("left", "right")
}
RELATIONS = [(words, name) for name, table in lexicon()["relations"].items() for words in table]


@cache
def vocabulary() -> Vocabulary:
    nouns = [(word, "noun", value) for word, value in NOUNS.items()]
    nouns += [(f"{word}s", "nouns", value) for word, value in NOUNS.items()]
    return Vocabulary([*nouns, *words_for_order(), *words_for_relations(), *words_for_things()])


def read(text: str) -> tuple[NounPhrase, ...]:
    return noun_phrases(vocabulary().tokens(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the red car on the left", {"color": "red", "spot": "left", "order": ("left",), "determiner": "the"}),
        ("the second dog from the left", {"ordinal": 2, "order": ("left",), "head": "dog"}),
        ("the largest light blue tree", {"order": ("large",), "color": "light blue", "head": "tree"}),
        ("pale pink cars", {"shade": "pale", "color": "pink", "several": True, "count": None}),
        ("two very small dogs", {"count": 2, "scale": 0.5, "order": ("small",), "several": True}),
        ("a few dogs", {"count": 3, "vague": True, "limit": 0}),
        ("all dogs in the top-right corner", {"several": True, "spot": "top right"}),
        ("an orange car", {"color": "orange", "head": "car"}),
        ("the orange on the right", {"color": "", "head": "orange"}),
        ("a dog's house", {"head": "house", "used": ("a", "dog", "house")}),
        ("a #ff8800 car", {"color": "#ff8800", "unknown": ()}),
        ("a blue-coloured car", {"color": "blue", "unknown": ()}),
        ('the car "Herbie"', {"quoted": "Herbie", "head": "car"}),
        ("a purring car", {"unknown": ("purring",), "used": ("a", "car")}),
        ("a dark car", {"unknown": ("dark",), "shade": "dark"}),
    ],
)
def test_what_words_say_of_a_thing(text: str, said: dict[str, Any]) -> None:
    (phrase,) = read(text)
    assert {name: getattr(phrase, name) for name in said} == said


def test_things_and_how_they_stand_to_one_another() -> None:
    dog, tree = read("the dog and the tree next to a small house behind two cars")
    assert (dog.head, tree.head) == ("dog", "tree") and dog.others == tree.others
    (house,) = dog.others
    assert (dog.relation, house.head, house.scale, house.relation) == ("next", "house", 0.7, "behind")
    assert [(other.head, other.count) for other in house.others] == [("car", 2)]
    (car,) = read("the car between the dog and the tree")
    assert car.relation == "between" and [other.head for other in car.others] == ["dog", "tree"]


def test_a_relation_to_nothing_is_a_word_that_means_nothing() -> None:
    (phrase,) = read("the dog under")
    assert phrase.unknown == ("under",) and not phrase.relation


@given(
    st.sampled_from(sorted(COUNTS)),
    st.sampled_from(sorted(lexicon()["sizes"])),
    st.sampled_from(sorted(colors())),
    st.sampled_from(sorted(set(NOUNS) - {"orange"})),
    st.sampled_from(sorted(SPOTS)),
    st.sampled_from(RELATIONS),
)
def test_what_is_put_into_a_phrase_is_read_out_of_it(
    count: str, size: str, color: str, noun: str, spot: str, relation: tuple[str, str]
) -> None:
    (phrase,) = read(f"the {count} {size}, {color} {noun}s {spot}, {relation[0]} an orange tree")
    assert (phrase.count, phrase.scale, phrase.color) == (COUNTS[count], lexicon()["sizes"][size], color)
    assert (phrase.head, phrase.spot, phrase.relation, phrase.unknown) == (noun, SPOTS[spot], relation[1], ())
    assert [(other.head, other.color) for other in phrase.others] == [("tree", "orange")]


WORDS = [*vocabulary().words, *list("04'\"“”,.-#é"), "xyzzy", "-3", "⟪0⟫", "2nd", "#abc", "and", "or"]


@given(st.lists(st.sampled_from(WORDS)) | st.text().map(lambda text: [text]))
def test_nothing_is_too_odd_to_read_and_no_word_is_lost(words: list[str]) -> None:
    tokens = vocabulary().tokens(" ".join(words))
    phrase = noun_phrase(tokens)
    said = {*phrase.used, *phrase.unknown}
    for token in tokens:
        assert token.text in said or token.sort == "stop" or token.of("filler") or token.sort == "quote", token
    for one in read(" ".join(words)):
        assert not one.others or one.relation


def test_many_relations_are_read() -> None:
    (phrase,) = read("dog on " * 5000 + "car")
    assert phrase.head == "dog"


@pytest.mark.parametrize("words", SPOTS)
def test_every_place_is_understood_by_every_reader(words: str) -> None:
    assert parse_scene(f"a dog {words}").groups[0].spot == SPOTS[words]
    query = parse_query(f"the circle {words}")
    assert (query.kind, query.order, query.unknown) == ("shape", tuple(SPOTS[words].split()), ())
    figures = parse_figures(f"a circle {words}", 0)
    assert figures is not None and figures.spot is not None


def test_every_number_and_size_is_understood_by_every_reader() -> None:
    for word, count in COUNTS.items():
        assert parse_query(f"{word} circles").limit == count == number(word), word
        if count <= 20:
            assert parse_scene(f"{word} dogs").groups[0].count == count, word
    for word, scale in lexicon()["sizes"].items():
        assert parse_scene(f"a {word} dog").groups[0].scale == scale, word
        figures = parse_figures(f"a {word} circle", 0)
        assert figures is not None and figures.scale == scale, word
        assert scale == 1 or not parse_query(f"the {word} circle").unknown, word


@pytest.mark.parametrize("words", [words for words, _ in RELATIONS])
def test_every_relation_is_understood_where_things_are_drawn(words: str) -> None:
    scene = parse_scene(f"a dog {words} two trees")
    assert [group.sprite for group in scene.groups] == ["dog", "tree"]
    assert scene.groups[0].relations[0].kind == dict(RELATIONS)[words]
