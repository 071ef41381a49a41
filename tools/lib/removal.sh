# shellcheck shell=bash
# The steps of teardown.sh, the reverse of setup.sh's. What holds proofs, circuits or state stays unless told otherwise.

DELETE_DATA=no STOP_PROOFS=no
# A worker may finish its task, for two hours by the chart's own values.
WORKERS_LIMIT=7500

release_there() {
    helm_look "$RELEASE" "$NAMESPACE"
    refuse_other_chart
    [[ $HELM_STATUS != absent ]]
}

# A release without one says so in the object by which `kubectl zero` finds it.
has_proof_service() {
    local told select="app.kubernetes.io/instance=$RELEASE,app.kubernetes.io/component=connection"
    told=$(kube get configmaps --namespace "$NAMESPACE" -l "$select" -o 'jsonpath={.items[*].data.leader-url}' 2>/dev/null) ||
        return 0
    [[ -n $told ]]
}

# Ends when proofs are at work or wait, or when that cannot be known, unless told to go on; sets AT_WORK to those.
refuse_while_proving() {
    local state said code=0
    AT_WORK=()
    { release_there && has_proof_service; } || return 0
    for state in running queued; do
        said=$("${ZERO[@]}" proofs --state "$state" --limit 1000 --output name 2>&1) || code=$?
        [[ $code == 0 ]] || break
        while read -r id; do [[ -z $id ]] || AT_WORK+=("$id"); done <<<"$said"
    done
    if [[ $code != 0 ]]; then
        AT_WORK=()
        [[ $STOP_PROOFS == yes ]] && say "   which proofs are at work is not known: ${said##*$'\n'}" && return 0
        fail "$REFUSED" "whether \`$RELEASE\` is proving cannot be known: ${said##*$'\n'}" \
            'make that command work, or give --stop-proofs to go on without knowing'
    fi
    ((${#AT_WORK[@]} == 0)) && return 0
    [[ $STOP_PROOFS == yes ]] && return 0
    fail "$REFUSED" "\`$RELEASE\` has ${#AT_WORK[@]} proofs at work or waiting: ${AT_WORK[*]:0:5}" \
        "$(quoted "${ZERO[@]}" proofs --watch) until they are done, or give --stop-proofs to call them off"
}

proofs_is() { printf 'proofs at work called off'; }

proofs_done() {
    ((${#AT_WORK[@]} == 0)) || return 1
    NOTE='there are none'
    cluster_answers || NOTE='not known, the cluster does not answer'
}

proofs_do() {
    change 'call off proofs' "$(quoted "${ZERO[@]}" proofs)" "${ZERO[@]}" proof cancel --yes "${AT_WORK[@]}"
}

uninstall_is() { printf 'release %s of namespace %s taken away' "$RELEASE" "$NAMESPACE"; }

uninstall_done() {
    release_there && return 1
    cluster_answers || NOTE='the cluster does not answer'
    no_pods_left
}

uninstall_do() {
    release_there && change 'take away the release' 'its last line says why; then the same command again' \
        helm uninstall "$RELEASE" --namespace "$NAMESPACE" "${HELM_AT[@]}"
    # What its pods hold on to cannot be deleted before they are gone.
    wait_until 'the pods to go (workers finish their tasks)' "$WORKERS_LIMIT" no_pods_left ||
        fail "$FAILED" "pods of \`$RELEASE\` are still there: $STATE" \
            "$(quoted "${KUBECTL[@]}" --namespace "$NAMESPACE" get pods); the same command waits again"
}

no_pods_left() {
    cluster_answers || return 0
    STATE=$(kube get pods --namespace "$NAMESPACE" -l "app.kubernetes.io/instance=$RELEASE" --output name 2>&1) || return 1
    STATE=${STATE//$'\n'/, }
    [[ -z $STATE ]]
}

claims() {
    cluster_answers || return 0
    kube get persistentvolumeclaims --namespace "$NAMESPACE" -l "app.kubernetes.io/instance=$RELEASE" -o \
        'jsonpath={range .items[*]}{.metadata.name} {.spec.resources.requests.storage}{"\n"}{end}'
}

volumes_is() { printf 'volumes of %s deleted: proofs, circuits, queues' "$RELEASE"; }

volumes_done() { [[ -z $(claims) ]] && ! release_there; }

volumes_do() {
    change 'delete the volumes' 'a pod that mounts one keeps it: kubectl get pods' "${KUBECTL[@]}" --namespace "$NAMESPACE" \
        delete persistentvolumeclaims -l "app.kubernetes.io/instance=$RELEASE"
}

# ours RELEASE NAMESPACE: whether setup.sh has installed it.
ours() {
    helm_look "$1" "$2"
    [[ $HELM_STATUS != absent ]] && made_by_us
}

not_ours() {
    NOTE='it is not there, or was not installed by setup.sh'
    cluster_answers || NOTE='the cluster does not answer'
}

# How many objects of a kind there are in all namespaces, but for those that Helm says are of this release, or of one of OWN:
# a line for each, as NAMESPACE/NAME. `?` when that cannot be known.
others() {
    local told form='{range .items[*]}{.metadata.annotations.meta\.helm\.sh/release-namespace}/'
    form+='{.metadata.annotations.meta\.helm\.sh/release-name}{"\n"}{end}'
    has_kind "$1" || { printf 0 && return; }
    told=$(kube get "$1" --all-namespaces -o "jsonpath=$form") || { printf '?' && return; }
    grep -Fvxc -e "$NAMESPACE/$RELEASE" -e "$OWN" -e '' <<<"$told" || true
}

# operator_stays OWN KIND…: whether others use it, and what of; a step of its own is then done.
operator_stays() {
    local kind count found=()
    OWN=$1
    shift
    for kind in "$@"; do
        count=$(others "$kind")
        [[ $count == 0 ]] || found+=("$count of \`$kind\`")
    done
    ((${#found[@]} == 0)) && return 1
    printf -v NOTE '%s, ' "${found[@]}"
    NOTE="it stays: somebody else has ${NOTE%, }"
}

# With an operator all objects of its kinds go, whoever has made them.
readonly KEDA_KINDS=({scaledobjects,scaledjobs,triggerauthentications,clustertriggerauthentications}.keda.sh
    {cloudeventsources,clustercloudeventsources}.eventing.keda.sh)
readonly PROMETHEUS_KINDS=({servicemonitors,podmonitors,probes,scrapeconfigs,prometheusrules,prometheuses}.monitoring.coreos.com
    {prometheusagents,alertmanagers,alertmanagerconfigs,thanosrulers}.monitoring.coreos.com)

no_keda_is() { printf 'KEDA taken away'; }

no_keda_done() {
    if ! ours keda keda; then
        not_ours
        return 0
    fi
    operator_stays keda/keda "${KEDA_KINDS[@]}"
}

no_keda_do() {
    change 'take away KEDA' 'its last line says why' helm uninstall keda --namespace keda "${HELM_AT[@]}"
}

no_prometheus_is() { printf 'Prometheus operator taken away'; }

no_prometheus_done() {
    local own=monitoring/kube-prometheus-stack
    if ! ours kube-prometheus-stack monitoring; then
        not_ours
        return 0
    fi
    if ours keda keda; then own+=$'\nkeda/keda'; fi
    operator_stays "$own" "${PROMETHEUS_KINDS[@]}"
}

no_prometheus_do() {
    change 'take away the Prometheus operator' 'its last line says why' \
        helm uninstall kube-prometheus-stack --namespace monitoring "${HELM_AT[@]}"
}

no_rabbitmq_is() { printf "RabbitMQ's cluster operator taken away"; }

no_rabbitmq_done() {
    local managers
    managers=$(kube get deployment rabbitmq-cluster-operator --namespace rabbitmq-system --show-managed-fields -o \
        'jsonpath={.metadata.managedFields[*].manager}' 2>/dev/null) || managers=
    if [[ " $managers " != *" $MANAGER "* ]]; then
        not_ours
        return 0
    fi
    operator_stays '' rabbitmqclusters.rabbitmq.com
}

no_rabbitmq_do() {
    change "take away RabbitMQ's cluster operator" 'its last line says why' \
        "${KUBECTL[@]}" delete --ignore-not-found --wait=false --filename "$(rabbitmq_manifest)"
}
