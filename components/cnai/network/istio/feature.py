"""Istio."""

from cnai.feature import Feature
from cnai.network.families import MESH

FEATURE = Feature(
    key="istio",
    family=MESH,
    text="Istio, with an ingress gateway.",
    component="Istio",
    packages=("istio-base", "istiod", "istio-gateway"),
)
