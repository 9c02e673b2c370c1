"""The short notation of the benchmark's checks, and what it means."""

from __future__ import annotations

from typing import Any

from canvasagent.errors import InputError


def read_checks(text: str) -> tuple[dict[str, Any], ...]:
    """Checks in short: `present dog; absent car; color car red; count tree 2; text SALE; size 4; answer dog, 2`."""
    return tuple(_check(part.strip()) for part in text.split(";") if part.strip())


def _check(part: str) -> dict[str, Any]:
    name, _, rest = part.partition(" ")
    words = rest.split()
    match name:
        case "present" | "absent":
            return {"check": f"object_{name}", "object": rest}
        case "color":
            return {"check": "object_color", "object": " ".join(words[:-1]), "color": words[-1]}
        case "count":
            return {"check": "object_count", "object": " ".join(words[:-1]), "count": int(words[-1])}
        case "place":
            return {"check": "object_place", "object": rest.split(":")[0].strip(), "where": rest.split(":")[1].strip()}
        case "text":
            return {"check": "text_readable", "text": rest}
        case "notext":
            return {"check": "text_absent"} | ({"text": rest} if rest else {})
        case "flipped":
            return {"check": "mirrored"}
        case "orient":
            return {"check": "orientation", "turned": int(words[0])} | ({"mirrored": True} if words[1:] else {})
        case "size":
            return {"check": "size_ratio", "ratio": float(words[0])}
        case "area":
            return {"check": "size_ratio", "ratio": float(words[0]), "of": "area", "tolerance": float(words[1])}
        case "changed":
            return {"check": "not_blank", "differs_from": 1}
        case "shown":
            return {"check": "not_blank"}
        case "clear":
            return {"check": "transparent", "tight": True}
        case "sharper":
            return {"check": "sharper_than"}
        case "same":
            return {"check": "unchanged_outside"} | ({"region": [int(edge) for edge in words]} if words else {})
        case "has":
            return {"check": "contains_input", "input": int(words[0])}
        case "answer":
            return {"check": "answer_contains", "words": [word.strip() for word in rest.split(",")]}
        case "rel":
            one, relation, other = (item.strip() for item in rest.split(","))
            return {"check": "object_relation", "object": one, "relation": relation, "other": other}
    raise InputError(f"'{part}' is no check")
