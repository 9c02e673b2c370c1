"""Tool-chain templates: those of the paper's Tables 7 and 8, the user's own, mixes of them, and their plans."""

from canvasagent.craft.chains.binding import bind
from canvasagent.craft.chains.load import load_chains, user_chains
from canvasagent.craft.chains.mixes import chain_at, mix_chains, mix_counts
from canvasagent.craft.chains.spec import Chain

__all__ = ["Chain", "bind", "chain_at", "load_chains", "mix_chains", "mix_counts", "user_chains"]
