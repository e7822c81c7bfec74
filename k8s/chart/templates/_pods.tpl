{{- define "tams.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "tams.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* /health asks every service too: taking all gateways out because one part is unreachable would end what works. */}}
{{- define "tams.gatewayProbes" -}}
{{- $https := (index . 0).Values.https.enabled -}}
{{- $get := dict "path" "/health/live" "port" "http" -}}
{{- if $https }}{{ $_ := set $get "scheme" "HTTPS" }}{{ end -}}
startupProbe: {httpGet: {{ toJson $get }}, periodSeconds: 2, failureThreshold: 60}
readinessProbe: {httpGet: {{ toJson $get }}, periodSeconds: 5, timeoutSeconds: 3}
livenessProbe: {httpGet: {{ toJson $get }}, periodSeconds: 10, timeoutSeconds: 5}
{{- end }}

{{- /* The kubelet has no certificate, so with mutual TLS each service asks itself, less often. */}}
{{- define "tams.serviceProbes" -}}
{{- $port := index . 1 -}}
{{- if (index . 0).Values.mutualTls.enabled -}}
{{- $probe := printf "[python, -m, services.shared.rpc.probe, \"127.0.0.1:%v\"" $port -}}
startupProbe: {tcpSocket: {port: {{ $port }}}, periodSeconds: 2, failureThreshold: 60}
readinessProbe: {exec: {command: {{ $probe }}]}, periodSeconds: 10, timeoutSeconds: 5}
livenessProbe: {exec: {command: {{ $probe }}, liveness]}, periodSeconds: 30, timeoutSeconds: 10}
{{- else -}}
startupProbe: {grpc: {port: {{ $port }}, service: liveness}, periodSeconds: 2, failureThreshold: 60}
readinessProbe: {grpc: {port: {{ $port }}}, periodSeconds: 5, timeoutSeconds: 3}
livenessProbe: {grpc: {port: {{ $port }}, service: liveness}, periodSeconds: 10, timeoutSeconds: 5}
{{- end }}
{{- end }}

{{- define "tams.mounts" -}}
{{- $root := index . 0 }}{{ $part := index . 1 }}{{ $vast := eq $root.Values.tables.engine "vast" -}}
{{- if has $part (list "metadata" "analytics") -}}
{{- if $vast }}- {name: vast, mountPath: /run/secrets/vast, readOnly: true}
{{- else }}- {name: tables, mountPath: /data}
{{- end }}
{{ end -}}
{{- if eq $part "media" -}}
- {name: storage, mountPath: /etc/tams, readOnly: true}
- {name: credentials, mountPath: /run/secrets/storage, readOnly: true}
{{ end -}}
- {name: tmp, mountPath: /tmp}
- {name: access, mountPath: /run/secrets/access, readOnly: true}
- {name: runtime, mountPath: /etc/tams-runtime, readOnly: true}
{{- if and $vast (eq $part "metadata") }}
- {name: journal, mountPath: /journal}
{{- end }}
{{- if $root.Values.mutualTls.enabled }}
- {name: tls, mountPath: /run/secrets/tls, readOnly: true}
{{- end }}
{{- if and $root.Values.https.enabled (eq $part "gateway") }}
- {name: https, mountPath: /run/secrets/https, readOnly: true}
{{- end }}
{{- end }}

{{- define "tams.volumes" -}}
{{- $root := index . 0 }}{{ $part := index . 1 }}{{ $vast := eq $root.Values.tables.engine "vast" -}}
{{- $storage := dict "name" "storage" "data" (dict "storage.json" $root.Values.objects.backends) -}}
{{- if has $part (list "metadata" "analytics") -}}
{{- if $vast }}- {name: vast, secret: {secretName: vast-credentials, defaultMode: 0440}}
{{- else }}- {name: tables, persistentVolumeClaim: {claimName: tables}}
{{- end }}
{{ end -}}
{{- if eq $part "media" -}}
- name: storage
  configMap: {name: {{ include "tams.configName" $storage }}}
- name: credentials
  secret:
    secretName: storage-credentials
    defaultMode: 0440
    # Missing where a role gives the credentials.
    optional: true
    items:
      - {key: access_key, path: access_key}
      - {key: secret_key, path: secret_key}
      - {key: credentials.json, path: credentials.json}
{{ end -}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
# Missing where TAMS_AUTH is off; else the process does not start without it.
- {name: access, secret: {secretName: access, defaultMode: 0440, optional: true}}
# A change of it arrives within a minute or two, and no process is started again.
- {name: runtime, configMap: {name: runtime, optional: true}}
{{- if and $vast (eq $part "metadata") }}
# Stays when the container is started again, which then ends what a killed one left open.
- {name: journal, emptyDir: {sizeLimit: 64Mi}}
{{- end }}
{{- if $root.Values.mutualTls.enabled }}
- {name: tls, secret: {secretName: tls, defaultMode: 0440}}
{{- end }}
{{- if and $root.Values.https.enabled (eq $part "gateway") }}
- {name: https, secret: {secretName: https, defaultMode: 0440}}
{{- end }}
{{- end }}
