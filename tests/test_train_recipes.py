"""The recipes of training hold settings that there are, and the release's figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from canvasagent.cli.trained import file_settings
from canvasagent.errors import InputError
from canvasagent.training.grpo_config import GrpoSettings
from canvasagent.training.sft_config import SftSettings

RECIPES = Path(__file__).parent.parent / "recipes"
KINDS: dict[str, type[BaseModel]] = {"sft": SftSettings, "grpo": GrpoSettings}


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*qwen3vl*.toml")), ids=lambda file: str(file.stem))
def test_a_recipe_can_be_read(file: Path) -> None:
    model = KINDS[file.stem.partition("-")[0]]
    assert model(**file_settings(model, file))


def test_the_defaults_of_grpo_are_the_release_s() -> None:
    recipe = GrpoSettings(**file_settings(GrpoSettings, RECIPES / "grpo-qwen3vl-8b.toml"))
    default = GrpoSettings()
    different = {name for name in GrpoSettings.model_fields if getattr(recipe, name) != getattr(default, name)}
    assert different == {"view_pixels", "vllm", "recompute"}


def test_a_setting_that_there_is_not_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("learning_rat = 1.0\n", "utf-8")
    with pytest.raises(InputError, match=r"settings that there are not: learning_rat\. There are .*learning_rate"):
        file_settings(SftSettings, file)
    file.write_text("learning_rate = \n", "utf-8")
    with pytest.raises(InputError, match="is no TOML"):
        file_settings(SftSettings, file)
