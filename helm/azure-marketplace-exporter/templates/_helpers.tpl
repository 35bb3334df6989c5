{{/* Names, labels and small facts that several templates share. */}}

{{- define "azure-marketplace-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "azure-marketplace-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "azure-marketplace-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "azure-marketplace-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* What the NetworkPolicy knows the pod of `helm test` by; no selector of the workload matches it. */}}
{{- define "azure-marketplace-exporter.testLabels" -}}
app.kubernetes.io/name: azure-marketplace-exporter-test
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of every object. A "+" of a version is no valid label. */}}
{{- define "azure-marketplace-exporter.labels" -}}
{{- $labels := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/component" "exporter"
  "app.kubernetes.io/part-of" (include "azure-marketplace-exporter.name" .)
  "app.kubernetes.io/managed-by" .Release.Service }}
{{- toYaml (mergeOverwrite $labels (include "azure-marketplace-exporter.selectorLabels" . | fromYaml) .Values.commonLabels) }}
{{- end }}

{{/* metadata: dict root, name, and optionally namespace, labels, annotations */}}
{{- define "azure-marketplace-exporter.metadata" -}}
{{- $root := .root -}}
name: {{ .name | quote }}
namespace: {{ default (include "azure-marketplace-exporter.namespace" $root) .namespace | quote }}
labels:
  {{- $labels := include "azure-marketplace-exporter.labels" $root | fromYaml }}
  {{- toYaml (mergeOverwrite $labels (deepCopy (default dict .labels))) | nindent 2 }}
{{- with mergeOverwrite (deepCopy $root.Values.commonAnnotations) (deepCopy (default dict .annotations)) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "azure-marketplace-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end -}}
{{- end }}

{{/* Each once: a list that is merged by name, as in server-side apply, must not hold a name twice. */}}
{{- define "azure-marketplace-exporter.imagePullSecrets" -}}
{{- $names := list }}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets }}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end }}
{{- end }}
{{- range uniq $names }}
- name: {{ . | quote }}
{{- end }}
{{- end }}

{{/* "true" or empty */}}
{{- define "azure-marketplace-exporter.stateful" -}}
{{- if or .Values.sharding.enabled (eq .Values.workload.kind "StatefulSet") }}true{{ end }}
{{- end }}

{{- define "azure-marketplace-exporter.replicas" -}}
{{- if .Values.sharding.enabled }}{{ .Values.sharding.totalShards }}{{ else }}{{ .Values.replicaCount }}{{ end }}
{{- end }}

{{- define "azure-marketplace-exporter.ownConfig" -}}
{{- if not (or .Values.demo.enabled .Values.existingConfigMap .Values.existingConfigSecret) }}true{{ end }}
{{- end }}

{{- define "azure-marketplace-exporter.webConfigSecret" -}}
{{- if .Values.webConfig.existingSecret }}{{ .Values.webConfig.existingSecret }}
{{- else if .Values.webConfig.config }}{{ include "azure-marketplace-exporter.fullname" . }}-web
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.authSecret" -}}
{{- if .Values.auth.existingSecret.name }}{{ .Values.auth.existingSecret.name }}
{{- else if .Values.auth.clientSecret }}{{ include "azure-marketplace-exporter.fullname" . }}-auth
{{- end }}
{{- end }}

{{/* Key of the secret that a credential's method reads as a file; empty for the other methods. For `auth` or one of `credentials` */}}
{{- define "azure-marketplace-exporter.secretKey" -}}
{{- $keys := .existingSecret }}
{{- get (dict
  "clientSecret" (default "client-secret" $keys.clientSecretKey)
  "clientCertificate" (default "tls.pem" $keys.certificateKey)
  "token" (default "token" $keys.tokenKey)) .method }}
{{- end }}

{{- define "azure-marketplace-exporter.scheme" -}}
{{- ternary "https" "http" .Values.webConfig.tls }}
{{- end }}

{{- define "azure-marketplace-exporter.telemetryPath" -}}
{{- dig "web" "telemetry_path" "" .Values.config | default "/metrics" }}
{{- end }}

{{- define "azure-marketplace-exporter.serviceHost" -}}
{{ include "azure-marketplace-exporter.fullname" . }}.{{ include "azure-marketplace-exporter.namespace" . }}.svc
{{- end }}

{{- define "azure-marketplace-exporter.serviceAddress" -}}
{{ include "azure-marketplace-exporter.serviceHost" . }}:{{ .Values.service.port }}
{{- end }}

{{/* "true" if the listener requires client certificates, which neither the kubelet nor the pod of `helm test` has */}}
{{- define "azure-marketplace-exporter.clientCertificates" -}}
{{- $tls := default dict (get .Values.webConfig.config "tls_server_config") }}
{{- if or .Values.webConfig.clientCertificates (eq (toString (get $tls "client_auth_type")) "RequireAndVerifyClientCert") }}true{{ end }}
{{- end }}

{{/* "claim", "claims" or empty: what the release makes itself to keep the state, the claim of a Deployment or those of a StatefulSet */}}
{{- define "azure-marketplace-exporter.ownClaims" -}}
{{- if and (eq .Values.state.volume "persistentVolumeClaim") (not .Values.state.existingClaim) }}
{{- ternary "claims" "claim" (not (empty (include "azure-marketplace-exporter.stateful" .))) }}
{{- end }}
{{- end }}

{{/* The spec of a claim that a Deployment of this release made and no longer uses. It stays in the release, with the size that it
     has: Helm 3 cannot roll back to a claim that is there but not in its newest manifest. Empty for a reader of templates. */}}
{{- define "azure-marketplace-exporter.oldClaim" -}}
{{- if ne (include "azure-marketplace-exporter.ownClaims" .) "claim" }}
{{- $old := lookup "v1" "PersistentVolumeClaim" (include "azure-marketplace-exporter.namespace" .) (include "azure-marketplace-exporter.fullname" .) }}
{{- if and (eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" $old) .Release.Name) (eq (include "azure-marketplace-exporter.claimPolicy" .) "keep") }}
{{- toYaml (mergeOverwrite (include "azure-marketplace-exporter.claimSpec" . | fromYaml) (pick $old.spec "accessModes" "resources")) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.claimPolicy" -}}
{{- dig "helm.sh/resource-policy" "keep" .Values.state.annotations }}
{{- end }}

{{/* The strategy of a workload; says what Kubernetes would fill in, so that a change of the type takes it away again. Dict strategy, defaults */}}
{{- define "azure-marketplace-exporter.strategy" -}}
{{- $strategy := omit .strategy "rollingUpdate" }}
{{- if eq $strategy.type "RollingUpdate" }}
{{- $_ := set $strategy "rollingUpdate" (default .defaults .strategy.rollingUpdate) }}
{{- end }}
{{- toYaml $strategy }}
{{- end }}
