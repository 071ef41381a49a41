# shellcheck shell=bash
# What the release needs from the cluster: KEDA, RabbitMQ's cluster operator, the Prometheus operator. One that is there
# already and is new enough is left alone, whoever installed it.

# Who says so on what it makes: teardown.sh takes away nothing else.
readonly OURS='zero-prover setup'
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

keda_is() { printf 'KEDA %s' "$KEDA_VERSION"; }

keda_ready() { has_kind scaledobjects.keda.sh && deployment_of app.kubernetes.io/name=keda-operator && ((${D_READY:-0} > 0)); }

keda_done() {
    cluster_answers && keda_ready || return 1
    [[ -z $D_VERSION ]] || at_least "$D_VERSION" "$LEAST_KEDA" || return 1
    NOTE="${D_VERSION:-of unknown version} in $D_NAMESPACE"
}

keda_do() {
    helm_unstick keda keda
    if [[ $HELM_STATUS == absent ]] && cluster_answers && deployment_of app.kubernetes.io/name=keda-operator; then
        [[ -z $D_VERSION ]] || at_least "$D_VERSION" "$LEAST_KEDA" ||
            fail "$LACKING" "KEDA $D_VERSION in \`$D_NAMESPACE\` is older than $LEAST_KEDA and was not installed by this script" \
                'upgrade it the way it was installed'
        wait_for_operator KEDA "$D_NAMESPACE" app.kubernetes.io/name=keda-operator
        return 0
    fi
    helm_install keda keda keda "$KEDA_CHARTS" "$KEDA_VERSION"
    wait_for_operator KEDA keda app.kubernetes.io/instance=keda
}

# helm_install RELEASE NAMESPACE CHART REPOSITORY VERSION, unless it is there as wanted.
helm_install() {
    helm_look "$1" "$2"
    [[ $HELM_STATUS == deployed && $HELM_CHART == "$3-${5#v}" ]] && return 0
    change "install $3 $5" 'its last line says why: no way to the charts, or objects of the same name that are not its own' \
        helm upgrade --install "$1" "$3" --repo "$4" --version "$5" --namespace "$2" --create-namespace \
        "${HELM_AT[@]}" --description "$OURS"
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

prometheus_done() {
    cluster_answers && has_kind servicemonitors.monitoring.coreos.com || return 1
    deployment_of app=kube-prometheus-stack-operator && ((${D_READY:-0} > 0)) && NOTE="in $D_NAMESPACE"
}

prometheus_do() {
    helm_unstick kube-prometheus-stack monitoring
    helm_install kube-prometheus-stack monitoring kube-prometheus-stack "$PROMETHEUS_CHARTS" "$PROMETHEUS_STACK_VERSION"
    wait_for_operator 'the Prometheus operator' monitoring app.kubernetes.io/instance=kube-prometheus-stack
}
