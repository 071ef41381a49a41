# shellcheck shell=bash
# Releases of Helm: what one is, who has made it, and whether that is over.

# Who says so on what it makes: teardown.sh takes away nothing else.
readonly OURS='zero-prover setup'
# A label that a run gives the revision it makes, from its first moment on: who made it, and which revision it is. Helm
# hands labels on to what somebody makes after that; its number then is another one's.
readonly RUN_LABEL=zero-prover.io/setup
# Nobody's Helm works on a release for longer, in seconds.
readonly HELM_LIMIT=900

# helm_look RELEASE NAMESPACE: sets HELM_STATUS (`absent` when there is none), HELM_CHART, HELM_NOTE, HELM_SINCE and
# HELM_REVISION; HELM_RUN, whose run has made it, and HELM_AGE in seconds, both empty when that is not told.
helm_look() {
    local told
    HELM_STATUS=absent HELM_CHART='' HELM_NOTE='' HELM_SINCE='' HELM_REVISION=0 HELM_RUN='' HELM_AGE=''
    cluster_answers || return 0
    if ! told=$(helm history "$1" --namespace "$2" "${HELM_AT[@]}" --max 1 --output json 2>&1); then
        [[ $told == *'not found'* ]] && return 0
        fail "$FAILED" "helm cannot tell of release \`$1\` in \`$2\`: ${told##*$'\n'}" \
            "look whether you may read Secrets there: $(quoted "${KUBECTL[@]}" auth can-i list secrets -n "$2")"
    fi
    [[ $told =~ \"status\":\"([a-z-]+)\" ]] && HELM_STATUS=${BASH_REMATCH[1]}
    [[ $told =~ \"chart\":\"([^\"]+)\" ]] && HELM_CHART=${BASH_REMATCH[1]}
    [[ $told =~ \"description\":\"([^\"]+)\" ]] && HELM_NOTE=${BASH_REMATCH[1]}
    [[ $told =~ \"updated\":\"([^\"]+)\" ]] && HELM_SINCE=${BASH_REMATCH[1]%%.*}
    [[ $told =~ \"revision\":([0-9]+) ]] && HELM_REVISION=${BASH_REMATCH[1]}
    helm_labels "$1" "$2"
}

helm_labels() {
    local told run made
    told=$(kube get secrets --namespace "$2" -l "owner=helm,name=$1,version=$HELM_REVISION" -o \
        "jsonpath={.items[0].metadata.labels.${RUN_LABEL//./\\.}}|{.items[0].metadata.labels.createdAt}" 2>/dev/null) || return 0
    IFS='|' read -r run made <<<"$told"
    [[ $run == *."$HELM_REVISION" ]] && HELM_RUN=${run%.*}
    [[ $made =~ ^[0-9]+$ ]] && printf -v HELM_AGE '%(%s)T' -1 && HELM_AGE=$((HELM_AGE - made))
    return 0
}

# Who runs this, where, and on which release: a name for the label. Another machine, account or release has another one.
this_run() {
    local machine=''
    if [[ -r /etc/machine-id ]]; then machine=$(</etc/machine-id); fi
    printf '%s' "$HOSTNAME $machine $UID $HOME $CONTEXT $2 $1" | checksum | cut -c 1-16
}

checksum() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

# helm_mark RELEASE NAMESPACE: sets MARK to the option that marks the revision which comes next.
helm_mark() {
    MARK=(--labels "$RUN_LABEL=$(this_run "$1" "$2").$((HELM_REVISION + 1))")
}

# A release of that name by another chart is somebody else's.
refuse_other_chart() {
    [[ $HELM_STATUS == absent || $HELM_CHART =~ ^zero-prover-[0-9] ]] && return 0
    fail "$REFUSED" "release \`$RELEASE\` in \`$NAMESPACE\` is of the chart $HELM_CHART, not of zero-prover; nothing was changed" \
        'name another one by --release and --namespace'
}

# Whether a script of ours has made what helm_look has seen, to its end or not.
made_by_us() { [[ -n $HELM_RUN || $HELM_NOTE == "$OURS"* ]]; }

# Whether a process of this machine is at work with a word on its command line.
at_work_here() {
    local -a lines=(/proc/[0-9]*/cmdline)
    if [[ -e ${lines[0]} ]]; then
        # The word comes from a file: grep would find itself.
        grep -Fsqf - "${lines[@]}" <<<"$1"
    else
        [[ $(ps -A -o args=) == *"$1"* ]]
    fi
}

# A Helm that was cut off leaves a mark that keeps every other from working; what it has made stays and is taken over. One
# that is still at work leaves the same mark: it is taken away when that Helm was ours and is gone, or when it is too old.
helm_unstick() {
    helm_look "$1" "$2"
    [[ $HELM_STATUS == pending-* ]] || return 0
    refuse_at_work "$1" "$2"
    say "   release \`$1\` is $HELM_STATUS since $HELM_SINCE: a helm was cut off there, its mark is taken away"
    change "take away the mark of a helm that was cut off" "look at it: helm history $1 --namespace $2" \
        "${KUBECTL[@]}" --namespace "$2" delete secret -l "owner=helm,name=$1,version=$HELM_REVISION,status=$HELM_STATUS"
    if [[ $DRY_RUN == yes ]]; then HELM_REVISION=$((HELM_REVISION - 1)); else helm_look "$1" "$2"; fi
}

# refuse_at_work RELEASE NAMESPACE: ends when a Helm may be at work on what is pending.
refuse_at_work() {
    local run wait=''
    run=$(this_run "$1" "$2")
    if [[ $HELM_RUN == "$run" ]]; then
        at_work_here "$RUN_LABEL=$run.$HELM_REVISION" || return 0
        fail "$REFUSED" "a helm of this script is at work on release \`$1\` on this machine" 'wait for its end; then the same command again'
    fi
    if [[ -n $HELM_AGE ]]; then
        ((HELM_AGE >= HELM_LIMIT)) && return 0
        wait=" for $(span $((HELM_LIMIT - HELM_AGE)))"
    fi
    fail "$REFUSED" "release \`$1\` in \`$2\` is $HELM_STATUS since $HELM_SINCE: somebody's helm may be at work there" \
        "wait$wait, then the same command again; when you know that it was cut off: $(quoted "${KUBECTL[@]}" --namespace "$2" \
            delete secret "sh.helm.release.v1.$1.v$HELM_REVISION")"
}
