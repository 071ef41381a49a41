{{/* The release's name, shortened so that every name made from it is one that Kubernetes and KEDA take. */}}
{{- define "zero-prover.fullname" -}}
{{- if gt (len .Release.Name) 34 -}}
{{- printf "%s-%s" (.Release.Name | trunc 27 | trimSuffix "-") (.Release.Name | sha256sum | trunc 6) -}}
{{- else -}}
{{- .Release.Name -}}
{{- end -}}
{{- end -}}

{{/* Labels by which pods are selected: they never change. Takes root and component. */}}
{{- define "zero-prover.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of pods: those that select, and those of the user. Takes root and component, and `more` for objects of one kind, which win. */}}
{{- define "zero-prover.podLabels" -}}
{{ include "zero-prover.selectorLabels" . }}
app.kubernetes.io/part-of: zero-prover
{{- with merge (dict) (.more | default dict) .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of objects. */}}
{{- define "zero-prover.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{ include "zero-prover.podLabels" . }}
{{- end -}}

{{/* Reference of one of this chart's own images. Takes root, name (worker, leader, scaler, jumpbox). */}}
{{- define "zero-prover.image" -}}
{{- $image := index .root.Values.image .name -}}
{{- $plain := eq .name "scaler" -}}
{{- $own := ternary .root.Chart.AppVersion (printf "%s-%s" .root.Chart.AppVersion .root.Values.prover.version) $plain -}}
{{- printf "%s/%s%s" .root.Values.image.registry $image.repository (include "zero-prover.reference" (dict "image" $image "tag" $own)) -}}
{{- end -}}

{{- define "zero-prover.reference" -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .tag }}{{ end -}}
{{- end -}}

{{/* What all pods of this chart's own images have. Takes root and uid. */}}
{{- define "zero-prover.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "zero-prover.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Prints a string for each entry of a list, as arguments. */}}
{{- define "zero-prover.arguments" -}}
{{- range . }}
- {{ . | quote }}
{{- end }}
{{- end -}}
