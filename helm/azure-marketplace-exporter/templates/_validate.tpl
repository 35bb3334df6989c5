{{/* Contradictions between values, each told with what to change; all of them at once. */}}

{{- define "azure-marketplace-exporter.validate" -}}
{{- with include "azure-marketplace-exporter.validate.empty" . | fromYamlArray }}
{{- fail (printf "these values are empty:\n  - %s\n" (join "\n  - " .)) }}
{{- end }}
{{- $found := concat
  (include "azure-marketplace-exporter.validate.config" . | fromYamlArray)
  (include "azure-marketplace-exporter.validate.auth" . | fromYamlArray)
  (include "azure-marketplace-exporter.validate.names" . | fromYamlArray)
  (include "azure-marketplace-exporter.validate.workload" . | fromYamlArray)
  (include "azure-marketplace-exporter.validate.network" . | fromYamlArray)
  (include "azure-marketplace-exporter.validate.monitoring" . | fromYamlArray) }}
{{- with $found }}
{{- fail (printf "these values cannot work:\n  - %s\n" (join "\n  - " .)) }}
{{- end }}
{{- end }}

{{/* A bare `key:` takes the default away, and the templates would stumble over the hole. */}}
{{- define "azure-marketplace-exporter.validate.empty" -}}
{{- range $path, $instead := include "azure-marketplace-exporter.instead" . | fromYaml }}
{{- $keys := splitList "." $path }}
{{- $parent := $.Values }}
{{- range initial $keys }}
{{- if kindIs "map" $parent }}{{ $parent = get $parent . }}{{ end }}
{{- end }}
{{- if and (kindIs "map" $parent) (kindIs "invalid" (index $parent (last $keys))) }}
- {{ printf "%s: drop the line, or write %s: %s" $path (last $keys) $instead | quote }}
{{- end }}
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
{{- range $path, $instead := dict "web.listen_address" "containerPort" "web.config" "webConfig" "collection.state_file" "state" "collection.shard" "sharding" }}
{{- $keys := splitList "." $path }}
{{- if hasKey (default dict (get $v.config (first $keys))) (last $keys) }}
- {{ printf "config.%s is set by the chart: use the value %s instead" $path $instead | quote }}
{{- end }}
{{- end }}
{{- $credentials := dict "auth" $v.config.auth }}
{{- range $name, $given := $v.config.credentials }}{{ $_ := set $credentials (printf "credentials.%s" $name) $given }}{{ end }}
{{- range $path, $given := $credentials }}
{{- $own := or (eq $path "auth") (hasKey $v.credentials (trimPrefix "credentials." $path)) }}
{{- range $key, $instead := dict "method" "method" "tenant_id" "tenantId" "client_id" "clientId" "client_secret" "existingSecret" "client_secret_file" "existingSecret" "token" "existingSecret" "token_file" "existingSecret" "certificate_file" "existingSecret" }}
{{- if and (hasKey (default dict $given) $key) (or $own (has $key (list "client_secret" "token"))) }}
- {{ printf "config.%s.%s is set by the chart: use the value %s.%s instead" $path $key $path $instead | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- $own := list }}
{{- range include "azure-marketplace-exporter.ownEnv" . | fromYamlArray }}{{ $own = append $own .name }}{{ end }}
{{- $names := list }}
{{- range $v.extraEnv }}
{{- if has .name $names }}
- {{ printf "extraEnv names %s twice: drop one of them" .name | quote }}
{{- end }}
{{- $names = append $names .name }}
{{- if not (or (kindIs "string" .value) (kindIs "invalid" .value)) }}
- {{ printf "extraEnv gives %s the value %v, which is no text: quote it" .name .value | quote }}
{{- end }}
{{- if has .name (concat $own (list "MARKETPLACE_EXPORTER_CONFIG__FILE" "MARKETPLACE_EXPORTER_AUTH__METHOD" "MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS" "MARKETPLACE_EXPORTER_WEB__CONFIG__FILE" "MARKETPLACE_EXPORTER_COLLECTION__STATE_FILE" "MARKETPLACE_EXPORTER_COLLECTION__SHARD")) }}
- {{ printf "extraEnv sets %s, which the chart sets itself: use the chart's value (auth, credentials, containerPort, webConfig, state, sharding)" .name | quote }}
{{- end }}
{{- end }}
{{- if and $v.webConfig.existingSecret $v.webConfig.config }}
- "webConfig.existingSecret and webConfig.config are both set: keep one of them"
{{- end }}
{{- if and (include "azure-marketplace-exporter.clientCertificates" .) (not $v.webConfig.tls) }}
- "client certificates are required by webConfig, which needs TLS: set webConfig.tls=true"
{{- end }}
{{- if and $v.webConfig.tls (not (include "azure-marketplace-exporter.webConfigSecret" .)) }}
- "webConfig.tls is true but there is no web config file: set webConfig.existingSecret or webConfig.config"
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.validate.auth" -}}
{{- $a := .Values.auth }}
{{- $secret := $a.existingSecret }}
{{- if and $secret.name (not (include "azure-marketplace-exporter.secretKey" $a)) }}
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
{{- include "azure-marketplace-exporter.validate.credential" (dict "path" "auth" "values" $a) }}
{{- range $name, $values := .Values.credentials }}
{{- $path := printf "credentials.%s" $name }}
{{- if or (eq $name "default") (not (regexMatch "^[a-z0-9]+([_-][a-z0-9]+)*$" $name)) }}
- {{ printf "%s is no name for a credential: small letters and digits only, with single hyphens or underscores between them, and default is the one in auth" $path | quote }}
{{- end }}
{{- include "azure-marketplace-exporter.validate.credential" (dict "path" $path "values" $values) }}
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

{{/* What `auth` and each of `credentials` must have; dict path, values */}}
{{- define "azure-marketplace-exporter.validate.credential" }}
{{- $path := .path }}
{{- $values := .values }}
{{- if has $values.method (list "clientSecret" "clientCertificate") }}
{{- range $id := list "tenantId" "clientId" }}
{{- if not (or (get $values $id) (get $values.existingSecret (printf "%sKey" $id))) }}
- {{ printf "%s.method %s needs %s.%s, or %s.existingSecret.%sKey" $path $values.method $path $id $path $id | quote }}
{{- end }}
{{- end }}
{{- else if or $values.tenantId $values.clientId }}
- {{ printf "%s.tenantId and %s.clientId are for clientSecret and clientCertificate, %s.method is %q: drop them%s" $path $path $path $values.method (ternary ", or use auth.workloadIdentity or auth.managedIdentity" "" (eq $path "auth")) | quote }}
{{- end }}
{{- $trial := and (eq $path "auth") (eq $values.method "clientSecret") }}
{{- if and (include "azure-marketplace-exporter.secretKey" $values) (not (or $values.existingSecret.name (and $trial $values.clientSecret))) }}
- {{ printf "%s.method %s needs %s.existingSecret.name%s" $path $values.method $path (ternary " (or, for a trial, auth.clientSecret)" "" $trial) | quote }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.validate.names" -}}
{{- $v := .Values }}
{{- $name := include "azure-marketplace-exporter.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
- {{ printf "the objects would be named %q, which is no DNS label (a lower-case letter, then lower-case letters, digits and hyphens): set fullnameOverride to one" $name | quote }}
{{- end }}
{{- with $v.nameOverride }}
{{- if not (regexMatch "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$" .) }}
- {{ printf "nameOverride %q is no value for a label: letters, digits, hyphens, underscores and dots only, the first and last a letter or digit" . | quote }}
{{- end }}
{{- end }}
{{- range $path, $namespace := dict "namespaceOverride" $v.namespaceOverride "serviceMonitor.namespace" $v.serviceMonitor.namespace "podMonitor.namespace" $v.podMonitor.namespace "scrapeConfig.namespace" $v.scrapeConfig.namespace "probe.namespace" $v.probe.namespace "prometheusRule.namespace" $v.prometheusRule.namespace "dashboards.namespace" $v.dashboards.namespace }}
{{- if and $namespace (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $namespace)) }}
- {{ printf "%s %q is no DNS label: lower-case letters, digits and hyphens only, the first and last no hyphen" $path $namespace | quote }}
{{- end }}
{{- end }}
{{- range $path, $labels := dict "commonLabels" $v.commonLabels "podLabels" $v.podLabels "service.labels" $v.service.labels }}
{{- range list "name" "instance" "component" }}
{{- $key := printf "app.kubernetes.io/%s" . }}
{{- if hasKey $labels $key }}
- {{ printf "%s sets %s, by which the selectors find their objects: drop it (nameOverride changes the name)" $path $key | quote }}
{{- end }}
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
{{- if and (eq $v.updateStrategy.type "OnDelete") $v.updateStrategy.rollingUpdate }}
- "updateStrategy.rollingUpdate has no meaning with updateStrategy.type OnDelete: drop one of them"
{{- end }}
{{- if and $v.state.persistentVolumeClaimRetentionPolicy (ne (include "azure-marketplace-exporter.ownClaims" .) "claims") }}
- "state.persistentVolumeClaimRetentionPolicy is for the claims of a StatefulSet, which this release does not make: drop it"
{{- end }}
{{- $budget := $v.podDisruptionBudget }}
{{- if $budget.enabled }}
{{- $replicas := int (include "azure-marketplace-exporter.replicas" .) }}
{{- if and (ne $budget.minAvailable nil) (ne $budget.maxUnavailable nil) }}
- "podDisruptionBudget takes minAvailable or maxUnavailable, not both"
{{- end }}
{{- if or (eq (toString $budget.minAvailable) "100%") (has (toString $budget.maxUnavailable) (list "0" "0%")) (and (regexMatch "^[0-9]+$" (toString $budget.minAvailable)) (ge (int $budget.minAvailable) $replicas)) }}
- {{ printf "podDisruptionBudget lets none of %d pods go and would block every node drain: lower minAvailable, raise maxUnavailable, or raise replicaCount" $replicas | quote }}
{{- else if le $replicas 1 }}
- "podDisruptionBudget.enabled with one pod protects nothing, the pod may go at any time: raise replicaCount or turn it off"
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.validate.network" -}}
{{- $v := .Values }}
{{- $service := $v.service }}
{{- if not (and (regexMatch "^[a-z0-9]([a-z0-9]|-[a-z0-9])*$" $service.portName) (regexMatch "[a-z]" $service.portName) (le (len $service.portName) 15)) }}
- {{ printf "service.portName %q is no name of a port: at most 15 lower-case letters, digits and single hyphens, one letter at least" $service.portName | quote }}
{{- end }}
{{- if and $service.nodePort (eq $service.type "ClusterIP") }}
- "service.nodePort is set, but service.type ClusterIP has none: set service.type to NodePort or LoadBalancer, or drop it"
{{- end }}
{{- if and (eq $service.clusterIP "None") (ne $service.type "ClusterIP") }}
- {{ printf "service.clusterIP None is headless, which service.type %s cannot be: set service.type to ClusterIP, or drop it" $service.type | quote }}
{{- end }}
{{- if and $service.loadBalancerSourceRanges (ne $service.type "LoadBalancer") }}
- {{ printf "service.loadBalancerSourceRanges means nothing to service.type %s: set service.type to LoadBalancer, or use networkPolicy" $service.type | quote }}
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
{{- range $name := list "serviceMonitor" "podMonitor" "scrapeConfig" "probe" }}
{{- $scraper := get $v $name }}
{{- if and $scraper.interval $scraper.scrapeTimeout }}
{{- if gt (int64 (include "azure-marketplace-exporter.milliseconds" $scraper.scrapeTimeout)) (int64 (include "azure-marketplace-exporter.milliseconds" $scraper.interval)) }}
- {{ printf "%s.scrapeTimeout %s is longer than %s.interval %s, and the operator would drop the object without a word: lower it" $name $scraper.scrapeTimeout $name $scraper.interval | quote }}
{{- end }}
{{- end }}
{{- range $field := list "interval" "scrapeInterval" "scrapeTimeout" }}
{{- range $through := list "endpoint" "spec" }}
{{- if hasKey (get $scraper $through) $field }}
- {{ printf "%s.%s.%s has a value of its own: use %s.%s" $name $through $field $name (ternary "scrapeTimeout" "interval" (eq $field "scrapeTimeout")) | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
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
