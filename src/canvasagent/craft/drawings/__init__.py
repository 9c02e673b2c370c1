"""Drawn scenes and pages with words, for sources of pictures and for the benchmark."""
