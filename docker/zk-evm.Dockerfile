# What the prover's own Dockerfile is built on: Rust of one day, and the CPU that the programs are made for. zk-evm.sh
# gives it as BUILD_BASE; the prover's Dockerfile stays as it is.

# The Debian of the prover's own image, whose C library the programs have to fit.
ARG RUST_IMAGE=docker.io/library/rust:1.81.0-slim-bullseye
FROM ${RUST_IMAGE}
ARG TOOLCHAIN
ARG CPU
# Goes before the prover's rust-toolchain.toml.
ENV RUSTUP_TOOLCHAIN=${TOOLCHAIN}
# In the place of the flags in the prover's .cargo/config.toml, so those are here too.
ENV RUSTFLAGS="-C target-cpu=${CPU} -Z linker-features=-lld"
RUN rustup toolchain install --profile minimal "${TOOLCHAIN}"
