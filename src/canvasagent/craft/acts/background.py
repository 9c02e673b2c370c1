"""What is behind everything is changed."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.plan import Step
from canvasagent.craft.slots import a
from canvasagent.english.phrases import with_article

PROMPTS = ("change the background to {a_setting}", "replace the background with {a_setting}")
BARE = ("mountains", "snow")
"""Settings without an article."""


def bind(context: StepContext) -> Bound:
    """The picture in another place."""
    setting = context.words_for("setting")
    prompt = context.prompt(PROMPTS, a_setting=setting if setting in BARE else a(setting))
    return context.edit(replace(context.view, setting=setting, restyled=True), {"setting": setting}, prompt)


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`a beach`; `a beach*` goes before a noun."""
    whole = with_article(facts["setting"] + " scene").removesuffix(" scene")
    return {"a setting": with_article(facts["setting"]), "a setting*": whole}


WORDING = Wording(
    object="picture",
    do=(
        "change the background of | to {a setting}", "give | {a setting*} background",
        "replace the background of | with {a setting}", "swap the background of | for {a setting}",
        "set | against {a setting*} backdrop", "put {a setting*} background behind everything in |",
        "exchange the backdrop of | for {a setting}", "make the background of | {a setting}",
        "use {a setting} as the background of |", "switch | to {a setting*} background",
        "move the scene in | to {a setting}", "turn the background of | into {a setting}",
        "rebuild | with {a setting*} backdrop", "place everything in | before {a setting*} backdrop",
        "trade the background of | for {a setting}",
    ),
    say=(
        "the background of | should be {a setting}", "I'd rather have {a setting} behind it all in |",
        "| should look as if it was made with {a setting} in the background",
        "behind it all in | there should be {a setting}",
        "I'm bored with the background of |; {a setting} would be better", "| deserves {a setting*} background",
        "{a setting*} background would suit | better",
    ),
    note=(
        "background: {setting}", "{setting} background", "new background: {setting}", "backdrop: {setting}",
        "{setting} behind it",
    ),
    orders=(
        "change the background to {a setting}", "put {a setting} behind everything",
        "replace the background with {a setting}", "swap the background for {a setting}",
    ),
    why={
        "": ("the background should be {a setting}", "another background is asked for"),
    },
    done=("the background was changed to {a setting}", "there is {a setting} behind it now"),
)  # fmt: skip

ACT = Act(
    name="background",
    tool="ImageEdit",
    facts=("setting",),
    bind=bind,
    slots=slots,
    prompts=(r"(?:change the background to|replace the background with) (?:an? )?(?P<setting>.+)",),
    rank=6,
    asking=(Asking("late", asking.overall("background", "setting", "setting"), 0.3, rank=5),),
    vague=("give it a mood", "make it look better"),
    wording=WORDING,
)
