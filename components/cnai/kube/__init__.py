"""Kubernetes, whatever the kind, without typed models."""

from cnai.kube.client import Endpoint, Kube
from cnai.kube.connection import Object
from cnai.kube.errors import ApiError, NoKindError

__all__ = ["ApiError", "Endpoint", "Kube", "NoKindError", "Object"]
