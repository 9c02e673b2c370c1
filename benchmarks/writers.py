"""How varied the grammar's words are, and what they cost: instructions of the paper's mix, reasons of runs.

    python benchmarks/writers.py [--n 10000] [--runs 2000]

Plans are those of the builder: chains of the mix bound to drawn pictures. Each plan gets one instruction. Reasons are
those of each step of a plan, with observations made up from what its pictures are known to hold, since running every
call would measure the tools. See `craft/writers/diversity.py` for what the figures mean.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from device import device, write_results

from canvasagent.craft.chains import bind, chain_at, mix_counts
from canvasagent.craft.pictures import NoPicture
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.sources import load_source
from canvasagent.craft.writers.base import Seen
from canvasagent.craft.writers.diversity import distinct, self_bleu, unique_share, words
from canvasagent.craft.writers.grammar import write_instruction
from canvasagent.craft.writers.grammar.farewells import write_farewell
from canvasagent.craft.writers.grammar.reasons import write_reason

SAMPLE = 1000
"""Texts whose BLEU is taken, each against all others of them."""
FEW = 100
"""Chains with fewer instructions than this get no figures of their own."""


def plans_of(n: int) -> list[Plan]:
    """`n` plans of the paper's mix, fewer where a chain finds no picture."""
    source, counts = load_source("sketch"), mix_counts("paper", n)
    found = []
    for index in range(n):
        try:
            chain = chain_at(counts, 0, index)
            found.append(bind(chain, lambda need, key: source.pick(need, "train", key), f"writers/{index}"))
        except NoPicture:
            continue
    return found


def seen_of(plan: Plan, step: Step) -> Seen:
    """A made-up observation of `step`: what its picture is known to hold."""
    thing, text = step.facts.get("thing", ""), step.facts.get("text", "")
    things = [each for picture in plan.pictures for each in picture.contents.things]
    lines = [each for picture in plan.pictures for each in picture.contents.texts]
    data: list[dict[str, Any]] = []
    if step.tool == "Grounding" and step.facts.get("expected") != "gone":
        box = next((each.box for each in things if thing in (each.phrase, each.name)), (300, 300, 600, 600))
        data = [{"label": thing, "bbox": list(box), "confidence": 0.9}]
    elif step.tool == "OCR":
        data = [{"text": each.words, "bbox": list(each.box), "confidence": 0.9, "turned": 0} for each in lines]
        data = data or [{"text": text or "OPEN", "bbox": [300, 300, 600, 400], "confidence": 0.9, "turned": 0}]
    return Seen(step, "", data)


def reasons_of(plan: Plan, key: str) -> list[str]:
    """The reasons of a run without trouble, the last one included."""
    seen: list[Seen] = []
    found = []
    for step in plan.path():
        found.append(write_reason(plan, step, tuple(seen), f"{key}:turn:{len(seen)}"))
        seen.append(seen_of(plan, step))
    return [*found, write_farewell(plan, tuple(seen), f"{key}:turn:{len(seen)}")]


def figures(texts: Sequence[str]) -> dict[str, float | int]:
    """Diversity of `texts`."""
    lengths = sorted(len(words(text)) for text in texts)
    return {
        "texts": len(texts),
        "unique_share": round(unique_share(texts), 4),
        **{f"distinct_{n}": round(distinct(texts, n), 4) for n in (1, 2, 3)},
        "self_bleu": round(self_bleu(texts, SAMPLE), 4),
        "words_median": lengths[len(lengths) // 2],
        "words_most": lengths[-1],
    }


def timed(work: Callable[[], list[str]]) -> tuple[list[str], float]:
    """What `work` makes, and the milliseconds that each text took."""
    started = time.perf_counter()
    made = work()
    return made, round((time.perf_counter() - started) * 1000 / max(1, len(made)), 3)


def main() -> None:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--n", type=int, default=10_000)
    options.add_argument("--runs", type=int, default=2_000)
    chosen = options.parse_args()
    plans = plans_of(chosen.n)
    write_instruction(plans[0], "warm up")
    instructions, ms = timed(lambda: [write_instruction(plan, f"0/{at}") for at, plan in enumerate(plans)])
    by_chain: dict[str, list[str]] = defaultdict(list)
    for plan, text in zip(plans, instructions, strict=True):
        by_chain[plan.chain].append(text)
    runs = plans[: chosen.runs]
    reasons, reason_ms = timed(lambda: [text for at, plan in enumerate(runs) for text in reasons_of(plan, f"0/{at}")])
    results = {
        "instructions": figures(instructions) | {"ms_each": ms},
        "reasons": figures(reasons) | {"ms_each": reason_ms},
        "by_chain": {name: figures(texts) for name, texts in sorted(by_chain.items()) if len(texts) >= FEW},
        "device": device(),
    }
    write_results("writers", results)


if __name__ == "__main__":
    main()
