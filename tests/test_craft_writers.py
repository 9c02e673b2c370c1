"""The grammar: what its instructions say, what they never hold, how much they vary; reasons and what they rest on."""

from __future__ import annotations

import asyncio
import json
import pickle
import random
import re
from pathlib import Path

import pytest

from canvasagent.craft.acts import act_named
from canvasagent.craft.chains import bind, load_chains
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.sources import load_source
from canvasagent.craft.writers import load_writer, writer_names
from canvasagent.craft.writers.base import Seen, WriterFailure
from canvasagent.craft.writers.diversity import distinct, self_bleu, unique_share, words
from canvasagent.craft.writers.grammar import write_instruction
from canvasagent.craft.writers.grammar.farewells import write_farewell
from canvasagent.craft.writers.grammar.lexicon import data, gerund, verb
from canvasagent.craft.writers.grammar.pictures import all_steps
from canvasagent.craft.writers.grammar.reasons import write_reason
from canvasagent.craft.writers.grammar.referring import Reference
from canvasagent.craft.writers.grammar.seeing import place_of
from canvasagent.craft.writers.grammar.weave import single as one_sentence
from canvasagent.english.nouns import plural
from canvasagent.english.phrases import with_article
from canvasagent.errors import InputError
from writer_plans import ACTS, facts_of, lifted, random_plan, single, step

DATA = Path(__file__).parent / "data"
SILENT = {"why", "subject", "expected"}
"""Facts that need not be said in their own words."""
WRONG = {
    "an open slot": r"[{}|\[\]]|[\ue000-\uf8ff]",
    "two spaces": r"  ",
    "a space before a mark": r" [,.;:?!](?!\w)",
    "two marks": r"(?<!\.)\.\.(?!\.)|[,;:][.,;:]|[?!][.,]",
    "a wrong article": r"(?i)\ba (?=[aeio]\w|hour|x-ray)(?!one|uni|eu)|\ban (?=[bcdfgjklmnpqrstvwyz]\w|uni)",
    "a word twice": r"(?i)\b(the|a|an|to|is|in in|of|it|with|and|please) \1\b",
    "a thing as a pronoun's owner": r"\b(?:color|size|background|top) of it\b",
}
PLANS = [random_plan(f"property/{number}") for number in range(700)]


def plain(text: str) -> str:
    """`text` as it is compared: lower case, one spelling."""
    low = text.lower().replace("colour", "color").replace("grey", "gray").replace("centre", "center")
    return re.sub(r"[“”\"']", "", low)


NUMBERS = {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five"}


def said(fact: str, act: str, name: str, text: str) -> bool:
    """Whether a fact is in an instruction: its words, in any order where they are a prompt's."""
    if f"{name} {fact}" in act_named(act).wording.indirect:
        return True  # indirect wording stands for it; which one is the grammar's own data
    if act == "move" and name == "where":
        return any(plain(fact.replace("to the", said, 1)) in text for said in ("to the", "on the", "in the"))
    if name == "prompt":
        return set(words(plain(fact))) <= set(words(text))
    return plain(fact) in text


def missing(plan: Plan, text: str) -> list[str]:
    """Facts of what is asked for that an instruction does not say."""
    low = plain(text)
    found = []
    for one in all_steps(plan.nodes):
        if one.purpose not in ("asked", "answer"):
            continue
        indirect = any(f"{name} {value}" in act_named(one.act).wording.indirect for name, value in one.facts.items())
        for name, value in one.facts.items():
            if name not in SILENT and not indirect and not said(value, one.act, name, low):
                found.append(f"{one.act} {name}={value}")
    for branch in plan.branches():
        for name, value in branch.condition.facts.items():
            forms = (value, NUMBERS.get(value, value)) if name == "at least" else (value, plural(value))
            if not any(plain(form) in low for form in forms):
                found.append(f"if {branch.condition.kind} {name}={value}")
    return found


# What instructions say


def test_every_fact_that_matters_is_said() -> None:
    for number, plan in enumerate(PLANS):
        text = write_instruction(plan, f"facts/{number}")
        assert not missing(plan, text), text


@pytest.mark.parametrize("act", ACTS)
def test_facts_of_single_acts_are_said_in_every_tone(act: str) -> None:
    rng = random.Random(act)
    for number in range(90):
        plan = single(act, rng)
        text = write_instruction(plan, f"{number}", tone=("terse", "plain", "chatty")[number % 3])
        if plan.nodes[0].purpose != "check":  # type: ignore[union-attr]
            assert not missing(plan, text), text


def test_texts_stay_letter_for_letter_in_quotes() -> None:
    for number in range(200):
        rng = random.Random(number)
        plan = single("write", rng)
        words_ = plan.path()[0].facts["text"]
        text = write_instruction(plan, f"quotes/{number}")
        assert any(f"{left}{words_}{right}" in text for left, right in ('""', "“”", "''")), text


def test_nothing_is_left_open_or_doubled() -> None:
    for number, plan in enumerate(PLANS):
        text = write_instruction(plan, f"form/{number}")
        unquoted = re.sub(r'"[^"\n]*"|“[^”]*”|\'[^\'\n]*\'(?!\w)', "Q", text)
        for name, pattern in WRONG.items():
            assert not re.search(pattern, unquoted), f"{name}: {text}"


def test_sentences_begin_properly_and_lengths_are_bounded() -> None:
    for number, plan in enumerate(PLANS):
        for tone in ("plain", "chatty"):
            text = write_instruction(plan, f"start/{number}", tone=tone)
            assert not re.search(r"(?:^|[.?!] )[a-z]", re.sub(r'"[^"\n]*"|“[^”]*”|\'[^\'\n]*\'(?!\w)', "Q", text)), text
        assert len(text) >= 8 and len(text.split()) <= 60 + 32 * len(list(all_steps(plan.nodes))), text


def test_several_pictures_are_told_apart() -> None:
    for number in range(100):
        text = write_instruction(lifted(), f"two/{number}").lower()
        assert re.search(r"first|\b1\b", text) and re.search(r"second|other|last|\b2\b", text), text
        assert re.search(r"kite.* (?:from|in) |(?:first|\b1\b).* for the kite", text), text


def test_both_sides_of_a_branch_are_said_with_what_decides() -> None:
    plans = [plan for number in range(600) if (plan := random_plan(f"branch/{number}")).branches()]
    assert len(plans) > 60
    for number, plan in enumerate(plans):
        text = write_instruction(plan, f"branch/{number}")
        assert not missing(plan, text), text
        assert re.search(
            r"\b(?:if|when|in case|unless|provided|suppose|should it|depending|in the event)\b", text, re.I
        ), text


def test_steps_that_only_serve_others_are_mostly_silent() -> None:
    texts = [write_instruction(lifted(), f"silent/{number}") for number in range(200)]
    assert sum(bool(re.search(r"\bmask|segment|cut(?:ting)? out|extract", text, re.I)) for text in texts) == 0
    assert sum(bool(re.search(r"\bfind|locate|search|where|detect|spot\b", text, re.I)) for text in texts) < 40


def test_indirect_wording_is_used_where_the_picture_tells() -> None:
    plan = single("rotate", random.Random(0))
    turned = plan.path()[0].model_copy(
        update={"facts": {"angle": "180", "direction": "clockwise", "why": "upside down"}}
    )
    plan = plan.model_copy(update={"nodes": (turned,)})
    texts = [write_instruction(plan, f"{number}") for number in range(200)]
    vague = [text for text in texts if "180" not in text]
    assert 40 < len(vague) < 160
    assert all(re.search(r"upside|upright|head|top|up\b|way|screen|sky|stiff", text, re.I) for text in vague)


def test_every_chain_of_the_tables_can_be_said() -> None:
    source = load_source("sketch")
    for name, chain in load_chains().items():
        plan = bind(chain, lambda need, key: source.pick(need, "train", key), f"words/{name}")
        text = write_instruction(plan, name)
        assert text and "{" not in text


# How much they vary


def skeleton(text: str, facts: dict[str, str]) -> str:
    """`text` with its facts as slots."""
    for name, value in sorted(facts.items(), key=lambda item: -len(item[1])):
        text = re.sub(re.escape(value), f"<{name}>", text, flags=re.I)
    return re.sub(r"\b(?:picture|photo|image|pic|photograph|shot|illustration|drawing|artwork)\b", "<noun>", text)


@pytest.mark.parametrize("act", ACTS)
def test_at_least_sixty_ways_to_say_each_act(act: str) -> None:
    """Not counting greetings, asides, thanks, tones of punctuation, or what pictures are called by."""
    facts = facts_of(act, random.Random(act))
    found = set()
    for number in range(600):
        rng = random.Random(f"{act}/{number}")
        base = single(act, rng).path()[0].model_copy(update={"facts": facts})
        plan = Plan(chain=act, nodes=(base,), pictures=())
        ref = Reference(plan, rng, rng.choice(("terse", "plain", "chatty")))
        found.add(skeleton(ref.restore(one_sentence(base, ref)), facts))
    assert len(found) >= 150, len(found)
    wording = act_named(act).wording
    own = [*wording.do, *wording.say, *wording.note, *wording.tell, *wording.ask]
    assert len(set(own)) >= 24  # of these every one is a wording of its own, before any frame


def test_at_least_forty_ways_to_join() -> None:
    joins = data("joins")
    texts = [text for kind in ("straight", "turned", "passive") for text in joins["pair"][kind]]
    assert len(set(texts)) == len(texts) >= 40
    assert len(joins["next"]["do"]) + len(joins["last"]["do"]) + len(joins["first"]["do"]) >= 40


def test_instructions_differ_over_the_hard_cases() -> None:
    for act in ("read", "flip", "enhance"):
        texts = [write_instruction(single(act, random.Random(f"{act}/{n}")), f"{n}") for n in range(500)]
        assert unique_share(texts) > 0.96, act


def test_wording_is_in_no_file_of_test_requests() -> None:
    known = set()
    for path in sorted(DATA.glob("instructions*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            known |= sevens(json.loads(line)["request"])
    assert len(known) > 500
    for number in range(2000):
        plan = PLANS[number % len(PLANS)]
        text = write_instruction(plan, f"shared/{number}")
        assert not sevens(text, plan) & known, text


def sevens(text: str, plan: Plan | None = None) -> set[tuple[str, ...]]:
    """Sequences of seven words that hold no quoted text, and no place or style: these are facts of the plan."""
    text = re.sub(r'"[^"\n]*"|“[^”]*”|(?<!\w)\'[^\'\n]*\'(?!\w)', "\0", text)
    for one in all_steps(plan.nodes) if plan is not None else ():
        for fact in ("where", "style"):
            text = text.replace(one.facts.get(fact) or "\0", "\0")
    found: set[tuple[str, ...]] = set()
    for part in text.split("\0"):
        tokens = words(part)
        found.update(zip(*(tokens[start:] for start in range(7)), strict=False))
    return found


def test_measures_of_diversity() -> None:
    same, other = ["turn it upside down now"] * 20, [f"{n} a{n} b{n} c{n} d{n}" for n in range(20)]
    assert unique_share(same) == 0.05 and unique_share(other) == 1
    assert unique_share(["Turn it!", "turn it"]) == 0.5
    assert distinct(["a b a b"], 1) == 0.5 and distinct(["a b a b"], 2) == pytest.approx(2 / 3) and distinct([], 1) == 0
    assert self_bleu(same) == pytest.approx(1) and self_bleu(other) == 0 and self_bleu(["a"]) == 0
    assert 0.2 < self_bleu(["turn the dog blue", "turn the cat blue", "turn the cat green"]) < 0.9


# Reasons


def seen_of(one: Step, **changed: object) -> Seen:
    """What a step came to."""
    if one.tool == "Grounding" and one.facts.get("expected") != "gone":
        changed = {"data": [{"label": "x", "bbox": [50, 400, 250, 600], "confidence": 0.9}]} | changed
    if one.tool == "OCR":
        line = {"text": one.facts.get("text", "OPEN LATE"), "bbox": [700, 50, 900, 100], "confidence": 0.9, "turned": 0}
        changed = {"data": [line]} | changed
    return Seen(one, "done", **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("act", ACTS)
def test_at_least_thirty_reasons_for_each_act(act: str) -> None:
    facts = facts_of(act, random.Random(act))
    before = step("b", "enhance", "img_1", random.Random(0))
    found = set()
    for number in range(300):
        plan = single(act, random.Random(f"{act}/{number}"))
        now = plan.path()[0].model_copy(update={"facts": facts})
        plan = plan.model_copy(update={"nodes": (before, now)})
        text = write_reason(plan, now, (seen_of(before),), f"{number}")
        found.add(skeleton(text, facts))
        check_reason(text)
    assert len(found) >= 60, len(found)


def check_reason(text: str) -> None:
    assert 3 <= len(text.split()) < 60, text
    assert not re.search(r"[{}|]|  |<|(?:^|[.?!] )[a-z]|\.\.", re.sub(r"'[^']*'|“[^”]*”", "Q", text)), text


def test_reasons_and_farewells_of_random_plans() -> None:
    for number, plan in enumerate(PLANS):
        seen: list[Seen] = []
        for one in plan.path():
            check_reason(write_reason(plan, one, tuple(seen), f"{number}"))
            seen.append(seen_of(one))
        check_reason(write_farewell(plan, tuple(seen), f"{number}"))


def test_reasons_say_where_things_were_found_and_what_was_read() -> None:
    find, read = step("l", "locate", "img_1", random.Random(1)), step("r", "read", "img_1", random.Random(1))
    later = step("e", "enhance", "img_1", random.Random(1))
    plan = single("enhance", random.Random(1)).model_copy(update={"nodes": (find, read, later)})
    for number in range(80):
        text = write_reason(plan, read, (seen_of(find),), f"{number}")
        assert "left" in text and "right" not in text.replace("right side", ""), text
        text = write_reason(plan, later, (seen_of(find), seen_of(read)), f"{number}")
        assert "'OPEN LATE'" in text, text
        text = write_reason(plan, read, (seen_of(find, data=[]),), f"{number}")
        assert re.search(r"\bno\b|nothing", text, re.I), text


def test_after_a_failure_reasons_say_what_went_wrong_and_try_again() -> None:
    right = step("c", "recolor", "img_1", random.Random(3)).model_copy(
        update={"facts": {"thing": "cup", "color": "blue"}}
    )
    plan = single("recolor", random.Random(3)).model_copy(update={"nodes": (right,)})
    failed = Seen(right, "Error: ImageEdit: the prompt names nothing to change. Say what.", failed=True, mishap=True)
    wrong = Seen(right.model_copy(update={"facts": {"thing": "cup", "color": "red"}}), "Edited", mishap=True)
    looked = Step(
        id="c:check", tool="Grounding", act="verify", arguments={}, facts={"thing": "blue cup", "expected": "there"}
    )
    for number in range(60):
        text = write_reason(plan, right, (failed,), f"{number}")
        assert re.search(r"nothing to change|vague|clear|did not say|could not tell", text), text
        assert "blue" in text
        text = write_reason(plan, right, (wrong,), f"{number}")
        assert "red" in text.lower() and "blue" in text, text
        text = write_reason(plan, right, (wrong, Seen(looked, "No", data=[], mishap=True)), f"{number}")
        assert re.search(r"blue cup", text) and re.search(r"wrong|bear|not what", text), text


def test_farewells_give_the_answer_or_sum_up_honestly() -> None:
    read, turn = step("r", "read", "img_1", random.Random(1)), step("f", "flip", "img_1", random.Random(1))
    plan = single("flip", random.Random(1)).model_copy(update={"nodes": (turn, read)})
    for number in range(60):
        text = write_farewell(plan, (seen_of(turn), seen_of(read)), f"{number}")
        assert '"OPEN LATE"' in text and re.search(r"mirror|left and right|swapped", text), text
        text = write_farewell(plan, (Seen(turn, "Error: lost", failed=True), seen_of(read, data=[])), f"{number}")
        assert re.search(r"not|no text|open", text, re.I) and "was mirrored" not in text, text


def test_places_are_said_as_they_lie() -> None:
    rng = random.Random(0)
    for _ in range(40):
        assert "left" in place_of((0, 400, 200, 600), rng) and "right" in place_of((800, 0, 1000, 100), rng)
        assert re.search(r"middle|center", place_of((400, 400, 600, 600), rng))
        assert re.search(r"bottom", place_of((400, 800, 600, 1000), rng))


# English


def test_articles_plurals_and_forms_of_verbs() -> None:
    phrases = ("apple", "hour glass", "unicorn", "one-way sign", "x-ray", "scissors", "snow", "two dogs", "the sun")
    assert [with_article(phrase) for phrase in phrases] == [
        "an apple", "an hour glass", "a unicorn", "a one-way sign", "an x-ray", "some scissors", "snow", "two dogs",
        "the sun",
    ]  # fmt: skip
    assert [plural(word) for word in ("cup", "bus", "cherry", "man", "red box", "tree on the left")] == [
        "cups", "buses", "cherries", "men", "red boxes", "trees on the left",
    ]  # fmt: skip
    bases = ("flip", "erase", "carry", "free", "draw", "super-resolve", "overlay")
    assert [verb(word).participle for word in bases] == [
        "flipped", "erased", "carried", "freed", "drawn", "super-resolved", "overlaid",
    ]  # fmt: skip
    assert gerund("take it out and put a cat there") == "taking it out and putting a cat there"


# The writer


def test_writers_are_found_by_name() -> None:
    assert {"endpoint", "grammar"} <= set(writer_names()) and "filter" not in writer_names()
    assert load_writer("grammar").name == "grammar"
    with pytest.raises(InputError, match=f"there is no writer 'poet'; there are {', '.join(writer_names())}"):
        load_writer("poet")
    with pytest.raises(InputError, match="takes no argument"):
        load_writer("grammar:plain")


def test_the_same_plan_and_key_give_the_same_words_in_a_pickled_copy() -> None:
    writer = load_writer("grammar")
    again = pickle.loads(pickle.dumps(writer))
    plan = PLANS[3]
    first = asyncio.run(writer.instruction(plan, "k"))
    assert asyncio.run(again.instruction(plan, "k")) == first != asyncio.run(writer.instruction(plan, "other"))
    one = plan.path()[0]
    assert asyncio.run(writer.reason(plan, one, (), "k")) == asyncio.run(again.reason(plan, one, (), "k"))
    assert asyncio.run(writer.farewell(plan, (), "k"))


def test_a_plan_without_a_fact_that_is_needed_is_a_failure_of_the_writer() -> None:
    bare = single("recolor", random.Random(0)).path()[0].model_copy(update={"facts": {"thing": "cup"}})
    with pytest.raises(WriterFailure, match=r"a plan of 'x': .*color"):
        asyncio.run(load_writer("grammar").instruction(Plan(chain="x", nodes=(bare,)), "k"))
