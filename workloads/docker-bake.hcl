# `docker buildx bake` builds every image; `docker buildx bake --push training` one of them.

variable "REGISTRY" {
  default = "localhost:5000/cnai"
}

variable "TAG" {
  default = "dev"
}

variable "REVISION" {
  default = ""
}

variable "SOURCE" {
  default = ""
}

variable "PYTHON_IMAGE" {
  # Tag and digest as docker-library/repo-info lists them; the Dockerfiles have the same, for a build without bake.
  default = "python:3.11.16-slim-bookworm@sha256:0bee7276f83efd4a1ee05bbbf4281d95ed28e079220a9457f25a93e3f1e3c31b"
}

variable "UV_VERSION" {
  default = "0.13.9"
}

group "default" {
  targets = ["training", "training-compile", "inference"]
}

target "common" {
  args = {
    PYTHON_IMAGE = PYTHON_IMAGE
    UV_VERSION   = UV_VERSION
  }
  platforms = ["linux/amd64"]
  labels = {
    "org.opencontainers.image.revision"  = REVISION
    "org.opencontainers.image.source"    = SOURCE
    "org.opencontainers.image.version"   = TAG
    "org.opencontainers.image.vendor"    = "cnai"
    "org.opencontainers.image.base.name" = PYTHON_IMAGE
  }
  attest = ["type=sbom", "type=provenance,mode=max"]
}

target "training" {
  inherits = ["common"]
  context  = "training"
  tags     = ["${REGISTRY}/training:${TAG}"]
}

target "training-compile" {
  inherits = ["training"]
  target   = "compile"
  tags     = ["${REGISTRY}/training:${TAG}-compile"]
}

target "inference" {
  inherits = ["common"]
  context  = "inference"
  tags     = ["${REGISTRY}/inference:${TAG}"]
}
