# shellcheck shell=bash
# What has to be on this machine, and who has to be logged in; all that is missing is told at once, with its command.

LACKS=()

lacks() { LACKS+=("$1"$'\n'"       $2"); }

# The command that installs a program on this machine.
install_command() {
    local snap=$1 brew=$1
    case $1 in
    gcloud) snap='google-cloud-cli' brew='--cask google-cloud-sdk' ;;
    terraform) brew='hashicorp/tap/terraform' ;;
    esac
    if command -v brew >/dev/null; then
        printf 'brew install %s' "$brew"
    else
        printf 'sudo snap install %s --classic' "$snap"
    fi
}

# What a program says of its version: the first thing that looks like one.
version_of() {
    local said
    case $1 in
    gcloud) said=$(gcloud version 2>/dev/null) ;;
    terraform) said=$(terraform version 2>/dev/null) ;;
    helm) said=$(helm version --template '{{.Version}}' 2>/dev/null) ;;
    kubectl) said=$(kubectl version --client 2>/dev/null) ;;
    esac || true
    [[ $said =~ ([0-9]+\.[0-9]+(\.[0-9]+)?) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# need PROGRAM LEAST PAGE
need() {
    local program=$1 least=$2 page=$3 have
    if ! command -v "$program" >/dev/null; then
        lacks "\`$program\` is not on the path; $least or newer is needed ($page)" "$(install_command "$program")"
        return 0
    fi
    have=$(version_of "$program") || have=
    if [[ -z $have ]]; then
        lacks "\`$program\` does not tell its version; $least or newer is needed ($page)" "$program version"
    elif ! at_least "$have" "$least"; then
        lacks "\`$program\` is $have; $least or newer is needed ($page)" "$(install_command "$program")"
    fi
}

need_cloud() {
    need gcloud "$LEAST_GCLOUD" https://cloud.google.com/sdk/docs/install
    need terraform "$LEAST_TERRAFORM" https://developer.hashicorp.com/terraform/install
    command -v gcloud >/dev/null || return 0
    command -v gke-gcloud-auth-plugin >/dev/null ||
        lacks '`gke-gcloud-auth-plugin` is not on the path; kubectl logs in at GKE with it' \
            'gcloud components install gke-gcloud-auth-plugin'
    if [[ -z $(gcloud auth list '--filter=status:ACTIVE' '--format=value(account)' 2>/dev/null) ]]; then
        lacks 'nobody is logged in at Google Cloud' 'gcloud auth login'
    elif [[ $(gcloud projects describe "$PROJECT" '--format=value(lifecycleState)' 2>/dev/null) != ACTIVE ]]; then
        lacks "project \`$PROJECT\` is not there, or this account may not see it" 'gcloud projects list'
    fi
    gcloud auth application-default print-access-token >/dev/null 2>&1 ||
        lacks 'Terraform has no credentials at Google Cloud' 'gcloud auth application-default login'
}

need_kubectl() { need kubectl "$LEAST_KUBECTL" https://kubernetes.io/docs/tasks/tools; }

need_helm() { need helm "$LEAST_HELM" https://helm.sh/docs/intro/install; }

need_plugin() {
    command -v kubectl-zero >/dev/null ||
        lacks '`kubectl-zero` is not on the path; it asks whether all is well, and for proofs' \
            "cargo install --locked --path $(quoted "$ROOT/kubectl-plugin")"
}

# A cluster that is there already has to answer.
need_cluster() {
    local known served
    command -v kubectl >/dev/null || return 0
    if ! known=$(kubectl config get-contexts --output name 2>/dev/null) || ! grep -Fxq -- "$CONTEXT" <<<"$known"; then
        lacks "the kubeconfig has no context \`$CONTEXT\`; it has: ${known//$'\n'/, }" 'kubectl config get-contexts'
    elif ! served=$(server_version); then
        lacks "the cluster of context \`$CONTEXT\` does not answer" \
            "$(quoted kubectl --context "$CONTEXT" get --raw /readyz)"
    elif ! at_least "$served" "$LEAST_KUBERNETES"; then
        lacks "the cluster of context \`$CONTEXT\` is $served; Kubernetes $LEAST_KUBERNETES or newer is needed" \
            'upgrade its control plane'
    fi
}

# What the API server is, such as 1.35.2.
server_version() {
    local told
    told=$(kube get --raw /version --request-timeout=15s 2>/dev/null) || return 1
    [[ $told =~ \"gitVersion\":\ *\"v([0-9.]+) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# Ends when something is missing.
tell_lacks() {
    local one
    ((${#LACKS[@]} == 0)) && return 0
    say 'error: this is missing, nothing was changed:'
    for one in "${LACKS[@]}"; do say "     - $one"; done
    say ' next: do what stands below each line, then the same command again'
    exit "$LACKING"
}
