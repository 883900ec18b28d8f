"""AWS: EKS in a VPC of its own, managed node groups, and Karpenter for every pool that scales."""
