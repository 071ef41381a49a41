#!/bin/sh
# In place of the prover's worker: the stand-in, which makes no circuits. A file stands for them.
if [ -n "${ZK_EVM_CACHE_DIR:-}" ] && ! [ -e "$ZK_EVM_CACHE_DIR/prover_state_of_the_stand_in" ]; then
    mkdir -p "$ZK_EVM_CACHE_DIR"
    echo 'the stand-in has none' > "$ZK_EVM_CACHE_DIR/prover_state_of_the_stand_in"
fi
exec "$(dirname "$0")/stand-in-worker" "$@"
