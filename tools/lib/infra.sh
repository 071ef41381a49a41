# shellcheck shell=bash
# The cluster on GKE, by Terraform, and the bucket of its state. Terraform's own comparison says what is to be done.

readonly PROOFS='module.proofs[0].google_storage_bucket.bucket'

terraform_variables() {
    local file
    VARIABLES=()
    for file in "${VAR_FILES[@]}"; do VARIABLES+=("-var-file=$file"); done
    # The last one counts, and the context of kubectl is made of these.
    VARIABLES+=(-var "project_id=$PROJECT" -var "region=$REGION" -var "name_prefix=$NAME")
    TERRAFORM=(terraform "-chdir=$TERRAFORM_DIR")
    # The API of budgets wants to know whose quota the calls of an own account are.
    export GOOGLE_BILLING_PROJECT=${GOOGLE_BILLING_PROJECT:-$PROJECT} USER_PROJECT_OVERRIDE=${USER_PROJECT_OVERRIDE:-true}
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

cluster_is() { printf 'cluster %s-gke-cluster in %s of project %s, by Terraform' "$NAME" "$REGION" "$PROJECT"; }

# Only Terraform can tell, and it is asked each time.
cluster_done() {
    NOTE='ten to twenty minutes'
    if look_at_cluster && [[ -n $CLUSTER_STATUS ]]; then
        KIND=look NOTE="it is $CLUSTER_STATUS; Terraform compares it with its files, and asks before it changes something"
    fi
    return 1
}

CLUSTER_STATUS=''

# Sets CLUSTER_STATUS, empty when there is no such cluster. When Google does not tell, it returns 1 with its words in STATE.
look_at_cluster() {
    local -a ask=(gcloud container clusters describe "$NAME-gke-cluster" --region "$REGION" --project "$PROJECT")
    CLUSTER_STATUS=$("${ask[@]}" '--format=value(status)' 2>/dev/null) && return 0
    STATE=$("${ask[@]}" '--format=value(status)' 2>&1 >/dev/null) || true
    # The API is not enabled in a project that has no cluster.
    [[ $STATE == *404* || $STATE == *'ot found'* || $STATE == *'has not been used'* || $STATE == *'is disabled'* ]]
}

cluster_do() {
    terraform_init
    terraform_plan
    adopt_proofs && terraform_plan
    if [[ $CHANGES == no ]]; then
        say '   Terraform has nothing to change'
        return 0
    fi
    refuse_losses
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
    local planned
    [[ $DRY_RUN == yes || $CHANGES == no ]] && return 1
    planned=$("${TERRAFORM[@]}" show -no-color setup.tfplan)
    [[ $planned == *"# $PROOFS will be created"* ]] || return 1
    [[ ${planned#*"# $PROOFS will be created"} =~ ^[^#]*[[:space:]]name[[:space:]]+=[[:space:]]+\"([^\"]+)\" ]] || return 1
    STATE_PROOFS=${BASH_REMATCH[1]}
    bucket_there "$(proofs_bucket)" || return 1
    change 'take over the bucket of proofs' 'look whose bucket that is' "${TERRAFORM[@]}" import -input=false \
        "${VARIABLES[@]}" "$PROOFS" "$(proofs_bucket | cut -c6-)"
}

ALLOW_REPLACE=no

# An apply that destroys something needs a word of its own: --yes is for what setup.sh is for, which is to make something.
refuse_losses() {
    local planned losses
    [[ $DRY_RUN == yes || $ALLOW_REPLACE == yes ]] && return 0
    planned=$("${TERRAFORM[@]}" show -no-color setup.tfplan)
    [[ $planned =~ ([0-9]+)\ to\ destroy ]] && ((BASH_REMATCH[1] > 0)) || return 0
    losses=$(sed -nE 's/^ +# ([^ ]+) .*(destroyed|replaced).*/\1/p' <<<"$planned")
    fail "$REFUSED" "Terraform would destroy or replace what is there: ${losses//$'\n'/, }; nothing was applied" \
        'look at the plan above: when it is what you want, the same command with --allow-replace'
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
