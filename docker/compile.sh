#!/bin/sh
# Compiles the programs of the images; runs inside the Dockerfile's first stage, which sets BUILDARCH, TARGETARCH and
# REVISION.
#
# They are linked with no library at all: they run in an empty image, and on a zk_evm image however old its C library.
set -eu

case "$TARGETARCH" in
    amd64) machine=x86_64 compiler=gcc-x86-64-linux-gnu ;;
    arm64) machine=aarch64 compiler=gcc-aarch64-linux-gnu ;;
    *)
        echo "no image is made for $TARGETARCH: amd64 and arm64 are what there is" >&2
        exit 1
        ;;
esac
target=$machine-unknown-linux-gnu
# KEDA's scaler is pulled by every node that runs one: 20 MiB, less the certificate authorities.
scaler_limit=$((20 * 1024 * 1024 - 256 * 1024))
variable=$(echo "CARGO_TARGET_$target" | tr 'a-z-' 'A-Z_')

# What compiling for another machine needs; nothing where builder and image are alike.
prepare() {
    [ "$BUILDARCH" != "$TARGETARCH" ] || return 0
    apt-get update -q
    apt-get install -q --yes --no-install-recommends "$compiler" "libc6-dev-$TARGETARCH-cross"
    rm -rf /var/lib/apt/lists/*
    rustup target add "$target"
}

# Takes the folder that cargo works in and the one that the programs are put into.
programs() {
    if [ "$BUILDARCH" != "$TARGETARCH" ]; then
        export "${variable}_LINKER=$machine-linux-gnu-gcc"
    fi
    # No library; and places to relocate as a bitmap instead of a table of 24 bytes each.
    export "${variable}_RUSTFLAGS=-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs"
    # The smallest programs, for the longest linking: images are built seldom and pulled often.
    export "CARGO_PROFILE_RELEASE_LTO=${CARGO_PROFILE_RELEASE_LTO:-fat}"
    ZERO_COMMIT=$(echo "$REVISION" | cut -c -12)
    export ZERO_COMMIT
    cargo build --locked --release --target "$target" --target-dir "$1" \
        --package scaler --package prover-host --package kubectl-plugin --bins
    mkdir -p "$2" /empty
    for program in zero-scaler zero-worker zero-leader kubectl-zero; do
        cp "$1/$target/release/$program" "$2/"
        if readelf --program-headers --wide "$2/$program" | grep -q INTERP; then
            echo "$program needs libraries, which the images may not have: it has to be linked statically" >&2
            exit 1
        fi
    done
    size=$(wc -c <"$2/zero-scaler")
    if [ "$size" -gt "$scaler_limit" ]; then
        echo "zero-scaler has $size bytes: its image would be larger than 20 MiB" >&2
        exit 1
    fi
}

"$@"
