{{/* Contradictions between values, each told with what to change; all of them at once. */}}

{{- define "azure-marketplace-exporter.validate" -}}
{{- $found := concat
  (include "azure-marketplace-exporter.validate.config" . | fromYamlArray)
  (include "azure-marketplace-exporter.validate.auth" . | fromYamlArray)
  (include "azure-marketplace-exporter.validate.workload" . | fromYamlArray)
  (include "azure-marketplace-exporter.validate.monitoring" . | fromYamlArray) }}
{{- with $found }}
{{- fail (printf "these values cannot work together:\n  - %s\n" (join "\n  - " .)) }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.validate.config" -}}
{{- $v := .Values }}
{{- $existing := or $v.existingConfigMap $v.existingConfigSecret }}
{{- if and $v.existingConfigMap $v.existingConfigSecret }}
- "existingConfigMap and existingConfigSecret are both set: keep one of them"
{{- end }}
{{- if and $v.demo.enabled $existing }}
- "demo.enabled would ignore the existing configuration: unset one of the two"
{{- end }}
{{- if and $v.demo.enabled $v.config.publishers }}
- "demo.enabled would ignore config.publishers: unset one of the two"
{{- end }}
{{- if and $existing (or $v.config.publishers (omit $v.config "publishers")) }}
- "config is ignored beside existingConfigMap or existingConfigSecret: move its settings there and leave config empty"
{{- end }}
{{- if not (or $v.demo.enabled $existing $v.config.publishers) }}
- "config.publishers is empty: name at least one publisher, or set demo.enabled=true for a first look without an account"
{{- end }}
{{- range $path, $instead := dict
  "auth.method" "auth.method" "auth.tenant_id" "auth.tenantId" "auth.client_id" "auth.clientId"
  "auth.client_secret" "auth.existingSecret" "auth.client_secret_file" "auth.existingSecret"
  "auth.token" "auth.existingSecret" "auth.token_file" "auth.existingSecret" "auth.certificate_file" "auth.existingSecret"
  "web.listen_address" "containerPort" "web.config" "webConfig" "collection.state_file" "state" "collection.shard" "sharding" }}
{{- $keys := splitList "." $path }}
{{- if hasKey (default dict (get $v.config (first $keys))) (last $keys) }}
- {{ printf "config.%s is set by the chart: use the value %s instead" $path $instead | quote }}
{{- end }}
{{- end }}
{{- range $v.extraEnv }}
{{- if has .name (list "MARKETPLACE_EXPORTER_CONFIG__FILE" "MARKETPLACE_EXPORTER_AUTH__METHOD" "MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS" "MARKETPLACE_EXPORTER_WEB__CONFIG__FILE" "MARKETPLACE_EXPORTER_COLLECTION__STATE_FILE" "MARKETPLACE_EXPORTER_COLLECTION__SHARD") }}
- {{ printf "extraEnv sets %s, which the chart sets itself: use the chart's value (auth.method, containerPort, webConfig, state, sharding)" .name | quote }}
{{- end }}
{{- end }}
{{- if and $v.webConfig.existingSecret $v.webConfig.config }}
- "webConfig.existingSecret and webConfig.config are both set: keep one of them"
{{- end }}
{{- if and $v.webConfig.tls (not (include "azure-marketplace-exporter.webConfigSecret" .)) }}
- "webConfig.tls is true but there is no web config file: set webConfig.existingSecret or webConfig.config"
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.validate.auth" -}}
{{- $a := .Values.auth }}
{{- $secret := $a.existingSecret }}
{{- if and $secret.name (not (include "azure-marketplace-exporter.authKey" .)) }}
- {{ printf "auth.existingSecret.name is set, but auth.method %q reads no secret: set auth.method to clientSecret, clientCertificate or token, or drop the secret" $a.method | quote }}
{{- end }}
{{- if and $a.clientSecret (ne $a.method "clientSecret") }}
- "auth.clientSecret is set: set auth.method to clientSecret, or drop it"
{{- end }}
{{- if and $a.clientSecret $secret.name }}
- "auth.clientSecret and auth.existingSecret.name are both set: keep one of them"
{{- end }}
{{- if and $a.asEnv (eq $a.method "clientCertificate") }}
- "auth.asEnv cannot hand over a certificate: set auth.asEnv to false"
{{- end }}
{{- if has $a.method (list "clientSecret" "clientCertificate") }}
{{- if not (or $a.tenantId $secret.tenantIdKey) }}
- {{ printf "auth.method %s needs auth.tenantId, or auth.existingSecret.tenantIdKey" $a.method | quote }}
{{- end }}
{{- if not (or $a.clientId $secret.clientIdKey) }}
- {{ printf "auth.method %s needs auth.clientId, or auth.existingSecret.clientIdKey" $a.method | quote }}
{{- end }}
{{- end }}
{{- if and (eq $a.method "clientSecret") (not (or $secret.name $a.clientSecret)) }}
- "auth.method clientSecret needs auth.existingSecret.name (or, for a trial, auth.clientSecret)"
{{- end }}
{{- if and (has $a.method (list "clientCertificate" "token")) (not $secret.name) }}
- {{ printf "auth.method %s needs auth.existingSecret.name" $a.method | quote }}
{{- end }}
{{- if and (or $a.tenantId $a.clientId) (not (has $a.method (list "clientSecret" "clientCertificate"))) }}
- {{ printf "auth.tenantId and auth.clientId are for clientSecret and clientCertificate, auth.method is %q: drop them, or use auth.workloadIdentity or auth.managedIdentity" $a.method | quote }}
{{- end }}
{{- if and $a.managedIdentity.clientId (ne $a.method "managedIdentity") }}
- "auth.managedIdentity.clientId is set: set auth.method to managedIdentity, or drop it"
{{- end }}
{{- if and $a.workloadIdentity.clientId (ne $a.method "workloadIdentity") }}
- "auth.workloadIdentity.clientId is set: set auth.method to workloadIdentity, or drop it"
{{- end }}
{{- if eq $a.method "workloadIdentity" }}
{{- $account := .Values.serviceAccount }}
{{- if and $account.create (not $a.workloadIdentity.clientId) (not (hasKey $account.annotations "azure.workload.identity/client-id")) }}
- "auth.method workloadIdentity needs auth.workloadIdentity.clientId, which becomes an annotation of the service account"
{{- end }}
{{- if and (not $account.create) $a.workloadIdentity.clientId }}
- "serviceAccount.create is false, so auth.workloadIdentity.clientId cannot become its annotation: annotate the account yourself and drop the value"
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.validate.workload" -}}
{{- $v := .Values }}
{{- $claim := eq $v.state.volume "persistentVolumeClaim" }}
{{- if and $v.sharding.enabled (ne (int $v.replicaCount) 1) }}
- "sharding.enabled runs sharding.totalShards pods: leave replicaCount at 1"
{{- end }}
{{- if and $v.state.existingClaim (not $claim) }}
- "state.existingClaim is set: set state.volume to persistentVolumeClaim"
{{- end }}
{{- if and $v.state.existingClaim (gt (int (include "azure-marketplace-exporter.replicas" .)) 1) }}
- "state.existingClaim serves one pod only: drop it, so that each pod of the StatefulSet gets its own claim"
{{- end }}
{{- if and $claim (not (include "azure-marketplace-exporter.stateful" .)) }}
{{- if gt (int $v.replicaCount) 1 }}
- "several pods of a Deployment would share one state file: set workload.kind to StatefulSet, or state.volume to emptyDir"
{{- end }}
{{- if ne $v.strategy.type "Recreate" }}
- "with a claim the new pod would wait for the old one: set strategy.type to Recreate, or workload.kind to StatefulSet"
{{- end }}
{{- end }}
{{- if and (eq $v.strategy.type "Recreate") $v.strategy.rollingUpdate }}
- "strategy.rollingUpdate has no meaning with strategy.type Recreate: drop one of them"
{{- end }}
{{- if $v.podDisruptionBudget.enabled }}
{{- if le (int (include "azure-marketplace-exporter.replicas" .)) 1 }}
- "podDisruptionBudget.enabled with one pod would block every node drain: raise replicaCount or turn it off"
{{- end }}
{{- if and (ne $v.podDisruptionBudget.minAvailable nil) (ne $v.podDisruptionBudget.maxUnavailable nil) }}
- "podDisruptionBudget takes minAvailable or maxUnavailable, not both"
{{- end }}
{{- end }}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) }}
- "ingress.enabled needs ingress.hosts"
{{- end }}
{{- if and $v.route.enabled (not $v.route.parentRefs) }}
- "route.enabled needs route.parentRefs"
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.validate.monitoring" -}}
{{- $v := .Values }}
{{- $scrapers := list }}
{{- range list "serviceMonitor" "podMonitor" "scrapeConfig" "probe" }}
{{- if (get $v .).enabled }}{{ $scrapers = append $scrapers (printf "%s.enabled" .) }}{{ end }}
{{- end }}
{{- if $v.prometheusAnnotations }}{{ $scrapers = append $scrapers "prometheusAnnotations" }}{{ end }}
{{- if gt (len $scrapers) 1 }}
- {{ printf "%s are all on, so everything would be scraped more than once: keep one of them" (join ", " $scrapers) | quote }}
{{- end }}
{{- if and $v.probe.enabled (not $v.probe.targets) }}
- "probe.enabled needs probe.targets, each publisher/offer"
{{- end }}
{{- range list "scrapeConfig" "probe" }}
{{- if and (get $v .).enabled $v.sharding.enabled }}
- {{ printf "%s goes through the Service and would meet a different shard each time: use serviceMonitor or podMonitor with sharding" . | quote }}
{{- end }}
{{- end }}
{{- if $v.dashboards.grafanaOperator.enabled }}
{{- if not $v.dashboards.enabled }}
- "dashboards.grafanaOperator.enabled needs dashboards.enabled: it reads their ConfigMaps"
{{- end }}
{{- if not $v.dashboards.grafanaOperator.matchLabels }}
- "dashboards.grafanaOperator.enabled needs dashboards.grafanaOperator.matchLabels"
{{- end }}
{{- end }}
{{- range $name, $_ := $v.dashboards.disabled }}
{{- if not ($.Files.Get (printf "files/dashboards/%s.json" $name)) }}
- {{ printf "dashboards.disabled.%s: there is no such dashboard" $name | quote }}
{{- end }}
{{- end }}
{{- $alerts := list }}
{{- range (include "azure-marketplace-exporter.ruleFile" . | fromYaml).groups }}
{{- range .rules }}
{{- if .alert }}{{ $alerts = concat $alerts (include "azure-marketplace-exporter.alertKeys" . | fromYamlArray) }}{{ end }}
{{- end }}
{{- end }}
{{- range $field := list "disabled" "overrides" }}
{{- range $name, $_ := get $v.prometheusRule $field }}
{{- if not (has $name $alerts) }}
- {{ printf "prometheusRule.%s.%s: there is no such alert" $field $name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
