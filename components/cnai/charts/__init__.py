"""Charts and manifests from wherever they are available: a path, the cache, their repository, their URL."""
