"""A plug-in of CanvasAgent, as a third party would write it."""
