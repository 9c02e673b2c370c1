"""How good a trajectory is: R = 0.3 align + 0.1 aesthetics + 0.2 trajectory + 0.4 rule (the paper's equation 1).

    config.py       every open constant and every preset, in one place
    format.py, action.py, efficiency.py, rule.py, hybrid.py    equations 1 to 7, a named function each
    checks/         verifiable statements on a result, one file each
    judges/         what scores alignment, aesthetics and trajectory; always named
    audit.py        degenerate trajectories, and what each earns beside an honest one

Rewards read trajectories (live or from a file), never live objects. A missing score is missing, never a default.
"""
