"""Tools for others: the HTTP server of `canvasagent serve tools`, and its client behind the profile `remote:URL`.

`wire.py` is what both sides share, `client.py` the client (no extra needed); the rest is the server, which needs
the extra `serve`. The server knows its tools through `engine.Engine` alone: a `ToolBox` is one.
"""
