"""Helm releases in the sandbox: the real chart if available, else a stand-in, without what cannot work here."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnai.sandbox.provider.release.resource import ReleaseResource

__all__ = ["ReleaseResource"]


def __getattr__(name: str) -> Any:
    # Helm starts the post-renderer of this package for every release: it must not import an HTTP client to do so.
    if name == "ReleaseResource":
        from cnai.sandbox.provider.release.resource import ReleaseResource

        return ReleaseResource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
