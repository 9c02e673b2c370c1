"""Text that was just written is read, to make sure that it can be."""

from __future__ import annotations

from canvasagent.craft.acts import _texts
from canvasagent.craft.acts._base import Act, Verb, Wording

WORDING = Wording(
    object="text",
    do=(
        "check that | can be read", "make sure | is legible", "verify that | is readable",
        "see that | is spelled right", "read it back to be sure it says {text}", "confirm that | is readable",
        "double-check that it says {text}", "check that it really says {text}", "ensure that | can be made out",
        "proofread it: it must say {text}",
    ),
    tell=(
        "tell me whether | can be read {in?}", "say whether | is readable",
        "read it back to me, it should say {text}", "let me know if | is legible {in?}",
        "report whether it says {text}",
    ),
    ask=(
        "can | be read {in?}?", "does it say {text} now?", "is | legible {in?}?", "does it really say {text} {in?}?",
    ),
    say=(
        "| must be readable", "it matters that | is legible", "I want to be certain it says {text}",
        "no typos in {text}, it has to be readable", "in the end it must clearly say {text}",
    ),
    note=(
        "check: {text} readable", "{text} must be legible", "proofread {text}", "verify it says {text}",
    ),
    orders=(
        "read {text} back", "check that {text} can be read", "ask OCR whether it says {text}",
        "verify that it says {text}", "make sure {text} is legible", "run OCR to see if it says {text}",
    ),
    why={
        "": (
            "lettering can go wrong", "I want to be sure that it says {text}", "the text must be legible",
        ),
    },
    done=("{text} was read back", "{text} proved legible"),
)  # fmt: skip

ACT = Act(
    name="proofread",
    tool="OCR",
    facts=("text",),
    bind=_texts.read,
    quoted=("text",),
    named=("text",),
    usual="check",
    verbs={"proof": Verb("check", _texts.text_of, finds=False)},
    wording=WORDING,
)
