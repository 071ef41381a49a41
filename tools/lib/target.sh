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
    if [[ -n $PROJECT ]]; then
        check_files
        CONTEXT=gke_${PROJECT}_${REGION}_$NAME-gke-cluster
    fi
    KUBECTL=(kubectl --context "$CONTEXT")
    HELM_AT=(--kube-context "$CONTEXT")
    ZERO=(kubectl zero --context "$CONTEXT" --namespace "$NAMESPACE" --release "$RELEASE")
}

# The command line is what counts with Terraform, so a file that says otherwise would not be followed.
check_files() {
    same_in_files --project project_id "$PROJECT"
    same_in_files --region region "$REGION"
    same_in_files --name name_prefix "$NAME"
}

# same_in_files OPTION VARIABLE VALUE
same_in_files() {
    local told
    told=$(file_says "$2")
    [[ -z $told || $told == "$3" ]] ||
        usage_error "the files of variables have $2 = \"$told\", and this run is of \`$3\`: give $1 $told, or mend the file"
}

# file_says VARIABLE: what Terraform's files of variables have for a text; in a file of HCL at the beginning of a line.
file_says() {
    local file blank
    for file in "$TERRAFORM_DIR"/terraform.tfvars{,.json} "$TERRAFORM_DIR"/*.auto.tfvars{,.json} "${VAR_FILES[@]}"; do
        [[ -r $file ]] || continue
        blank=''
        [[ $file == *.json ]] && blank='[[:space:]]*"'
        sed -nE "s/^$blank$1\"?[[:space:]]*[=:][[:space:]]*\"([^\"]*)\".*/\1/p" "$file"
    done | sed -n '$p'
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
