{{/* Combinations that the schema cannot put into a sentence. Each says what to change. */}}
{{- define "zero-prover.validate" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" .Release.Name) }}{{ $wrong = append $wrong (printf "the release's name is `%s`, and Kubernetes takes no Service of that name: begin with a letter, and use small letters, digits and `-` alone" .Release.Name) }}{{ end -}}
{{- range $place, $labels := dict "commonLabels" $v.commonLabels "monitoring.labels" $v.monitoring.labels "monitoring.dashboards.labels" $v.monitoring.dashboards.labels -}}
{{- range $label, $_ := $labels -}}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh|zero-prover\\.io)/" $label }}{{ $wrong = append $wrong (printf "%s has `%s`, which this chart sets itself and finds its pods by: choose another label" $place $label) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if eq $v.prover.version "v0.7" -}}
{{- if $v.leader.testOnlyLeader }}{{ $wrong = append $wrong "leader.testOnlyLeader is for v0.5 and v0.6, and prover.version is `v0.7`, whose leader simulates by itself: leave it out" }}{{ end -}}
{{- else -}}
{{- if eq $v.prover.runMode "affinity" }}{{ $wrong = append $wrong (printf "prover.runMode is `affinity`, which %s does not have: set it to `default`, or prover.version to `v0.7`" $v.prover.version) }}{{ end -}}
{{- if $v.prover.testConfig }}{{ $wrong = append $wrong (printf "prover.testConfig is an option of v0.7, and prover.version is `%s`: leave it out" $v.prover.version) }}{{ end -}}
{{- end -}}
{{- $tables := (include "zero-prover.presets" . | fromYaml).tables -}}
{{- range $table, $sizes := $v.prover.circuitSizes -}}
{{- $ends := splitList ".." $sizes -}}
{{- if ge (first $ends | atoi) (last $ends | atoi) }}{{ $wrong = append $wrong (printf "prover.circuitSizes.%s is `%s`, which has no size in it: the first number has to be less than the second, which is not counted" $table $sizes) }}{{ end -}}
{{- if not (has $table $tables) }}{{ $wrong = append $wrong (printf "prover.circuitSizes has `%s`, which is no table of %s: it has %s" $table $v.prover.version (join ", " $tables)) }}{{ end -}}
{{- end -}}
{{- $toZero := false -}}
{{- range $pool := include "zero-prover.pools" . | fromJsonArray -}}
{{- $values := index $v.workers.pools $pool -}}
{{- if eq (int $values.minReplicas) 0 }}{{ $toZero = true }}{{ end -}}
{{- if gt (int $values.minReplicas) (int $values.maxReplicas) }}{{ $wrong = append $wrong (printf "workers.pools.%s.minReplicas is %d and maxReplicas %d: the former may not be greater" $pool (int $values.minReplicas) (int $values.maxReplicas)) }}{{ end -}}
{{- end -}}
{{- $rabbit := $v.rabbitmq -}}
{{- if eq $rabbit.mode "external" -}}
{{- if not $rabbit.external.host }}{{ $wrong = append $wrong "rabbitmq.mode is `external`, but nothing says where it is: set rabbitmq.external.host" }}{{ end -}}
{{- if not $rabbit.external.existingSecret }}{{ $wrong = append $wrong "rabbitmq.mode is `external`, but nothing says who we are there: make a Secret with `username` and `password` and set rabbitmq.external.existingSecret to its name" }}{{ end -}}
{{- if $rabbit.tls.serverSecret }}{{ $wrong = append $wrong "rabbitmq.tls.serverSecret is for a broker that this release makes, and rabbitmq.mode is `external`: leave it out" }}{{ end -}}
{{- if $rabbit.extraConfig }}{{ $wrong = append $wrong "rabbitmq.extraConfig is for a broker that this release makes, and rabbitmq.mode is `external`: configure the broker itself" }}{{ end -}}
{{- else -}}
{{- with $rabbit.external }}
{{- if or .host .existingSecret .managementUrl .metricsUrls (int .amqpPort) }}{{ $wrong = append $wrong (printf "rabbitmq.external names a broker, but rabbitmq.mode is `%s`: set it to `external`, or leave rabbitmq.external out" $rabbit.mode) }}{{ end -}}
{{- end -}}
{{- if and $rabbit.tls.enabled (not $rabbit.tls.serverSecret) }}{{ $wrong = append $wrong "rabbitmq.tls.enabled needs a certificate for the broker that this release makes: set rabbitmq.tls.serverSecret to a Secret with `tls.crt` and `tls.key`" }}{{ end -}}
{{- end -}}
{{- if and $rabbit.embedded.existingSecret (ne $rabbit.mode "embedded") }}{{ $wrong = append $wrong (printf "rabbitmq.embedded.existingSecret is for rabbitmq.mode `embedded`, and it is `%s`, %s: leave it out" $rabbit.mode (ternary "whose operator makes a user of its own" "which has rabbitmq.external.existingSecret" (eq $rabbit.mode "operator"))) }}{{ end -}}
{{- if and (not $rabbit.tls.enabled) (or $rabbit.tls.caSecret $rabbit.tls.serverSecret) }}{{ $wrong = append $wrong "rabbitmq.tls names Secrets, but TLS is off: set rabbitmq.tls.enabled to true, or leave them out" }}{{ end -}}
{{- if and (eq $rabbit.queuePolicy "quorum") (eq $rabbit.mode "operator") (eq (mod (int $rabbit.operator.replicas) 2) 0) }}{{ $wrong = append $wrong (printf "rabbitmq.operator.replicas is %d: quorum queues want an odd number, 3 for one node that may fail" (int $rabbit.operator.replicas)) }}{{ end -}}
{{- $circuits := $v.circuits -}}
{{- range $mode, $named := dict "existingClaim" (list "name" $circuits.existingClaim.name) "gcsfuse" (list "bucket" $circuits.gcsfuse.bucket) "image" (list "reference" $circuits.image.reference) -}}
{{- if and (last $named) (ne $circuits.mode $mode) }}{{ $wrong = append $wrong (printf "circuits.%s.%s is set, but circuits.mode is `%s`: set it to `%s`, or leave the former out" $mode (first $named) $circuits.mode $mode) }}{{ end -}}
{{- end -}}
{{- $pools := $v.workers.pools -}}
{{- if and (eq $v.prover.runMode "affinity") (include "zero-prover.circuitsOnOneNode" .) (ne $pools.heavy.nodePool $pools.light.nodePool) }}{{ $wrong = append $wrong (printf "circuits are on a ReadWriteOnce volume, which puts all workers on one node, but workers.pools.heavy.nodePool is `%s` and that of light `%s`, and no node is of both: give both the same, or set circuits.%s.accessMode to ReadWriteMany" $pools.heavy.nodePool $pools.light.nodePool $circuits.mode) }}{{ end -}}
{{- if and (eq $circuits.mode "existingClaim") (not $circuits.existingClaim.name) }}{{ $wrong = append $wrong "circuits.mode is `existingClaim`, but none is named: set circuits.existingClaim.name" }}{{ end -}}
{{- if and (eq $circuits.mode "existingClaim") (eq $circuits.existingClaim.accessMode "ReadOnlyMany") $circuits.initJob }}{{ $wrong = append $wrong "circuits.existingClaim.accessMode is `ReadOnlyMany`, and such a volume cannot be filled: set circuits.initJob to false, or accessMode to how it can be written" }}{{ end -}}
{{- if and (eq $circuits.mode "pvc") $circuits.pvc.filestoreNetwork -}}
{{- if $circuits.pvc.storageClass }}{{ $wrong = append $wrong "circuits.pvc.filestoreNetwork makes a StorageClass, and circuits.pvc.storageClass names another: leave one of them out" }}{{ end -}}
{{- if ne $circuits.pvc.accessMode "ReadWriteMany" }}{{ $wrong = append $wrong (printf "circuits.pvc.filestoreNetwork is for a volume that many nodes mount, and circuits.pvc.accessMode is `%s`: set it to `ReadWriteMany`" $circuits.pvc.accessMode) }}{{ end -}}
{{- end -}}
{{- if and (eq $circuits.mode "gcsfuse") (not $circuits.gcsfuse.bucket) }}{{ $wrong = append $wrong "circuits.mode is `gcsfuse`, but no bucket is named: set circuits.gcsfuse.bucket" }}{{ end -}}
{{- if and (eq $circuits.mode "image") (not $circuits.image.reference) }}{{ $wrong = append $wrong "circuits.mode is `image`, but no image is named: set circuits.image.reference" }}{{ end -}}
{{- if and (eq $circuits.mode "image") (semverCompare "<1.35.0-0" .Capabilities.KubeVersion.Version) }}{{ $wrong = append $wrong (printf "circuits.mode `image` needs Kubernetes 1.35, and the cluster has %s: choose another mode" .Capabilities.KubeVersion.Version) }}{{ end -}}
{{- if and $v.leader.tokenSecret (not $v.leader.enabled) }}{{ $wrong = append $wrong "leader.tokenSecret is for a proof service, and leader.enabled is false: leave it out" }}{{ end -}}
{{- $scaling := $v.autoscaling -}}
{{- if and (eq $scaling.mode "rabbitmq") (gt (int $scaling.drainSeconds) 0) }}{{ $wrong = append $wrong "autoscaling.drainSeconds is for autoscaling.mode `external`: KEDA's own trigger measures no rate" }}{{ end -}}
{{- $until := mul (add1 (int $scaling.fallback.failureThreshold)) (int $scaling.pollingIntervalSeconds) -}}
{{- if and $toZero (ne $scaling.mode "none") (ge $until (int $scaling.cooldownSeconds)) }}{{ $wrong = append $wrong (printf "autoscaling.cooldownSeconds is %d, and the fallback counts only after %d s (failureThreshold and one more, times pollingIntervalSeconds): until then KEDA may set 0 workers while the broker is gone. Set cooldownSeconds above that, or one of the others lower" (int $scaling.cooldownSeconds) $until) }}{{ end -}}
{{- if and $scaling.tls.enabled (ne $scaling.mode "external") }}{{ $wrong = append $wrong (printf "autoscaling.tls is between KEDA and zero-scaler, which autoscaling.mode `%s` does not have: set autoscaling.tls.enabled to false" $scaling.mode) }}{{ end -}}
{{- if and $scaling.tls.enabled (not (and $scaling.tls.serverSecret $scaling.tls.caSecret)) }}{{ $wrong = append $wrong "autoscaling.tls.enabled needs autoscaling.tls.serverSecret (`tls.crt`, `tls.key`) and autoscaling.tls.caSecret (`ca.crt`)" }}{{ end -}}
{{- if and (not $scaling.tls.enabled) (or $scaling.tls.serverSecret $scaling.tls.caSecret $scaling.tls.clientSecret) }}{{ $wrong = append $wrong "autoscaling.tls names Secrets, but TLS is off: set autoscaling.tls.enabled to true, or leave them out" }}{{ end -}}
{{- if and $v.monitoring.rules.enabled (not $v.monitoring.enabled) }}{{ $wrong = append $wrong "monitoring.rules.enabled without monitoring.enabled: the alerts would wait for metrics that nobody scrapes; enable both" }}{{ end -}}
{{- $alerts := list -}}
{{- range $path, $_ := .Files.Glob "rules/*/*.yaml" }}{{ $alerts = append $alerts ($.Files.Get $path | fromYaml).alert }}{{ end -}}
{{- range $v.monitoring.rules.exclude -}}
{{- if not (has . $alerts) }}{{ $wrong = append $wrong (printf "monitoring.rules.exclude has `%s`, and there is no such alert: there are %s" . (sortAlpha $alerts | join ", ")) }}{{ end -}}
{{- end -}}
{{- if gt (len .Release.Namespace) 63 }}{{ $wrong = append $wrong "the namespace's name is longer than 63 characters" }}{{ end -}}
{{- if $wrong -}}
{{- fail (printf "\n\nThese values do not go together:\n- %s\n" (join "\n- " $wrong)) -}}
{{- end -}}
{{- include "zero-prover.prerequisites" . -}}
{{- include "zero-prover.madeOtherwise" . -}}
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
