"""How the scripted policy reads a request and follows it: language → plan → play, with the wording in patterns.toml."""
