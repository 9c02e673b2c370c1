"""The last reason of a run: what was done and what was not, or the answer where words were asked for."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.writers.base import Seen
from canvasagent.craft.writers.grammar.lexicon import data
from canvasagent.craft.writers.grammar.patterns import fill, tidy
from canvasagent.craft.writers.grammar.reasons import capitals, order_words, reason_slots
from canvasagent.craft.writers.grammar.seeing import agreed, counted, place_of

MOST_DONE = 4
"""Number of steps that are listed one by one; of more, only the last ones and the count."""
LONGEST_ANSWER = 34
"""Words of read text that the answer repeats."""


def write_farewell(plan: Plan, seen: tuple[Seen, ...], key: str) -> str:
    """What is thought before the end."""
    rng = random.Random(f"{key}/farewell")
    table = data("reasons")["farewell"]
    good = {one.step.id: one for one in seen if not one.failed and not one.mishap}
    path = plan.path()
    answers = [_answer(good[step.id], rng) for step in path if step.purpose == "answer" and step.id in good]
    steps = [step for step in path if step.purpose == "asked" and step.id in good]
    steps = steps or [step for step in path if step.purpose in ("needed", "check") and step.id in good and not answers]
    done = _joined([_done(step, rng) for step in steps], rng)
    undone = [step for step in path if step.id not in good and step.purpose in ("asked", "answer")]
    slots = {"done": done, "Done": done[:1].upper() + done[1:], "answer": " ".join(answers)}
    if done and not undone and not answers:
        text = fill(rng.choice(table["frames"]), slots)
    elif answers and done:
        text = fill(rng.choice(table["both"]), slots)
    elif answers:
        text = fill(rng.choice(table["answer"]), slots)
    else:
        text = f"{done}." if done else "Nothing could be carried out."
    if undone:
        listed = _joined([order_words(step, reason_slots(step), rng) for step in undone], rng)
        text += " " + fill(rng.choice(table["missed"]), {"undone": listed, "Undone": f"To {listed}"})
    return capitals(tidy(text))


def _done(step: Step, rng: random.Random) -> str:
    return agreed(order_words(step, reason_slots(step), rng, "done"), step.facts.get("thing", ""))


def _joined(parts: list[str], rng: random.Random) -> str:
    if len(parts) > MOST_DONE:
        parts = [*parts[: MOST_DONE - 1], "the rest was done as asked"]
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + rng.choice([" and ", ", and "]) + parts[-1]


def _answer(seen: Seen, rng: random.Random) -> str:
    table = data("reasons")["farewell"]
    items: list[Mapping[str, Any]] = [item for item in seen.data or [] if isinstance(item, Mapping)]
    if seen.step.tool == "OCR":
        if not items:
            return str(rng.choice(table["reads_none"]))
        return fill(rng.choice(table["reads"]), {"text": _lines(items)})
    slots = reason_slots(seen.step)
    thing = seen.step.facts.get("thing", "")
    if not items:
        return agreed(fill(rng.choice(table["where_none"]), slots), thing)
    box = list(items[0]["bbox"])
    slots |= {"place": place_of(box, rng), "box": str(box), "n": counted(len(items))}
    return agreed(fill(rng.choice(table["where_many" if len(items) > 1 else "where"]), slots), thing)


def _lines(items: list[Mapping[str, Any]]) -> str:
    """What was read, whole where it is short, else its beginning and how much is left out."""
    words = 0
    lines: list[str] = []
    for item in items:
        line = " ".join(str(item["text"]).split()).replace("<", "‹").replace(">", "›")
        words += len(line.split())
        if lines and words > LONGEST_ANSWER:
            break
        lines.append(" ".join(line.split()[:LONGEST_ANSWER]))
    mark = '"' if not any('"' in line for line in lines) else ""
    listing = ", ".join(f"{mark}{line}{mark}" for line in lines)
    left = len(items) - len(lines)
    return listing + (f" and {counted(left)} more {'line' if left == 1 else 'lines'}" if left else "")
