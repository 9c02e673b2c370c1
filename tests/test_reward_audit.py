"""`canvasagent reward audit`: no cheat beats honest work under `hardened`, and what it finds in other presets."""

from __future__ import annotations

from pathlib import Path

import pytest

from canvasagent.rewards.audit import JUDGED, SHOWN, Audit, as_markdown
from canvasagent.rewards.config import PRESETS
from cli_helpers import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def test_the_audit_holds_under_hardened_and_finds_exploits_in_paper(shell: Shell) -> None:
    said = shell("reward", "audit", "--json")
    found = said.object
    assert (said.code, found["status"], found["beaten_by"]["hardened"]) == (0, "met", [])
    assert {"thinned out", "thinned out form"} <= set(found["beaten_by"]["paper"])
    told = Audit.model_validate({name: found[name] for name in Audit.model_fields})
    assert told.judge == "local" and {"honest", "no call", "one lucky call", "every tool"} <= {
        r.name for r in told.rows
    }
    honest = next(row for row in told.rows if row.name == "honest")
    assert honest.total("paper") > 0.9
    assert all(set(row.scores) == set(SHOWN) and JUDGED in SHOWN and set(SHOWN) <= set(PRESETS) for row in told.rows)
    lines = as_markdown(told, SHOWN).splitlines()
    assert len(lines) == 2 + len(told.rows) and all(line.count("|") == lines[0].count("|") for line in lines)
