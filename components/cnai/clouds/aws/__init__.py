"""AWS: EKS in its own VPC, managed node groups, and Karpenter for every pool that scales."""
