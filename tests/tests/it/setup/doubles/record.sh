# shellcheck shell=bash
# What the stand-ins share: each call is a line of $DOUBLES/calls, each change one of $DOUBLES/changes. With KILL_AT, such as
# `before 1` or `after 1`, everything in the process group is killed there, as a machine that goes away would do it.

NAME=${0##*/}

line() {
    local word
    printf '%s' "$NAME"
    for word in "$@"; do printf ' %s' "$word"; done
    printf '\n'
}

line "$@" >>"$DOUBLES/calls"

# changing COMMAND…: does what changes something.
changing() {
    local number
    line "${ASKED[@]}" >>"$DOUBLES/changes"
    number=$(wc -l <"$DOUBLES/changes")
    number=$((number))
    [[ ${KILL_AT-} == "before $number" ]] && kill -KILL 0
    "$@"
    [[ ${KILL_AT-} == "after $number" ]] && kill -KILL 0
    return 0
}

ASKED=("$@")
