# shellcheck shell=bash
# The release: its chart, its pods, its circuits, and a proof.

CHART=$ROOT/helm/zero-prover VALUES=() WITNESS='' OUT=proofs
PODS_LIMIT=900 CIRCUITS_LIMIT=86400
KINDS=''

values_arguments() {
    local file
    WITH_VALUES=()
    for file in "${VALUES[@]}"; do WITH_VALUES+=(--values "$file"); done
}

# Sets KINDS to the kinds of objects that these values make. Values that do not go together are refused here, before
# anything is made or paid for.
read_values() {
    local served said
    local -a at=()
    if cluster_answers && served=$(server_version); then at=(--kube-version "$served"); fi
    # What is rendered has a password in it and is kept nowhere.
    KINDS=$(helm template "$RELEASE" "$CHART" --namespace "$NAMESPACE" "${WITH_VALUES[@]}" "${at[@]}" \
        --set prerequisites.check=false 2>/dev/null | sed -n 's/^kind: //p' | sort -u) && return 0
    said=$(helm template "$RELEASE" "$CHART" --namespace "$NAMESPACE" "${WITH_VALUES[@]}" "${at[@]}" \
        --set prerequisites.check=false 2>&1 >/dev/null) || true
    fail "$USAGE" "the chart refuses these values: $said" 'change the file of --values that says so'
}

makes() { grep -Fxq "$1" <<<"$KINDS"; }

# By this the release itself tells from what it was made.
fingerprint() {
    local file sum
    sum=$({
        if [[ -d $CHART ]]; then
            (cd "$CHART" && find . -type f | LC_ALL=C sort | while IFS= read -r file; do
                printf '%s\n' "$file"
                cat "$file"
            done)
        else
            cat "$CHART"
        fi
        for file in "${VALUES[@]}"; do printf 'values\n' && cat "$file"; done
    } | checksum)
    printf '%s, %s' "$OURS" "${sum:0:16}"
}

release_is() { printf 'release %s in namespace %s' "$RELEASE" "$NAMESPACE"; }

release_done() {
    helm_look "$RELEASE" "$NAMESPACE"
    refuse_other_chart
    refuse_other_values
    if [[ $HELM_STATUS == pending-* ]]; then refuse_at_work "$RELEASE" "$NAMESPACE"; fi
    case $HELM_STATUS in
    absent) return 1 ;;
    deployed)
        [[ $HELM_NOTE == "$(fingerprint)" ]] && NOTE="$HELM_CHART with these values" && return 0
        NOTE='an upgrade: chart or values are others'
        ;;
    *) NOTE="it is $HELM_STATUS since $HELM_SINCE" ;;
    esac
    return 1
}

# Helm takes the last revision's values when it is given none; what is waited for here is what these options make.
refuse_other_values() {
    local kept
    local -a get=(helm get values "$RELEASE" --namespace "$NAMESPACE" "${HELM_AT[@]}")
    [[ $HELM_STATUS == absent || ${#VALUES[@]} -gt 0 ]] && return 0
    kept=$("${get[@]}" --output json 2>&1) || fail "$FAILED" "the values of \`$RELEASE\` cannot be read: ${kept##*$'\n'}" "$(quoted "${get[@]}")"
    [[ $kept == null || $kept == '{}' ]] && return 0
    fail "$USAGE" "release \`$RELEASE\` was installed with values of its own, and there is no --values: they would be lost" \
        "give the same files again; $(quoted "${get[@]}") --output yaml tells what they had, with any password in them"
}

release_do() {
    helm_unstick "$RELEASE" "$NAMESPACE"
    [[ $HELM_STATUS == uninstalling ]] &&
        fail "$FAILED" "release \`$RELEASE\` is being uninstalled since $HELM_SINCE" \
            "let that end: $(quoted helm uninstall "$RELEASE" --namespace "$NAMESPACE" "${HELM_AT[@]}")"
    helm_mark "$RELEASE" "$NAMESPACE"
    change "install the release" 'docs/install.md, "When it does not come up"; then the same command again' \
        helm upgrade --install "$RELEASE" "$CHART" --namespace "$NAMESPACE" --create-namespace "${HELM_AT[@]}" \
        --reset-values "${WITH_VALUES[@]}" "${MARK[@]}" --description "$(fingerprint)"
}

# Workers are not waited for: they come with the work, and wait for the circuits.
pods_selector() {
    printf 'app.kubernetes.io/instance=%s,app.kubernetes.io/component notin ' "$RELEASE"
    printf '(worker-default,worker-heavy,worker-light)'
}

pods_is() { printf 'broker, proof service and scaler of %s ready' "$RELEASE"; }

pods_done() { KIND=look && cluster_answers && pods_ready; }

pods_ready() {
    broker_ready && workloads_ready "$NAMESPACE" "$(pods_selector)"
}

# Of a broker by RabbitMQ's operator.
broker_ready() {
    local told
    makes RabbitmqCluster || return 0
    told=$(kube get rabbitmqclusters --namespace "$NAMESPACE" -l "app.kubernetes.io/instance=$RELEASE" -o \
        'jsonpath={.items[*].status.conditions[?(@.type=="AllReplicasReady")].status}' 2>&1) || told=${told##*$'\n'}
    STATE="RabbitmqCluster: AllReplicasReady is ${told:-not told}"
    [[ $told == True ]]
}

pods_do() {
    wait_until "broker, proof service and scaler" "$PODS_LIMIT" pods_ready && return 0
    doctor_words || true
    fail "$UNWELL" "not ready after $(span "$PODS_LIMIT"): $STATE" \
        "$(quoted "${KUBECTL[@]}" --namespace "$NAMESPACE" get pods,events); what doctor finds is above"
}

circuits_is() { printf 'circuits of %s made' "$RELEASE"; }

circuits_done() { KIND=look && cluster_answers && circuits_ready; }

# A probe: 2 when the Job has failed for good.
circuits_ready() {
    local told name complete failed why active
    local select="app.kubernetes.io/instance=$RELEASE,app.kubernetes.io/component=circuits"
    local form='{range .items[*]}{.metadata.name}|{.status.conditions[?(@.type=="Complete")].status}'
    form+='|{.status.conditions[?(@.type=="Failed")].status}|{.status.conditions[?(@.type=="Failed")].message}'
    form+='|{.status.active}{"\n"}{end}'
    makes Job || return 0
    if ! told=$(kube get jobs --namespace "$NAMESPACE" -l "$select" -o "jsonpath=$form" 2>&1); then
        STATE=${told##*$'\n'}
        return 1
    fi
    IFS='|' read -r name complete failed why active <<<"${told%%$'\n'*}"
    STATE="Job $name failed: $why"
    [[ $failed == True ]] && return 2
    STATE="Job ${name:-of the circuits} has ${active:-no} pod at work$(last_words "$select")"
    [[ $complete == True ]]
}

last_words() {
    local line
    line=$(kube logs --namespace "$NAMESPACE" -l "$1" --tail=1 2>/dev/null) || return 0
    [[ -z $line ]] || printf ', its last line: %.160s' "${line##*$'\n'}"
}

circuits_do() {
    wait_until 'the circuits' "$CIRCUITS_LIMIT" circuits_ready && return 0
    doctor_words || true
    fail "$UNWELL" "there are no circuits: $STATE" "$(quoted "${KUBECTL[@]}" --namespace "$NAMESPACE" logs --tail=50 \
        -l "app.kubernetes.io/instance=$RELEASE,app.kubernetes.io/component=circuits"); the same command waits again"
}

doctor_is() { printf 'kubectl zero doctor'; }

doctor_done() { KIND=look && return 1; }

# A moment after the start there can be something that is over in the next.
doctor_limit() { printf '%s' "$((PODS_LIMIT < 30 ? PODS_LIMIT : 30))"; }

# What it finds is told, and does not keep a proof from being tried: that is what it is all for.
doctor_do() {
    local code=0
    if [[ $DRY_RUN == yes ]]; then
        printf '%s\n' "$(quoted "${ZERO[@]}" doctor)"
        return 0
    fi
    say "+ $(quoted "${ZERO[@]}" doctor)"
    wait_until 'doctor to find nothing' "$(doctor_limit)" doctor_quiet && return 0
    doctor_words || code=$?
    case $code in
    0) ;;
    6) FINDINGS=yes ;;
    *) fail "$FAILED" "doctor ended with $code; its words are above" 'put right what it names; then the same command again' ;;
    esac
}

doctor_quiet() { "${ZERO[@]}" doctor >/dev/null 2>&1; }

doctor_words() {
    say "+ $(quoted "${ZERO[@]}" doctor)"
    "${ZERO[@]}" doctor >&2
}

FINDINGS=no VERIFIED=no

# What doctor has found counts, unless there is a verified proof.
weigh_findings() {
    [[ $FINDINGS == yes ]] || return 0
    [[ $VERIFIED == yes ]] && say 'warning: there is a verified proof, and doctor has found what stands above' && return 0
    fail "$UNWELL" 'doctor has found what stands above' 'its last column has the cure of each'
}

proof_is() { printf 'proof of %s, verified' "$WITNESS"; }

proof_done() { KIND=look && NOTE='a witness that has a proof is not proved again' && return 1; }

proof_do() {
    local ids code=0
    local -a prove=("${ZERO[@]}" prove "$WITNESS" --wait --out "$OUT" --output name) verify=("${ZERO[@]}" verify)
    if [[ $DRY_RUN == yes ]]; then
        printf '%s | xargs %s\n' "$(quoted "${prove[@]}")" "$(quoted "${verify[@]}")"
        return 0
    fi
    say "+ $(quoted "${prove[@]}") | xargs $(quoted "${verify[@]}")"
    ids=$("${prove[@]}") || code=$?
    [[ $code == 0 ]] || fail "$UNWELL" "no proof of \`$WITNESS\`: \`kubectl zero prove\` ended with $code; its words are above" \
        "$(quoted "${ZERO[@]}" proofs)"
    # shellcheck disable=SC2086 # one word for each proof
    "${verify[@]}" $ids >&2 || code=$?
    [[ $code == 0 ]] || fail "$UNWELL" "the proof of \`$WITNESS\` is not verified; the verdict is above" \
        "leader.verify has to be true; $(quoted "${ZERO[@]}" proof show) $ids"
    VERIFIED=yes
    say "   verified: $ids, in $OUT"
}
