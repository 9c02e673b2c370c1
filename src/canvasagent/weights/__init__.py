"""Weights of trained models: which there are, whether they are here and whole, fetching, and where they fit."""
