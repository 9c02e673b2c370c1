"""The subcommands of `canvasagent train`: one file each, found by its name."""
