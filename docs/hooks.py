"""Writes the API reference: one section for each public module of the library, made when the site is built."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "components"
INNER = ("cli", "sandbox")
"""Rooms whose insides are no interface."""


def public_modules() -> list[str]:
    """Dotted names of the modules that a program may import."""
    found: list[str] = []
    for path in sorted((ROOT / "cnai").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if (parts[1:2] and parts[1] in INNER) or any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        found.append(".".join(part for part in parts if part != "__init__"))
    return found


def on_page_markdown(markdown: str, *, page, **_) -> str:
    """Replaces the marker in api.md by a directive for each module."""
    if page.file.src_uri != "api.md":
        return markdown
    return markdown.replace("<!-- modules -->", "\n\n".join(f"::: {name}" for name in public_modules()))
