# shellcheck shell=bash
# The cluster on GKE, by Terraform, and its state in a bucket. Terraform's own comparison says what is to be done.

readonly BACKEND=$ROOT/tools/backend.tf
readonly PROOFS='module.proofs[0].google_storage_bucket.bucket'

state_bucket() { printf 'gs://%s-zero-prover-state' "$PROJECT"; }

proofs_bucket() { printf 'gs://%s-%s-proofs' "$PROJECT" "$NAME"; }

bucket_there() { gcloud storage buckets describe "$1" --project "$PROJECT" '--format=value(name)' >/dev/null 2>&1; }

# Whether somebody has said already where the state is kept; it is left as it is.
keeps_own_state() {
    local file
    for file in "$TERRAFORM_DIR"/*.tf; do
        cmp -s "$file" "$BACKEND" && continue
        grep -Eq '^[[:space:]]*backend[[:space:]]+"' "$file" && return 0
    done
    return 1
}

terraform_variables() {
    local file
    VARIABLES=(-var "project_id=$PROJECT" -var "region=$REGION" -var "name_prefix=$NAME")
    for file in "${VAR_FILES[@]}"; do VARIABLES+=("-var-file=$file"); done
    TERRAFORM=(terraform "-chdir=$TERRAFORM_DIR")
}

state_is() { printf 'bucket for Terraform'\''s state, %s' "$(state_bucket)"; }

state_done() {
    if keeps_own_state; then
        NOTE="the files in $TERRAFORM_DIR say where it is kept"
        return 0
    fi
    bucket_there "$(state_bucket)" && cmp -s "$BACKEND" "$TERRAFORM_DIR/backend.tf"
}

state_do() {
    local next='the last lines of Terraform say why; then the same command again'
    local -a at=(terraform "-chdir=$ROOT/terraform/state")
    if ! bucket_there "$(state_bucket)"; then
        change 'make the bucket for the state' "$next" "${at[@]}" init -input=false
        # A state of its own for each project: what is in the bucket of another one is none of our business.
        change 'make the bucket for the state' "$next" "${at[@]}" apply -input=false -auto-approve \
            "-state=$PROJECT.tfstate" -var "project_id=$PROJECT" -var "location=$REGION"
    fi
    cmp -s "$BACKEND" "$TERRAFORM_DIR/backend.tf" ||
        change 'say where the state is kept' "look whether $TERRAFORM_DIR can be written" \
            cp "$BACKEND" "$TERRAFORM_DIR/backend.tf"
}

# The state is found by the project's name each time, so that no file can name another one's.
terraform_init() {
    local -a where=()
    if ! keeps_own_state; then
        where=(-reconfigure "-backend-config=bucket=$(state_bucket | cut -c6-)" "-backend-config=prefix=$NAME")
    fi
    change 'prepare Terraform' 'look whether you may read the bucket of the state' \
        "${TERRAFORM[@]}" init -input=false "${where[@]}"
}

cluster_is() { printf 'cluster %s-gke-cluster in %s of project %s, by Terraform' "$NAME" "$REGION" "$PROJECT"; }

# Only Terraform can tell, and it is asked each time.
cluster_done() {
    local status
    NOTE='ten to twenty minutes'
    if status=$(cluster_status) && [[ -n $status ]]; then
        KIND=look NOTE="it is $status; Terraform compares it with its files, and asks before it changes something"
    fi
    return 1
}

cluster_status() {
    gcloud container clusters describe "$NAME-gke-cluster" --region "$REGION" --project "$PROJECT" \
        '--format=value(status)' 2>/dev/null
}

cluster_do() {
    terraform_variables
    terraform_init
    terraform_plan
    adopt_proofs && terraform_plan
    if [[ $CHANGES == no ]]; then
        say '   Terraform has nothing to change'
        return 0
    fi
    approve 'Apply this plan?'
    change 'make the cluster' 'terraform/README.md has what such errors mean; then the same command again' \
        "${TERRAFORM[@]}" apply -input=false setup.tfplan
    rm -f "$TERRAFORM_DIR/setup.tfplan"
    forget_cluster
}

# Sets CHANGES.
terraform_plan() {
    local code=0
    local -a plan=("${TERRAFORM[@]}" plan -input=false -detailed-exitcode -out=setup.tfplan "${VARIABLES[@]}")
    CHANGES=yes
    if [[ $DRY_RUN == yes ]]; then
        printf '%s\n' "$(quoted "${plan[@]}")"
        return 0
    fi
    say "+ $(quoted "${plan[@]}")"
    # A plan can hold what is secret.
    (umask 077 && "${plan[@]}" >&2) || code=$?
    case $code in
    0) CHANGES=no ;;
    2) ;;
    *) fail "$FAILED" "plan the cluster: \`terraform\` ended with $code; its words are above" \
        'put right what it names; then the same command again' ;;
    esac
}

# The bucket of proofs that a teardown has left is taken over: it could not be made a second time.
adopt_proofs() {
    [[ $DRY_RUN == yes || $CHANGES == no ]] && return 1
    "${TERRAFORM[@]}" show -no-color setup.tfplan | grep -Fq "$PROOFS will be created" || return 1
    bucket_there "$(proofs_bucket)" || return 1
    change 'take over the bucket of proofs' 'look whose bucket that is' "${TERRAFORM[@]}" import -input=false \
        "${VARIABLES[@]}" "$PROOFS" "$(proofs_bucket | cut -c6-)"
}

credentials_is() { printf 'kubectl'\''s context %s' "$CONTEXT"; }

credentials_done() { cluster_answers; }

credentials_do() {
    local told
    local -a line
    told=$(terraform "-chdir=$TERRAFORM_DIR" output -raw get_credentials 2>/dev/null) || told=
    # What is not there yet is told with the default of `dns_endpoint`.
    [[ $told == 'gcloud container clusters get-credentials '* ]] ||
        told="gcloud container clusters get-credentials $NAME-gke-cluster --region $REGION --project $PROJECT --dns-endpoint"
    read -r -a line <<<"$told"
    change 'tell kubectl of the cluster' 'look whether your account may `container.clusters.get` there' "${line[@]}"
    forget_cluster
    [[ $DRY_RUN == yes ]] || cluster_answers ||
        fail "$FAILED" "the cluster does not answer kubectl by context \`$CONTEXT\`" \
            'terraform/README.md, "kubectl runs into a time-out"'
}
