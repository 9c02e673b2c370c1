"""What is read and written on disk: names that become paths, whose folder a folder is, input files, JSON of others."""
