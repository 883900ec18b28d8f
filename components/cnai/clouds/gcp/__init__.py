"""Google Cloud: a private GKE cluster in its own VPC, and a node pool for each route of each pool."""
