"""The writer `grammar`: plans into words by a compositional grammar, without any model.

acts/*.toml      ways to say each act           patterns.py     slots, forms of an order
frames.toml      sentences around an act        acts.py         one act in words
joins.toml       how acts are joined            weave.py        several acts, their order
conditions.toml  what branches turn on          branching.py    branches
extras.toml      greetings, asides, thanks      finish.py       spelling, typos, capitals
verbs.toml       irregular words                lexicon.py      articles, plurals, verbs
reasons.toml     what is thought                reasons.py, farewells.py, seeing.py
"""

from __future__ import annotations

import random

from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.writers.base import Seen, WriterFailure
from canvasagent.craft.writers.grammar.finish import finished
from canvasagent.craft.writers.grammar.referring import Reference
from canvasagent.craft.writers.grammar.weave import instruction_sentences
from canvasagent.errors import InputError

TONES = {"terse": 0.25, "plain": 0.45, "chatty": 0.3}


def write_instruction(plan: Plan, key: str, tone: str | None = None) -> str:
    """The request for `plan`, in `tone` or one drawn by `key`."""
    rng = random.Random(f"{key}/instruction")
    drawn = rng.choices(list(TONES), list(TONES.values()))[0]
    ref = Reference(plan, rng, tone or drawn)
    return finished(instruction_sentences(plan.nodes, ref), plan, ref)


class GrammarWriter:
    """See the package's docstring. Pure and without state, so that it can be pickled."""

    name = "grammar"

    async def instruction(self, plan: Plan, key: str) -> str:
        """The request. Raises `WriterFailure` where a fact is missing that an act cannot be said without."""
        try:
            return write_instruction(plan, key)
        except KeyError as error:
            raise WriterFailure(f"the grammar has no words for a plan of '{plan.chain}': {error.args[0]}.") from error

    async def reason(self, plan: Plan, step: Step, seen: tuple[Seen, ...], key: str) -> str:
        """What is thought before `step`."""
        from canvasagent.craft.writers.grammar.reasons import write_reason

        return write_reason(plan, step, seen, key)

    async def farewell(self, plan: Plan, seen: tuple[Seen, ...], key: str) -> str:
        """What is thought at the end."""
        from canvasagent.craft.writers.grammar.farewells import write_farewell

        return write_farewell(plan, seen, key)


def create(argument: str | None) -> GrammarWriter:
    """The writer; it takes no argument."""
    if argument:
        raise InputError(f"the writer 'grammar' takes no argument, but was given '{argument}'.")
    return GrammarWriter()
