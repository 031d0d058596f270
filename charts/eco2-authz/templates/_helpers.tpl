{{- define "eco2-authz.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Short enough for what is added to it: 50 and `-pods`. */}}
{{- define "eco2-authz.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "eco2-authz.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "eco2-authz.fullname" .) }}
{{- end }}

{{- define "eco2-authz.image" -}}
{{- $tag := .Values.image.tag | default (printf "ext-authz-%s" .Chart.AppVersion) -}}
{{- .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{- /* Metadata of an object. Arguments: the root, the end of the name, further labels and annotations. */}}
{{- define "eco2-authz.metadata" -}}
{{- $root := .root -}}
name: {{ .name | default (printf "%s%s" (include "eco2-authz.fullname" $root) (.suffix | default "")) }}
{{- if not .cluster }}
namespace: {{ .namespace | default $root.Release.Namespace }}
{{- end }}
labels:
  {{- include "eco2-authz.labels" (dict "root" $root "labels" .labels) | nindent 2 }}
{{- with mergeOverwrite (dict) $root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "eco2-authz.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" (.root.Chart.AppVersion | toString)
  "app.kubernetes.io/part-of" "ecoeco-platform"
  "app.kubernetes.io/managed-by" .root.Release.Service
-}}
{{- $fixed := include "eco2-authz.selector" .root | fromYaml -}}
{{- toYaml (mergeOverwrite (dict) .root.Values.commonLabels (.labels | default dict) $own $fixed) }}
{{- end }}

{{- define "eco2-authz.selector" -}}
app.kubernetes.io/name: {{ include "eco2-authz.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Its pods, and those of `helm test`. */}}
{{- define "eco2-authz.podSelector" -}}
{{ include "eco2-authz.selector" . }}
app.kubernetes.io/component: ext-authz
{{- end }}

{{- define "eco2-authz.testSelector" -}}
{{ include "eco2-authz.selector" . }}
app.kubernetes.io/component: test
{{- end }}

{{- /* A setting as a variable has it: lists, maps and numbers as JSON, texts as they are. */}}
{{- define "eco2-authz.settingValue" -}}
{{- if kindIs "string" . }}{{ . | quote }}{{ else }}{{ . | toJson | quote }}{{ end }}
{{- end }}

{{- define "eco2-authz.env" -}}
- name: AUTHZ_GRPC_ADDR
  value: "0.0.0.0:{{ .Values.service.grpcPort }}"
- name: AUTHZ_HTTP_ADDR
  value: "0.0.0.0:{{ .Values.service.httpPort }}"
{{- range $name := keys .Values.settings | sortAlpha }}
{{- $value := get $.Values.settings $name }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name | snakecase | upper }}
  value: {{ include "eco2-authz.settingValue" $value }}
{{- end }}
{{- end }}
{{- range $name := keys .Values.secrets | sortAlpha }}
{{- with get $.Values.secrets $name }}
{{- if .name }}
- name: {{ $name | snakecase | upper }}
  valueFrom:
    secretKeyRef: {name: {{ .name }}, key: {{ .key }}}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Ports for checks: one, or one for each worker. */}}
{{- define "eco2-authz.lastPort" -}}
{{- $workers := ternary 1 (.Values.settings.authzWorkers | default 1 | int) (eq (.Values.settings.authzWorkerListen | default "ports") "reuseport") -}}
{{- sub (add .Values.service.grpcPort $workers) 1 }}
{{- end }}

{{- define "eco2-authz.grpcPorts" -}}
{{- $first := int .Values.service.grpcPort -}}
{{- range $number := untilStep $first (include "eco2-authz.lastPort" . | int | add1 | int) 1 }}
- name: grpc{{ if gt $number $first }}-{{ sub $number $first }}{{ end }}
  port: {{ $number }}
{{- end }}
{{- end }}

{{- define "eco2-authz.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "eco2-authz.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
