#!/usr/bin/env bash
# Fills in .krew.yaml for a release, and writes it to stdout: krew-manifest.sh v1.2.3 FOLDER
#
# FOLDER has `ARCHIVE.sha256` for every archive that the template names, as `shasum` writes it.
set -euo pipefail

if (($# != 2)); then
    echo "usage: krew-manifest.sh TAG FOLDER" >&2
    exit 2
fi
tag=$1 folder=$2
template=$(dirname "${BASH_SOURCE[0]}")/../.krew.yaml

while IFS= read -r line; do
    line=${line//"{{ .TagName }}"/$tag}
    case "$line" in
        *'{{addURIAndSha "'*)
            indent=${line%%\{*}
            uri=${line#*\"} uri=${uri%%\"*}
            digest_file=$folder/${uri##*/}.sha256
            if [[ ! -f $digest_file ]]; then
                echo "krew-manifest.sh: there is no $digest_file: the release lacks an archive that .krew.yaml names" >&2
                exit 1
            fi
            read -r digest _ <"$digest_file"
            printf '%suri: %s\n%ssha256: %s\n' "$indent" "$uri" "$indent" "$digest"
            ;;
        '#'*) ;;
        *) printf '%s\n' "$line" ;;
    esac
done <"$template"
