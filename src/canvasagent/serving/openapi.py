"""The server's OpenAPI document, made from the tools' definitions, and the list of tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from canvasagent.endpoints.wire import API, EVENTS, ID_PATTERN, JSON, LINES, PNG, RESULT, TIFF
from canvasagent.serving.calls import SEED_LIMIT
from canvasagent.serving.engine import Engine
from canvasagent.serving.settings import ServerSettings
from canvasagent.tools.base import Tool
from canvasagent.version import __version__


def tools_document(engine: Engine, unready: Mapping[str, str]) -> dict[str, Any]:
    """The body of `/v1/tools`: the profile, and each available tool with its backend and schema."""
    return {
        "canvasagent": __version__,
        "profile": engine.profile.name,
        "pixel_boxes": engine.profile.pixel_boxes,
        "max_pixels": engine.max_pixels,
        "tools": [
            {
                "name": tool.name,
                "version": tool.version,
                "backend": engine.fingerprint(tool),
                "stochastic": engine.stochastic(tool),
                "schema": tool.schema(),
            }
            for tool in engine.tools.values()
            if tool.name not in unready
        ],
        "unready": dict(unready),
    }


def document(tools: Mapping[str, Tool], settings: ServerSettings, keys: bool) -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, Any] = {f"{API}/tools/{tool.name}": {"post": _call(tool, settings)} for tool in tools.values()}
    paths |= _picture_paths(settings)
    paths[f"{API}/tools"] = {"get": _operation("listTools", "The tools, with their backends.", {"200": _json("Tools")})}
    for path, name, summary in (
        ("/healthz", "healthy", "Whether the process lives."),
        ("/readyz", "ready", "Whether its tools can be used."),
    ):
        replies = {"200": _json("Status"), **({"503": _problem("Not yet.")} if name == "ready" else {})}
        paths[path] = {"get": {**_operation(name, summary, replies, open=True), "security": []}}
    counts = {"200": _media("Text", "text/plain")}
    if keys:
        counts["403"] = _problem("This key may not read them.")
    paths["/metrics"] = {"get": _operation("metrics", "Counts for Prometheus.", counts)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "CanvasAgent tools", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}} if keys else {},
        },
        "security": [{"key": []}] if keys else [],
    }


def _call(tool: Tool, settings: ServerSettings) -> dict[str, Any]:
    schema = tool.schema()["function"]["parameters"]
    named, id = tool.references({}), {"type": "string", "pattern": f"^{ID_PATTERN}$"}
    properties = {
        name: {**spec, "items": id} if name in tool.lists else {**spec, **id} if name in named else spec
        for name, spec in schema["properties"].items()
    }
    body = {
        "type": "object",
        "additionalProperties": False,
        "required": ["arguments"],
        "properties": {
            "arguments": {**schema, "properties": properties},
            "seed": {"type": "integer", "minimum": 0, "exclusiveMaximum": SEED_LIMIT, "default": 0},
            "backend": {"type": ["string", "null"], "maxLength": 500},
        },
    }
    result = _json("Result")
    result["content"] |= {media: {"schema": {"type": "string"}} for media in (LINES, EVENTS, RESULT)}
    replies = {
        "200": result,
        "404": _problem("A picture is not here (any more): upload those in `missing`."),
        "408": _problem("The body came too slowly."),
        "409": _problem("Another backend than the expected one does this tool's work."),
        "413": _problem("The body is too large."),
        "415": _problem("The body is not JSON."),
        "422": _problem("The arguments are wrong (`invalid`), or the tool refuses in words (`refused`)."),
        "503": _problem("The backend crashed or was lost (`backend_failure`): the call may be sent again."),
        "504": _problem(f"The call took longer than {settings.call_timeout:g} s (`call_timeout`)."),
    }
    operation = {**_operation(f"call{tool.name}", tool.summary, replies), "tags": ["tools"]}
    return {**operation, "requestBody": {"required": True, "content": {JSON: {"schema": body}}}}


def _picture_paths(settings: ServerSettings) -> dict[str, Any]:
    file = {"schema": {"type": "string", "contentEncoding": "binary"}}
    form = {
        "type": "object",
        "required": ["picture"],
        "properties": {
            "picture": {"type": "string", "format": "binary"},
            "kind": {"type": "string", "enum": ["image", "mask", "cutout"]},
        },
    }
    wrong = {
        "408": _problem("The body came too slowly."),
        "413": _problem(f"More than {settings.upload_bytes:,} bytes."),
        "422": _problem(
            f"No picture, of more than {settings.max_pixels:,} pixels, or with a hash that is not its own."
        ),
    }
    name = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"}}
    kind = {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["image", "mask", "cutout"]}}
    digest = {"name": "Content-Digest", "in": "header", "schema": {"type": "string", "pattern": "^sha-256=:.+:$"}}
    kept, unknown = _json("Picture", "Kept."), _problem("There is no such picture under this key.")
    picture = {
        "description": "The picture.",
        "content": {PNG: {"schema": {}}, TIFF: {"schema": {}}},
    }
    return {
        f"{API}/pictures": {
            "post": {
                **_operation("addPicture", "Upload a picture; the answer says its id.", {"201": kept, **wrong}),
                "parameters": [kind, digest],
                "requestBody": {
                    "required": True,
                    "content": {PNG: file, TIFF: file, "image/jpeg": file, "multipart/form-data": {"schema": form}},
                },
            }
        },
        f"{API}/pictures/{{id}}": {
            "parameters": [name],
            "get": _operation("getPicture", "A picture that was uploaded or made.", {"200": picture, "404": unknown}),
            "put": {
                **_operation(
                    "putPicture", "Upload a picture under its own hash.", {"201": kept, "404": unknown, **wrong}
                ),
                "parameters": [digest],
                "requestBody": {"required": True, "content": {PNG: file, TIFF: file}},
            },
        },
    }


def _operation(name: str, summary: str, replies: Mapping[str, Any], open: bool = False) -> dict[str, Any]:
    gate = {
        "403": _problem("Without keys, the server takes no requests from web pages of other origins."),
        "421": _problem("Without keys, the server answers to its own host only."),
    }
    common = {
        "400": _problem("The request makes no sense."),
        "401": _problem("No key, or one that is not known."),
        "429": _problem("A quota or the queue is used up: come back after Retry-After seconds."),
    }
    common["429"]["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer"}}}
    return {"operationId": name, "summary": summary, "responses": {**gate, **({} if open else common), **replies}}


def _json(schema: str, words: str = "Done.") -> dict[str, Any]:
    return {"description": words, "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _media(words: str, media: str) -> dict[str, Any]:
    return {"description": words, "content": {media: {"schema": {"type": "string"}}}}


def _problem(words: str) -> dict[str, Any]:
    return _json("Problem", words)


_PICTURE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "kind", "size"],
    "properties": {
        "id": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
        "kind": {"enum": ["image", "mask", "cutout"]},
        "size": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    },
}
_SCHEMAS: dict[str, Any] = {
    "Picture": _PICTURE,
    "Result": {
        "type": "object",
        "required": ["text", "words", "data", "picture", "seed", "backend", "cached", "seconds"],
        "properties": {
            "text": {"type": "string", "description": "the observation, as a policy reads it"},
            "words": {"type": ["string", "null"], "description": "the result in words, for people"},
            "data": {"description": "the result as data"},
            "picture": {"anyOf": [{"$ref": "#/components/schemas/Picture"}, {"type": "null"}]},
            "seed": {"type": "integer"},
            "backend": {"type": "string"},
            "cached": {"type": "boolean"},
            "seconds": {"type": "number"},
        },
    },
    "Problem": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["type", "message"],
                "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
            }
        },
    },
    "Status": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}},
    "Tools": {
        "type": "object",
        "required": ["profile", "tools"],
        "properties": {"profile": {"type": "string"}, "tools": {"type": "array", "items": {"type": "object"}}},
    },
}
