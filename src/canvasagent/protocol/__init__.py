"""The wire contract between policy and environment: turns, conversations, observations."""
