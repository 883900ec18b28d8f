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

variable "PYTHON_IMAGE" {
  # With a digest where the build must be repeatable to the byte: python:3.11.14-slim-bookworm@sha256:…
  default = "python:3.11.14-slim-bookworm"
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
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.version"  = TAG
    "org.opencontainers.image.vendor"   = "cnai"
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
