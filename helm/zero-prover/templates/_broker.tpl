{{/* The port of a URL. */}}
{{- define "zero-prover.urlPort" -}}
{{- (urlParse .).host | splitList ":" | last | int | default (ternary 443 80 (hasPrefix "https:" .)) -}}
{{- end -}}

{{/* Where the broker is, and the objects that say how to get in: one place for every mode, as a dict in YAML. */}}
{{- define "zero-prover.broker" -}}
{{- $rabbit := .Values.rabbitmq -}}
{{- $full := include "zero-prover.fullname" . -}}
{{- $own := ne $rabbit.mode "external" -}}
{{- $name := printf "%s-rabbitmq" $full -}}
{{- $host := ternary $name $rabbit.external.host $own -}}
{{- $tls := $rabbit.tls.enabled -}}
{{- $stock := ternary 5671 5672 $tls -}}
{{- $port := ternary $stock ($rabbit.external.amqpPort | default $stock | int) $own -}}
{{- $path := ternary "/" (printf "/%s" $rabbit.vhost) (eq $rabbit.vhost "/") -}}
{{- $web := ternary "https" "http" $tls -}}
{{- $webPort := ternary 15671 15672 $tls -}}
{{- $management := printf "%s://%s:%d" $web $host (int $webPort) -}}
{{- if and (not $own) $rabbit.external.managementUrl }}{{ $management = $rabbit.external.managementUrl }}{{ end -}}
{{- $metrics := list (printf "http://%s:15692" $host) -}}
{{- $secret := $rabbit.external.existingSecret -}}
{{- if eq $rabbit.mode "embedded" -}}
{{- $secret = $rabbit.embedded.existingSecret | default (printf "%s-user" $name) -}}
{{- else if eq $rabbit.mode "operator" -}}
{{- $secret = printf "%s-default-user" $name -}}
{{- $metrics = list -}}
{{- /* With TLS each node would need its own name in the certificate: queues are counted through the management API then. */}}
{{- range until (ternary 0 (int $rabbit.operator.replicas) $tls) -}}
{{- $metrics = append $metrics (printf "http://%s-server-%d.%s-nodes.%s.svc:15692" $name . $name $.Release.Namespace) -}}
{{- end -}}
{{- else -}}
{{- $metrics = $rabbit.external.metricsUrls -}}
{{- end -}}
name: {{ $name }}
amqpUri: {{ printf "%s://%s:%d%s" (ternary "amqps" "amqp" $tls) $host (int $port) $path }}
amqpPort: {{ $port }}
managementUrl: {{ $management }}
managementPort: {{ include "zero-prover.urlPort" $management }}
metricsUrls: {{ $metrics | toJson }}
secret: {{ $secret }}
{{- $ports := list -}}
{{- range $metrics }}{{ $ports = append $ports (include "zero-prover.urlPort" . | int) }}{{ end }}
metricsPorts: {{ $ports | uniq | toJson }}
{{- /* Where a broker of this release serves metrics, whoever asks. */}}
metricsPort: {{ ternary 15691 15692 (and $tls (eq $rabbit.mode "operator")) }}
{{- end -}}

{{/* The broker's options for our programs. */}}
{{- define "zero-prover.brokerOptions" -}}
- --amqp-uri={{ (include "zero-prover.broker" . | fromYaml).amqpUri }}
- --username-file=/secrets/broker/username
- --password-file=/secrets/broker/password
{{- if .Values.rabbitmq.tls.caSecret }}
- --ca-file=/secrets/broker-ca/ca.crt
{{- end }}
{{- end -}}

{{/* And of those that run the prover's programs. */}}
{{- define "zero-prover.gatewayOptions" -}}
{{ include "zero-prover.brokerOptions" . }}
- --queue-policy={{ .Values.rabbitmq.queuePolicy }}
- --attempts={{ .Values.workers.attempts }}
{{- end -}}

{{- define "zero-prover.brokerVolumes" -}}
- name: broker
  secret:
    secretName: {{ (include "zero-prover.broker" . | fromYaml).secret }}
    defaultMode: 288 # 0440
    items:
      - key: username
        path: username
      - key: password
        path: password
{{- with .Values.rabbitmq.tls.caSecret }}
- name: broker-ca
  secret:
    secretName: {{ . }}
    defaultMode: 288 # 0440
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end -}}

{{- define "zero-prover.brokerMounts" -}}
- name: broker
  mountPath: /secrets/broker
  readOnly: true
{{- if .Values.rabbitmq.tls.caSecret }}
- name: broker-ca
  mountPath: /secrets/broker-ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* Settings that the prover and the scaler need of any broker; each is valid in every series of `rabbitmq.series`. */}}
{{- define "zero-prover.brokerConfig" -}}
{{- $rabbit := .Values.rabbitmq -}}
# paladin's queues are neither durable nor exclusive; from 4.3 on a broker may refuse such unless told.
deprecated_features.permit.transient_nonexcl_queues = true
consumer_timeout = {{ mul $rabbit.consumerTimeoutHours 3600000 }}
max_message_size = {{ mul $rabbit.maxMessageMiB 1048576 }}
collect_statistics_interval = {{ int $rabbit.statisticsIntervalMs }}
default_vhost = {{ $rabbit.vhost }}
{{- with $rabbit.extraConfig }}
{{ trim . }}
{{- end }}
{{- end -}}

{{/* The broker's image. The tag follows from the series. */}}
{{- define "zero-prover.brokerImage" -}}
{{- $tags := dict "3.13" "3.13.7-management" "4.0" "4.0.9-management" "4.1" "4.1.4-management" "4.2" "4.2.5-management" "4.3" "4.3.4-management" -}}
{{- $image := .Values.rabbitmq.image -}}
{{- $image.repository }}{{ include "zero-prover.reference" (dict "image" $image "tag" (index $tags .Values.rabbitmq.series)) -}}
{{- end -}}

{{/* The token of the proof service, for it and for the scaler. */}}
{{- define "zero-prover.tokenVolume" -}}
{{- with .Values.leader.tokenSecret }}
- name: token
  secret:
    secretName: {{ . }}
    defaultMode: 288 # 0440
    items:
      - key: token
        path: token
{{- end }}
{{- end -}}

{{- define "zero-prover.tokenMount" -}}
{{- if .Values.leader.tokenSecret }}
- name: token
  mountPath: /secrets/leader
  readOnly: true
{{- end }}
{{- end -}}
