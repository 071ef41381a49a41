# shellcheck shell=bash
# Reading what was typed.

usage_error() { fail "$USAGE" "$1" "${0##*/} --help"; }

# Reads all of it. `take_option` is the script's own; it sets TAKEN to how many words it has read, 0: it has no such option.
read_options() {
    while (($# > 0)); do
        case $1 in
        --help | -h)
            usage
            exit 0
            ;;
        esac
        take_option "$@"
        ((TAKEN > 0)) || usage_error "there is no option \`$1\`"
        shift "$TAKEN"
    done
}

# value_of VARIABLE OPTION VALUE…: keeps the value behind an option.
value_of() {
    has_value "${@:2}"
    printf -v "$1" '%s' "$3"
}

# one_more_of ARRAY OPTION VALUE…: the same of an option that may be repeated.
one_more_of() {
    local -n kept=$1
    has_value "${@:2}"
    kept+=("$3")
}

has_value() {
    [[ -n ${2-} && $2 != --* ]] || usage_error "$1 needs a value"
    TAKEN=2
}

# limit_of VARIABLE OPTION VALUE…: the same of a time like `15m`, in seconds.
limit_of() {
    local -n limit=$1
    value_of "$@"
    [[ $limit =~ ^([0-9]+)([smh])$ ]] || usage_error "$2 is \`$limit\`: a number and s, m or h, like 15m"
    case ${BASH_REMATCH[2]} in
    s) limit=${BASH_REMATCH[1]} ;;
    m) limit=$((BASH_REMATCH[1] * 60)) ;;
    h) limit=$((BASH_REMATCH[1] * 3600)) ;;
    esac
}

readable() { [[ -r $2 ]] || usage_error "$1 names \`$2\`, which is not there or cannot be read"; }
