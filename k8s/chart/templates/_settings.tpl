{{- /* The environment of every part, as YAML. Each reads the names with its own prefix. */}}
{{- define "tams.settings" -}}
{{- $ports := include "tams.ports" . | fromYaml -}}
{{- $address := dict -}}
{{- range $part, $port := $ports }}{{ $_ := set $address $part (printf "dns:///%s-headless:%v" $part $port) }}{{ end -}}
{{- $settings := dict
  "TAMS_LOG_FORMAT" "json"
  "TAMS_RUNTIME_FILE" "/etc/tams-runtime/runtime.env"
  "TAMS_METRICS_HOST" "0.0.0.0"
  "TAMS_METRICS_PORT" "9464"
  "TAMS_STORE_URL" .Values.tables.url
  "TAMS_AUTH" "required"
  "TAMS_AUTH_SERVICE_SECRET_FILE" "/run/secrets/access/service_secret"
  "TAMS_METADATA_HOST" "0.0.0.0"
  "TAMS_MEDIA_HOST" "0.0.0.0"
  "TAMS_MEDIA_METADATA_ADDRESS" $address.metadata
  "TAMS_MEDIA_STORAGE_CONFIG" "/etc/tams/storage.json"
  "TAMS_MEDIA_DRAIN_SECONDS" "5"
  "TAMS_ANALYTICS_HOST" "0.0.0.0"
  "TAMS_ANALYTICS_METADATA_ADDRESS" $address.metadata
  "TAMS_EVENTS_HOST" "0.0.0.0"
  "TAMS_EVENTS_METADATA_ADDRESS" $address.metadata
  "TAMS_EVENTS_MEDIA_ADDRESS" $address.media
  "TAMS_EVENTS_DRAIN_SECONDS" "5"
  "TAMS_GATEWAY_HOST" "0.0.0.0"
  "TAMS_GATEWAY_METADATA_ADDRESS" $address.metadata
  "TAMS_GATEWAY_MEDIA_ADDRESS" $address.media
  "TAMS_GATEWAY_ANALYTICS_ADDRESS" $address.analytics
  "TAMS_GATEWAY_EVENTS_ADDRESS" $address.events
  "TAMS_GATEWAY_CHECK_UPLOADS" "true"
  "TAMS_GATEWAY_DRAIN_SECONDS" "5"
-}}
{{- if eq .Values.tables.engine "vast" }}{{ $settings = merge $settings (dict
  "TAMS_VAST_ACCESS_KEY_FILE" "/run/secrets/vast/access_key"
  "TAMS_VAST_SECRET_KEY_FILE" "/run/secrets/vast/secret_key"
  "TAMS_METADATA_VAST_JOURNAL_DIR" "/journal"
  "TAMS_METADATA_DRAIN_SECONDS" "5"
  "TAMS_ANALYTICS_DRAIN_SECONDS" "5"
) }}{{ end -}}
{{- if .Values.route.enabled }}{{ $settings = merge $settings (dict
  "TAMS_GATEWAY_PUBLIC_URL" (printf "https://%s" .Values.route.hostname)
  "TAMS_GATEWAY_TRUST_FORWARDED" "true"
  "TAMS_GATEWAY_FORWARDED_HEADER" "x-forwarded"
) }}{{ end -}}
{{- with .Values.issuer }}{{ if .url }}{{ $settings = merge $settings (dict
  "TAMS_AUTH_ISSUER" .url
  "TAMS_AUTH_AUDIENCE" .audience
) }}{{ end }}{{ end -}}
{{- if .Values.mutualTls.enabled }}{{ $settings = merge $settings (dict
  "TAMS_TLS_CERT" "/run/secrets/tls/tls.crt"
  "TAMS_TLS_KEY" "/run/secrets/tls/tls.key"
  "TAMS_TLS_CA" "/run/secrets/tls/ca.crt"
) }}{{ end -}}
{{- if .Values.https.enabled }}{{ $settings = merge $settings (dict
  "TAMS_GATEWAY_TLS_CERT" "/run/secrets/https/tls.crt"
  "TAMS_GATEWAY_TLS_KEY" "/run/secrets/https/tls.key"
) }}{{ end -}}
{{- range $name, $value := .Values.settings }}{{ $_ := set $settings $name (toString $value) }}{{ end -}}
{{- toYaml $settings }}
{{- end }}
