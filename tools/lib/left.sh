# shellcheck shell=bash
# What is left after a teardown, and what it costs: at Google's list prices for us-central1, which other regions and
# contracts change. Cents for a GiB in a month.
readonly CENTS_BUCKET=2 CENTS_DISK=10

cents() { printf '$%d.%02d a month' "$(($1 / 100))" "$(($1 % 100))"; }

tell_left() {
    say 'left:'
    tell_claims
    if [[ -n $PROJECT ]]; then tell_cloud; fi
    if cluster_answers; then say "  - namespace $NAMESPACE, and in it what is not of \`$RELEASE\`"; fi
}

tell_claims() {
    local name size
    while read -r name size; do
        [[ -n $name ]] || continue
        say "  - volume $name of $size$(claim_cost "$size"); to delete it: $(quoted "${KUBECTL[@]}" --namespace "$NAMESPACE" \
            delete persistentvolumeclaim "$name")"
    done <<<"$(claims)"
}

claim_cost() {
    [[ -n $PROJECT && $1 =~ ^([0-9]+)(Gi|Ti)$ ]] || return 0
    local gib=${BASH_REMATCH[1]}
    [[ ${BASH_REMATCH[2]} == Gi ]] || gib=$((gib * 1024))
    printf ', about %s as a balanced disk' "$(cents "$((gib * CENTS_DISK))")"
}

tell_cloud() {
    local bucket bytes
    for bucket in "$(state_bucket)" "$(proofs_bucket)"; do
        bucket_there "$bucket" || continue
        bytes=$(gcloud storage du --summarize --all-versions "$bucket" --project "$PROJECT" 2>/dev/null) || bytes=
        say "  - bucket $bucket$(bucket_cost "${bytes%%[!0-9]*}"); to delete it: $(quoted gcloud storage rm --recursive "$bucket")"
    done
    tell_disks
    tell_filestore
    say '  - the APIs that were enabled, which cost nothing'
    say "    prices are Google's list prices for us-central1; yours: https://cloud.google.com/pricing"
}

# A claim that was there when its cluster went leaves its disk behind.
tell_disks() {
    local name size zone
    while read -r name size zone; do
        [[ -n $name ]] || continue
        say "  - disk $name of $size GB that no machine uses, about $(cents "$((size * CENTS_DISK))"); to delete it:" \
            "$(quoted gcloud compute disks delete "$name" --zone "${zone##*/}" --project "$PROJECT")"
    done <<<"$(gcloud compute disks list --project "$PROJECT" '--filter=name~^pvc- AND -users:*' \
        '--format=value(name,sizeGb,zone)' 2>/dev/null)"
}

# The same of a claim that many nodes mount; whether a cluster still uses it is not told.
tell_filestore() {
    local name size tier place
    while read -r name size tier place; do
        [[ -n $name ]] || continue
        say "  - Filestore instance $name ($tier) of $size GB, which some cluster's claim has made and is paid by its capacity;" \
            "to delete it: $(quoted gcloud filestore instances delete "$name" --location "$place" --project "$PROJECT")"
    done <<<"$(gcloud filestore instances list --project "$PROJECT" '--filter=name~/instances/pvc-' \
        '--format=value(name.basename(),fileShares[0].capacityGb,tier,name.segment(3))' 2>/dev/null)"
}

bucket_cost() {
    if [[ -z $1 ]]; then
        printf ' of a size that is not told'
    else
        # Ten times the cents, so that little is not told as nothing.
        printf ' of %s bytes, about %s' "$1" "$(cents "$((($1 * CENTS_BUCKET + 1073741823) / 1073741824))")"
    fi
}
