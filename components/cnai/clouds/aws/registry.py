"""ECR: a repository for each image that the environment builds."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

IMAGES = ("training", "inference")
"""Of `workloads/`."""
UNTAGGED_DAYS, TAGGED_KEPT = 14, 100


def lifecycle() -> dict[str, Any]:
    """What no tag names goes soon; of the others the newest stay."""
    untagged = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": UNTAGGED_DAYS,
    }
    tagged = {
        "tagStatus": "tagged",
        "tagPatternList": ["*"],
        "countType": "imageCountMoreThan",
        "countNumber": TAGGED_KEPT,
    }
    rules = (untagged, tagged)
    return {
        "rules": [
            {"rulePriority": place, "selection": selection, "action": {"type": "expire"}}
            for place, selection in enumerate(rules, start=1)
        ]
    }


@dataclass(frozen=True, kw_only=True)
class AwsRegistryArgs:
    environment: str
    region: str
    disposable: bool = False


class AwsRegistry(pulumi.ComponentResource):
    """Images as `<url>/<image>`; nodes may pull them, by their own role."""

    url: pulumi.Output[str]

    def __init__(self, name: str, args: AwsRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsRegistry", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, protect=not args.disposable)
        made = [self._repository(name, f"{args.environment}/{image}", inside) for image in IMAGES]
        self.url = pulumi.Output.format(
            "{0}.dkr.ecr.{1}.amazonaws.com/{2}", made[0].registry_id, args.region, args.environment
        )
        self.register_outputs({"url": self.url})

    def _repository(self, name: str, image: str, opts: pulumi.ResourceOptions) -> aws.ecr.Repository:
        role = image.rpartition("/")[2]
        repository = aws.ecr.Repository(
            f"{name}-{role}",
            name=image,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS"}],
            opts=opts,
        )
        policy = json.dumps(lifecycle())
        inside = pulumi.ResourceOptions(parent=self)
        aws.ecr.LifecyclePolicy(f"{name}-{role}", repository=repository.name, policy=policy, opts=inside)
        return repository
