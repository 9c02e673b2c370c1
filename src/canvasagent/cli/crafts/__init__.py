"""The subcommands of `canvasagent craft`: one file each, found by its name."""
