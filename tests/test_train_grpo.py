"""GRPO on tiny models of the real classes: tokens, log-probabilities, masks, rewards, resuming, what goes wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from canvasagent.canvas import pixel_hash
from canvasagent.errors import InputError, TrainingDiverged, WeightsError
from helpers import call

pytest.importorskip("trl", reason="the extra train is not installed here; make test-train installs it")

from canvasagent.language_models.load import load_model
from canvasagent.language_models.tokens import turn_text
from canvasagent.training import grpo
from canvasagent.training.checkpoints import METRICS, last_checkpoint
from canvasagent.training.grpo import train_grpo
from canvasagent.training.page import PAGE, read_metrics
from canvasagent.training.trainer import ToolGRPOTrainer
from training_helpers import QUIET, judge_file, model, settings, tasks, torch

pytestmark = QUIET
KINDS = ("text", "vision")


class Probe:
    """Keeps what a trainer makes of each batch of rollouts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[tuple[ToolGRPOTrainer, dict[str, Any], list[Any]]] = []
        make = ToolGRPOTrainer._generate_and_score_completions

        def kept(trainer: ToolGRPOTrainer, inputs: Any) -> dict[str, Any]:
            output: dict[str, Any] = make(trainer, inputs)
            self.batches.append((trainer, output, list(trainer._batch.tokens)))
            return output

        monkeypatch.setattr(ToolGRPOTrainer, "_generate_and_score_completions", kept)


def metrics(out: Path) -> list[dict[str, float]]:
    """The figures of each step, without those that measure time."""
    lines = [line for line in read_metrics(out) if "loss" in line]
    return [{name: value for name, value in line.items() if "time" not in name} for line in lines]


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_runs_and_its_model_is_loaded_again(tmp_path: Path, kind: str) -> None:
    trained = train_grpo(model(kind), tasks(), tmp_path / "out", settings(keep_rollouts=1))
    assert trained.steps == 2 and trained.stopped is None
    lines = metrics(trained.out)
    assert any(line["grad_norm"] > 0 for line in lines) and all(line["rollout/turns"] <= 2 for line in lines)
    assert lines[0]["rollout/unscored"] == 0 and lines[0]["reward_std"] > 0
    before, after = load_model(model(kind), "cpu"), load_model(trained.model, "cpu")
    assert after.contract is not None and after.contract.system_prompt == "You call tools."
    changed = [
        not torch.equal(old, new) for old, new in zip(before.model.parameters(), after.model.parameters(), strict=True)
    ]
    assert any(changed)
    page = (trained.out / PAGE).read_text("utf-8")
    assert "rollouts/step-000000/rollout-0/report.html" in page and "reward_std" in page
    assert json.loads((trained.out / "training.json").read_text("utf-8"))["settings"]["judge"] == judge_file()


@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_are_those_of_an_independent_forward(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One rollout at a time, without padding, its tokens and pictures as it went: the same to 1e-5."""
    probe = Probe(monkeypatch)
    train_grpo(model(kind), tasks(), tmp_path / "out", settings(max_steps=1, learning_rate=1e-9))
    trainer, output, records = probe.batches[0]
    _compare(trainer, output, records)
    assert kind != "vision" or sum(len(record.images) for record in records) >= 4


def _compare(trainer: ToolGRPOTrainer, output: dict[str, Any], records: list[Any]) -> None:
    names = ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids")
    mask = output["completion_mask"] * output["tool_mask"]
    with torch.no_grad():
        joined, _, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model,
            torch.cat([output["prompt_ids"], output["completion_ids"]], 1),
            torch.cat([output["prompt_mask"], output["completion_mask"]], 1),
            output["completion_ids"].size(1),
            **{name: output.get(name) for name in names},
        )
        for row, record in enumerate(records):
            inputs: dict[str, Any] = {"input_ids": torch.tensor([record.ids])}
            if record.images:
                read = trainer._language_model.processor.image_processor(images=record.images, return_tensors="pt")
                picture = trainer._language_model.processor.image_token_id
                inputs |= {**read, "mm_token_type_ids": (inputs["input_ids"] == picture).long()}
            logits = trainer.model(**inputs).logits[0, :-1].float() / trainer.temperature
            own = logits.log_softmax(-1).gather(1, inputs["input_ids"][0, 1:, None])[len(record.prompt_ids) - 1 :, 0]
            written = torch.tensor(record.mask).bool()
            assert written.any() and mask[row].sum() == written.sum()
            assert torch.allclose(joined[row, : len(own)][written], own[written], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_learned_is_what_the_policy_wrote(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The masked-in tokens of a rollout are its turns, token for token; its pictures are those that it was shown."""
    probe = Probe(monkeypatch)
    train_grpo(model(kind), tasks(), tmp_path / "out", settings(max_steps=1))
    trainer, _, records = probe.batches[0]
    for record, one in zip(records, trainer._batch.scored, strict=True):
        assert one.run is not None
        texts = [turn_text(trainer._language_model, record.completion_ids[begin:end]) for begin, end in record.turns]
        assert texts == [turn.text for turn in one.run.turns]
        assert sum(record.mask) == sum(end - begin for begin, end in record.turns)
        shown = [one.run.asset(f"img_{number + 1}") for number in range(one.run.inputs)] if kind == "vision" else []
        made = [one.run.asset(turn.asset) for turn in one.run.turns[:-1] if turn.asset] if kind == "vision" else []
        assert [pixel_hash(image) for image in record.images] == [
            pixel_hash(asset.view(1024)) for asset in [*shown, *made]
        ]


def test_pictures_that_tools_make_reach_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rollout mirrors its picture: the log-probabilities of the last turn are those with both pictures."""
    probe = Probe(monkeypatch)
    generate, turns = ToolGRPOTrainer._generate_single_turn, []

    def flip(trainer: ToolGRPOTrainer, ids: Any, images: Any, fields: Any, **options: Any) -> Any:
        turns.append(len(ids))
        if len(turns) > 1:
            return generate(trainer, ids, images, fields, **options)
        tokens = trainer._tokenizer(call("Flip", image="img_1"), add_special_tokens=False)["input_ids"]
        return [[*tokens, trainer._tokenizer.eos_token_id]] * len(ids), None

    monkeypatch.setattr(ToolGRPOTrainer, "_generate_single_turn", flip)
    chosen = settings(max_steps=1, learning_rate=1e-9, max_turn_tokens=200, tasks_per_step=2)
    train_grpo(model("vision"), tasks(), tmp_path / "out", chosen)
    trainer, output, records = probe.batches[0]
    for record, one in zip(records, trainer._batch.scored, strict=True):
        assert one.run is not None and one.run.tool_calls[0] == "Flip" and len(record.images) == one.run.inputs + 1
        assert pixel_hash(record.images[-1]) == pixel_hash(one.run.asset("Flip_0").view(1024))
    _compare(trainer, output, records)


FAILING = '''
from canvasagent.rewards.judges.base import ASPECTS, Verdict

COUNT = {"judged": 0}


class Judge:
    """Scores as many rollouts of each four as it is told to."""

    name = "failing"

    def __init__(self, answers):
        self.answers = answers

    async def judge(self, trajectory):
        place = COUNT["judged"] % 4
        COUNT["judged"] += 1
        score = place / 4 if place < self.answers else None
        error = None if score is not None else "the judge does not answer"
        return {aspect: Verdict(aspect=aspect, score=score, judge=self.name, model="1", error=error)
                for aspect in ASPECTS}


def create(argument, settings):
    COUNT["judged"] = 0
    return Judge(int(argument))
'''


def failing(answers: int) -> str:
    return f"{judge_file(FAILING, 'failing.py')}:{answers}"


@pytest.mark.parametrize(("answers", "used"), [(4, 4), (3, 3), (1, 0), (0, 0)])
def test_unscored_rollouts_have_no_part_in_advantage_and_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: int, used: int
) -> None:
    """A rollout without a reward, and a group with fewer than two, leave no trace: not even through the divergence."""
    probe = Probe(monkeypatch)
    train_grpo(model("text"), tasks(), tmp_path / "out", settings(judge=failing(answers), max_steps=1, kl=0.1))
    trainer, output, records = probe.batches[0]
    rewards = [one.reward for one in trainer._batch.scored]
    mask = output["completion_mask"] * output["tool_mask"]
    learned = [bool(row.any()) for row in mask]
    assert sum(reward is not None for reward in rewards) == answers and sum(learned) == used
    assert all(reward is not None for reward, one in zip(rewards, learned, strict=True) if one)
    written = sum(sum(record.mask) for record, one in zip(records, learned, strict=True) if one)
    assert int(output["num_items_in_batch"]) == written
    scored = [reward for reward in rewards if reward is not None]
    for row, (reward, one) in enumerate(zip(rewards, learned, strict=True)):
        if one and reward is not None:
            mean = sum(scored) / len(scored)
            assert (reward > mean) == (float(output["advantages"][row]) > 0) or reward == pytest.approx(mean)
    line = metrics(tmp_path / "out")[0]
    assert line["rollout/unscored"] == (4 - answers) / 4 and (line["grad_norm"] > 0) == (used > 0)


def test_a_judge_that_dies_stops_the_training_with_a_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "out"
    chosen = settings(judge=failing(0), max_steps=6, unscored_steps=2)
    trained = train_grpo(model("text"), tasks(), out, chosen)
    assert trained.steps == 2 and "no rollout could be scored for 2 steps" in str(trained.stopped)
    assert last_checkpoint(out) == out / "checkpoint-2"
    assert trained.warnings["more than a quarter of the rollouts have no reward"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_goes_on_to_the_same_trajectory(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(max_steps=4, save_steps=2)
    train_grpo(model(kind), tasks(), tmp_path / "whole", chosen)
    step = ToolGRPOTrainer.training_step

    def killed(trainer: ToolGRPOTrainer, *arguments: Any, **options: Any) -> Any:
        if trainer.state.global_step == 3:
            raise KeyboardInterrupt
        return step(trainer, *arguments, **options)

    monkeypatch.setattr(ToolGRPOTrainer, "training_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train_grpo(model(kind), tasks(), tmp_path / "parts", chosen)
    monkeypatch.undo()
    (tmp_path / "parts" / "checkpoint-9").mkdir()  # cut short by a kill: it has no state
    train_grpo(model(kind), tasks(), tmp_path / "parts", chosen)
    whole, parts = metrics(tmp_path / "whole"), metrics(tmp_path / "parts")
    assert [line["step"] for line in parts] == [1, 2, 3, 3, 4]
    assert parts[3:] == whole[2:] and parts[:3] == whole[:3]


def test_a_loss_that_is_no_number_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe(monkeypatch)
    lose = ToolGRPOTrainer._compute_loss
    monkeypatch.setattr(ToolGRPOTrainer, "_compute_loss", lambda *arguments: lose(*arguments) * float("nan"))
    with pytest.raises(TrainingDiverged, match=r"the loss of step 1 is nan; its tasks are 00000\d"):
        train_grpo(model("text"), tasks(), tmp_path / "out", settings())
    before = load_model(model("text"), "cpu").model
    after = probe.batches[0][0].model
    assert all(torch.equal(old, new) for old, new in zip(before.parameters(), after.parameters(), strict=True))


def test_turns_have_advantages_of_their_own_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By token constant within a turn, with the rollout's own as their mean over the turns."""
    probe = Probe(monkeypatch)
    chosen = settings(turn_credit=True, preset="paper", max_steps=1)
    train_grpo(model("text"), tasks(), tmp_path / "out", chosen)
    trainer, output, records = probe.batches[0]
    assert output["advantages"].shape == output["completion_ids"].shape
    rewards = torch.tensor([one.reward for one in trainer._batch.scored])
    own = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
    for row, record in enumerate(records):
        each = [output["advantages"][row, begin:end] for begin, end in record.turns]
        assert all(torch.equal(part, part[:1].expand_as(part)) for part in each)
        assert sum(float(part[0]) for part in each) / len(each) == pytest.approx(float(own[row]), abs=1e-4)


def test_lora_trains_adapters_and_saves_a_whole_model(tmp_path: Path) -> None:
    trained = train_grpo(model("vision"), tasks(), tmp_path / "out", settings(lora_rank=2, learning_rate=0.01))
    before, after = load_model(model("vision"), "cpu").model, load_model(trained.model, "cpu").model
    old = dict(before.named_parameters())
    changed = {name for name, value in after.named_parameters() if not torch.equal(value, old[name])}
    assert changed and all(name.endswith("proj.weight") and ".visual." not in name for name in changed)


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    train_grpo(model("text"), tasks(), tmp_path / "out", settings(max_steps=1))
    with pytest.raises(InputError, match=r"holds another training .learning_rate is 0.001, not 0.1"):
        train_grpo(model("text"), tasks(), tmp_path / "out", settings(max_steps=1, learning_rate=0.1))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"judge": "none"}, "preset no-process needs a judge of align, aesthetics"),
        ({"judge": "nobody"}, "there is no judge 'nobody'"),
        ({"preset": "nothing"}, "there is no preset 'nothing'"),
        ({"tasks_per_step": 1, "group": 3, "micro_batch": 2}, "cannot be divided among 1 process"),
        ({"system_prompt": Path("nowhere.txt")}, "the system prompt 'nowhere.txt' cannot be read"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train_grpo(model("text"), tasks(), tmp_path / "out", settings(**more))


def test_a_checkpoint_of_other_tools_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(model("text"), folder)
    contract = {"trained": "sft", "tools": "0" * 16, "canvasagent": "0.0.9"}
    (folder / "canvasagent.json").write_text(json.dumps(contract), "utf-8")
    with pytest.raises(WeightsError, match=r"trained by canvasagent 0\.0\.9 on other tool definitions"):
        train_grpo(str(folder), tasks(), tmp_path / "out", settings())


def test_a_prompt_that_is_too_long_truncates_its_episodes(tmp_path: Path) -> None:
    train_grpo(model("text"), tasks(), tmp_path / "out", settings(max_steps=1, max_prompt_tokens=5))
    line = metrics(tmp_path / "out")[0]
    assert line["rollout/truncated"] == 1 and line["rollout/turns"] == 0 and line["grad_norm"] == 0


def test_a_full_disk_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from canvasagent.errors import StorageError

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(grpo, "save_model", full)
    with pytest.raises(StorageError, match=r"No space left on device.*the same command"):
        train_grpo(model("text"), tasks(), tmp_path / "out", settings(max_steps=1))


def test_figures_are_lines_of_json(tmp_path: Path) -> None:
    train_grpo(model("text"), tasks(), tmp_path / "out", settings(max_steps=1))
    lines: Sequence[str] = (tmp_path / "out" / METRICS).read_text("utf-8").splitlines()
    assert all(isinstance(json.loads(line)["step"], int) for line in lines)
