"""The cloud's own buckets."""

from cnai.capabilities import ObjectStorage
from cnai.feature import Feature
from cnai.storage.families import OBJECT_STORE

FEATURE = Feature(
    key="bucket",
    family=OBJECT_STORE,
    name="buckets",
    text="The cloud's own buckets.",
    component="CloudBuckets",
    gives=(ObjectStorage,),
)
