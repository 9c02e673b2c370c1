"""The drawn world of the lite profile: sprites, backgrounds, a scene grammar and a renderer."""
