"""The rules as a Pulumi policy pack: `./cnai pulumi preview --policy-pack policies`."""

from cnai.policy.analyzer.serving import serve

serve()
