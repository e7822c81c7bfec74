{{- /* What a part may reach outside of the store, by address: (list $ name parts values wanted) */}}
{{- define "tams.outside" }}
{{- if index . 4 }}
{{- $parts := index . 2 }}{{ $to := index . 3 }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tams.metadata" (list (index . 0) (index . 1)) | nindent 2 }}
spec:
  {{- if gt (len $parts) 1 }}
  podSelector: {matchExpressions: [{key: app.kubernetes.io/name, operator: In, values: {{ toJson $parts }}}]}
  {{- else }}
  podSelector: {matchLabels: {app.kubernetes.io/name: {{ first $parts }}}}
  {{- end }}
  policyTypes: [Egress]
  egress:
    - to:
        {{- range $to.networks }}
        - ipBlock: {cidr: {{ . | quote }}}
        {{- end }}
      ports: [{port: {{ $to.port }}}]
{{- end }}
{{- end }}
