# shellcheck shell=bash
# What the release needs from the cluster: KEDA, RabbitMQ's cluster operator, the Prometheus operator. One that is there
# already and is new enough is left alone, whoever installed it.

# Who says so on what kubectl makes: teardown.sh takes away nothing else.
readonly MANAGER=zero-prover-setup
readonly OPERATOR_LIMIT=600

has_kind() { kube get "customresourcedefinitions/$1" --output name >/dev/null 2>&1; }

# deployment_of SELECTOR: sets D_NAMESPACE, D_VERSION and D_READY of the first that has these labels.
deployment_of() {
    local told
    local form='{range .items[0:1]}{.metadata.namespace}|{.metadata.labels.app\.kubernetes\.io/version}'
    form+='|{.status.readyReplicas}{end}'
    D_NAMESPACE='' D_VERSION='' D_READY=''
    told=$(kube get deployments --all-namespaces -l "$1" -o "jsonpath=$form" 2>/dev/null) || return 1
    IFS='|' read -r D_NAMESPACE D_VERSION D_READY <<<"$told"
    [[ -n $D_NAMESPACE ]]
}

# wait_for_operator WHAT NAMESPACE SELECTOR
wait_for_operator() {
    wait_until "$1" "$OPERATOR_LIMIT" workloads_ready "$2" "$3" ||
        fail "$UNWELL" "$1 is not ready after $(span "$OPERATOR_LIMIT"): $STATE" \
            "$(quoted "${KUBECTL[@]}" --namespace "$2" get pods,events)"
}

# somebody_elses RELEASE NAMESPACE FIND: whether an operator that FIND finds was made by no run of ours. It is left alone, and
# waited for; a release of which nothing runs cannot be.
somebody_elses() {
    cluster_answers || return 1
    helm_look "$1" "$2"
    [[ $HELM_STATUS != absent ]] && made_by_us && return 1
    "$3" && return 0
    [[ $HELM_STATUS == absent ]] && return 1
    fail "$REFUSED" "release \`$1\` in \`$2\` ($HELM_CHART, $HELM_STATUS since $HELM_SINCE) was not made by this script, and nothing of it runs" \
        "wait for whoever makes it, or mend it: $(quoted helm history "$1" --namespace "$2" "${HELM_AT[@]}")"
}

# Options of helm_install for one chart.
MORE=()

# helm_install RELEASE NAMESPACE CHART REPOSITORY VERSION, unless that or a newer one of ours is there and nothing is in MORE.
helm_install() {
    helm_unstick "$1" "$2"
    [[ $HELM_STATUS == deployed && ${#MORE[@]} == 0 ]] && at_least "${HELM_CHART#"$3"-}" "$5" && return 0
    helm_mark "$1" "$2"
    change "install $3 $5" 'its last line says why: no way to the charts, or objects of the same name that are not its own' \
        helm upgrade --install "$1" "$3" --repo "$4" --version "$5" --namespace "$2" --create-namespace \
        "${HELM_AT[@]}" "${MORE[@]}" "${MARK[@]}" --description "$OURS"
}

readonly KEDA_POD=app.kubernetes.io/name=keda-operator

keda_is() { printf 'KEDA %s' "$KEDA_VERSION"; }

keda_found() { deployment_of "$KEDA_POD"; }

keda_done() {
    cluster_answers && keda_found || return 1
    refuse_old_keda
    has_kind scaledobjects.keda.sh && ((${D_READY:-0} > 0)) || return 1
    [[ -z $D_VERSION ]] || at_least "$D_VERSION" "$LEAST_KEDA" || return 1
    NOTE="${D_VERSION:-of unknown version} in $D_NAMESPACE"
    keda_watched && return 0
    if somebody_elses keda keda keda_found; then
        NOTE+=', whose metrics no monitor of Prometheus reads: ZeroScalingPaused stays silent (docs/monitoring.md)'
        return 0
    fi
    NOTE='with a monitor of its metrics'
    return 1
}

# Whether Prometheus reads KEDA's metrics, or nobody asks for that.
keda_watched() {
    [[ $PROMETHEUS == no ]] && return 0
    [[ -n $(kube get servicemonitors,podmonitors --namespace "${D_NAMESPACE:-keda}" -l "$KEDA_POD" --output name 2>/dev/null) ]]
}

# Of a KEDA that is not ours.
refuse_old_keda() {
    [[ -z $D_VERSION ]] || at_least "$D_VERSION" "$LEAST_KEDA" && return 0
    somebody_elses keda keda keda_found || return 0
    fail "$LACKING" "KEDA $D_VERSION in \`$D_NAMESPACE\` is older than $LEAST_KEDA and was not installed by this script" \
        'upgrade it the way it was installed, or do without: autoscaling.mode=none in a file of --values'
}

keda_do() {
    if somebody_elses keda keda keda_found; then
        wait_for_operator KEDA "$D_NAMESPACE" "$KEDA_POD"
        return 0
    fi
    keda_watched || MORE=(
        --set prometheus.operator.enabled=true
        --set prometheus.operator.serviceMonitor.enabled=true
        --set prometheus.operator.serviceMonitor.additionalLabels.release=kube-prometheus-stack
    )
    helm_install keda keda keda "$KEDA_CHARTS" "$KEDA_VERSION"
    MORE=()
    wait_for_operator KEDA keda app.kubernetes.io/instance=keda
}

rabbitmq_manifest() { printf '%s/v%s/cluster-operator.yml' "$RABBITMQ_OPERATOR_RELEASES" "$RABBITMQ_OPERATOR_VERSION"; }

rabbitmq_is() { printf 'RabbitMQ'\''s cluster operator %s' "$RABBITMQ_OPERATOR_VERSION"; }

rabbitmq_done() {
    cluster_answers && has_kind rabbitmqclusters.rabbitmq.com || return 1
    deployment_of app.kubernetes.io/name=rabbitmq-cluster-operator && ((${D_READY:-0} > 0)) && NOTE="in $D_NAMESPACE"
}

rabbitmq_do() {
    # The definition of a RabbitmqCluster is too large for what a plain apply leaves on it.
    if ! { cluster_answers && deployment_of app.kubernetes.io/name=rabbitmq-cluster-operator; }; then
        change "install RabbitMQ's cluster operator" 'its last line says why: no way to the manifest, or no right to make it' \
            "${KUBECTL[@]}" apply --server-side "--field-manager=$MANAGER" --filename "$(rabbitmq_manifest)"
    fi
    wait_for_operator "RabbitMQ's cluster operator" "${D_NAMESPACE:-rabbitmq-system}" \
        app.kubernetes.io/name=rabbitmq-cluster-operator
}

prometheus_is() { printf 'Prometheus operator, kube-prometheus-stack %s' "$PROMETHEUS_STACK_VERSION"; }

# By the chart's label, or by that of the operator's own manifest.
prometheus_found() {
    PROMETHEUS_POD=app=kube-prometheus-stack-operator
    deployment_of "$PROMETHEUS_POD" && return 0
    PROMETHEUS_POD=app.kubernetes.io/name=prometheus-operator
    deployment_of "$PROMETHEUS_POD"
}

prometheus_done() {
    cluster_answers && has_kind servicemonitors.monitoring.coreos.com || return 1
    prometheus_found && ((${D_READY:-0} > 0)) && NOTE="in $D_NAMESPACE"
}

prometheus_do() {
    if somebody_elses kube-prometheus-stack monitoring prometheus_found; then
        wait_for_operator 'the Prometheus operator' "$D_NAMESPACE" "$PROMETHEUS_POD"
        return 0
    fi
    helm_install kube-prometheus-stack monitoring kube-prometheus-stack "$PROMETHEUS_CHARTS" "$PROMETHEUS_STACK_VERSION"
    wait_for_operator 'the Prometheus operator' monitoring app.kubernetes.io/instance=kube-prometheus-stack
}
