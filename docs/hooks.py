"""Writes what the site says of the code: a section for each public module, and the table of features."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "components"
INNER = ("charts", "checks", "cli", "engine", "plugin", "sandbox", "toolchain")
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


def features_table() -> str:
    """One row for each feature: how a stack file switches it on, and what it brings, gives and uses."""
    from cnai.catalog import catalog
    from cnai.features import features

    rows = ["| under `cnai:features` | what it is | packages | needs | gives | uses |", "|---|---|---|---|---|---|"]
    for feature in sorted(features().values(), key=lambda each: each.label):
        packages = ", ".join(f"{name} {catalog()[name].version}" for name in feature.packages)
        given = [", ".join(each.title for each in kinds) for kinds in (feature.gives, feature.uses)]
        cells = [f"`{feature.label}`", feature.text, packages, ", ".join(feature.needs), *given]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def on_page_markdown(markdown: str, *, page, **_) -> str:
    """Replaces the markers of the pages that have one."""
    if page.file.src_uri == "api.md":
        return markdown.replace("<!-- modules -->", "\n\n".join(f"::: {name}" for name in public_modules()))
    return markdown.replace("<!-- features -->", features_table()) if "<!-- features -->" in markdown else markdown
