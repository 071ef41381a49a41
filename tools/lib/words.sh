# shellcheck shell=bash
# What is said, what is run, what is asked. Words go to standard error; with --dry-run the commands that would be run go to
# standard output, so that they can be kept and read.

# Versions, from versions.env beside this folder.
# shellcheck source=versions.env
. "$ROOT/tools/versions.env"

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < ${LEAST_BASH%.*} * 100 + ${LEAST_BASH#*.})); then
    printf 'error: this is bash %s; %s or newer is needed\n next: brew install bash\n' "$BASH_VERSION" "$LEAST_BASH" >&2
    exit 5
fi

# Exit codes; docs/install.md has the table.
# shellcheck disable=SC2034 # each script takes what it needs
readonly FAILED=1 USAGE=2 LACKING=5 UNWELL=6 REFUSED=7

DRY_RUN=${DRY_RUN:-no}
ASSUME_YES=${ASSUME_YES:-no}
# Between two looks while something is waited for, and between two lines about it; seconds.
readonly LOOK_EVERY=2 SAY_EVERY=30

say() { printf '%s\n' "$*" >&2; }

# fail CODE WHAT NEXT: says what is wrong and what to do, and ends.
fail() {
    say "error: $2"
    say " next: $3"
    exit "$1"
}

# A command as it can be typed.
quoted() {
    local word text=
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]]; then
            text+=" $word"
        else
            text+=" '${word//\'/\'\\\'\'}'"
        fi
    done
    printf '%s' "${text# }"
}

# change WHAT NEXT COMMAND…: runs what changes something, after it has shown it; with --dry-run it is only shown.
change() {
    local what=$1 next=$2 code=0
    shift 2
    if [[ $DRY_RUN == yes ]]; then
        printf '%s\n' "$(quoted "$@")"
        return 0
    fi
    say "+ $(quoted "$@")"
    "$@" >&2 || code=$?
    [[ $code == 0 ]] && return 0
    [[ $code == 130 ]] && stopped
    fail "$FAILED" "$what: \`${1##*/}\` ended with $code; its words are above" "$next"
}

# approve QUESTION: ends unless somebody says yes.
approve() {
    local answer
    [[ $DRY_RUN == yes || $ASSUME_YES == yes ]] && return 0
    if [[ ! -t 0 ]]; then
        fail "$REFUSED" "nobody is there to be asked: $1" "look at the plan with --dry-run, then give --yes"
    fi
    read -r -p "$1 Type yes to go on: " answer || answer=
    [[ $answer == yes ]] || fail "$REFUSED" "not approved, nothing was changed by this step" "the same command asks again"
}

# How long something takes, for people.
span() {
    local s=$1
    if ((s < 120)); then
        printf '%ss' "$s"
    elif ((s < 7200)); then
        printf '%sm' "$((s / 60))"
    else
        printf '%sh%02dm' "$((s / 3600))" "$((s % 3600 / 60))"
    fi
}

# wait_until WHAT LIMIT PROBE…: looks until PROBE succeeds. It leaves in STATE what it has seen; a probe that ends with 2
# says that waiting longer is of no use. Returns 1 when the time is over and 2 then.
wait_until() {
    local what=$1 limit=$2 began=$SECONDS told=0 code
    shift 2
    STATE=
    [[ $DRY_RUN == yes ]] && return 0
    while true; do
        code=0
        "$@" || code=$?
        ((code == 0)) && break
        ((code == 2)) && return 2
        if ((told == 0 || SECONDS - told >= SAY_EVERY)); then
            say "   waiting for $what, $(span $((SECONDS - began))) of at most $(span "$limit")${STATE:+: $STATE}"
            told=$SECONDS
            ((told == 0)) && told=1
        fi
        ((SECONDS - began >= limit)) && return 1
        sleep "$LOOK_EVERY"
    done
    say "   $what: done after $(span $((SECONDS - began)))"
}

# at_least HAVE LEAST: whether version HAVE is not below LEAST; only the numbers count.
at_least() {
    local have=${1#v} least=${2#v} i
    local -a a b
    IFS=. read -r -a a <<<"${have%%[-+]*}"
    IFS=. read -r -a b <<<"$least"
    for i in 0 1 2; do
        ((10#${a[i]:-0} > 10#${b[i]:-0})) && return 0
        ((10#${a[i]:-0} < 10#${b[i]:-0})) && return 1
    done
    return 0
}

stopped() {
    trap - INT TERM
    say "stopped; the same command goes on from here"
    exit 130
}

# Files that are of no use behind the end.
LEAVES=()

tidy() { ((${#LEAVES[@]} == 0)) || rm -rf -- "${LEAVES[@]}"; }

trap stopped INT TERM
trap tidy EXIT
