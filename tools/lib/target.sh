# shellcheck shell=bash
# Which cluster is meant, and by which commands it is spoken to.

PROJECT='' REGION=us-central1 NAME=zero-prover TERRAFORM_DIR=$ROOT/terraform VAR_FILES=()
CONTEXT='' NAMESPACE=provers RELEASE=zero ONLY=''

# What setup.sh and teardown.sh both take; sets TAKEN to how many words it has read, 0: not one of these.
take_target_option() {
    TAKEN=1
    case $1 in
    --dry-run) DRY_RUN=yes && return ;;
    --yes) ASSUME_YES=yes && return ;;
    esac
    case $1 in
    --project) value_of PROJECT "$@" ;;
    --region) value_of REGION "$@" ;;
    --name) value_of NAME "$@" ;;
    --terraform-dir) value_of TERRAFORM_DIR "$@" ;;
    --var-file) one_more_of VAR_FILES "$@" ;;
    --kube-context) value_of CONTEXT "$@" ;;
    --namespace | -n) value_of NAMESPACE "$@" ;;
    --release) value_of RELEASE "$@" ;;
    --only) value_of ONLY "$@" ;;
    *) TAKEN=0 ;;
    esac
}

absolute() { printf '%s/%s' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"; }

check_target() {
    local i
    case $ONLY in
    '' | infra | operators | chart) ;;
    *) usage_error "--only is \`$ONLY\`: it is infra, operators or chart" ;;
    esac
    [[ -n $PROJECT && -n $CONTEXT ]] && usage_error '--project and --kube-context name two clusters: give one of them'
    [[ -z $PROJECT && -z $CONTEXT ]] &&
        usage_error 'which cluster? --project ID for one on GKE, or --kube-context NAME for one that is there'
    [[ $ONLY == infra && -z $PROJECT ]] && usage_error '--only infra makes a cluster on GKE: give --project ID'
    [[ -d $TERRAFORM_DIR ]] || usage_error "--terraform-dir names \`$TERRAFORM_DIR\`, which is no folder"
    TERRAFORM_DIR=$(cd "$TERRAFORM_DIR" && pwd)
    for i in "${!VAR_FILES[@]}"; do
        readable --var-file "${VAR_FILES[i]}"
        # Terraform would look for it in its own folder.
        VAR_FILES[i]=$(absolute "${VAR_FILES[i]}")
    done
    [[ -n $PROJECT ]] && CONTEXT=gke_${PROJECT}_${REGION}_$NAME-gke-cluster
    KUBECTL=(kubectl --context "$CONTEXT")
    HELM_AT=(--kube-context "$CONTEXT")
    ZERO=(kubectl zero --context "$CONTEXT" --namespace "$NAMESPACE" --release "$RELEASE")
}

kube() { "${KUBECTL[@]}" "$@"; }

# Whether a part is wanted: infra, operators or chart.
wanted() {
    [[ $1 == infra && -z $PROJECT ]] && return 1
    [[ -z $ONLY || $ONLY == "$1" ]]
}

ANSWERS=''

# Whether the cluster answers; asked once, and again after forget_cluster.
cluster_answers() {
    if [[ -z $ANSWERS ]]; then
        ANSWERS=no
        kube get --raw /readyz --request-timeout=15s >/dev/null 2>&1 && ANSWERS=yes
    fi
    [[ $ANSWERS == yes ]]
}

forget_cluster() { ANSWERS=''; }

# helm_look RELEASE NAMESPACE: sets HELM_STATUS (`absent` when there is none), HELM_CHART, HELM_NOTE and HELM_SINCE.
helm_look() {
    local told
    HELM_STATUS=absent HELM_CHART='' HELM_NOTE='' HELM_SINCE=''
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
    return 0
}

# A helm that was cut off leaves a mark that keeps every other from working; what it has made stays and is taken over.
helm_unstick() {
    helm_look "$1" "$2"
    [[ $HELM_STATUS == pending-* ]] || return 0
    say "   release \`$1\` is $HELM_STATUS since $HELM_SINCE: a helm was cut off there, its mark is taken away"
    change "take away the mark of a helm that was cut off" "look at it: helm history $1 --namespace $2" \
        "${KUBECTL[@]}" --namespace "$2" delete secret -l "owner=helm,name=$1,status=$HELM_STATUS"
}

# workloads_ready NAMESPACE SELECTOR: a probe for wait_until; there has to be one at least.
workloads_ready() {
    local told name wanted ready seen made missing=() any=no
    local form='{range .items[*]}{.kind}/{.metadata.name}|{.spec.replicas}|{.status.readyReplicas}'
    form+='|{.status.observedGeneration}|{.metadata.generation}{"\n"}{end}'
    if ! told=$(kube get deployments,statefulsets --namespace "$1" -l "$2" -o "jsonpath=$form" 2>&1); then
        STATE=${told##*$'\n'}
        return 1
    fi
    while IFS='|' read -r name wanted ready seen made; do
        [[ -n $name ]] || continue
        any=yes
        ((${seen:-0} >= ${made:-0} && ${ready:-0} >= ${wanted:-1})) || missing+=("$name ${ready:-0}/${wanted:-1}")
    done <<<"$told"
    STATE=${missing[*]-}
    [[ $any == yes ]] || STATE='nothing is there yet'
    [[ $any == yes && ${#missing[@]} == 0 ]]
}
