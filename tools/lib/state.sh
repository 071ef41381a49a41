# shellcheck shell=bash
# Terraform's state: where it is kept, what it has, and of which cluster it is. With an option forgotten a run would act on
# another cluster's state, so it is looked at before anything is planned.

readonly BACKEND=$ROOT/tools/backend.tf

state_bucket() { printf 'gs://%s-zero-prover-state' "$PROJECT"; }

bucket_there() { gcloud storage buckets describe "$1" --project "$PROJECT" '--format=value(name)' >/dev/null 2>&1; }

# By the state; else by the files of variables, and else it has the name that Terraform gives it.
proofs_bucket() {
    local name
    name=${STATE_PROOFS:-$(file_says proofs_bucket_name)}
    printf 'gs://%s' "${name:-$PROJECT-$NAME-proofs}"
}

# Whether somebody has said already where the state is kept; it is left as it is.
keeps_own_state() {
    local file
    for file in "$TERRAFORM_DIR"/*.tf; do
        cmp -s "$file" "$BACKEND" && continue
        grep -Eq '^[[:space:]]*backend[[:space:]]+"' "$file" && return 0
    done
    return 1
}

state_place() {
    if keeps_own_state; then
        printf 'the backend of %s' "$TERRAFORM_DIR"
    else
        printf '%s/%s' "$(state_bucket)" "$NAME"
    fi
}

# Sets BACKEND_AT to what `terraform init` is told. Ours is found by project and prefix each time, whatever was told before.
backend_arguments() {
    BACKEND_AT=()
    keeps_own_state ||
        BACKEND_AT=(-reconfigure "-backend-config=bucket=$(state_bucket | cut -c6-)" "-backend-config=prefix=$NAME")
}

terraform_init() {
    backend_arguments
    change 'prepare Terraform' 'look whether you may read the bucket of the state' \
        "${TERRAFORM[@]}" init -input=false "${BACKEND_AT[@]}"
}

STATE_LIST='' STATE_PROJECT='' STATE_REGION='' STATE_CLUSTER='' STATE_PROOFS=''

# Reads the state and refuses another cluster's; without a bucket there is none. It changes nothing: a state of ours is read
# from a folder with nothing but the backend in it, where Terraform wants no provider.
check_state() {
    local folder=$TERRAFORM_DIR
    if keeps_own_state; then
        say "reading the state in $(state_place)"
        # What `init` would write there is not for a dry run.
        [[ $DRY_RUN == no || -d $TERRAFORM_DIR/.terraform ]] || return 0
    else
        bucket_there "$(state_bucket)" || return 0
        folder=$(mktemp -d)
        LEAVES+=("$folder")
        cp "$BACKEND" "$folder/backend.tf"
    fi
    read_state "$folder"
    same_as_state --project "$PROJECT" "$STATE_PROJECT"
    same_as_state --region "$REGION" "$STATE_REGION"
    same_as_state --name "$NAME" "${STATE_CLUSTER%-gke-cluster}"
}

# same_as_state OPTION HERE THERE
same_as_state() {
    [[ -z $3 || $3 == "$2" ]] && return 0
    fail "$REFUSED" "Terraform's state in $(state_place) is of $1 \`$3\`, and this run is of \`$2\`; nothing was changed" \
        "give $1 $3; a cluster beside that one needs a --name, or a backend, of its own"
}

# read_state FOLDER: sets the STATE_ variables.
read_state() {
    local pulled
    local -a at=(terraform "-chdir=$1")
    backend_arguments
    if [[ $DRY_RUN == no ]] || ! keeps_own_state; then
        "${at[@]}" init -input=false "${BACKEND_AT[@]}" >/dev/null 2>&1 || state_unknown "${at[@]}" init -input=false "${BACKEND_AT[@]}"
    fi
    pulled=$("${at[@]}" state pull 2>/dev/null) || state_unknown "${at[@]}" state pull
    [[ -n $pulled ]] || return 0
    STATE_LIST=$("${at[@]}" state list 2>/dev/null) || state_unknown "${at[@]}" state list
    STATE_PROJECT=$(output_of project_id "$1")
    STATE_REGION=$(output_of region "$1")
    STATE_CLUSTER=$(output_of kubernetes_cluster_name "$1")
    STATE_PROOFS=$(output_of proofs_bucket "$1")
    read_names "$pulled"
}

# state_unknown COMMAND…: ends with the words of the command that does not work.
state_unknown() {
    local said
    said=$("$@" -no-color 2>&1 >/dev/null | grep -m 1 'Error' || true)
    fail "$FAILED" "Terraform's state in $(state_place) cannot be read: ${said:-the command below does not work}" "$(quoted "$@")"
}

# output_of NAME FOLDER: nothing when there is none, for which Terraform has words on standard output.
output_of() {
    local told
    told=$(terraform "-chdir=$2" output -raw "$1" 2>/dev/null) || return 0
    [[ $told =~ ^[A-Za-z0-9._:-]+$ ]] && printf '%s' "$told"
    return 0
}

# A destroy that failed has taken the outputs away before all else; what is left has its place in its own name.
read_names() {
    [[ $1 =~ projects/([^/\"]+)/(locations|regions)/([^/\"]+)/(clusters|subnetworks|routers)/([^/\"]+) ]] || return 0
    STATE_PROJECT=${STATE_PROJECT:-${BASH_REMATCH[1]}} STATE_REGION=${STATE_REGION:-${BASH_REMATCH[3]}}
    if [[ ${BASH_REMATCH[4]} == clusters ]]; then STATE_CLUSTER=${STATE_CLUSTER:-${BASH_REMATCH[5]}}; fi
}

state_has() { grep -Fxq -- "$1" <<<"$STATE_LIST"; }
