{{/* Combinations that the schema cannot put into a sentence. Each says what to change. */}}
{{- define "zero-prover.validate" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- if ne $v.prover.version "v0.7" -}}
{{- if eq $v.prover.runMode "affinity" }}{{ $wrong = append $wrong (printf "prover.runMode is `affinity`, which %s does not have: set it to `default`, or prover.version to `v0.7`" $v.prover.version) }}{{ end -}}
{{- if $v.prover.testConfig }}{{ $wrong = append $wrong (printf "prover.testConfig is an option of v0.7, and prover.version is `%s`: leave it out" $v.prover.version) }}{{ end -}}
{{- end -}}
{{- $tables := (include "zero-prover.presets" . | fromYaml).tables -}}
{{- range $table, $_ := $v.prover.circuitSizes -}}
{{- if not (has $table $tables) }}{{ $wrong = append $wrong (printf "prover.circuitSizes has `%s`, which is no table of %s: it has %s" $table $v.prover.version (join ", " $tables)) }}{{ end -}}
{{- end -}}
{{- range $pool := include "zero-prover.pools" . | fromJsonArray -}}
{{- $values := index $v.workers.pools $pool -}}
{{- if gt (int $values.minReplicas) (int $values.maxReplicas) }}{{ $wrong = append $wrong (printf "workers.pools.%s.minReplicas is %d and maxReplicas %d: the former may not be greater" $pool (int $values.minReplicas) (int $values.maxReplicas)) }}{{ end -}}
{{- end -}}
{{- $rabbit := $v.rabbitmq -}}
{{- if eq $rabbit.mode "external" -}}
{{- if not $rabbit.external.host }}{{ $wrong = append $wrong "rabbitmq.mode is `external`, but nothing says where it is: set rabbitmq.external.host" }}{{ end -}}
{{- if not $rabbit.external.existingSecret }}{{ $wrong = append $wrong "rabbitmq.mode is `external`, but nothing says who we are there: make a Secret with `username` and `password` and set rabbitmq.external.existingSecret to its name" }}{{ end -}}
{{- if $rabbit.extraConfig }}{{ $wrong = append $wrong "rabbitmq.extraConfig is for a broker that this release makes, and rabbitmq.mode is `external`: configure the broker itself" }}{{ end -}}
{{- else -}}
{{- if or $rabbit.external.host $rabbit.external.existingSecret }}{{ $wrong = append $wrong (printf "rabbitmq.external names a broker, but rabbitmq.mode is `%s`: set it to `external`, or leave rabbitmq.external out" $rabbit.mode) }}{{ end -}}
{{- if and $rabbit.tls.enabled (not $rabbit.tls.serverSecret) }}{{ $wrong = append $wrong "rabbitmq.tls.enabled needs a certificate for the broker that this release makes: set rabbitmq.tls.serverSecret to a Secret with `tls.crt` and `tls.key`" }}{{ end -}}
{{- end -}}
{{- if and (not $rabbit.tls.enabled) (or $rabbit.tls.caSecret $rabbit.tls.serverSecret) }}{{ $wrong = append $wrong "rabbitmq.tls names Secrets, but TLS is off: set rabbitmq.tls.enabled to true, or leave them out" }}{{ end -}}
{{- if and (eq $rabbit.queuePolicy "quorum") (eq $rabbit.mode "operator") (eq (mod (int $rabbit.operator.replicas) 2) 0) }}{{ $wrong = append $wrong (printf "rabbitmq.operator.replicas is %d: quorum queues want an odd number, 3 for one node that may fail" (int $rabbit.operator.replicas)) }}{{ end -}}
{{- $circuits := $v.circuits -}}
{{- if and (eq $circuits.mode "existingClaim") (not $circuits.existingClaim.name) }}{{ $wrong = append $wrong "circuits.mode is `existingClaim`, but none is named: set circuits.existingClaim.name" }}{{ end -}}
{{- if and (eq $circuits.mode "existingClaim") (eq $circuits.existingClaim.accessMode "ReadOnlyMany") $circuits.initJob }}{{ $wrong = append $wrong "circuits.existingClaim.accessMode is `ReadOnlyMany`, and such a volume cannot be filled: set circuits.initJob to false, or accessMode to how it can be written" }}{{ end -}}
{{- if and (eq $circuits.mode "pvc") $circuits.pvc.filestoreNetwork -}}
{{- if $circuits.pvc.storageClass }}{{ $wrong = append $wrong "circuits.pvc.filestoreNetwork makes a StorageClass, and circuits.pvc.storageClass names another: leave one of them out" }}{{ end -}}
{{- if ne $circuits.pvc.accessMode "ReadWriteMany" }}{{ $wrong = append $wrong (printf "circuits.pvc.filestoreNetwork is for a volume that many nodes mount, and circuits.pvc.accessMode is `%s`: set it to `ReadWriteMany`" $circuits.pvc.accessMode) }}{{ end -}}
{{- end -}}
{{- if and (eq $circuits.mode "gcsfuse") (not $circuits.gcsfuse.bucket) }}{{ $wrong = append $wrong "circuits.mode is `gcsfuse`, but no bucket is named: set circuits.gcsfuse.bucket" }}{{ end -}}
{{- if and (eq $circuits.mode "image") (not $circuits.image.reference) }}{{ $wrong = append $wrong "circuits.mode is `image`, but no image is named: set circuits.image.reference" }}{{ end -}}
{{- if and (eq $circuits.mode "image") (semverCompare "<1.35.0-0" .Capabilities.KubeVersion.Version) }}{{ $wrong = append $wrong (printf "circuits.mode `image` needs Kubernetes 1.35, and the cluster has %s: choose another mode" .Capabilities.KubeVersion.Version) }}{{ end -}}
{{- $scaling := $v.autoscaling -}}
{{- if and (eq $scaling.mode "rabbitmq") (gt (int $scaling.drainSeconds) 0) }}{{ $wrong = append $wrong "autoscaling.drainSeconds is for autoscaling.mode `external`: KEDA's own trigger measures no rate" }}{{ end -}}
{{- if and $scaling.tls.enabled (ne $scaling.mode "external") }}{{ $wrong = append $wrong (printf "autoscaling.tls is between KEDA and zero-scaler, which autoscaling.mode `%s` does not have: set autoscaling.tls.enabled to false" $scaling.mode) }}{{ end -}}
{{- if and $scaling.tls.enabled (not (and $scaling.tls.serverSecret $scaling.tls.caSecret)) }}{{ $wrong = append $wrong "autoscaling.tls.enabled needs autoscaling.tls.serverSecret (`tls.crt`, `tls.key`) and autoscaling.tls.caSecret (`ca.crt`)" }}{{ end -}}
{{- if and (not $scaling.tls.enabled) (or $scaling.tls.serverSecret $scaling.tls.caSecret $scaling.tls.clientSecret) }}{{ $wrong = append $wrong "autoscaling.tls names Secrets, but TLS is off: set autoscaling.tls.enabled to true, or leave them out" }}{{ end -}}
{{- if and $v.monitoring.rules.enabled (not $v.monitoring.enabled) }}{{ $wrong = append $wrong "monitoring.rules.enabled without monitoring.enabled: the alerts would wait for metrics that nobody scrapes; enable both" }}{{ end -}}
{{- if gt (len .Release.Namespace) 63 }}{{ $wrong = append $wrong "the namespace's name is longer than 63 characters" }}{{ end -}}
{{- if $wrong -}}
{{- fail (printf "\n\nThese values do not go together:\n- %s\n" (join "\n- " $wrong)) -}}
{{- end -}}
{{- include "zero-prover.prerequisites" . -}}
{{- end -}}

{{/* What the cluster has to have, and the command that brings it. */}}
{{- define "zero-prover.prerequisites" -}}
{{- $missing := list -}}
{{- if .Values.prerequisites.check -}}
{{- if and (ne .Values.autoscaling.mode "none") (not (.Capabilities.APIVersions.Has "keda.sh/v1alpha1/ScaledObject")) -}}
{{- $missing = append $missing "KEDA 2.17 or newer, for autoscaling. Install it:\n    helm install keda keda --repo https://kedacore.github.io/charts --namespace keda --create-namespace\n  or set autoscaling.mode=none for a fixed number of workers" -}}
{{- end -}}
{{- if and (eq .Values.rabbitmq.mode "operator") (not (.Capabilities.APIVersions.Has "rabbitmq.com/v1beta1/RabbitmqCluster")) -}}
{{- $missing = append $missing "RabbitMQ's cluster operator, for rabbitmq.mode=operator. Install it:\n    kubectl apply -f https://github.com/rabbitmq/cluster-operator/releases/latest/download/cluster-operator.yml\n  or set rabbitmq.mode=embedded for a broker to try out" -}}
{{- end -}}
{{- if and .Values.monitoring.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor")) -}}
{{- $missing = append $missing "the Prometheus operator, for monitoring.enabled. Install it:\n    helm install kube-prometheus-stack kube-prometheus-stack --repo https://prometheus-community.github.io/helm-charts --namespace monitoring --create-namespace\n  or set monitoring.enabled=false" -}}
{{- end -}}
{{- end -}}
{{- if $missing -}}
{{- fail (printf "\n\nThe cluster lacks:\n- %s\nNot asked of a cluster (helm template)? Add --api-versions for what it has, or set prerequisites.check=false.\n" (join "\n- " $missing)) -}}
{{- end -}}
{{- end -}}
