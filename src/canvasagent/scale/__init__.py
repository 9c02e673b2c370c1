"""Many machines, on Ray: tools as a Ray Serve application, episodes of a batch or an evaluation on workers.

`cluster.py` joins or starts Ray; `sharing.py` says what of it each tool gets, `replica.py` is one copy of a tool,
`tools.py` the tool box whose calls go to them; `fleet.py` spreads episodes. Ray is imported when it is used: the
extra `ray`. `docs/scale.md` is the recipe.
"""
