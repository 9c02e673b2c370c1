"""What a run leaves behind: its record, folder, report, provenance, and replay."""
