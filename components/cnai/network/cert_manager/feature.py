"""cert-manager."""

from cnai.capabilities import Metrics
from cnai.feature import Feature

FEATURE = Feature(
    key="cert_manager",
    text="Certificates.",
    component="CertManager",
    packages=("cert-manager",),
    uses=(Metrics,),
)
