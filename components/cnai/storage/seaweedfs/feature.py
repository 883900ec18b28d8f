"""SeaweedFS."""

from cnai.capabilities import Metrics, ObjectStorage
from cnai.feature import Feature
from cnai.storage.families import OBJECT_STORE
from cnai.storage.settings import ObjectStoreSettings

FEATURE = Feature(
    key="seaweedfs",
    family=OBJECT_STORE,
    name="object-store",
    text="SeaweedFS.",
    component="SeaweedFS",
    settings=ObjectStoreSettings,
    packages=("seaweedfs",),
    uses=(Metrics,),
    gives=(ObjectStorage,),
    secrets=("object_store_root_password",),
)
