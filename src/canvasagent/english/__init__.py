"""Words: what everything that reads or writes English shares."""
