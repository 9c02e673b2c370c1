"""The queue for people, and what they decide: accept, reject or fix a task, with a reason.

    write_queue(folder, out, sample)    a page (`.html`) that holds all it shows, or lines to fill in (`.jsonl`)
    apply_decisions(folder, file)       apply the saved decisions to the dataset: all of them, or none

Every decision stays with its task (`meta.review`), or with the rejection that it led to.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.craft.funnel import write_funnel
from canvasagent.craft.plan import Plan
from canvasagent.craft.plan_text import plan_text
from canvasagent.craft.quality import instruction_problem
from canvasagent.craft.records import RlRecord, number_of
from canvasagent.craft.rl.criteria import in_words
from canvasagent.craft.store import Dataset, Rejection
from canvasagent.craft.store.layout import Record, to_json
from canvasagent.craft.store.rewrite import rewrite
from canvasagent.craft.tally import group_of
from canvasagent.errors import InputError
from canvasagent.imaging.previews import data_uri, preview
from canvasagent.pages import render, write_page
from canvasagent.rewards.checks import read_check
from canvasagent.storage.foreign_json import dig, first_problem, list_in, read_json, type_word
from canvasagent.storage.input_files import regular_file

SHOWN_SIDE = 512
"""Longest side of a picture on the page, in pixels."""
_TEMPLATE = Path(__file__).with_name("queue.html")
SHOWN_PROBLEMS = 12
"""Number of problems of a file of decisions that are listed, at most."""


class Decision(BaseModel):
    """What somebody decided about a task."""

    model_config = ConfigDict(extra="ignore")

    id: str
    decision: Literal["accept", "reject", "fix"]
    reason: str = ""
    instruction: str | None = None
    """Of a fix: the request as it should be; None leaves it."""
    checks: list[dict[str, Any]] | None = None
    """Of a fix: the checks as they should be; None leaves them."""
    reviewer: str = ""
    at: str = ""
    """When it was decided, as the page said."""


class Applied(BaseModel):
    """The result of the decisions."""

    accepted: int = Field(default=0)
    rejected: int = Field(default=0)
    fixed: int = Field(default=0)


# ── the queue ────────────────────────────────────────────────────────────────────────────────────────────────


def write_queue(folder: Path, out: Path, sample: int | None = None, seed: int = 0, again: bool = False) -> int:
    """Write the queue of a dataset of tasks: those nobody decided about, `sample` of them by lot. Returns how many.

    `again`: those that were decided about, too. Raises `InputError` where there are none, or `out` is neither
    `.html` nor `.jsonl`, or exists: people may have filled it in.
    """
    if out.suffix not in (".html", ".jsonl"):
        raise InputError(f"'{out}': a queue is written as .html or .jsonl.")
    if out.exists():
        raise InputError(f"'{out}' is there already, and may hold decisions; name another file with --out.")
    with Dataset.open(folder) as dataset:
        ids = [record.id for record in _tasks(dataset) if again or not record.meta.get("review")]
        if not ids:
            raise InputError(f"there is nothing to decide about in '{folder}'.")
        chosen = set(ids if sample is None else random.Random(f"{seed}:review").sample(ids, min(sample, len(ids))))
        items = (_item(record, dataset) for record in _tasks(dataset) if record.id in chosen)
        if out.suffix == ".jsonl":
            text = "".join(to_json(_line(item)) + "\n" for item in items)
        else:
            text = _page(list(items), key_of(dataset), str(folder))
    write_page(out, text)
    return len(chosen)


def key_of(dataset: Dataset) -> str:
    """What tells a dataset from others: its settings."""
    return hashlib.sha256(to_json([dataset.kind, dataset.settings]).encode()).hexdigest()[:16]


def _tasks(dataset: Dataset) -> Iterator[RlRecord]:
    if dataset.kind != "rl":
        raise InputError(f"the dataset in '{dataset.folder}' is of kind {dataset.kind}; tasks (rl) are reviewed.")
    return dataset.rl()


def _item(record: RlRecord, dataset: Dataset) -> dict[str, Any]:
    try:
        plan = plan_text(Plan.model_validate(record.plan)) if record.plan is not None else ""
    except ValueError as error:
        plan = f"(the plan cannot be read: {first_problem(error) if isinstance(error, ValidationError) else error})"
    return {
        "id": record.id,
        "instruction": record.instruction,
        "difficulty": record.difficulty,
        "expected_tools": record.expected_tools,
        "plan": plan,
        "checks": record.checks,
        "criteria": record.criteria or list(map(_words_of, record.checks)),
        "solvability": record.solvability,
        "verified": record.meta.get("verified"),
        "pictures": [data_uri(preview(dataset.picture(key), SHOWN_SIDE)) for key in record.images],
        "dataset": key_of(dataset),
    }


def _words_of(check: dict[str, Any]) -> str:
    try:
        read_check(check)
    except InputError as error:
        return f"(a check that cannot be read: {error})"
    return in_words(check)


def _line(item: dict[str, Any]) -> dict[str, Any]:
    """An item without pictures, with room for a decision."""
    fields = {name: value for name, value in item.items() if name != "pictures"}
    return {**fields, "decision": None, "reason": "", "reviewer": ""}


def _page(items: list[dict[str, Any]], key: str, name: str) -> str:
    checks = {item["id"]: json.dumps(item["checks"], ensure_ascii=False, indent=1) for item in items}
    queue = f"{key}:{items[0]['id']}:{len(items)}"
    return render(_TEMPLATE, items=items, checks=checks, dataset=key, name=name, queue=queue)


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────


def apply_decisions(folder: Path, file: Path, again: bool = False) -> Applied:
    """Carry the decisions of a file out, all at once. `again`: also about tasks that were decided about before.

    Raises `InputError` with all that is wrong with them; then nothing was changed.
    """
    with Dataset.open(folder) as dataset:
        decisions = read_decisions(file, key_of(dataset))
        known = {record.id: record for record in _tasks(dataset)}
        rejected = (rejection for _, rejection in dataset.rejected() if rejection.stage == "review")
        rejected_ids = {str(dig(rejection.record, "record", "id")) for rejection in rejected}
    wrong = list(_problems(decisions, known, rejected_ids, again))
    if wrong:
        more = f"\n… and {len(wrong) - SHOWN_PROBLEMS} more" if len(wrong) > SHOWN_PROBLEMS else ""
        listing = "\n- ".join(wrong[:SHOWN_PROBLEMS])
        raise InputError(f"the decisions in '{file}' cannot be applied, and nothing was changed:\n- {listing}{more}")
    by_id = {decision.id: decision for decision in decisions}
    rewrite(folder, lambda index, record: _decided(record, by_id))
    write_funnel(folder)
    counts = Counter(decision.decision for decision in decisions)
    return Applied(accepted=counts["accept"], rejected=counts["reject"], fixed=counts["fix"])


def read_decisions(file: Path, key: str) -> list[Decision]:
    """The decisions of a file that the page saved, or of a `.jsonl` queue that was filled in; `key`: the dataset's.

    Raises `InputError` for what is none, or of another dataset.
    """
    try:
        text = regular_file(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{file}' cannot be read: {error}.") from error
    entries = list(_entries(text, file))
    others = {entry.get("dataset", key) for entry in entries} - {key}
    if others:
        raise InputError(f"'{file}' was made of another dataset, or of this one before it was built again.")
    try:
        decisions = [Decision.model_validate(entry) for entry in entries if entry.get("decision") is not None]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"'{file}': a decision cannot be read: {where}: {first['msg']}.") from error
    if not decisions:
        raise InputError(f"'{file}' holds no decision.")
    return decisions


def _entries(text: str, file: Path) -> Iterator[dict[str, Any]]:
    try:
        if file.suffix == ".jsonl":
            lines = text.split("\n")  # other line ends may stand inside of JSON strings
            read = [read_json(line) for line in lines if line.strip()]
            shared: Mapping[str, Any] = {}
        else:
            whole = read_json(text)
            read = list_in(whole, "decisions")
            shared = {name: whole[name] for name in ("dataset", "reviewer") if name in whole} if read else {}
    except ValueError as error:
        raise InputError(f"'{file}' is no file of decisions: {error}.") from error
    odd = [at for at, entry in enumerate(read, 1) if not isinstance(entry, dict)]
    if odd:
        what = f"entry {odd[0]} is of type {type_word(read[odd[0] - 1])}, not an object"
        raise InputError(f"'{file}' is no file of decisions: {what}.")
    filled = (_filled_in(entry) if file.suffix == ".jsonl" else entry for entry in read)
    yield from ({**shared, **entry} for entry in filled)


def _filled_in(entry: dict[str, Any]) -> dict[str, Any]:
    """A line of a queue: its words and checks count as a fix's only where one was decided."""
    if entry.get("decision") == "fix":
        return entry
    return {name: value for name, value in entry.items() if name not in ("instruction", "checks")}


def _problems(
    decisions: Iterable[Decision], known: Mapping[str, RlRecord], rejected_ids: set[str], again: bool
) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for decision in decisions:
        seen[decision.id] += 1
        if seen[decision.id] == 2:
            yield f"{decision.id}: there are two decisions about it; keep one."
        if seen[decision.id] > 1:
            continue
        record = known.get(decision.id)
        if record is None:
            before = "it was rejected in an earlier review" if decision.id in rejected_ids else "there is no such task"
            yield f"{decision.id}: {before}."
            continue
        if record.meta.get("review") and not again:
            earlier = list_in(record.meta, "review")
            last = dig(earlier[-1], "decision") if earlier else None
            yield f"{decision.id}: it was decided about before ({last}); say --again to decide anew."
            continue
        if decision.decision != "accept" and not decision.reason.strip():
            yield f"{decision.id}: to {decision.decision} it needs a reason."
        if decision.decision == "fix":
            yield from (f"{decision.id}: {why}" for why in _wrong_fix(decision, record))


def _wrong_fix(decision: Decision, record: RlRecord) -> Iterator[str]:
    words = decision.instruction if decision.instruction is not None else record.instruction
    checks = decision.checks if decision.checks is not None else record.checks
    if words == record.instruction and checks == record.checks:
        yield "a fix must change the request or the checks."
    if (problem := instruction_problem(words)) is not None:
        yield f"{problem}."
    for check in checks:
        try:
            read_check(check)
        except InputError as error:
            yield f"a check cannot be read: {error}"


def _decided(record: Record, decisions: Mapping[str, Decision]) -> Record | Rejection:
    decision = decisions.get(record.id)
    if decision is None or not isinstance(record, RlRecord):
        return record
    entry: dict[str, Any] = {name: getattr(decision, name) for name in ("decision", "reason", "reviewer", "at")}
    update: dict[str, Any] = {}
    if decision.decision == "fix":
        if decision.instruction is not None and decision.instruction != record.instruction:
            update["instruction"] = decision.instruction
        if decision.checks is not None and decision.checks != record.checks:
            update["checks"] = decision.checks
            check_words = {_words_of(check) for check in record.checks}
            branches = [words for words in record.criteria if words not in check_words]
            update["criteria"] = [*branches, *map(_words_of, decision.checks)]
        entry["before"] = {name: getattr(record, name) for name in update}
    meta = {**record.meta, "review": [*list_in(record.meta, "review"), entry]}
    changed = record.model_copy(update={**update, "meta": meta})
    if decision.decision != "reject":
        return changed
    kept = changed.model_dump(mode="json")
    details: dict[str, Any] = {"slot": number_of(record), "attempt": record.meta.get("attempt", 0)}
    details |= {"chain": group_of(kept), "instruction": record.instruction, "record": kept}
    return Rejection(stage="review", reason=decision.reason, record=details, images=list(dict.fromkeys(record.images)))
