{{- define "eco2-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Short enough for what is added to it: 50 and `-dashboards`. */}}
{{- define "eco2-operator.fullname" -}}
{{- $name := include "eco2-operator.name" . -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "eco2-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "eco2-operator.fullname" .) }}
{{- end }}

{{- define "eco2-operator.hashKeySecret" -}}
{{- .Values.hashKey.secretName | default (printf "%s-hash-key" (include "eco2-operator.fullname" .)) }}
{{- end }}

{{- define "eco2-operator.leaseName" -}}
{{- .Values.settings.leaseName | default (include "eco2-operator.fullname" .) }}
{{- end }}

{{- define "eco2-operator.image" -}}
{{- $tag := .Values.image.tag | default (printf "operator-%s" .Chart.AppVersion) -}}
{{- .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{- /* Metadata of an object. Arguments: the root, the end of the name, further labels and annotations. */}}
{{- define "eco2-operator.metadata" -}}
{{- $root := .root -}}
name: {{ .name | default (printf "%s%s" (include "eco2-operator.fullname" $root) (.suffix | default "")) }}
{{- if not .cluster }}
namespace: {{ .namespace | default $root.Release.Namespace }}
{{- end }}
labels:
  {{- include "eco2-operator.labels" (dict "root" $root "labels" .labels) | nindent 2 }}
{{- with mergeOverwrite (dict) $root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "eco2-operator.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" (.root.Chart.AppVersion | toString)
  "app.kubernetes.io/part-of" "ecoeco-platform"
  "app.kubernetes.io/managed-by" .root.Release.Service
-}}
{{- $fixed := include "eco2-operator.selector" .root | fromYaml -}}
{{- toYaml (mergeOverwrite (dict) .root.Values.commonLabels (.labels | default dict) $own $fixed) }}
{{- end }}

{{- define "eco2-operator.selector" -}}
app.kubernetes.io/name: {{ include "eco2-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The pods of the operator, and those of `helm test`. */}}
{{- define "eco2-operator.operatorSelector" -}}
{{ include "eco2-operator.selector" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "eco2-operator.testSelector" -}}
{{ include "eco2-operator.selector" . }}
app.kubernetes.io/component: test
{{- end }}

{{- /* A setting as a variable has it: lists, maps and numbers as JSON, texts as they are. */}}
{{- define "eco2-operator.settingValue" -}}
{{- if kindIs "string" . }}{{ . | quote }}{{ else }}{{ . | toJson | quote }}{{ end }}
{{- end }}

{{- define "eco2-operator.env" -}}
- name: ECO2_HTTP_ADDRESS
  value: "0.0.0.0:{{ .Values.service.port }}"
- name: ECO2_LEASE_NAMESPACE
  valueFrom:
    fieldRef: {fieldPath: metadata.namespace}
- name: ECO2_HASH_KEY_SECRET
  value: {{ include "eco2-operator.hashKeySecret" . | quote }}
{{- $settings := mergeOverwrite (dict "leaseName" (include "eco2-operator.leaseName" .)) .Values.settings }}
{{- range $name := keys $settings | sortAlpha }}
{{- $value := get $settings $name }}
{{- if not (kindIs "invalid" $value) }}
- name: ECO2_{{ $name | snakecase | upper }}
  value: {{ include "eco2-operator.settingValue" $value }}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "eco2-operator.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "eco2-operator.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
