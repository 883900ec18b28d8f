"""Google Cloud: a private GKE cluster in a VPC of its own, and a node pool for each route of each pool."""
