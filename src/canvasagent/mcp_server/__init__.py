"""The tools and the agent for MCP hosts (assistants, editors): the server of `canvasagent mcp`; needs the extra `mcp`.

`access.py` says which files a client may name, `workspace.py` keeps its pictures, `definitions.py` describes the tools,
`answers.py` makes results, `requests.py` runs the agent, `server.py` joins them, `transports.py` serves them.
"""
