"""`canvasagent profile plan`: which model of a profile goes where, and what memory it takes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canvasagent.cli.common import Ending, err, json_option, out, verbose_option
from canvasagent.cli.completion import profiles

if TYPE_CHECKING:
    from canvasagent.backends.placement import Plan


def plan(
    gpus: Annotated[
        str | None,
        typer.Option(
            help="GPUs, such as 1x24GB or 2x80GB,1x24GB, or none; those of this machine if left out.", metavar="CARDS"
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="A profile or a .toml file.", metavar="NAME", autocompletion=profiles)
    ] = "full",
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write a profile file with the devices of the plan.", metavar="FILE"),
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Plan devices and memory for a profile's models, from published parameter counts. Nothing is loaded."""
    from canvasagent.backends.placement import as_profile, cards_here, cards_of
    from canvasagent.backends.placement import plan as make_plan
    from canvasagent.backends.profile import load_profile
    from canvasagent.errors import InputError
    from canvasagent.storage.files import write_atomically

    loaded = load_profile(profile)
    cards = cards_of(gpus) if gpus is not None else cards_here()
    planned = make_plan(loaded, cards)
    if to is not None:
        if to.suffix != ".toml":
            raise InputError(f"'{to}': a profile's file ends in .toml.")
        if to.exists():
            raise InputError(f"'{to}' is there already; name another file.")
        write_atomically(to, as_profile(profile, planned, to.stem).encode("utf-8"))
    payload = {
        "profile": loaded.name,
        "places": [asdict(place) for place in planned.places],
        "cards": [{"device": card.device, "gb": card.gigabytes, "used_gb": card.used()} for card in planned.cards],
        "host_gb": planned.host,
        "unknown": list(planned.unknown),
    }
    if not json:
        _show(planned)
        if to is not None:
            err().print(f"Use it with --profile {to}", markup=False)
    return Ending(0, payload)


def _show(planned: Plan) -> None:
    from rich.table import Table

    from canvasagent.backends.placement import WORDS
    from canvasagent.weights.files import size_words

    console = out()
    if not planned.places and not planned.unknown:
        console.print("This profile loads no weights.")
        return
    table = Table("Model", "Tools", "Device", "How", title_justify="left")
    for name in ("On the card", "A call more", "In memory"):
        table.add_column(name, justify="right", no_wrap=True)
    for place in planned.places:
        sizes = (size_words(value) if value else "–" for value in (place.weights, place.working, place.waiting))
        table.add_row(place.model, ", ".join(place.tools), place.device, WORDS[place.how], *sizes)
    console.print(table, soft_wrap=False)
    for card in planned.cards:
        console.print(f"{card.device}: {card.used():.1f} of {card.gigabytes:.1f} GB, two tools at work at once.")
    if planned.host:
        console.print(f"Weights take {planned.host:.1f} GB of the computer's memory.")
    for source in planned.unknown:
        console.print(f"Of {source} no size is known; it is not in the plan.", markup=False)
    precision = "bfloat16 on a card, float32 on the processor"
    console.print(f"Weights are {precision}, counted from published configurations; what calls take is an estimate.")
