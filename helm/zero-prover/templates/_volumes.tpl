{{/*
Volumes that are in the cluster already and were made otherwise than these values say. Kubernetes does not let them be changed,
and its own words do not tell what to do.
*/}}
{{- define "zero-prover.madeOtherwise" -}}
{{- $full := include "zero-prover.fullname" . -}}
{{- $space := .Release.Namespace -}}
{{- $other := list -}}
{{- if eq .Values.circuits.mode "pvc" -}}
{{- $pvc := .Values.circuits.pvc -}}
{{- $claim := lookup "v1" "PersistentVolumeClaim" $space (printf "%s-circuits" $full) -}}
{{- if include "zero-prover.isOurs" (dict "root" . "object" $claim) -}}
{{- with $claim -}}
{{- $cure := printf "a claim cannot be changed. Put the value back, or have the claim made anew, empty, as docs/upgrade.md tells under `Another volume`: with workers held at zero, `kubectl -n %s delete pvc %s`" $space .metadata.name -}}
{{- if not (has $pvc.accessMode .spec.accessModes) }}{{ $other = append $other (printf "circuits.pvc.accessMode is `%s`, and the claim %s was made with `%s`: %s" $pvc.accessMode .metadata.name (first .spec.accessModes) $cure) }}{{ end -}}
{{- $class := .spec.storageClassName | default "" -}}
{{- if and $pvc.storageClass (ne $pvc.storageClass $class) }}{{ $other = append $other (printf "circuits.pvc.storageClass is `%s`, and the claim %s was made with `%s`: %s" $pvc.storageClass .metadata.name $class $cure) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $sets := dict -}}
{{- if .Values.leader.enabled }}{{ $_ := set $sets "leader.persistence" (dict "name" (printf "%s-leader" $full) "wanted" .Values.leader.persistence) }}{{ end -}}
{{- if eq .Values.rabbitmq.mode "embedded" }}{{ $_ := set $sets "rabbitmq.embedded.persistence" (dict "name" (printf "%s-rabbitmq" $full) "wanted" .Values.rabbitmq.embedded.persistence) }}{{ end -}}
{{- range $place, $set := $sets -}}
{{- $there := lookup "apps/v1" "StatefulSet" $space $set.name -}}
{{- if include "zero-prover.isOurs" (dict "root" $ "object" $there) -}}
{{- $claim := dict -}}
{{- range $there.spec.volumeClaimTemplates | default list }}{{ $claim = .spec }}{{ end -}}
{{- $cure := printf "a StatefulSet's volumes cannot be changed. Put the value back, or `kubectl -n %s delete statefulset %s --cascade=orphan`, which ends no pod and keeps the volume, and upgrade again. A volume that is there stays as it is: docs/upgrade.md, `Another volume`" $space $set.name -}}
{{- if ne $set.wanted.enabled (not (empty $claim)) }}{{ $other = append $other (printf "%s.enabled is %t, and the StatefulSet %s was made with %t: %s" $place $set.wanted.enabled $set.name (not (empty $claim)) $cure) -}}
{{- else if $claim -}}
{{- $class := $claim.storageClassName | default "" -}}
{{- $size := $claim.resources.requests.storage -}}
{{- if ne $set.wanted.storageClass $class }}{{ $other = append $other (printf "%s.storageClass is `%s`, and the StatefulSet %s was made with `%s`: %s" $place $set.wanted.storageClass $set.name $class $cure) }}{{ end -}}
{{- if ne (include "zero-prover.bytes" $set.wanted.size) (include "zero-prover.bytes" $size) }}{{ $other = append $other (printf "%s.size is `%s`, and the StatefulSet %s was made with `%s`: %s" $place $set.wanted.size $set.name $size $cure) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $other -}}
{{- fail (printf "\n\nThe cluster has it otherwise:\n- %s\n" (join "\n- " $other)) -}}
{{- end -}}
{{- end -}}

{{/* Whether an object is of this release, `true` or nothing; Helm itself refuses those that are not. */}}
{{- define "zero-prover.isOurs" -}}
{{- if eq (dig "metadata" "labels" "app.kubernetes.io/instance" "" .object) .root.Release.Name }}true{{ end -}}
{{- end -}}

{{/* How much a quantity is: the API server writes `1024Gi` as `1Ti`. */}}
{{- define "zero-prover.bytes" -}}
{{- $units := dict "m" 0.001 "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "P" 1000000000000000 "E" 1000000000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (get $units (regexFind "[A-Za-z]*$" .)) -}}
{{- end -}}
