"""Execution of tool calls: toolbox, exact cache, calls in flight."""
