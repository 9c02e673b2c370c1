"""Files on disk: names that are safe as paths, whose folder a folder is, and what may be read as input."""
