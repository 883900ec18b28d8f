"""Policy as code: rules over Kubernetes objects and cloud resources, for previews, manifests and the cluster."""
