"""Training and its tools, as the Kubeflow projects make them."""
