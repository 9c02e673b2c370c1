"""Options made from settings models and tool definitions, so that names, help and defaults are defined once."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Optional, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from canvasagent.errors import InputError

Model = TypeVar("Model", bound=BaseModel)


def flag(name: str) -> str:
    """A field's name as an option: `max_turns` → `--max-turns`."""
    return "--" + name.replace("_", "-")


def settings_options(
    model: type[BaseModel], panel: str, skip: Iterable[str] = (), prefix: str = ""
) -> list[inspect.Parameter]:
    """An option for each field of `model`, None where it is not given, so that the model's own default holds.

    Names of options begin with `prefix` (`judge_`), where a command has settings of several things.
    """
    texts = field_texts(model)
    parameters = []
    for name, info in model.model_fields.items():
        if name in skip:
            continue
        text = texts.get(name, "")
        if not info.is_required() and info.default is not None and not isinstance(info.default, bool):
            default = f"{info.default:,.15g}" if isinstance(info.default, int | float) else info.default
            text = f"{text} Default: {default}."
        metavar = "URL" if name.endswith("_url") else "DIR" if text.startswith("Folder") else None
        names = flag(prefix + name)
        if info.annotation == bool | None:  # neither is the default, so both have a flag
            names += f"/{flag('no_' + prefix + name)}"
        option = typer.Option(names, help=text, rich_help_panel=panel, show_default=False, metavar=metavar)
        annotation: Any = Annotated[Optional[info.annotation], option]  # type: ignore[name-defined]  # noqa: UP045
        parameters.append(
            inspect.Parameter(prefix + name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        )
    return parameters


def field_texts(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings that stand under the fields of `model`; of inherited fields their descriptions."""
    described = {name: info.description for name, info in model.model_fields.items()}
    texts = {name: " ".join(text.split()) for name, text in described.items() if text}
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    except (OSError, TypeError, SyntaxError):  # no source: help without texts
        return texts
    assert isinstance(body, ast.ClassDef)
    for field, text in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str):
            texts[field.target.id] = " ".join(text.value.value.split())
    return texts


def settings_from(
    model: type[Model], options: Mapping[str, Any], base: Mapping[str, Any] | None = None, prefix: str = ""
) -> Model:
    """`model` from the options that were given, over `base` (a record's). Raises `InputError` with the option.

    `prefix` is what the names in `given` begin with, as in `settings_options`.
    """
    known = {name: value for name, value in (base or {}).items() if name in model.model_fields}
    chosen = {name: options[prefix + name] for name in model.model_fields if options.get(prefix + name) is not None}
    try:
        return model(**{**known, **chosen})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = flag(prefix + str(problem["loc"][0])) if problem["loc"] else model.__name__
        raise InputError(f"{where}: {problem['msg']} (got {problem.get('input')}).") from error


def with_options(
    function: Callable[..., Any], parameters: Sequence[inspect.Parameter], *, first: bool = False
) -> Callable[..., Any]:
    """`function` with its `**keywords` replaced by `parameters`, as typer reads a signature.

    `first`: help lists them before the function's own.
    """
    own = inspect.signature(function, eval_str=True)
    fixed = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in own.parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]

    def command(**options: Any) -> Any:
        return function(**options)

    command.__doc__, command.__name__ = function.__doc__, function.__name__
    every = [*parameters, *fixed] if first else [*fixed, *parameters]
    command.__signature__ = own.replace(parameters=every)  # type: ignore[attr-defined]
    return command
