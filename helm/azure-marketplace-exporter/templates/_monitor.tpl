{{/* What the scraping objects have in common. */}}

{{/* metadata of a monitoring object; dict root, values */}}
{{- define "azure-marketplace-exporter.monitorMetadata" -}}
{{- $labels := deepCopy .values.additionalLabels }}
{{- if .root.Values.releaseLabel }}{{ $labels = merge $labels (dict "release" .root.Release.Name) }}{{ end }}
{{- include "azure-marketplace-exporter.metadata" (dict
  "root" .root
  "name" (include "azure-marketplace-exporter.fullname" .root)
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
{{- toYaml $present }}
{{- end }}

{{/* How Prometheus signs in, and whom it trusts: under the Service's name, since it knows the pods by their addresses; dict root, values */}}
{{- define "azure-marketplace-exporter.client" -}}
{{- $client := include "azure-marketplace-exporter.present" (dict "values" .values "names" (list "tlsConfig" "basicAuth" "authorization")) | fromYaml }}
{{- if or (hasKey .values.tlsConfig "ca") (hasKey .values.tlsConfig "caFile") }}
{{- $_ := set $client "tlsConfig" (merge $client.tlsConfig (dict "serverName" (include "azure-marketplace-exporter.serviceHost" .root))) }}
{{- end }}
{{- toYaml $client }}
{{- end }}

{{/* The endpoint of a ServiceMonitor or PodMonitor; dict root, values, port */}}
{{- define "azure-marketplace-exporter.endpoint" -}}
{{- $own := dict
  "port" .port
  "path" (include "azure-marketplace-exporter.telemetryPath" .root)
  "scheme" (include "azure-marketplace-exporter.scheme" .root) }}
{{- $set := include "azure-marketplace-exporter.present" (dict "values" .values "names" (list "interval" "scrapeTimeout" "relabelings" "metricRelabelings")) | fromYaml }}
{{- toYaml (mergeOverwrite $own $set (include "azure-marketplace-exporter.client" . | fromYaml) (deepCopy .values.endpoint)) }}
{{- end }}

{{/* Selects the objects of this release; in the namespace of the release, wherever the monitor is. */}}
{{- define "azure-marketplace-exporter.monitorSelector" -}}
namespaceSelector:
  matchNames:
    - {{ include "azure-marketplace-exporter.namespace" . | quote }}
selector:
  matchLabels:
    {{- include "azure-marketplace-exporter.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/component: exporter
{{- end }}

{{/* A duration of Prometheus in milliseconds */}}
{{- define "azure-marketplace-exporter.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 }}
{{- $sum := 0 }}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 }}
{{- $sum = add $sum (mul (int64 (regexFind "[0-9]+" .)) (get $units (regexFind "[a-z]+" .))) }}
{{- end }}
{{- $sum }}
{{- end }}
