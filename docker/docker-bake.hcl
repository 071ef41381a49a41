# All images for a registry, for every platform, with SBOM and provenance:
#
#     REGISTRY=registry.example/you docker buildx bake --file docker/docker-bake.hcl --push

# Registry and owner before every name: `image.registry` of the chart.
variable "REGISTRY" {
  default = "ghcr.io/zero-prover-infra"
}

# The chart's appVersion.
variable "VERSION" {
  default = "0.1.0"
}

# The commit that is built: `git rev-parse HEAD`.
variable "REVISION" {
  default = "unknown"
}

# `prover.version` of the chart.
variable "ZK_EVM" {
  default = "v0.7"
}

# The prover's image for it; zk-evm.sh makes it.
variable "ZK_EVM_IMAGE" {
  default = "${REGISTRY}/zk_evm:${ZK_EVM}"
}

# Where our own images run.
variable "PLATFORMS" {
  default = "linux/amd64,linux/arm64"
}

# Where the images with the prover run: what its image is there for.
variable "ZK_EVM_PLATFORMS" {
  default = "linux/amd64"
}

group "default" {
  targets = ["own", "prover"]
}

group "own" {
  targets = ["scaler", "kubectl-zero"]
}

group "prover" {
  targets = ["worker", "leader", "jumpbox"]
}

target "common" {
  context    = "."
  dockerfile = "docker/Dockerfile"
  args = {
    VERSION  = VERSION
    REVISION = REVISION
  }
  # A registry links an image to its repository by them.
  labels = {
    "org.opencontainers.image.source"        = "https://github.com/zero-prover-infra/zero-prover-infra"
    "org.opencontainers.image.url"           = "https://github.com/zero-prover-infra/zero-prover-infra"
    "org.opencontainers.image.documentation" = "https://github.com/zero-prover-infra/zero-prover-infra/blob/main/docker/README.md"
  }
  attest = ["type=sbom", "type=provenance,mode=max"]
}

target "common-own" {
  inherits  = ["common"]
  platforms = split(",", PLATFORMS)
}

target "common-prover" {
  inherits  = ["common"]
  platforms = split(",", ZK_EVM_PLATFORMS)
  args = {
    ZK_EVM_IMAGE = ZK_EVM_IMAGE
  }
}

target "scaler" {
  inherits = ["common-own"]
  target   = "scaler"
  tags     = ["${REGISTRY}/scaler:${VERSION}"]
}

target "kubectl-zero" {
  inherits = ["common-own"]
  target   = "kubectl-zero"
  tags     = ["${REGISTRY}/kubectl-zero:${VERSION}"]
}

target "worker" {
  inherits = ["common-prover"]
  target   = "worker"
  tags     = ["${REGISTRY}/worker:${VERSION}-${ZK_EVM}"]
}

target "leader" {
  inherits = ["common-prover"]
  target   = "leader"
  tags     = ["${REGISTRY}/leader:${VERSION}-${ZK_EVM}"]
}

target "jumpbox" {
  inherits = ["common-prover"]
  target   = "jumpbox"
  tags     = ["${REGISTRY}/jumpbox:${VERSION}-${ZK_EVM}"]
}
