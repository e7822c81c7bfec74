{{- /* Every object has this head: (list $ kind-specific-name) */}}
{{- define "tams.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels: {app.kubernetes.io/part-of: tams}
{{- end }}

{{- /* The name of a config map ends with a digest of its data, as kustomize makes it. A change of content makes a new
name, which rolls the pods that use it. */}}
{{- define "tams.configName" -}}
{{- $digest := dict "kind" "ConfigMap" "name" "" "data" .data | toJson | sha256sum | trunc 10 -}}
{{- .name }}-{{ $digest | replace "0" "g" | replace "1" "h" | replace "3" "k" | replace "a" "m" | replace "e" "t" }}
{{- end }}

{{- /* The ports of the parts. */}}
{{- define "tams.ports" -}}
{gateway: 8000, metadata: 8101, media: 8102, analytics: 8103, events: 8104}
{{- end }}

{{- /* Whether a part has replicas by load: (list $ part). Empty means no. */}}
{{- define "tams.scaled" -}}
{{- $root := index . 0 -}}
{{- if or (eq $root.Values.tables.engine "vast") (has (index . 1) (list "gateway" "media" "events")) }}true{{ end -}}
{{- end }}

{{- define "tams.image" -}}
{{- $root := index . 0 -}}
{{- $root.Values.images.prefix }}tams-{{ index . 1 }}:{{ $root.Values.images.tag | default $root.Chart.AppVersion }}
{{- end }}
