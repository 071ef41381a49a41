# shellcheck shell=bash
# What is to be done, shown before it is done. A step NAME is three functions: NAME_is tells what it is, NAME_done looks
# whether it is done and leaves words in NOTE, NAME_do does it. One that only looks, or asks by itself, says KIND=look.
# Nothing is remembered but by what is looked at.

STEPS=()
# What a step is that has nothing to do.
DONE_IS=there

# tell_plan: sets TO_DO to how many steps would change something.
tell_plan() {
    local step
    TO_DO=0
    say "$1, in this order:"
    for step in "${STEPS[@]}"; do
        NOTE='' KIND='to do'
        "${step}_done" && KIND=$DONE_IS
        [[ $KIND == 'to do' ]] && TO_DO=$((TO_DO + 1))
        say "$(printf '  %-8s %s' "$KIND" "$("${step}_is")")${NOTE:+: $NOTE}"
    done
}

do_steps() {
    local step
    for step in "${STEPS[@]}"; do
        NOTE='' KIND=''
        if "${step}_done"; then continue; fi
        say "== $("${step}_is")"
        "${step}_do"
    done
}
