"""Charts and manifests from wherever they can be had: a path, the cache, their repository, their address."""
