"""MinIO."""

from cnai.capabilities import Metrics, ObjectStorage
from cnai.feature import Feature
from cnai.storage.families import OBJECT_STORE
from cnai.storage.settings import ObjectStoreSettings

FEATURE = Feature(
    key="minio",
    family=OBJECT_STORE,
    name="object-store",
    text="MinIO, for those who have it already: upstream is archived.",
    component="MinIO",
    settings=ObjectStoreSettings,
    packages=("minio",),
    uses=(Metrics,),
    gives=(ObjectStorage,),
    secrets=("object_store_root_password",),
)
