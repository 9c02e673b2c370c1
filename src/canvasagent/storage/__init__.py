"""Disk access: locks, atomic files, checks of folders, names and input files, foreign JSON."""
