"""Keys of a stack file under which a storage feature is chosen from several."""

from cnai.feature import Family

OBJECT_STORE = Family(
    key="object_store",
    choose="one",
    text="For datasets, checkpoints and models: the cloud's own buckets, or S3 in the cluster. Of those SeaweedFS is "
    "the maintained one: MinIO's upstream is archived.",
)
