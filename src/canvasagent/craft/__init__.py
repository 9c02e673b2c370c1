"""CanvasCraft: builders of executed SFT trajectories, RL task specifications and the benchmark.

    source ─▶ pictures ─┐
    chain  ─▶ slots ────┼─▶ plan ─▶ writer ─▶ instruction, reasons ─▶ environment ─▶ quality control ─▶ store
    mix    ─▶ counts ───┘

A plan says what is done and why; nothing below it knows how plans come about.
"""
