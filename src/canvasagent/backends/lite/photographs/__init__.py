"""Seeing in photographs by small networks that set-up fetches: things, faces, masks."""
