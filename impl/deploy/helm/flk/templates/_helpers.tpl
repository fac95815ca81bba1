{{- define "flk.name" -}}
{{- printf "flk-%s" .Values.region | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "flk.selector" -}}
app.kubernetes.io/name: flk
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "flk.labels" -}}
{{ include "flk.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
flk/region: {{ .Values.region | quote }}
{{- end -}}

{{- define "flk.keysSecret" -}}
{{- default (printf "%s-keys" (include "flk.name" .)) .Values.keysSecret -}}
{{- end -}}

{{- define "flk.mistakes" -}}
{{- if and (gt (int .Values.nodes) 1) (not .Values.storeSecret) -}}
{{- fail "nodes: several nodes of a region share a store: name a Secret with its URL in storeSecret, or leave nodes at 1" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (not .Values.storeSecret) -}}
{{- fail "autoscaling.enabled: nodes come and go only where they share a store: name a Secret with its URL in storeSecret" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.max) (int .Values.nodes)) -}}
{{- fail "autoscaling.max: is less than nodes" -}}
{{- end -}}
{{- if and .Values.peers (not .Values.objects.url) -}}
{{- fail "peers: regions replicate through an object store: name it in objects.url" -}}
{{- end -}}
{{- if and .Values.admin.accessSecret (not .Values.admin.from) -}}
{{- fail "admin.from: an address for operators is for them alone: name who may reach it, Prometheus and operators, by selectors" -}}
{{- end -}}
{{- if and .Values.admin.accessSecret .Values.monitoring.enabled (not .Values.admin.tokenSecret.name) -}}
{{- fail "admin.tokenSecret.name: metrics are told to a token only: name a Secret with one of role `metrics`" -}}
{{- end -}}
{{- if and (not .Values.keysSecret) (not .Values.keys) -}}
{{- fail "keysSecret: a node needs a key file: name a Secret with `keys.toml` in it, or give its text with --set-file keys=keys.toml" -}}
{{- end -}}
{{- end -}}
