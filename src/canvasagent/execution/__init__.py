"""Executing tool calls: the toolbox, the exact cache, batching, calls in flight."""
