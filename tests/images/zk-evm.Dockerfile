# A double of the prover's image: the stand-in prover, which proves nothing, under the names and the user of zk_evm's own
# Dockerfile.
ARG DEBIAN_IMAGE=localhost/double/debian
# hadolint ignore=DL3006
FROM ${DEBIAN_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update -q \
 && apt-get install -q --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --home-dir /nonexistent --shell /sbin/nologin user
COPY stand-in-v07-leader /usr/local/bin/leader
COPY stand-in-v07-worker /usr/local/bin/worker
COPY stand-in-v07-verifier /usr/local/bin/verifier
COPY stand-in-v07-rpc /usr/local/bin/rpc
# As in the original, by name.
# hadolint ignore=DL3066
USER user
