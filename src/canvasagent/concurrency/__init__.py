"""Coroutines run from synchronous code, micro-batches of calls, and the signals that stop processes."""
