"""Keys of a stack file under which a network feature is chosen from several."""

from cnai.feature import Family

MESH = Family(key="mesh", choose="one", text="Service mesh with an ingress gateway.")
