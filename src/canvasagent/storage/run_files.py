"""What the files of a run's folder are called."""

RECORD_NAME = "trajectory.json"
ASSET_FOLDER = "assets"
