"""How the tasks of RL ask for acts: functions that add steps to a draft and claim what these change."""
