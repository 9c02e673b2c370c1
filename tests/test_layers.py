"""The order of the packages: imports point down the layers of README.md, modules form no circle, private stays private.

All imports count: those inside functions and those for type checkers, too.
"""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import canvasagent

ROOT = Path(canvasagent.__file__).parent
TOP = "canvasagent"


def package_sources() -> dict[str, str]:
    """The text of every module of the package by its dotted name."""
    sources = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text("utf-8")
    return sources


def imports(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """The modules of the package that each module imports, anywhere in its text."""
    return {name: set(_imported(name, text, sources)) for name, text in sources.items()}


def _imported(name: str, text: str, sources: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import, line {node.lineno}"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [one if one in sources else str(node.module) for one in below]
        yield from (one for one in found if one in sources and one != name)


def private_crossings(graph: Mapping[str, set[str]]) -> list[str]:
    """Imports of a module whose name begins with `_`, or of one in a package that does, from outside its package."""
    crossings = []
    for name, imported in graph.items():
        for one in imported:
            parts = one.split(".")
            hidden = next((index for index, part in enumerate(parts) if re.match("_(?!_)", part)), None)
            if hidden is not None and not f"{name}.".startswith(".".join(parts[:hidden]) + "."):
                crossings.append(f"{name} imports {one}")
    return sorted(crossings)


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; an empty list where there are none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def layers() -> list[list[str]]:
    """The layers that README.md shows, from the top: packages and root modules."""
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    picture = re.search(r"^### Layers\n(?:.*\n)*?((?:    .+\n)+)", readme, re.MULTILINE)
    assert picture, "README.md has no section 'Layers' with a picture"
    return [line.split("#")[0].split() for line in picture[1].splitlines()]


def part_of(module: str) -> str:
    """The package or root module that a module belongs to; the root itself is `canvasagent`."""
    part = module.partition(".")[2].partition(".")[0]
    return TOP if part in ("", "__main__") else part


def upward(graph: Mapping[str, set[str]], picture: list[list[str]]) -> list[str]:
    """Imports of another part that is not in a layer below the importing module's."""
    level = {part: number for number, parts in enumerate(picture) for part in parts}
    return sorted(
        f"{name} imports {one}"
        for name, imported in graph.items()
        for one in imported
        if part_of(one) != part_of(name) and level[part_of(one)] <= level[part_of(name)]
    )


GRAPH = imports(package_sources())


def test_imports_point_down() -> None:
    """Each part is in one layer of the README's picture and imports from lower layers only."""
    picture = layers()
    listed = [part for parts in picture for part in parts]
    assert sorted(listed) == sorted({part_of(name) for name in GRAPH}), "the README's layers are not the parts"
    assert upward(GRAPH, picture) == []


def test_modules_import_in_no_circle() -> None:
    """Not even with imports that are put off into functions."""
    assert circle(GRAPH) == []


def test_private_modules_stay_private() -> None:
    """A module named `_name` is imported from within its own package only."""
    assert private_crossings(GRAPH) == []


def test_the_root_has_few_modules() -> None:
    """At most twelve beside `__init__` and `__main__`: a new module belongs into a package."""
    assert len([path for path in ROOT.glob("*.py") if not path.stem.startswith("__")]) <= 12


BAD = {
    "canvasagent": "",
    "canvasagent.low": "",
    "canvasagent.low.a": "def late():\n    from canvasagent.high import b\n",
    "canvasagent.high": "",
    "canvasagent.high.b": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import canvasagent.low.a\n"
        "from canvasagent.low._c import thing\n"
    ),
    "canvasagent.low._c": "",
}


def test_faults_are_found() -> None:
    """What the tests above look for is found where it is: in functions and among imports for type checkers."""
    graph = imports(BAD)
    assert upward(graph, [["high"], ["low"], ["canvasagent"]]) == ["canvasagent.low.a imports canvasagent.high.b"]
    assert set(circle(graph)) == {"canvasagent.low.a", "canvasagent.high.b"}
    assert private_crossings(graph) == ["canvasagent.high.b imports canvasagent.low._c"]
