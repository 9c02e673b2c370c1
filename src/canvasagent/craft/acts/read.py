"""Text is read."""

from __future__ import annotations

from canvasagent.craft.acts import _texts
from canvasagent.craft.acts._base import Act, Asking, Verb, Wording
from canvasagent.craft.asking import things as asking

WORDING = Wording(
    object="none",
    do=(
        "read the text {in?}", "read what is written {in?}", "find out what the text {in?} says",
        "go over the writing {in?}", "look at what the text {in?} says", "read the writing {in?}",
        "work out what it says {in?}", "run text recognition on {the picture}", "decipher the writing {in?}",
    ),
    tell=(
        "read out the text {in?}", "tell me what it all says {in?}", "tell me what is written {in?}",
        "read me the writing {in?}", "transcribe the text {in?}", "type out what it says {in?}",
        "write down what the text {in?} says", "give me the text {in?}", "spell out what is written {in?}",
        "extract the text {from?}", "copy out the writing {in?}", "decipher the writing {in?} for me",
        "find out what it says {in?} and let me know", "read the lettering {in?} to me",
        "give me a transcript of {the picture}", "put the writing {in?} into plain text",
        "run OCR on {the picture} and give me the result", "reproduce the text {in?} word for word",
        "quote the writing {in?}", "tell me which words are written {in?}", "make out the lettering {in?} for me",
        "convert the words {in?} to text I can copy", "hand me the text {from?}",
        "let me know what the text {in?} says", "note down the words {in?}", "pull the text out of {the picture}",
        "list the words you can read {in?}", "turn the writing {in?} into text", "report the words that stand {in?}",
        "recite the wording {in?}", "get me the wording {in?}", "jot down whatever is written {in?}",
    ),
    ask=(
        "what does it say {in?}?", "what is written {in?}?", "what does the text {in?} say?",
        "which words are there {in?}?", "what can you read {in?}?", "what does the lettering {in?} say?",
        "what's written {in?}?", "what message does {the picture} carry?", "what are the words {in?}?",
        "which words do you read {in?}?", "what exactly does it say {in?}?",
        "can you tell what the writing {in?} says?", "what would I read {in?} with better eyes?",
        "how does the text {in?} read?", "what words can you make out {in?}?", "what does the writing {in?} say?",
        "can you read what is written {in?}?", "what text do you see {in?}?", "could you make out the text {in?}?",
        "which text is there to read {in?}?", "what's the wording {in?}?",
    ),
    say=(
        "I can't read the writing {in?}", "I can't make out what it says {in?}",
        "I need the text {from?} in plain letters", "I'd like to know what is written {in?}",
        "I left my glasses at home and can't read {the picture}", "my eyes are too weak for the writing {in?}",
        "I'm curious what it says {in?}", "I wonder what the text {in?} says", "the letters {in?} are a blur to me",
        "I have to type up what is written {in?}", "somebody wants to know what it says {in?}",
        "there is something written {in?} and I can't tell what", "I need the words {from?} for my notes",
        "I'd be glad to have the text {from?} to copy and paste",
    ),
    note=(
        "text {in?}?", "read the text {in?}", "transcript of {the picture}", "what does it say {in?}",
        "OCR {the picture}", "text {from?} to plain letters", "words {in?}?", "text only, {from?}",
        "transcribe {the picture}", "writing {in?}, as text", "lettering {in?}?", "what's written {in?}",
    ),
    orders=(
        "read the text", "run OCR on it", "read what is written", "have the writing read", "see what the text says",
        "read the lettering", "use OCR on the picture",
    ),
    why={
        ">branch": (
            "what to do depends on the writing", "the request turns on what is written",
            "the text decides which way to go",
        ),
        ">crop": (
            "the crop depends on where the text is", "I need the box of the line before I crop",
        ),
        ">rewrite": (
            "I should know what it says before I change it", "the text has to be known before it is changed",
        ),
        ">answer": (
            "the words are what is asked for", "the request is about the text", "the exact wording is wanted",
        ),
        "": (
            "I need to know what is written", "the text has to be read for this", "the words matter here",
        ),
    },
    done=("the text was read", "the writing was read"),
)  # fmt: skip

ACT = Act(
    name="read",
    tool="OCR",
    facts=("text?",),
    bind=_texts.read,
    quoted=("text",),
    verbs={
        "read": Verb("needed", _texts.text_of),
        "read!": Verb("check", _texts.text_of),
        "say": Verb("answer", _texts.text_of),
    },
    asking=(Asking("early", asking.read, 0.5, rank=17),),
    wording=WORDING,
)
