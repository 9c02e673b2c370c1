"""Training of policies: the paper's two stages, SFT and GRPO, with the data, tools, reward and prompts of inference.

    sft.py, sft_config.py       an SFT training from a checkpoint and a dataset of trajectories; its settings
    sft_data.py                 trajectories as tokens with labels
grpo.py, grpo_config.py     a GRPO training from a checkpoint and a dataset of tasks; its settings
trainer.py                  TRL's GRPO trainer with our episodes in its rollouts
rollouts.py                 episodes whose turns the trainer writes, with tools that run together
tokens.py                   a rollout in tokens, exactly as they were generated
reward.py, credit.py        the hybrid reward of a batch; advantages of rollouts and of turns
tasks.py                    the tasks and their order
parameters.py               which weights are trained
checkpoints.py              the folder of a training: record, last whole checkpoint
watch.py, page.py           figures as they come, signs of a collapse, the HTML page
"""
