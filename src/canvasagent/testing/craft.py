"""The checks of what builds data: sources of pictures, writers, formats of export, and chains of tools."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from canvasagent.concurrency.run_sync import run_sync
from canvasagent.craft.chains import Chain, bind, load_chains
from canvasagent.craft.pictures import Need, NoPicture, Picture, Source, Split
from canvasagent.craft.plan import Plan
from canvasagent.craft.sources import load_source
from canvasagent.craft.writers import Seen, Writer
from canvasagent.errors import CanvasAgentError
from canvasagent.testing.errors import ConformanceError, require

KEYS = 3
"""Picks of a source, or plans of a chain, that are tried."""
MOST_WORDS = 60
"""Words of a reason, at most."""


def check_source(source: Source, needs: Sequence[Need] = (Need(),)) -> None:
    """Hold a source of pictures against the contract. Raises `ConformanceError` for the first thing wrong.

    Pictures are picked for each of `needs` in each split; a split may have none.
    """
    subject = f"source {getattr(source, 'name', source)!r}"
    require(isinstance(source.name, str) and bool(source.name), subject, "has no `name`.")
    copied = pickle.loads(pickle.dumps(source))
    seen: dict[str, str] = {}
    for split in get_args(Split):
        for need in needs:
            for number in range(KEYS):
                about = f"{subject}, picking for {need.model_dump(exclude_defaults=True)} in {split}"
                picked = _picked(source, need, split, f"key {number}", about)
                for other in (source, copied):
                    again = _picked(other, need, split, f"key {number}", about)
                    require(again == picked, about, "gives another picture for the same key; draw from the key alone.")
                if picked is not None:
                    _check_picture(source, picked, about)
                    taken = seen.setdefault(picked.key, split)
                    require(taken == split, about, f"gives the picture {picked.key!r}, which {taken} has, too.")
    require(bool(seen), subject, "has no picture in any split.")
    impossible = _picked(source, Need(things=10**6), "train", "impossible", f"{subject}, asked for a million things")
    require(impossible is None, subject, "gives a picture where a million things are needed; raise NoPicture.")


def _picked(source: Source, need: Need, split: Split, key: str, about: str) -> Picture | None:
    try:
        picture = source.pick(need, split, key)
    except NoPicture as error:
        require(bool(str(error).strip()), about, "has no picture and does not say why.")
        return None
    except Exception as error:
        raise ConformanceError(f"{about}: raises {type(error).__name__}: {error}; raise NoPicture.") from error
    require(isinstance(picture, Picture), about, f"gives {picture!r}; give a Picture.")
    return picture


def _check_picture(source: Source, picture: Picture, about: str) -> None:
    require(picture.source == source.name, about, f"the picture names the source {picture.source!r}.")
    pixels = source.open(picture)
    require(pixels.mode in ("RGB", "RGBA"), about, f"opens {pixels.mode} pixels; give RGB or RGBA.")
    require(pixels.size == picture.size, about, f"opens {pixels.size} pixels of a picture of {picture.size}.")
    require(source.open(picture).tobytes() == pixels.tobytes(), about, "opens other pixels the second time.")
    for box in [*(thing.box for thing in picture.contents.things), *(text.box for text in picture.contents.texts)]:
        ordered = 0 <= box[0] < box[2] <= 1000 and 0 <= box[1] < box[3] <= 1000
        require(ordered, about, f"the box {box} is not xmin < xmax, ymin < ymax on the 0–1000 grid.")
    require(Picture.model_validate_json(picture.model_dump_json()) == picture, about, "changes when written as JSON.")


def check_chain(chain: Chain, source: Source | None = None) -> list[Plan]:
    """Hold a chain against the contract: it binds to pictures of `source` (the drawn ones where None).

    Returns its plans. Raises `ConformanceError` for the first thing wrong.
    """
    subject, source = f"chain '{chain.name}'", source or load_source("sketch")
    require(bool(chain.name.strip()), subject, "has no name.")
    plans = []
    for number in range(KEYS):
        try:
            plans.append(bind(chain, lambda need, key: source.pick(need, "train", key), f"check {number}"))
        except CanvasAgentError as error:
            raise ConformanceError(f"{subject}: no plan can be made of it: {error}") from error
        used = plans[-1].tools()
        require(used == chain.tools, subject, f"its plan uses {used}, where the chain says {chain.tools}.")
    return plans


def check_writer(writer: Writer, *, deterministic: bool = True) -> None:
    """Hold a writer against the contract: it finds words for plans of every chain of the paper's Table 8.

    `deterministic`: other words for the same plan and key are wrong. Set it to False for a model. Raises
    `ConformanceError` for the first thing wrong.
    """
    subject = f"writer {getattr(writer, 'name', writer)!r}"
    require(isinstance(writer.name, str) and bool(writer.name), subject, "has no `name`.")
    copied = pickle.loads(pickle.dumps(writer))
    source = load_source("sketch")
    for name, chain in load_chains().items():
        if chain.table != 8:
            continue
        plan = bind(chain, lambda need, key: source.pick(need, "train", key), "check")
        about = f"{subject}, on the chain {name}"
        texts = run_sync(_words(writer, plan, about))
        if deterministic:
            same = texts == run_sync(_words(copied, plan, about))
            require(same, about, "finds other words for the same plan and key; draw from the key alone.")


async def _words(writer: Writer, plan: Plan, about: str) -> list[str]:
    try:
        texts = [await writer.instruction(plan, "check")]
        texts += [await writer.reason(plan, step, (), "check") for step in plan.path()[:1]]
        seen = tuple(Seen(step, "It is done.") for step in plan.path())
        texts.append(await writer.farewell(plan, seen, "check"))
    except Exception as error:
        raise ConformanceError(f"{about}: raises {type(error).__name__}: {error}.") from error
    for text in texts:
        require(isinstance(text, str) and bool(text.strip()), about, f"gives {text!r}; give words.")
        require("{" not in text and "<tool_call>" not in text, about, f"gives a template or a call: {text!r}")
    for text in texts[1:]:
        require(len(text.split()) <= MOST_WORDS, about, f"a reason has more than {MOST_WORDS} words: {text!r}")
    return texts


def check_export(form: Any, dataset: str | Path) -> None:
    """Hold a format of export against the contract, by what it writes of the dataset in that folder.

    Raises `ConformanceError` for the first thing wrong.
    """
    from canvasagent.craft.exports import View
    from canvasagent.craft.store import Dataset

    subject = f"format {getattr(form, '__name__', form)!r}"
    known = isinstance(form.KINDS, tuple) and bool(form.KINDS) and set(form.KINDS) <= {"sft", "rl"}
    require(known, subject, f"its KINDS are {form.KINDS!r}; give some of ('sft', 'rl').")
    require(isinstance(form.LOSES, str), subject, "its LOSES must say what is lost, or be empty.")
    require(bool(form.__doc__), subject, "has no docstring; say whose format it is.")
    with Dataset.open(Path(dataset)) as opened, TemporaryDirectory() as folder:
        require(opened.kind in form.KINDS, subject, f"has no form for a dataset of kind {opened.kind}.")
        written = []
        for name in ("first", "second"):
            out, view = Path(folder) / name, View(opened)
            out.mkdir()
            try:
                notes = form.write(view, out)
            except Exception as error:
                raise ConformanceError(f"{subject}: raises {type(error).__name__}: {error}.") from error
            texts = isinstance(notes, list) and all(isinstance(note, str) for note in notes)
            require(texts, subject, f"write() gives {notes!r}; give a list of notes, empty where there are none.")
            rows = {split: sum(1 for _ in opened.rows(split)) for split in opened.splits}
            expected = {split: count for split, count in rows.items() if count}
            require(view.records == expected, subject, f"takes {view.records} records where there are {expected}.")
            files = sorted(path for path in out.rglob("*") if path.is_file())
            written.append({path.relative_to(out).as_posix(): path.read_bytes() for path in files})
        require(bool(written[0]), subject, "writes no file.")
        require(written[0] == written[1], subject, "writes other bytes the second time.")
