"""The packs as a Pulumi policy pack: the engine's analyzer protocol, spoken without the policy SDK.

That SDK reads every resource once for each policy, and loading it takes longer than checking a whole platform. Here
each is read once for all rules, and each finding goes by its own rule's name and level.
"""
