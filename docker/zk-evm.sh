#!/usr/bin/env bash
# Builds zk_evm's own image from its own, unmodified Dockerfile, for a chosen CPU.
set -euo pipefail

usage() {
    cat <<'END'
Builds the prover's image, unmodified, for a chosen CPU.

Usage: docker/zk-evm.sh [OPTIONS] v0.5|v0.6|v0.7

Options:
  --cpu NAME      What rustc compiles for (`rustc --print target-cpus`) [default: x86-64-v3]
                  x86-64-v3 runs on Intel from Haswell and AMD from Zen on; znver3 on AMD from Milan on (t2d,
                  c2d). `native` is the CPU it is built on: workers elsewhere may end with SIGILL.
  --commit SHA    Refuse any other commit than this; the one that was built is told at the end
  --image NAME    The image's name [default: zk_evm:VERSION]
  --push          Push it to its registry
  --dry-run       Tell the commands and run none
  -h, --help      This

Needs git, and docker with BuildKit. The whole prover is compiled: give it cores and time.
END
}

fail() {
    echo "zk-evm.sh: $*" >&2
    exit 1
}

# The release of each version, and the Rust it is built with. v0.7.0 names its toolchain in rust-toolchain.toml; the
# others want a nightly that knows `-Z linker-features`, and get the same one.
choose() {
    case "$1" in
        v0.5) tag=v0.5.0 ;;
        v0.6) tag=v0.6.0 ;;
        v0.7) tag=v0.7.0 ;;
        *) fail "\`$1\` is no version of the prover that is known here: v0.5, v0.6 and v0.7 are" ;;
    esac
    toolchain=nightly-2024-09-24
}

# Tells a command, and runs it unless nothing is to be run.
run() {
    echo "\$ $*" >&2
    [[ -n $dry_run ]] || "$@"
}

options() {
    while (($# > 0)); do
        case "$1" in
            --cpu | --commit | --image)
                (($# > 1)) || fail "$1 wants a value"
                printf -v "${1#--}" '%s' "$2"
                shift
                ;;
            --push) push=yes ;;
            --dry-run) dry_run=yes ;;
            -h | --help)
                usage
                exit 0
                ;;
            -*) fail "there is no option $1; --help tells those that are" ;;
            *)
                [[ -z $version ]] || fail "one version at a time: $version or $1"
                version=$1
                ;;
        esac
        shift
    done
    [[ -n $version ]] || fail "which version? v0.5, v0.6 or v0.7"
}

prerequisites() {
    [[ -z $dry_run ]] || return 0
    command -v git >/dev/null || fail "there is no git: install the package \`git\`"
    command -v docker >/dev/null || fail "there is no docker: https://docs.docker.com/engine/install"
    docker info >/dev/null 2>&1 || fail "docker has no engine to talk to: start it, or see \`docker info\`"
}

# The sources of one tag alone.
fetch() {
    run git clone --quiet --depth 1 --branch "$tag" -c advice.detachedHead=false "$repository" "$sources"
    [[ -z $dry_run ]] || return 0
    revision=$(git -C "$sources" rev-parse HEAD)
    [[ -z $commit || $commit == "$revision" ]] || fail "$tag of $repository is $revision, not $commit: nothing was built"
}

build() {
    local base=zk_evm-build:$tag-$cpu
    run docker build --file "$here/zk-evm.Dockerfile" --tag "$base" \
        --build-arg "TOOLCHAIN=$toolchain" --build-arg "CPU=$cpu" "$here"
    run docker build --tag "$image" --build-arg "BUILD_BASE=$base" \
        --label "org.opencontainers.image.version=$tag" \
        --label "org.opencontainers.image.revision=$revision" \
        --label "io.zero-prover.target-cpu=$cpu" "$sources"
    [[ -z $push ]] || run docker push "$image"
}

version="" cpu=x86-64-v3 commit="" image="" push="" dry_run=""
options "$@"
choose "$version"
image=${image:-zk_evm:$version}
repository=${ZK_EVM_REPOSITORY:-https://github.com/0xPolygonZero/zk_evm}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prerequisites
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=$work/zk_evm revision=${commit:-of-$tag}
fetch
build
[[ -n $dry_run ]] || echo "$image is zk_evm $tag ($revision) for $cpu: give it to our Dockerfile as ZK_EVM_IMAGE"
