#!/usr/bin/env bash
# The reverse of setup.sh.
set -euo pipefail

usage() {
    cat <<'TEXT'
Takes away what tools/setup.sh has set up: the release, what was installed for it, the cluster on GKE.

  tools/teardown.sh --project ID [--region REGION]
  tools/teardown.sh --kube-context NAME            the release and the operators alone

The plan is shown first, and somebody has to say yes. Buckets and volumes stay, with proofs, circuits and queues on them,
and at the end it is told what is left and what it costs. It refuses while proofs are at work or wait. Operators that
setup.sh did not install, or that others use, stay. Stopped anywhere, the same command goes on.

What is taken away
  --project ID, --region REGION, --name PREFIX, --terraform-dir DIR, --var-file FILE, --kube-context NAME,
  --namespace NAME, --release NAME         as for setup.sh: the same as were given there
  --only PART       chart, operators or infra
  --delete-data     delete the release's volumes and what is in the bucket of proofs too; this cannot be undone
  --stop-proofs     go on while proofs are at work: they are called off

How
  --workers-limit TIME   how long workers may finish their tasks; 125m without it
  --dry-run              change nothing; print each command that would be run, on standard output
  --yes                  nobody is asked
  --help                 this

Exit codes
  0    done            5    something is missing; nothing was changed
  1    a step failed   7    not approved, proofs are at work, or another cluster's state
  2    command line    130  stopped
TEXT
}

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT

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
    # shellcheck source=lib/removal.sh
    . "$ROOT/tools/lib/removal.sh"
    # shellcheck source=lib/no_infra.sh
    . "$ROOT/tools/lib/no_infra.sh"
    # shellcheck source=lib/left.sh
    . "$ROOT/tools/lib/left.sh"
}

take_option() {
    take_target_option "$@"
    ((TAKEN == 0)) || return 0
    TAKEN=1
    case $1 in
    --delete-data) DELETE_DATA=yes ;;
    --stop-proofs) STOP_PROOFS=yes ;;
    --workers-limit) limit_of WORKERS_LIMIT "$@" ;;
    *) TAKEN=0 ;;
    esac
}

check_prerequisites() {
    if wanted infra; then need_cloud; fi
    need_kubectl
    need_helm
    # Of a cluster that Terraform has half destroyed nothing is left to be asked.
    if [[ -z $PROJECT ]] || ! wanted infra; then need_cluster; fi
    need_plugin
    tell_lacks
}

# With the cluster all that is in it goes: proofs are asked for, whatever is taken away.
choose_steps() {
    STEPS+=(proofs)
    if wanted chart || wanted infra; then STEPS+=(uninstall); fi
    if [[ $DELETE_DATA == yes ]] && { wanted chart || wanted infra; }; then STEPS+=(volumes); fi
    if wanted operators; then STEPS+=(no_rabbitmq no_keda no_prometheus); fi
    if wanted infra; then STEPS+=(destroyed); fi
}

# A cluster of --project that is there and does not answer may hold proofs at work.
check_answer() {
    look_at_cluster ||
        fail "$FAILED" "whether there is a cluster $NAME-gke-cluster cannot be known: ${STATE##*$'\n'}" 'make gcloud work'
    cluster_answers && return 0
    [[ -z $CLUSTER_STATUS || $STOP_PROOFS == yes ]] && return 0
    fail "$REFUSED" "the cluster is $CLUSTER_STATUS and does not answer by context \`$CONTEXT\`: whether it is proving cannot be known" \
        "tools/setup.sh --only infra --project $PROJECT tells kubectl of it; or give --stop-proofs to go on without knowing"
}

main() {
    load
    read_options "$@"
    check_target
    check_prerequisites
    if wanted infra; then
        terraform_variables
        check_state
        check_answer
    fi
    refuse_while_proving
    choose_steps
    DONE_IS=gone
    tell_plan "What is taken away by context \`$CONTEXT\`"
    [[ $DELETE_DATA == yes ]] || say '  stays    volumes and buckets; --delete-data deletes what is in them'
    ((TO_DO == 0)) || approve "$TO_DO to take away."
    do_steps
    [[ $DRY_RUN == yes ]] && say 'nothing was changed' && return 0
    tell_left
}

main "$@"
