"""HTML pages that need nothing beside themselves: one frame, one style sheet, one rule for what is inserted.

Every value that a template inserts is escaped, and the frame's content policy lets a browser run the page's own style
and script only and request nothing, so what a model or a picture's text says stays text.

    page.html, page.css     the frame and the style that all pages share
    NAME.html               a page: extends `page.html`
    NAME.css, NAME.js       its own style and script, where they are beside it
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from canvasagent.storage.files import write_atomically

_FOLDER = Path(__file__).parent


def render(template: Path, **values: object) -> str:
    """The template with its values. Raises `jinja2.UndefinedError` for a value that is missing."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader([template.parent, _FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The policy names hashes, not 'unsafe-inline': injected markup could not run even if escaping failed.
    style = _text(_FOLDER / "page.css") + _text(template.with_suffix(".css"))
    script = _text(template.with_suffix(".js"))
    sources = {"style-src": style, "script-src": script}
    allowed = "; ".join(f"{name} '{_digest(text)}'" for name, text in sources.items() if text)
    own = {"page_style": Markup(style), "page_script": Markup(script), "page_allows": Markup(allowed)}
    return environment.get_template(template.name).render(**values, **own)


def write_page(file: Path, text: str) -> None:
    """Write a page; lone surrogates, which some texts of others hold, become '?'. Raises `StorageError`."""
    write_atomically(file, text.encode("utf-8", "replace"))


def _text(file: Path) -> str:
    return file.read_text("utf-8") if file.is_file() else ""


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
