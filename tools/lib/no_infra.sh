# shellcheck shell=bash
# The end of the cluster on GKE. Terraform would delete the bucket of proofs before the cluster, and stop there when proofs
# are in it: so a bucket that is to stay is taken out of its state first, and setup.sh takes it over again.

# What is protected against deletion.
readonly PROTECTED=('module.cluster.google_container_cluster.cluster' 'module.filestore[0].google_filestore_instance.circuits')

# Google deletes a Filestore instance in some minutes.
readonly VOLUMES_LIMIT=1800

destroyed_is() { printf 'cluster %s-gke-cluster and all that Terraform has made, destroyed' "$NAME"; }

destroyed_done() {
    if keeps_own_state && [[ $DRY_RUN == yes && ! -d $TERRAFORM_DIR/.terraform ]]; then
        NOTE='what Terraform has made is not known before its init'
        return 1
    fi
    [[ -z $CLUSTER_STATUS && -z $STATE_LIST ]]
}

destroyed_do() {
    local next='terraform/README.md, "Tear it down"; then the same command again'
    if ! keeps_own_state && ! cmp -s "$BACKEND" "$TERRAFORM_DIR/backend.tf"; then
        change 'say where the state is kept' "look whether $TERRAFORM_DIR can be written" \
            cp "$BACKEND" "$TERRAFORM_DIR/backend.tf"
    fi
    terraform_init
    if proofs_stay; then
        change 'leave the bucket of proofs to itself' "$next" "${TERRAFORM[@]}" state rm module.proofs
    elif [[ $DELETE_DATA == yes ]] && bucket_has_something "$(proofs_bucket)"; then
        change 'delete the proofs' "$next" \
            gcloud storage rm --recursive --all-versions "$(proofs_bucket)/**" --project "$PROJECT"
    fi
    wait_for_volumes
    lift_protection "$next"
    change 'destroy the cluster' "$next" "${TERRAFORM[@]}" destroy -input=false -auto-approve \
        "${VARIABLES[@]}" -var deletion_protection=false
    CLUSTER_STATUS=''
    forget_cluster
}

# What a claim was given is deleted by the cluster's own drivers, and by nobody once the cluster is gone.
wait_for_volumes() {
    wait_until 'the volumes of claims that are gone to be deleted (a Filestore instance takes minutes)' "$VOLUMES_LIMIT" \
        no_volumes_left ||
        fail "$FAILED" "volumes that were to be deleted are still there: $STATE" \
            "$(quoted "${KUBECTL[@]}" describe persistentvolumes) tells why; the same command waits again"
}

no_volumes_left() {
    local told claims name namespace claim policy
    cluster_answers || return 0
    STATE=$(kube get persistentvolumeclaims --namespace "$NAMESPACE" -o 'jsonpath={.items[*].metadata.name}' 2>&1) || return 1
    claims=$STATE
    local form='{range .items[*]}{.metadata.name} {.spec.claimRef.namespace} {.spec.claimRef.name} '
    form+='{.spec.persistentVolumeReclaimPolicy}{"\n"}{end}'
    STATE=$(kube get persistentvolumes -o "jsonpath=$form" 2>&1) || return 1
    told=$STATE STATE=
    while read -r name namespace claim policy; do
        [[ $namespace == "$NAMESPACE" && $policy == Delete && " $claims " != *" $claim "* ]] || continue
        STATE+="${STATE:+, }$name"
    done <<<"$told"
    [[ -z $STATE ]]
}

# lift_protection NEXT: of what is there. An apply makes what is not, and a cluster would be made to be destroyed.
lift_protection() {
    local one
    local -a targets=()
    for one in "${PROTECTED[@]}"; do
        state_has "$one" || continue
        # One that somebody has deleted by hand would be made.
        [[ $one == *container_cluster* && -z $CLUSTER_STATUS ]] && continue
        targets+=("-target=$one")
        # One whose making failed would be made anew.
        [[ $DRY_RUN == no && $("${TERRAFORM[@]}" state show -no-color "$one" 2>/dev/null) == *': (tainted)'* ]] &&
            change 'lift the protection against deletion' "$1" "${TERRAFORM[@]}" untaint "$one"
    done
    ((${#targets[@]} == 0)) && return 0
    change 'lift the protection against deletion' "$1" "${TERRAFORM[@]}" apply -input=false -auto-approve \
        "${VARIABLES[@]}" -var deletion_protection=false "${targets[@]}"
}

# Whether the bucket of proofs is in Terraform's state, has something in it, and may not go.
proofs_stay() {
    [[ $DELETE_DATA == no ]] && state_has "$PROOFS" && bucket_has_something "$(proofs_bucket)"
}

# What is empty has nothing that matches, and gcloud ends badly at that.
bucket_has_something() {
    local inside
    bucket_there "$1" || return 1
    inside=$(gcloud storage ls --all-versions "$1/**" --project "$PROJECT" 2>/dev/null) && [[ -n $inside ]]
}
