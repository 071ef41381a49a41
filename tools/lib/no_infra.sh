# shellcheck shell=bash
# The end of the cluster on GKE. Terraform would delete the bucket of proofs before the cluster, and stop there when proofs
# are in it: so a bucket that is to stay is taken out of its state first, and setup.sh takes it over again.

destroyed_is() { printf 'cluster %s-gke-cluster and all that Terraform has made, destroyed' "$NAME"; }

destroyed_done() {
    terraform_variables
    [[ -z $(cluster_status) ]] && ! state_has_something
}

# Without the bucket of the state there is none.
state_has_something() {
    if ! keeps_own_state; then bucket_there "$(state_bucket)" || return 1; fi
    [[ -n $(cluster_status) ]] && return 0
    # What it has to say is said when it is done in earnest.
    (terraform_init) >/dev/null 2>&1 || return 0
    [[ -n $("${TERRAFORM[@]}" state list 2>/dev/null) ]]
}

destroyed_do() {
    local next='terraform/README.md, "Tear it down"; then the same command again'
    terraform_variables
    if ! keeps_own_state && ! cmp -s "$BACKEND" "$TERRAFORM_DIR/backend.tf"; then
        change 'say where the state is kept' "look whether $TERRAFORM_DIR can be written" \
            cp "$BACKEND" "$TERRAFORM_DIR/backend.tf"
    fi
    terraform_init
    if proofs_stay; then
        change 'leave the bucket of proofs to itself' "$next" "${TERRAFORM[@]}" state rm module.proofs
    elif [[ $DELETE_DATA == yes ]] && bucket_there "$(proofs_bucket)"; then
        change 'delete the proofs' "$next" \
            gcloud storage rm --recursive --all-versions "$(proofs_bucket)/**" --project "$PROJECT"
    fi
    change 'lift the protection against deletion' "$next" "${TERRAFORM[@]}" apply -input=false -auto-approve \
        "${VARIABLES[@]}" -var deletion_protection=false -target=module.cluster -target=module.filestore
    change 'destroy the cluster' "$next" "${TERRAFORM[@]}" destroy -input=false -auto-approve \
        "${VARIABLES[@]}" -var deletion_protection=false
    forget_cluster
}

# Whether the bucket of proofs is in Terraform's state, has something in it, and may not go.
proofs_stay() {
    local inside
    [[ $DELETE_DATA == no ]] && bucket_there "$(proofs_bucket)" || return 1
    "${TERRAFORM[@]}" state list module.proofs 2>/dev/null | grep -q . || return 1
    # An empty one is no loss.
    inside=$(gcloud storage ls --all-versions "$(proofs_bucket)/**" --project "$PROJECT" 2>/dev/null) || return 1
    [[ -n $inside ]]
}
