#!/usr/bin/env bash
# Fetches the witnesses of blocks with upstream's `rpc`, a file for each block, each checked.
set -euo pipefail

usage() {
    cat <<'TEXT'
Fetches witnesses from a node, a file for each block, and checks each. A file that is there is never written again, so the
same command goes on where it was stopped.

  export ZERO_BIN_RPC_URL=http://127.0.0.1:8545
  tools/witnesses.sh --from 20362226 --to 20362237 --out witnesses

The node's address is read from ZERO_BIN_RPC_URL or from a file, because it often has a key in it and others can read
arguments. `rpc` of v0.5 and v0.6 takes it as an argument alone, and so it is passed to that one.

What is fetched
  --from N            first block
  --to N              last block; the first alone without it
  --checkpoint N      the block that the chain of proofs begins after; the one before --from without it. All blocks of one
                      chain need the same: give it when you add blocks to a folder
  --out DIR           witnesses without it; block 7 is in DIR/7.witness.json

From where
  --url-file FILE     a file with the node's address
  --rpc-type TYPE     jerigon, for a node with the zero tracer, or native, for any archive node; jerigon without it
  --rpc PROGRAM       upstream's `rpc`, of the prover's release; `rpc` on the path without it
  --image IMAGE       an image that has `rpc` in it, run by docker or podman
  --retries N         tries of a request after the first; 5 without it
  --backoff MS        before each, in milliseconds; 1000 without it

  --dry-run           fetch nothing; print the command for each block, on standard output
  --help              this

Exit codes
  0    every block has a good file     3    some have          130  stopped
  1    none has                        5    something is missing
  2    command line
TEXT
}

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
FROM='' TO='' CHECKPOINT='' OUT=witnesses URL_FILE='' RPC_TYPE=jerigon PROGRAM=rpc IMAGE='' RETRIES=5 BACKOFF=1000
# So many failures one after the other are the node's, not a block's.
readonly IN_A_ROW=3

# shellcheck source=lib/words.sh
. "$ROOT/tools/lib/words.sh"
# shellcheck source=lib/options.sh
. "$ROOT/tools/lib/options.sh"

take_option() {
    TAKEN=1
    case $1 in
    --from) value_of FROM "$@" ;;
    --to) value_of TO "$@" ;;
    --checkpoint) value_of CHECKPOINT "$@" ;;
    --out) value_of OUT "$@" ;;
    --url-file) value_of URL_FILE "$@" ;;
    --rpc-type) value_of RPC_TYPE "$@" ;;
    --rpc) value_of PROGRAM "$@" ;;
    --image) value_of IMAGE "$@" ;;
    --retries) value_of RETRIES "$@" ;;
    --backoff) value_of BACKOFF "$@" ;;
    --dry-run) DRY_RUN=yes ;;
    *) TAKEN=0 ;;
    esac
}

whole_number() { [[ $2 =~ ^(0|[1-9][0-9]{0,17})$ ]] || usage_error "$1 is \`$2\`: a whole number is wanted"; }

check_options() {
    [[ -n $FROM ]] || usage_error 'which blocks? --from N, and --to N for a range'
    TO=${TO:-$FROM}
    whole_number --from "$FROM"
    whole_number --to "$TO"
    whole_number --retries "$RETRIES"
    whole_number --backoff "$BACKOFF"
    ((FROM > 0)) || usage_error '--from is 0: the genesis block has no witness'
    ((FROM <= TO)) || usage_error "--from is $FROM and --to $TO: the former may not be greater"
    CHECKPOINT=${CHECKPOINT:-$((FROM - 1))}
    whole_number --checkpoint "$CHECKPOINT"
    ((CHECKPOINT < FROM)) || usage_error "--checkpoint is $CHECKPOINT: it has to be before --from, $FROM"
    case $RPC_TYPE in
    jerigon | native) ;;
    *) usage_error "--rpc-type is \`$RPC_TYPE\`: it is jerigon or native" ;;
    esac
    [[ -z $URL_FILE ]] || readable --url-file "$URL_FILE"
    [[ -z $URL_FILE ]] || ZERO_BIN_RPC_URL=$(<"$URL_FILE")
    [[ -n ${ZERO_BIN_RPC_URL:-} ]] || usage_error 'which node? export ZERO_BIN_RPC_URL, or give --url-file FILE'
    # Upstream's own error for the second is a riddle: `kurtosis port print` tells an address without it.
    [[ $ZERO_BIN_RPC_URL =~ ^https?:// ]] || usage_error 'the address of the node begins with neither http:// nor https://'
    export ZERO_BIN_RPC_URL
}

# Sets RPC to what `rpc` is called by.
check_prerequisites() {
    local engine
    command -v kubectl-zero >/dev/null || fail "$LACKING" '`kubectl-zero` is not on the path; it checks what was fetched' \
        "cargo install --locked --path $(quoted "$ROOT/kubectl-plugin")"
    if [[ -n $IMAGE ]]; then
        engine=$(command -v docker || command -v podman) ||
            fail "$LACKING" 'neither `docker` nor `podman` is on the path; --image needs one' 'or give --rpc PROGRAM'
        # The name of the variable alone: its value would be seen in the list of processes.
        RPC=("${engine##*/}" run --rm --network host --env ZERO_BIN_RPC_URL --entrypoint rpc "$IMAGE")
    else
        command -v "$PROGRAM" >/dev/null || fail "$LACKING" "\`$PROGRAM\` is not there or not a program; it is upstream's \`rpc\`" \
            'docs/witnesses.md tells how to have it; or give --image IMAGE'
        RPC=("$PROGRAM")
    fi
}

# Sets RELEASE to the generation of `rpc`: where its options stand differs.
find_release() {
    local help
    # The help would show the value of the variable.
    help=$(ZERO_BIN_RPC_URL='' "${RPC[@]}" --help 2>&1) || true
    case $help in
    *--rpc-url*fetch*extract* | *fetch*extract*--rpc-url*) RELEASE=v0.7 ;;
    *fetch*) RELEASE=v0.6 ;;
    *) fail "$LACKING" "\`${RPC[*]}\` is not upstream's \`rpc\`: its help names no \`fetch\`" 'docs/witnesses.md' ;;
    esac
    say "rpc is of the generation of $RELEASE"
    [[ $RELEASE == v0.7 && $RPC_TYPE == native ]] &&
        say 'warning: rpc v0.7.0 reads values of storage in the wrong byte order with --rpc-type native: blocks that write storage fail in the workers (docs/witnesses.md)'
    return 0
}

# Sets FETCH to the command for a block.
fetch_command() {
    local -a how=(--rpc-type "$RPC_TYPE" --backoff "$BACKOFF" --max-retries "$RETRIES")
    local -a what=(--start-block "$1" --end-block "$1" --checkpoint-block-number "$CHECKPOINT")
    if [[ $RELEASE == v0.7 ]]; then
        FETCH=("${RPC[@]}" "${how[@]}" fetch "${what[@]}")
    else
        FETCH=("${RPC[@]}" fetch --rpc-url "$ZERO_BIN_RPC_URL" "${how[@]}" "${what[@]}")
    fi
}

# good FILE BLOCK: whether it is a witness of that block alone; leaves in WHY what it is otherwise.
good() {
    local told
    if ! told=$(kubectl-zero witness check --for "$RELEASE" --output json "$1" 2>&1); then
        WHY=$(kubectl-zero witness check --for "$RELEASE" "$1" 2>&1 >/dev/null | head -n 3) || true
        return 1
    fi
    WHY="it does not hold block $2 alone"
    [[ $told =~ \"firstBlock\":\ *$2, && $told =~ \"lastBlock\":\ *$2, ]]
}

# fetch_block BLOCK: fetches it aside, checks it, and gives it its name.
fetch_block() {
    local file=$OUT/$1.witness.json part=$OUT/.$1.witness.json.part.$$ said
    fetch_command "$1"
    if ! said=$("${FETCH[@]}" 2>&1 >"$part"); then
        rm -f "$part"
        said=$(head -n 3 <<<"${said//"$ZERO_BIN_RPC_URL"/[the node]}")
        WHY="\`rpc\` says: ${said%%$'\n\n'*}"
        return 1
    fi
    if ! good "$part" "$1"; then
        rm -f "$part"
        return 1
    fi
    # Unlike a move, a second name is never given to what is there.
    ln "$part" "$file" 2>/dev/null || mv -n "$part" "$file" || true
    WHY='somebody else has written it meanwhile, or the disk is full'
    rm -f "$part"
    good "$file" "$1"
}

# What a run that was killed has left half-way.
clear_parts() {
    local part
    for part in "$OUT"/.*.witness.json.part.*; do
        [[ -e $part ]] || continue
        kill -0 "${part##*.}" 2>/dev/null || rm -f "$part"
    done
}

# One block, in a line.
see_to() {
    local file=$OUT/$1.witness.json
    if [[ -e $file ]]; then
        if good "$file" "$1"; then
            say "$1  there"
            return 0
        fi
        say "$1  BAD, and left as it is: $WHY"
        say "    move $file away, and it is fetched again"
        return 1
    fi
    if fetch_block "$1"; then
        say "$1  fetched"
        return 0
    fi
    say "$1  FAILED: $WHY"
    return 1
}

tell_commands() {
    local block line
    for ((block = FROM; block <= TO; block++)); do
        fetch_command "$block"
        line=$(quoted "${FETCH[@]}")
        line=${line//"$(quoted "$ZERO_BIN_RPC_URL")"/'"$ZERO_BIN_RPC_URL"'}
        printf '%s >%s\n' "$line" "$(quoted "$OUT/$block.witness.json")"
    done
}

main() {
    local block good=0 row=0
    read_options "$@"
    check_options
    check_prerequisites
    find_release
    if [[ $DRY_RUN == yes ]]; then
        tell_commands
        return 0
    fi
    mkdir -p "$OUT"
    clear_parts
    for ((block = FROM; block <= TO; block++)); do
        if see_to "$block"; then good=$((good + 1)) row=0; else row=$((row + 1)); fi
        if ((row == IN_A_ROW && block < TO)); then
            say "$row blocks failed one after the other: no more are tried"
            break
        fi
    done
    say "$good of $((TO - FROM + 1)) blocks have a good file in $OUT; all blocks prove from block $CHECKPOINT on"
    ((good == TO - FROM + 1)) && return 0
    say ' next: put right what is said above; the same command goes on'
    ((good == 0)) && return 1
    return 3
}

main "$@"
