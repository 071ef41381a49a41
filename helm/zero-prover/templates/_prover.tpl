{{/* What differs between the prover's releases. `v0.5` and `v0.6` are alike in all of it. */}}
{{- define "zero-prover.presets" -}}
{{- if eq .Values.prover.version "v0.7" -}}
circuitsFolder: zk_evm_circuit_cache
circuitsVariable: ZK_EVM_CACHE_DIR
circuitsVariableIsParent: false
taskQueues: {default: task-ipc-routing-key, heavy: heavy-proof, light: light-proof}
tables: [arithmetic, byte-packing, cpu, keccak, keccak-sponge, logic, memory, mem-before, mem-after]
{{- else -}}
circuitsFolder: circuits
circuitsVariable: CARGO_WORKSPACE_DIR
circuitsVariableIsParent: true
taskQueues: {default: "00000000000000000000000000000000"}
tables: [arithmetic, byte-packing, cpu, keccak, keccak-sponge, logic, memory]
{{- end -}}
{{- end -}}

{{/* The pools of these values, as a JSON list. */}}
{{- define "zero-prover.pools" -}}
{{- if eq .Values.prover.runMode "affinity" }}["heavy","light"]{{ else }}["default"]{{ end -}}
{{- end -}}

{{/* Options that workers, circuits and verifier must have alike. */}}
{{- define "zero-prover.circuitOptions" -}}
{{- $sizes := .Values.prover.circuitSizes -}}
{{- range $table := (include "zero-prover.presets" . | fromYaml).tables }}
{{- with index $sizes $table }}
- --{{ $table }}={{ . }}
{{- end }}
{{- end }}
{{- if .Values.prover.testConfig }}
- --use-test-config
{{- end }}
{{- end -}}

{{/* The prover's worker and its options, as arguments. Takes root and, for workers of a pool, pool. */}}
{{- define "zero-prover.workerCommand" -}}
- worker
- --runtime=amqp
{{- if and .pool (ne .pool "default") }}
- --task-bus-routing-key={{ index (include "zero-prover.presets" .root | fromYaml).taskQueues .pool }}
{{- end }}
{{- include "zero-prover.circuitOptions" .root }}
{{- include "zero-prover.arguments" .root.Values.workers.proverArgs }}
{{- end -}}

{{/* One command line, as `zero-leader` splits it: each word between single quotes. Takes program and words. */}}
{{- define "zero-prover.commandLine" -}}
{{- $words := list .program -}}
{{- range .words }}{{ $words = append $words (printf "'%s'" (. | replace "'" "'\\''")) }}{{ end -}}
{{- $words | join " " -}}
{{- end -}}

{{/* The folder of the circuits, in every pod that mounts them. */}}
{{- define "zero-prover.circuitsDir" -}}
/circuits/{{ (include "zero-prover.presets" . | fromYaml).circuitsFolder }}
{{- end -}}

{{/* How the prover's own programs are told that folder. */}}
{{- define "zero-prover.circuitsEnv" -}}
{{- $presets := include "zero-prover.presets" . | fromYaml -}}
- name: {{ $presets.circuitsVariable }}
  value: {{ ternary "/circuits" (include "zero-prover.circuitsDir" .) $presets.circuitsVariableIsParent }}
{{- end -}}

{{/* Whether circuits are made by a Job: `true` or nothing. */}}
{{- define "zero-prover.hasCircuitsJob" -}}
{{- if and .Values.circuits.initJob (has .Values.circuits.mode (list "pvc" "existingClaim" "gcsfuse")) }}true{{ end -}}
{{- end -}}

{{/* Whether every pod that mounts the circuits has to be on one node: `true` or nothing. */}}
{{- define "zero-prover.circuitsOnOneNode" -}}
{{- $mode := .Values.circuits.mode -}}
{{- if has $mode (list "pvc" "existingClaim") -}}
{{- if eq (index .Values.circuits $mode).accessMode "ReadWriteOnce" }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* The volume of the circuits. Takes root and writable. */}}
{{- define "zero-prover.circuitsVolume" -}}
{{- $circuits := .root.Values.circuits -}}
- name: circuits
  {{- if eq $circuits.mode "pvc" }}
  persistentVolumeClaim:
    claimName: {{ include "zero-prover.fullname" .root }}-circuits
  {{- else if eq $circuits.mode "existingClaim" }}
  persistentVolumeClaim:
    claimName: {{ $circuits.existingClaim.name }}
    {{- if eq $circuits.existingClaim.accessMode "ReadOnlyMany" }}
    readOnly: true
    {{- end }}
  {{- else if eq $circuits.mode "ephemeral" }}
  emptyDir:
    sizeLimit: {{ $circuits.ephemeral.sizeLimit }}
  {{- else if eq $circuits.mode "gcsfuse" }}
  csi:
    driver: gcsfuse.csi.storage.gke.io
    readOnly: {{ not .writable }}
    volumeAttributes:
      bucketName: {{ $circuits.gcsfuse.bucket }}
      mountOptions: {{ $circuits.gcsfuse.mountOptions | quote }}
  {{- else }}
  image:
    reference: {{ $circuits.image.reference }}
    pullPolicy: {{ .root.Values.image.pullPolicy }}
  {{- end }}
{{- end -}}

{{/* Where it is mounted. Takes root and writable. */}}
{{- define "zero-prover.circuitsMount" -}}
- name: circuits
  mountPath: /circuits
  readOnly: {{ and (not .writable) (ne .root.Values.circuits.mode "ephemeral") }}
{{- end -}}

{{/* The label by which pods with a volume for one node find one another, and the rule. */}}
{{- define "zero-prover.circuitsLabel" -}}
{{- if include "zero-prover.circuitsOnOneNode" . }}
zero-prover.io/circuits: {{ include "zero-prover.fullname" . }}
{{- end }}
{{- end -}}

{{- define "zero-prover.circuitsAffinity" -}}
{{- if include "zero-prover.circuitsOnOneNode" . }}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "zero-prover.circuitsLabel" . | nindent 12 }}
{{- end }}
{{- end -}}

{{/* Where pods of a pool are put. Takes the pool's values. */}}
{{- define "zero-prover.placement" -}}
{{- with .nodePool }}
nodeSelector:
  zero-prover.io/pool: {{ . }}
{{- end }}
{{- if or (eq .nodePool "highmem") .tolerations }}
tolerations:
  {{- if eq .nodePool "highmem" }}
  - key: highmem
    operator: Equal
    value: "true"
    effect: NoSchedule
  {{- end }}
  {{- with .tolerations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
