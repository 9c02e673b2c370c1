"""What may be written and removed on disk: names that are safe as paths, and whose folder a folder is."""
