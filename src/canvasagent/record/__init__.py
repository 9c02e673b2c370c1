"""What a run leaves behind: its record, folder, report, provenance, and replay."""

RECORD_NAME = "trajectory.json"
ASSET_FOLDER = "assets"
"""Files of a run's folder."""
