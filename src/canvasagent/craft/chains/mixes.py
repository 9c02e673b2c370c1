"""How many of which chain: mixes, integer counts by largest remainder, and a seeded order."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

from canvasagent.craft.chains.load import load_chains, user_chains
from canvasagent.craft.chains.spec import Chain
from canvasagent.errors import InputError
from canvasagent.storage.input_files import regular_file


def mix_counts(mix: str | Path, n: int) -> dict[str, int]:
    """How many of `n` go to each chain; chains that get none are left out.

    `paper`: as Tables 7 and 8; `uniform`: as many of each; else a TOML file with weights by name in `[mix]` and, if it
    has chains of its own, their file in `chains`. Raises `InputError`.
    """
    if n < 0:
        raise InputError(f"{n} is no number of items.")
    weights = mix_weights(mix)
    return {name: count for name, count in shares(weights, n).items() if count}


def mix_weights(mix: str | Path) -> dict[str, float]:
    """The weight of each chain of a mix. Raises `InputError`."""
    if mix == "paper":
        return {name: float(chain.count) for name, chain in load_chains().items()}
    if mix == "uniform":
        return dict.fromkeys(load_chains(), 1.0)
    return _from_file(Path(mix))


def mix_chains(mix: str | Path) -> dict[str, Chain]:
    """Every chain that a mix may name, the user's own included."""
    chains = dict(load_chains())
    if mix in ("paper", "uniform"):
        return chains
    own = _read(Path(mix)).get("chains")
    return {**chains, **user_chains(Path(mix).parent / str(own))} if own is not None else chains


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(regular_file(path).read_text("utf-8"))
    except OSError as error:
        known = "a mix is 'paper', 'uniform' or a TOML file"
        raise InputError(f"there is no mix '{path}' ({error.strerror or error}); {known}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the mix '{path}' is not TOML: {error}.") from error


def _from_file(path: Path) -> dict[str, float]:
    data = _read(path)
    weights, chains = data.get("mix"), mix_chains(path)
    unknown = sorted(set(data) - {"mix", "chains"})
    if unknown or not isinstance(weights, dict) or not weights:
        extra = f" (not known: {', '.join(unknown)})" if unknown else ""
        raise InputError(
            f"the mix '{path}' needs a table [mix] with a weight for each chain, and may have 'chains'{extra}."
        )
    for name, weight in weights.items():
        if name not in chains:
            close = difflib.get_close_matches(name, chains, 1)
            hint = f"did you mean '{close[0]}'?" if close else "`canvasagent craft chains` lists them."
            raise InputError(f"the mix '{path}': there is no chain '{name}'; {hint}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise InputError(f"the mix '{path}': the weight of '{name}' is {weight!r}; give a number of 0 or more.")
    if not sum(weights.values()):
        raise InputError(f"the mix '{path}': all weights are 0.")
    return {name: float(weight) for name, weight in weights.items()}


def shares(weights: Mapping[str, float], n: int) -> dict[str, int]:
    """`n` shared out in whole numbers by largest remainder; equal remainders in the order given."""
    total = sum(weights.values())
    exact = {name: n * weight / total for name, weight in weights.items()}
    counts = {name: int(share) for name, share in exact.items()}
    rest = n - sum(counts.values())
    for name in sorted(exact, key=lambda name: counts[name] - exact[name])[:rest]:
        counts[name] += 1
    return counts


def chain_at(counts: Mapping[str, int], seed: int, index: int, chains: Mapping[str, Chain] | None = None) -> Chain:
    """The chain of item `index` (0 to n - 1): every chain comes up as often as it is counted, in a seeded order.

    `chains`: what the names mean, where the user's own are among them (`mix_chains`).
    """
    names, ends = list(counts), list(accumulate(counts.values()))
    n = ends[-1] if ends else 0
    if not 0 <= index < n:
        raise IndexError(index)
    name = names[bisect_right(ends, shuffled(index, n, seed))]
    return (chains if chains is not None else load_chains())[name]


def shuffled(index: int, n: int, seed: int) -> int:
    """Where `index` goes in a seeded permutation of 0 to n - 1, without holding it: a Feistel network, walked until
    it is inside."""
    half = max((n - 1).bit_length() + 1, 2) // 2
    mask = (1 << half) - 1
    while True:
        left, right = index >> half, index & mask
        for turn in range(4):
            digest = hashlib.blake2b(f"{seed}/{turn}/{right}".encode(), digest_size=8).digest()
            left, right = right, left ^ (int.from_bytes(digest, "big") & mask)
        index = left << half | right
        if index < n:
            return index
