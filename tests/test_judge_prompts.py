"""The judges' prompts hold every rule of the paper's Appendix A, in words of our own, in both wordings."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from canvasagent.rewards.judges.base import ASPECTS, JudgeSettings

RULES: dict[str, dict[str, str]] = {
    "align": {
        "only whether the result does what was asked": r"result alone|Only the picture in front of you",
        "text and trajectory are context only": r"context only",
        "a good process earns nothing": r"good process earns nothing|fine process does not make up",
        "success is not inferred from what is claimed": r"success that the agent claims|whatever its maker claims",
        "0.9 needs almost every constraint": r"every major( \w+)? and (almost|nearly) every minor",
        "0.9 excludes wrong object, identity, text, count, relation": r"object, identity, text, count,? relation",
        "wrong visible text caps at 0.3": r"(misspelled|misspelt)[^.]*wrong number[^-]*0\.3|0\.3[^-]*wrong number",
        "large text errors come near 0": r"near 0 where|close to 0 when",
        "a wrong detail caps at 0.4": r"wrong object, colour, pose, count, place or style",
        "an incomplete edit caps at 0.4": r"edit that is not complete",
        "0.9 for an edit needs a natural rest": r"still looks? natural",
        "0.9 for an edit needs precision": r"without damage (beside it|to its surroundings)",
        "a wrong element caps at 0.5": r"0\.5[^-]*missing, wrongly added|in the wrong place or wrongly added[^-]*0\.5",
        "the wrong region or the wrong thing kept caps at 0.5": r"wrong region[^-]*wrong thing",
        "the band of 0.3 to 0.6": r"[Bb]etween 0\.3 and 0\.6",
        "nice but wrong is low": r"looks nice but shows the wrong thing|Good looks don't help",
        "the lower of two bands": r"take the lower|choose the lower",
        "1.0": r"- 1\.0:",
        "0.9": r"- 0\.9:",
        "0.7 to 0.8": r"- 0\.7 to 0\.8:",
        "0.4 to 0.6": r"- 0\.4 to 0\.6:",
        "0.1 to 0.3": r"- 0\.1 to 0\.3:",
        "0.0 for unrelated or empty": r"- 0\.0:[^-]*empty",
    },
    "aesthetics": {
        "not whether it is what was asked": r"not whether it shows what was asked|somebody else's question",
        "not how it was made": r"how it was\s+made",
        "composition and balance": r"[Cc]omposition and balance",
        "harmony of colour and light": r"harmony\s+of colou?rs?",
        "sharpness": r"sharpness",
        "edges and textures": r"texture",
        "realism or coherent style": r"realistic|believable reality",
        "ghosting": r"ghosting",
        "anatomy": r"bodies",
        "pasted-looking objects": r"look pasted on",
        "masks": r"mask (edges|borders)",
        "shadows": r"shadow",
        "seams": r"seams",
        "blur": r"blur",
        "an edit is to blend in": r"blend in",
        "edits: perspective and colour": r"wrong perspective",
        "edits: damage to what was not to be touched": r"not to be touched|to stay untouched",
        "malformed text has a cap": r"malformed, misspelled, broken[^-]*0\.6",
        "no picture scores 0.0": r"no picture scores 0\.0|no picture, the score is 0\.0",
        "right but ugly is low": r"right but ugly|ugly one of\s+the right thing",
        "wrong but pleasing may be high": r"(pleasing|beautiful) picture of the wrong thing",
        "1.0": r"- 1\.0:",
        "0.7 to 0.9": r"- 0\.7 to 0\.9:",
        "0.4 to 0.6": r"- 0\.4 to 0\.6:",
        "0.1 to 0.3": r"- 0\.1 to 0\.3:",
        "0.0": r"- 0\.0:",
    },
    "trajectory": {
        "process alone, not the picture": r"process alone|Only its process",
        "tool choice": r"chosen for a reason",
        "results used": r"earlier results (that are )?used rightly",
        "concise reasons": r"short and sufficient",
        "verification before the end": r"check before the",
        "irrelevant tools": r"nothing to do with\s+the request|foreign to the request",
        "unknown ids": r"ids of pictures that do not exist",
        "dependencies": r"inputs are not there|without their inputs",
        "blind repetition": r"blind repetition",
        "unsupported claims": r"claims that nothing\s+supports",
        "the order is free": r"order of steps is free|Any order will do",
        "necessary tools appear": r"necessary",
        "exactly one call is 0": r"exactly one tool call[^-]*without exception",
        "one call shows no verification or refinement": r"no verification, no second look, no refinement",
        "no partial credit for one call of any tool": r"ImageGeneration, ImageEdit[^-]*partial credit",
        "0.9 needs the key tools": r"key expected tools",
        "0.9 excludes redundancy": r"nothing (is )?plainly redundant",
        "0.9 skips no critical step": r"no\s+critical step",
        "0.9 answers errors": r"observations and errors",
        "0.9 uses valid ids": r"valid at that\s+moment",
        "0.9 ends on strong evidence": r"strong\s+evidence",
        "missing verification caps at 0.5": r"0\.5[^-]*correction in rounds|correction in\s+rounds[^-]*0\.5",
        "several key tools missing cap at 0.5": r"[Ss]everal key tools[^-]*0\.5|0\.5[^-]*several key tools",
        "far fewer tools than needed": r"[Ff]ar fewer tools than the task needs[^-]*substantial defect",
        "a vague call for exact tools caps at 0.4": r"vague call[^-]*0\.4|0\.4[^-]*vague call",
        "success declared early caps at 0.4": r"declared before[^-]*0\.4|0\.4[^-]*declared before",
        "success after an error caps at 0.3": r"failed call is\s+ignored[^-]*0\.3|0\.3[^-]*failed call is ignored",
        "completion without evidence caps at 0.3": r"without\s+enough evidence",
        "weak verification stays below the top band": r"[Ww]eak verification",
        "the lower of two bands": r"take the lower|choose the lower",
        "1.0": r"- 1\.0:",
        "0.9": r"- 0\.9:",
        "0.7 to 0.8": r"- 0\.7 to 0\.8:",
        "0.4 to 0.6": r"- 0\.4 to 0\.6:",
        "0.1 to 0.3": r"- 0\.1 to 0\.3:",
        "0.0": r"- 0\.0:",
    },
}


@pytest.mark.parametrize("folder", ["prompts", "reworded"])
@pytest.mark.parametrize("aspect", ASPECTS)
def test_a_prompt_holds_every_rule_of_the_appendix(aspect: str, folder: str) -> None:
    text = " ".join(files("canvasagent.rewards.judges").joinpath(folder, f"{aspect}.md").read_text("utf-8").split())
    lost = [rule for rule, pattern in RULES[aspect].items() if not re.search(pattern, text)]
    assert not lost
    assert text.endswith('{"score": x}')


def test_a_judge_samples_at_temperature_0() -> None:
    assert JudgeSettings().temperature == 0.0
