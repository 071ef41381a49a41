# A double of rust:…-slim-trixie: the same compiler of C, and the machine's own Rust. The test mounts Rust's toolchain at
# /opt/rust, and the crates that the machine has already at /opt/cargo/registry.
ARG DEBIAN_IMAGE=localhost/double/debian
# hadolint ignore=DL3006
FROM ${DEBIAN_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update -q \
 && apt-get install -q --yes --no-install-recommends ca-certificates gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/rust/bin:$PATH
ENV CARGO_HOME=/opt/cargo CARGO_NET_OFFLINE=true
# Small and quick to compile instead of quick to run.
ENV CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
