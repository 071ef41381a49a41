#!/usr/bin/env bash
# From an empty project at Google Cloud, or from any cluster, to a running release.
set -euo pipefail

usage() {
    cat <<'TEXT'
Sets up the prover: a cluster on GKE or one that is there, what the chart needs in it, and the chart.

  tools/setup.sh --project ID [--region REGION]   a new cluster on GKE, by the files in terraform/
  tools/setup.sh --kube-context NAME              a cluster that is there

Prerequisites are checked first; then the plan is shown, and somebody has to say yes. Each step looks whether it is done:
stopped anywhere, by whatever, the same command goes on; run once more, it changes nothing.

Which cluster
  --project ID           project at Google Cloud, which has to be there
  --region REGION        us-central1 without it
  --name PREFIX          what the names of all resources begin with; zero-prover without it
  --terraform-dir DIR    your own folder with Terraform's files; terraform/ of this repository without it
  --var-file FILE        more variables for Terraform (terraform/README.md has them); may be repeated
  --kube-context NAME    context of the kubeconfig; the current one is never taken by itself

What is set up
  --only PART            infra, operators or chart
  --namespace NAME       of the release; provers without it
  --release NAME         zero without it
  --chart PATH           folder or .tgz; helm/zero-prover of this repository without it
  --values FILE          values for the chart; may be repeated, later ones win
  --prometheus           the Prometheus operator too, and monitors of KEDA for it
  --prove WITNESS        at the end prove this file or folder, and have it verified
  --out DIR              where proofs go; proofs without it
  --pods-limit TIME      how long broker, proof service and scaler may take, like 15m
  --circuits-limit TIME  how long the circuits may take; 24h without it

How
  --dry-run              change nothing; print each command that would be run, on standard output
  --yes                  nobody is asked
  --allow-replace        apply Terraform's plan although it destroys or replaces something that is there
  --help                 this

Exit codes
  0    done            5    something is missing; nothing was changed
  1    a step failed   6    the release is not well, or there is no verified proof
  2    command line    7    not approved, refused  130  stopped
TEXT
}

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
PROMETHEUS=no

# shellcheck source-path=SCRIPTDIR
load() {
    # shellcheck source=lib/words.sh
    . "$ROOT/tools/lib/words.sh"
    # shellcheck source=lib/options.sh
    . "$ROOT/tools/lib/options.sh"
    # shellcheck source=lib/target.sh
    . "$ROOT/tools/lib/target.sh"
    # shellcheck source=lib/helm.sh
    . "$ROOT/tools/lib/helm.sh"
    # shellcheck source=lib/prerequisites.sh
    . "$ROOT/tools/lib/prerequisites.sh"
    # shellcheck source=lib/steps.sh
    . "$ROOT/tools/lib/steps.sh"
    # shellcheck source=lib/state.sh
    . "$ROOT/tools/lib/state.sh"
    # shellcheck source=lib/infra.sh
    . "$ROOT/tools/lib/infra.sh"
    # shellcheck source=lib/operators.sh
    . "$ROOT/tools/lib/operators.sh"
    # shellcheck source=lib/chart.sh
    . "$ROOT/tools/lib/chart.sh"
}

take_option() {
    take_target_option "$@"
    ((TAKEN == 0)) || return 0
    TAKEN=1
    case $1 in
    --chart) value_of CHART "$@" ;;
    --values | -f) one_more_of VALUES "$@" ;;
    --prometheus) PROMETHEUS=yes ;;
    --allow-replace) ALLOW_REPLACE=yes ;;
    --prove) value_of WITNESS "$@" ;;
    --out) value_of OUT "$@" ;;
    --pods-limit) limit_of PODS_LIMIT "$@" ;;
    --circuits-limit) limit_of CIRCUITS_LIMIT "$@" ;;
    *) TAKEN=0 ;;
    esac
}

check_options() {
    local file
    check_target
    [[ -e $CHART ]] || usage_error "--chart names \`$CHART\`, which is not there"
    for file in "${VALUES[@]}"; do readable --values "$file"; done
    [[ -z $WITNESS ]] || readable --prove "$WITNESS"
    [[ -z $WITNESS || -z $ONLY || $ONLY == chart ]] || usage_error "--prove needs the chart, and --only is \`$ONLY\`"
    values_arguments
}

check_prerequisites() {
    if wanted infra; then need_cloud; fi
    if wanted operators || wanted chart; then
        need_kubectl
        need_helm
        # The one of --project is made, or told to kubectl, before anything else.
        if [[ -z $PROJECT ]] || ! wanted infra; then need_cluster; fi
    fi
    if wanted chart; then need_plugin; fi
    tell_lacks
}

choose_steps() {
    if wanted infra; then STEPS+=(state cluster credentials); fi
    if wanted operators; then
        # KEDA's monitor is of a kind of Prometheus'.
        if [[ $PROMETHEUS == yes ]]; then STEPS+=(prometheus); fi
        if makes ScaledObject; then STEPS+=(keda); fi
        if makes RabbitmqCluster; then STEPS+=(rabbitmq); fi
    fi
    if wanted chart; then
        STEPS+=(release pods circuits doctor)
        if [[ -n $WITNESS ]]; then STEPS+=(proof); fi
    fi
}

# Monitors that nobody reads are not what somebody wanted who asked for them.
check_monitoring() {
    makes ServiceMonitor && [[ $PROMETHEUS == no ]] || return 0
    cluster_answers && has_kind servicemonitors.monitoring.coreos.com && return 0
    usage_error 'the values have monitoring.enabled=true, and the cluster has no Prometheus operator: give --prometheus, or set it to false'
}

main() {
    load
    read_options "$@"
    check_options
    check_prerequisites
    if wanted infra; then
        terraform_variables
        check_state
    fi
    if wanted operators || wanted chart; then
        read_values
        check_monitoring
    fi
    choose_steps
    LEAVES+=("$TERRAFORM_DIR/setup.tfplan")
    tell_plan "What makes \`$RELEASE\` run by context \`$CONTEXT\`"
    ((TO_DO == 0)) || approve "$TO_DO to do."
    do_steps
    weigh_findings
    [[ $DRY_RUN == yes ]] && say 'nothing was changed' && return 0
    say "done; what to type next: $(quoted "${ZERO[@]}" status)"
}

main "$@"
