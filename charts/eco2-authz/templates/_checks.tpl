{{- /* What a schema cannot say: what is missing, and values that contradict each other. */}}
{{- define "eco2-authz.checks" -}}
{{- $s := .Values.settings -}}
{{- $secrets := .Values.secrets -}}
{{- range $name := list "redisUrl" "jwksUrl" }}
{{- if contains "@" (get $s $name | default "" | toString) }}
{{- fail (printf "settings.%s holds a password: put the whole URL into a Secret and name that in secrets.%s.name" $name $name) }}
{{- end }}
{{- if and (get $s $name) (get (get $secrets $name) "name") }}
{{- fail (printf "settings.%s and secrets.%s.name: leave one of them out" $name $name) }}
{{- end }}
{{- end }}
{{- if not (or $s.redisUrl $secrets.redisUrl.name) }}
{{- fail "settings.redisUrl: say where the blacklist is, such as redis://redis.redis.svc:6379/0; or name a Secret in secrets.redisUrl.name" }}
{{- end }}
{{- $given := list }}
{{- if or $s.jwksUrl $secrets.jwksUrl.name }}{{ $given = append $given "jwksUrl" }}{{ end }}
{{- if $s.jwksFile }}{{ $given = append $given "jwksFile" }}{{ end }}
{{- $algorithms := $s.jwtAlgorithms | default "RS256" }}
{{- if eq $algorithms "HS256" }}
{{- if or $given (not $secrets.jwtSecretKey.name) }}
{{- fail "settings.jwtAlgorithms is HS256: name the Secret with the shared secret in secrets.jwtSecretKey.name, and leave jwksUrl and jwksFile out" }}
{{- end }}
{{- else }}
{{- if ne (len $given) 1 }}
{{- fail (printf "settings.jwtAlgorithms is %s: say in one of settings.jwksUrl, settings.jwksFile and secrets.jwksUrl.name where the keys are" $algorithms) }}
{{- end }}
{{- if $secrets.jwtSecretKey.name }}
{{- fail (printf "settings.jwtAlgorithms is %s, which takes no shared secret: leave secrets.jwtSecretKey.name out" $algorithms) }}
{{- end }}
{{- end }}
{{- $needed := addf .Values.preStopSeconds ($s.authzDrainSeconds | default 10) 2 }}
{{- if le (float64 .Values.terminationGracePeriodSeconds) $needed }}
{{- fail (printf "terminationGracePeriodSeconds: must be more than %v: preStopSeconds, settings.authzDrainSeconds and 2" $needed) }}
{{- end }}
{{- $last := include "eco2-authz.lastPort" . | int }}
{{- if and (ge (int .Values.service.httpPort) (int .Values.service.grpcPort)) (le (int .Values.service.httpPort) $last) }}
{{- fail (printf "service.httpPort: ports %v to %v are for checks; take another one" .Values.service.grpcPort $last) }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling: minReplicas is above maxReplicas" }}
{{- end }}
{{- range .Values.env }}
{{- if or (hasPrefix "AUTHZ_" .name) (hasPrefix "JWT_" .name) (hasPrefix "JWKS_" .name) (hasPrefix "REDIS_" .name) }}
{{- fail (printf "env: %s is a setting of the program: set it below settings, or name its Secret below secrets" .name) }}
{{- end }}
{{- end }}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.name: name the ServiceAccount that serviceAccount.create: false leaves to you" }}
{{- end }}
{{- end }}
