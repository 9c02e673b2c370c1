"""Pictures in and out, geometry, fonts, masks, compositing."""
