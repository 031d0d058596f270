{{- /* What a schema cannot say: values that contradict each other. */}}
{{- define "eco2-operator.checks" -}}
{{- $settings := .Values.settings -}}
{{- $retry := $settings.leaseRetrySeconds | default 2 | float64 -}}
{{- $deadline := $settings.leaseDeadlineSeconds | default 10 | float64 -}}
{{- $duration := $settings.leaseDurationSeconds | default 15 | float64 -}}
{{- if not (and (lt $retry $deadline) (lt $deadline $duration)) }}
{{- fail (printf "settings: leaseRetrySeconds (%v) must be below leaseDeadlineSeconds (%v), and that below leaseDurationSeconds (%v)" $retry $deadline $duration) }}
{{- end }}
{{- range .Values.env }}
{{- if hasPrefix "ECO2_" .name }}
{{- fail (printf "env: %s is a setting of the operator: set settings.%s instead" .name (.name | trimPrefix "ECO2_" | lower | camelcase | untitle)) }}
{{- end }}
{{- end }}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.name: name the ServiceAccount that serviceAccount.create: false leaves to you" }}
{{- end }}
{{- end }}
