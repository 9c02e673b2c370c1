"""The data files, and their patterns made ready."""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from canvasagent.english.colors import color_pattern
from canvasagent.english.lexicon import numbers
from canvasagent.english.quotations import QUOTED

Details = dict[str, Any]
"""What was read out of words, by name."""

_TOKEN = re.compile(
    r"\\.|\[(?:\\.|[^\]\\])*\]|\(\?P=\w+\)|\(\?[a-zA-Z]+\)|\(\?P<\w+>|\(\?<?[=!]|\(\?[a-zA-Z-]*:|.", re.DOTALL
)
_ANY_WORD = re.compile(r"\.|\\[wS]|\[(?:\^.*|.*\\w.*)\]", re.DOTALL)
_REPEATED = re.compile(r"(?:[*+]|\{\d*,\d*\})\??")


@cache
def knowledge() -> dict[str, Any]:
    """What the data files hold, read once."""
    found = (path for path in files(__package__).iterdir() if path.name.endswith(".toml"))
    return {key: value for path in found for key, value in tomllib.loads(path.read_text("utf-8")).items()}


@cache
def pattern(source: str) -> re.Pattern[str]:
    """A pattern of the data files, its {names} of the vocabulary filled in."""
    return re.compile(_filled(source), re.IGNORECASE)


@cache
def _filled(source: str) -> str:
    words = knowledge()["vocabulary"] | {"quoted": QUOTED.pattern, "colour": rf"(?:{color_pattern()})\b"}
    words["number"] = "|".join(numbers())
    return re.sub(r"\{([a-z_]+)\}", lambda match: _filled(words[match[1]]), source)


@cache
def rule(name: str) -> re.Pattern[str]:
    """A pattern of [clauses], by its name."""
    return pattern(knowledge()["clauses"][name])


def vocabulary(name: str) -> frozenset[str]:
    """The words of a list in [clauses], which stand there as alternatives."""
    return frozenset(knowledge()["clauses"][name].split("|"))


@cache
def entries(table: str) -> list[dict[str, Any]]:
    """The entries of a table of the data files, each with its pattern ready as `fits`, how to look for it,
    and the groups of it whose words its `means` leaves out.

    An entry is a pattern, or a pattern, what it means, and whether it is a `statement`, or a table of its own.
    """
    ready = list[dict[str, Any]]()
    for entry in knowledge()[table]:
        columns = [entry] if isinstance(entry, str) else entry
        way = entry if isinstance(entry, dict) else dict(zip(("pattern", "means", "statement"), columns, strict=False))
        ready.append(way | {"fits": pattern(way["pattern"])})
    for way in ready:
        lossy = way["fits"] if r"\1" in way.get("means", "") else watched(way["pattern"])
        kept = re.findall(r"\\g<(\w+)>", way.get("means", ""))
        way |= {"seen": lossy.match if way["pattern"][0] == "^" else lossy.search}
        way |= {"lost": [name for name in lossy.groupindex if name not in kept]}
    return ready


@cache
def watched(source: str) -> re.Pattern[str]:
    """A pattern of the data files with a group `_N` round each place where any word fits, outside its named groups."""
    text, out, groups, at = pattern(source).pattern, list[str](), list[bool](), 0
    while at < len(text):
        token = str(_TOKEN.match(text, at)[0])  # type: ignore[index]
        at += len(token)
        if token == ")":
            groups.pop()
        elif token[0] == "(" and token[-1] != ")":
            groups.append(token.startswith(("(?P<", "(?=", "(?!", "(?<")))
        elif not any(groups) and _ANY_WORD.fullmatch(token) and (repeat := _REPEATED.match(text, at)):
            token, at = f"(?P<_{len(out)}>{token}{repeat[0]})", repeat.end()
        out.append(token)
    return re.compile("".join(out), re.IGNORECASE)
