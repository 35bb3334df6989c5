{{/* One alert with its overrides; dict rule, values */}}
{{- define "azure-marketplace-exporter.alert" -}}
{{- $change := dict }}
{{- range include "azure-marketplace-exporter.alertKeys" .rule | fromYamlArray }}
{{- $change = mergeOverwrite $change (deepCopy (default dict (get $.values.overrides .))) }}
{{- end }}
{{- $rule := deepCopy .rule }}
{{- with $change.for }}{{ $_ := set $rule "for" . }}{{ end }}
{{- with $change.keepFiringFor }}{{ $_ := set $rule "keep_firing_for" . }}{{ end }}
{{- with $change.expr }}{{ $_ := set $rule "expr" . }}{{ end }}
{{- $labels := mergeOverwrite (default dict $rule.labels) (deepCopy .values.additionalRuleLabels) }}
{{- with $change.severity }}{{ $_ := set $labels "severity" . }}{{ end }}
{{- $_ := set $rule "labels" (mergeOverwrite $labels (deepCopy (default dict $change.labels))) }}
{{- $annotations := mergeOverwrite (default dict $rule.annotations) (deepCopy .values.additionalAnnotations) }}
{{- range $name, $base := dict "runbook_url" .values.runbookUrl "dashboard_url" .values.grafanaUrl }}
{{- $path := default "" (get $annotations $name) }}
{{- if and $base (hasPrefix "/" $path) }}
{{- $_ := set $annotations $name (printf "%s%s" (trimSuffix "/" $base) $path) }}
{{- else if hasPrefix "/" $path }}
{{- $_ := unset $annotations $name }}
{{- end }}
{{- end }}
{{- $_ := set $rule "annotations" (mergeOverwrite $annotations (deepCopy (default dict $change.annotations))) }}
{{- toYaml $rule }}
{{- end }}

{{/* The keys under which values speak of an alert: its name, and its name with its severity, which is the stronger one. */}}
{{- define "azure-marketplace-exporter.alertKeys" -}}
- {{ .alert }}
- {{ printf "%s/%s" .alert (dig "labels" "severity" "" .) }}
{{- end }}

{{/* The rules file, as it is in grafana/rules; empty groups if there is none. */}}
{{- define "azure-marketplace-exporter.ruleFile" -}}
{{- .Files.Get "files/rules/azure-marketplace.rules.yaml" | default "groups: []" }}
{{- end }}
