{{/* What the scraping objects have in common. */}}

{{/* metadata of a monitoring object; dict root, values, and optionally name, labels, annotations */}}
{{- define "azure-marketplace-exporter.monitorMetadata" -}}
{{- $labels := deepCopy (default dict .values.additionalLabels) }}
{{- if .root.Values.releaseLabel }}{{ $labels = merge $labels (dict "release" .root.Release.Name) }}{{ end }}
{{- include "azure-marketplace-exporter.metadata" (dict
  "root" .root
  "name" (default (include "azure-marketplace-exporter.fullname" .root) .name)
  "namespace" .values.namespace
  "labels" $labels
  "annotations" .values.annotations) }}
{{- end }}

{{/* The named values that are set, as YAML; dict values, names */}}
{{- define "azure-marketplace-exporter.present" -}}
{{- $present := dict }}
{{- range $name := .names }}
{{- with get $.values $name }}{{ $_ := set $present $name . }}{{ end }}
{{- end }}
{{- with $present }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* Fields of one endpoint; dict root, values */}}
{{- define "azure-marketplace-exporter.endpoint" -}}
{{- $m := .values -}}
path: {{ default (include "azure-marketplace-exporter.telemetryPath" .root) $m.path }}
scheme: {{ default (include "azure-marketplace-exporter.scheme" .root) $m.scheme }}
honorLabels: {{ $m.honorLabels }}
{{- with include "azure-marketplace-exporter.present" (dict "values" $m "names" (list "interval" "scrapeTimeout" "tlsConfig" "basicAuth" "authorization" "relabelings" "metricRelabelings")) }}
{{ . }}
{{- end }}
{{- end }}

{{/* Selects the objects of this release; in the namespace of the release, wherever the monitor is. */}}
{{- define "azure-marketplace-exporter.monitorSelector" -}}
namespaceSelector:
  matchNames:
    - {{ include "azure-marketplace-exporter.namespace" . }}
selector:
  matchLabels:
    {{- include "azure-marketplace-exporter.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/component: exporter
{{- end }}
