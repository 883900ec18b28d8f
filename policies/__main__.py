"""The rules as a Pulumi policy pack: `./cnai pulumi preview --policy-pack policies`."""

from cnai.policy.crossguard import serve

serve()
