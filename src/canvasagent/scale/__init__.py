"""Many machines, on Ray: tools as a Ray Serve application, episodes of a batch or an evaluation on workers.

`cluster.py` joins or starts Ray; `sharing.py` divides its resources among the tools; `replica.py` is one copy of a
tool; `tools.py` is the tool box that calls the replicas; `fleet.py` distributes episodes. Ray (the extra
`ray`) is imported on first use. `docs/scale.md` is the recipe.
"""
