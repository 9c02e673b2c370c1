"""The record of a run: all that is needed to read, resume, replay and score it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from PIL import Image
from pydantic import Field, PrivateAttr, ValidationError

from canvasagent.backends.profile import profile_record
from canvasagent.canvas import Asset, Kind, Lineage, pixel_hash
from canvasagent.environment import Environment, Step
from canvasagent.errors import StorageError
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import ToolCall
from canvasagent.record.ending import choose_answer, choose_final, stopped_by_infrastructure
from canvasagent.record.model import Answer, AssetRecord, Origin, Record, TurnRecord, asset_record, turn_record
from canvasagent.storage import run_files
from canvasagent.storage.input_files import regular_file
from canvasagent.storage.names import plain_name
from canvasagent.task import Carried, Task, question_in
from canvasagent.version import __version__

FORMAT_VERSION = 1
RECORD_NAME, ASSET_FOLDER = run_files.RECORD_NAME, run_files.ASSET_FOLDER

Status = Literal["running", "met", "unmet", "truncated", "failed"]
"""`met`: the policy ended the run and named nothing missing. `unmet`: it named parts as not done.
`truncated`: a limit was reached. `failed`: an endpoint or backend failed. `running`: not finished."""


class Trajectory(Record):
    """The record of a run. `load` reads it; `picture` reads a picture on demand."""

    format_version: int = FORMAT_VERSION
    canvasagent: str
    """Version of the package that wrote it."""
    id: str
    created: str
    """UTC, ISO 8601."""
    status: Status = "running"
    why: str | None = None
    """Why the run is truncated or failed."""
    instruction: str
    task_id: str | None = None
    expected_tools: list[str] | None = None
    difficulty: dict[str, str] = Field(default_factory=dict)
    checks: list[dict[str, Any]] = Field(default_factory=list)
    wants_words: bool = False
    continues: str | None = None
    """Id of the run that this one continues."""
    continued_result: str | None = None
    """That run's result."""
    inputs: int = 0
    """Number of input pictures, including those of a continued run."""
    policy: str
    policy_settings: dict[str, Any] = Field(default_factory=dict)
    profile: str
    profile_settings: dict[str, Any] = Field(default_factory=dict)
    """The whole profile but its keys, so that a run can be replayed without the file that it came from. What of it
    may be used without asking is for `canvasagent.record.trust` to say."""
    seed: int
    limits: dict[str, Any] = Field(default_factory=dict)
    system_prompt: str
    own_prompt: bool = False
    """Whether the task brought the system prompt along."""
    request: str
    """The user message's text."""
    notes: list[str] = Field(default_factory=list)
    """Notes, such as conversions of the input pictures."""
    assets: list[AssetRecord] = Field(default_factory=list)
    turns: list[TurnRecord] = Field(default_factory=list)
    final: str | None = None
    """Id of the result."""
    answer: Answer | None = None
    unmet: list[str] = Field(default_factory=list)
    """The parts of the request that the policy declared as not done."""
    seconds: float = 0.0
    _live: dict[str, Asset] = PrivateAttr(default_factory=dict)
    _folder: Path | None = PrivateAttr(default=None)

    @classmethod
    def begin(cls, run_id: str, task: Task, environment: Environment, messages: Sequence[Message], **run: Any) -> Self:
        """The record of a new run; `run` has policy, settings and seed."""
        carried = task.carried
        return cls(
            canvasagent=__version__,
            id=run_id,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            instruction=task.instruction,
            task_id=task.id,
            expected_tools=list(task.expected_tools) if task.expected_tools is not None else None,
            difficulty=task.difficulty,
            checks=list(task.checks),
            wants_words=task.wants_words,
            continues=carried.run if carried is not None else None,
            continued_result=carried.result if carried is not None else None,
            inputs=environment.canvas.inputs,
            profile=environment.toolbox.profile.name,
            profile_settings=profile_record(environment.toolbox.profile),
            limits=environment.limits.model_dump(),
            system_prompt=messages[0].text,
            own_prompt=task.system_prompt is not None,
            request=messages[1].text,
            notes=environment.notes,
            **run,
        )

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """The short form for `repr`, `str` and rich."""
        return [("id", self.id), ("status", self.status), ("turns", len(self.turns)), ("final", self.final)]

    def _repr_html_(self) -> str:
        """The HTML that notebooks show: a few lines and a small copy of the result."""
        from canvasagent.notebook import Tile, card

        facts = [
            ("request", self.instruction),
            ("status", f"{self.status}: {self.why}" if self.why else self.status),
            ("calls", ", ".join(self.tool_calls)),
            ("answer", self.answer.text if self.answer is not None else ""),
            ("not done", "; ".join(self.unmet)),
            ("made with", f"policy {self.policy}, profile {self.profile}, seed {self.seed}"),
            ("folder", str(self.folder or "")),
        ]
        tiles = []
        if self.final is not None:
            try:
                result = self.asset(self.final)
                tiles = [Tile(result.described(), result.picture, result.kind is Kind.MASK)]
            except (StorageError, KeyError) as error:
                facts.append(("result", f"{self.final} cannot be shown: {error}"))
        return card(f"Trajectory {self.id}", facts, tiles)

    @property
    def folder(self) -> Path | None:
        """The run folder, where there is one."""
        return self._folder

    @property
    def tool_calls(self) -> list[str]:
        """Names of the tools called, in order, failed calls included."""
        return [turn.call.tool or turn.call.name for turn in self.turns if turn.call is not None]

    @property
    def cost(self) -> float | None:
        """Cost of policy and tools; None if no reply and no call had a known cost."""
        costs = [cost for turn in self.turns for cost in turn.costs]
        return sum(costs) if costs else None

    @property
    def final_picture(self) -> Image.Image | None:
        """The result, where it is a picture."""
        return None if self.final is None else self.picture(self.final)

    def record_of(self, name: str) -> AssetRecord:
        """The record of an asset. Raises KeyError for an unknown id."""
        for record in self.assets:
            if record.id == name:
                return record
        raise KeyError(f"no asset '{name}' in run {self.id}")

    def asset(self, name: str) -> Asset:
        """An asset with its pixels. Raises `StorageError` where its file is missing, damaged or was changed."""
        if name not in self._live:
            record = self.record_of(name)
            picture = _read_picture(self._folder, record)
            lineage = Lineage(**record.lineage.model_dump()) if record.lineage else None
            self._live[name] = Asset(record.id, record.kind, picture, record.key, lineage)
        return self._live[name]

    def picture(self, name: str) -> Image.Image:
        """The pixels of an asset. Raises as `asset`."""
        return self.asset(name).picture

    def attach(self, asset: Asset, origin: Origin) -> AssetRecord:
        """Add an asset to the record."""
        record = asset_record(asset, origin)
        self.assets.append(record)
        self._live[asset.id] = asset
        return record

    def bring(self, asset: Asset) -> None:
        """Supply the pixels of an asset, for a record whose pictures are stored elsewhere."""
        self._live[asset.id] = asset

    def add_turn(self, step: Step, reply: Reply, policy_seconds: float, imglist: list[str]) -> TurnRecord:
        """Add a turn to the record."""
        turn = turn_record(len(self.turns), step, reply, policy_seconds, imglist)
        self.turns.append(turn)
        return turn

    def go_on(self, environment: Environment, messages: Sequence[Message], **run: Any) -> None:
        """Reopen the record of a run that is resumed; `run` has policy and settings. Changes are noted."""
        for what, now in (("policy", run["policy"]), ("profile", environment.toolbox.profile.name)):
            # Turns before the resumption were made with the old one, so the change belongs into the record.
            if getattr(self, what) != now:
                self.notes.append(
                    f"resumed after turn {len(self.turns)} with {what} {now} instead of {getattr(self, what)}."
                )
        self.policy, self.policy_settings = run["policy"], run["policy_settings"]
        profile = environment.toolbox.profile
        self.profile, self.profile_settings = profile.name, profile_record(profile)
        self.limits = environment.limits.model_dump()
        self.system_prompt = messages[0].text
        self.status, self.why, self.final, self.answer, self.unmet = "running", None, None, None, []

    def conclude(self, status: Status, why: str | None = None, not_done: tuple[str, ...] = ()) -> None:
        """Set status, result and answer.

        A run that ends with parts not done is `unmet`, or `failed` if its last call failed through our own fault.
        """
        self.unmet = list(not_done)
        # A policy that gives up because a backend failed is not to blame: the run is failed, not unmet.
        if status == "met" and not_done:
            status = "failed" if stopped_by_infrastructure(self.turns) else "unmet"
            why = why or ("a backend failed" if status == "failed" else None)
        self.status, self.why = status, why
        self.final = choose_final(self.turns, self.assets)
        self.answer = choose_answer(self.turns, question_in(self.instruction))

    def task(self) -> Task:
        """The task with its pictures, from the record."""
        carried = tuple(self.asset(record.id) for record in self.assets if record.origin == "carried")
        images = [self.picture(record.id) for record in self.assets if record.origin == "input"]
        return Task(
            instruction=self.instruction,
            images=images,
            id=self.task_id,
            expected_tools=tuple(self.expected_tools) if self.expected_tools is not None else None,
            difficulty=self.difficulty,
            checks=tuple(self.checks),
            system_prompt=self.system_prompt if self.own_prompt else None,
            carried=Carried(self.continues, carried, self.inputs - len(images), self.continued_result)
            if self.continues is not None
            else None,
        )

    def carry(self) -> Carried:
        """This run's canvas, for a request that continues it."""
        return Carried(self.id, tuple(self.asset(record.id) for record in self.assets), self.inputs, self.final)

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, without paths."""
        return {
            "status": self.status,
            "final_asset": self.final,
            "answer": self.answer.text if self.answer else None,
            "turns": len(self.turns),
            "tool_calls": self.tool_calls,
            "unmet": self.unmet,
        }

    @classmethod
    def load(cls, path: str | Path) -> Trajectory:
        """Read a run folder or its `trajectory.json`. Raises `StorageError`, and `InputError` for a pipe."""
        file = Path(path) / RECORD_NAME if Path(path).is_dir() else Path(path)
        try:
            data = json.loads(regular_file(file).read_text("utf-8"))
        except OSError as error:
            raise StorageError(f"there is no run at '{path}': {error.strerror or error}.") from error
        except (ValueError, RecursionError) as error:
            raise StorageError(f"'{file}' is damaged: {error}.") from error
        version = data.get("format_version") if isinstance(data, dict) else None
        # Before the fields are validated: another version's fields would give a misleading message.
        if version != FORMAT_VERSION:
            raise StorageError(
                f"'{file}' has format version {version!r}; this version of canvasagent reads {FORMAT_VERSION}."
            )
        try:
            trajectory = cls.model_validate(data)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise StorageError(f"'{file}' is not a run's record: {where}: {problem['msg']}.") from error
        if conflict := trajectory.contradiction():
            raise StorageError(f"'{file}' contradicts itself: {conflict}.")
        trajectory._folder = file.parent
        return trajectory

    def contradiction(self) -> str | None:
        """An inconsistency of the record, for instance after editing by hand; None if there is none."""
        ids = [record.id for record in self.assets]
        inputs = [record.id for record in self.assets if record.origin != "tool" and record.id.startswith("img_")]
        named = {turn.asset for turn in self.turns} | {self.final, self.continued_result}
        if len(set(ids)) < len(ids):
            return "two assets have the same id"
        if unknown := sorted(name for name in named - set(ids) if name is not None):
            return f"it names {', '.join(unknown)}, which is not among its assets"
        if [turn.index for turn in self.turns] != list(range(len(self.turns))):
            return "its turns are not numbered 0, 1, 2, …"
        if inputs != [f"img_{number}" for number in range(1, self.inputs + 1)]:
            return f"it has {self.inputs} inputs, but its input assets are {inputs}"
        return None


def asset_path(folder: Path, name: str) -> Path:
    """Where the pixels of an asset are. Raises `InputError` for an id that is no name of a file."""
    return folder / ASSET_FOLDER / f"{plain_name(name, 'asset')}.png"


def _read_picture(folder: Path | None, record: AssetRecord) -> Image.Image:
    if folder is None:
        raise StorageError(f"the pixels of {record.id} were not kept.")
    path = asset_path(folder, record.id)
    try:
        with Image.open(regular_file(path), formats=["PNG"]) as opened:
            if opened.size != record.size:
                raise StorageError(f"'{path}' is {opened.size}, the record says {record.size}.")
            opened.load()
            profile = opened.info.get("icc_profile")
            picture = opened.copy()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise StorageError(f"'{path}' is missing or damaged: {error}.") from error
    picture.info = {"icc_profile": profile} if profile else {}
    if picture.mode != record.mode:
        raise StorageError(f"'{path}' is {picture.mode}, the record says {record.mode}.")
    if record.pixel_hash is not None and pixel_hash(picture) != record.pixel_hash:
        raise StorageError(f"'{path}' was changed since the run: its pixels do not have the recorded hash.")
    return picture


def replayed_call(turn: TurnRecord) -> ToolCall | None:
    """A recorded turn's call as the policy wrote it."""
    return ToolCall(turn.call.name, turn.call.arguments) if turn.call is not None else None
