"""What a model that was trained here must read at run time: kept beside its weights as `canvasagent.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from canvasagent.errors import WeightsError
from canvasagent.storage.files import write_atomically
from canvasagent.storage.foreign_json import first_problem
from canvasagent.tools import all_tools
from canvasagent.tools.base import Tool
from canvasagent.version import __version__

CONTRACT = "canvasagent.json"


def tools_checksum(tools: Iterable[Tool] | None = None) -> str:
    """SHA-256 of the tool definitions that a policy reads, shortened to 16 hexadecimal digits."""
    schemas = [tool.schema() for tool in (all_tools().values() if tools is None else tools)]
    return hashlib.sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()[:16]


class Contract(BaseModel):
    """The wire contract that a checkpoint was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = 1
    canvasagent: str = __version__
    trained: str
    """How it was trained: sft, grpo."""
    tools: str
    """Checksum of the tool definitions."""
    system_prompt: str | None = None
    """The system prompt that it reads in place of the one made from the tool definitions; None: that one."""


def write_contract(folder: Path, contract: Contract) -> None:
    """Write the contract beside a checkpoint. Raises `StorageError`."""
    write_atomically(folder / CONTRACT, (contract.model_dump_json(indent=2) + "\n").encode())


def read_contract(folder: Path) -> Contract | None:
    """The contract beside a checkpoint; None for one that was not trained here. Raises `WeightsError`."""
    file = folder / CONTRACT
    if not file.is_file():
        return None
    try:
        return Contract.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise WeightsError(f"'{file}' is damaged: {first_problem(error)}.") from error
    except OSError as error:
        raise WeightsError(f"'{file}' cannot be read: {error.strerror or error}.") from error


def require_same_tools(source: str, contract: Contract | None) -> None:
    """Raise `WeightsError` for a checkpoint that was trained on other tool definitions than these."""
    if contract is not None and contract.tools != tools_checksum():
        raise WeightsError(
            f"'{source}' was trained by canvasagent {contract.canvasagent} on other tool definitions (checksum "
            f"{contract.tools}, here {tools_checksum()}); train it again from its base model, or use that version."
        )
