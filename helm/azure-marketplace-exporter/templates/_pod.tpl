{{/* The pod of the Deployment and of the StatefulSet. */}}

{{- define "azure-marketplace-exporter.args" -}}
{{- if .Values.demo.enabled }}
- --demo
{{- else }}
- --config.file=/etc/azure-marketplace-exporter/config/{{ ternary .Values.existingConfigKey "config.yaml" (not (include "azure-marketplace-exporter.ownConfig" .)) }}
{{- end }}
- --web.listen-address=:{{ .Values.containerPort }}
{{- if include "azure-marketplace-exporter.webConfigSecret" . }}
- --web.config.file=/etc/azure-marketplace-exporter/web/{{ .Values.webConfig.key }}
- --web.open-health
{{- end }}
{{- if ne .Values.state.volume "none" }}
- --collection.state-file=/var/lib/azure-marketplace-exporter/state.json
{{- end }}
{{- if not .Values.demo.enabled }}
{{- include "azure-marketplace-exporter.authArgs" . }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.authArgs" -}}
{{- $folder := ternary "auth" "" (not (empty (include "azure-marketplace-exporter.authFile" .))) }}
{{- range include "azure-marketplace-exporter.credential" (dict "values" .Values.auth "folder" $folder) | fromYamlArray }}
- --auth.{{ . }}
{{- end }}
{{- if eq .Values.auth.method "managedIdentity" }}
{{- with .Values.auth.managedIdentity.clientId }}
- --auth.client-id={{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the exporter is told of a credential, `setting=value` each; dict values (`auth` or one of `credentials`), folder (of its
     file, or empty) */}}
{{- define "azure-marketplace-exporter.credential" -}}
{{- $values := .values }}
{{- with $values.method }}
- method={{ snakecase . }}
{{- end }}
{{- if has $values.method (list "clientSecret" "clientCertificate") }}
{{- if not $values.existingSecret.tenantIdKey }}
- tenant-id={{ $values.tenantId }}
{{- end }}
{{- if not $values.existingSecret.clientIdKey }}
- client-id={{ $values.clientId }}
{{- end }}
{{- end }}
{{- with .folder }}
- {{ get (dict "clientSecret" "client-secret-file" "clientCertificate" "certificate-file" "token" "token-file") $values.method }}=/etc/azure-marketplace-exporter/{{ . }}/{{ include "azure-marketplace-exporter.secretKey" $values }}
{{- end }}
{{- end }}

{{/* "true" if a credential is mounted as a file */}}
{{- define "azure-marketplace-exporter.authFile" -}}
{{- if and (include "azure-marketplace-exporter.authSecret" .) (not .Values.auth.asEnv) (not .Values.demo.enabled) }}true{{ end }}
{{- end }}

{{/* dict name, secret, key */}}
{{- define "azure-marketplace-exporter.secretEnv" }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end }}

{{/* Tenant and client id, where they are in the secret too; dict prefix, secret, keys */}}
{{- define "azure-marketplace-exporter.idEnv" }}
{{- range $id := list "tenantId" "clientId" }}
{{- with get $.keys (printf "%sKey" $id) }}
{{- include "azure-marketplace-exporter.secretEnv" (dict "name" (printf "%s__%s" $.prefix (snakecase $id | upper)) "secret" $.secret "key" .) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The variables that the chart sets itself. Credentials with a name have no flags. */}}
{{- define "azure-marketplace-exporter.ownEnv" -}}
{{- $secret := include "azure-marketplace-exporter.authSecret" . }}
{{- if and $secret (not .Values.demo.enabled) }}
{{- include "azure-marketplace-exporter.idEnv" (dict "prefix" "MARKETPLACE_EXPORTER_AUTH" "secret" $secret "keys" .Values.auth.existingSecret) }}
{{- if .Values.auth.asEnv }}
{{- $name := ternary "MARKETPLACE_EXPORTER_AUTH__TOKEN" "MARKETPLACE_EXPORTER_AUTH__CLIENT_SECRET" (eq .Values.auth.method "token") }}
{{- include "azure-marketplace-exporter.secretEnv" (dict "name" $name "secret" $secret "key" (include "azure-marketplace-exporter.secretKey" .Values.auth)) }}
{{- end }}
{{- end }}
{{- range $name, $values := ternary dict .Values.credentials .Values.demo.enabled }}
{{- $prefix := printf "MARKETPLACE_EXPORTER_CREDENTIALS__%s" (upper $name) }}
{{- include "azure-marketplace-exporter.idEnv" (dict "prefix" $prefix "secret" $values.existingSecret.name "keys" $values.existingSecret) }}
{{- range include "azure-marketplace-exporter.credential" (dict "values" $values "folder" (printf "credentials/%s" $name)) | fromYamlArray }}
{{- $setting := splitn "=" 2 . }}
- name: {{ $prefix }}__{{ $setting._0 | snakecase | upper }}
  value: {{ $setting._1 | quote }}
{{- end }}
{{- end }}
{{- if .Values.sharding.enabled }}
- name: POD_INDEX
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
- name: MARKETPLACE_EXPORTER_COLLECTION__SHARD
  value: $(POD_INDEX)/{{ .Values.sharding.totalShards }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.env" -}}
{{- include "azure-marketplace-exporter.ownEnv" . }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if not .Values.demo.enabled }}
- name: config
  mountPath: /etc/azure-marketplace-exporter/config
  readOnly: true
{{- end }}
{{- if include "azure-marketplace-exporter.authFile" . }}
- name: auth
  mountPath: /etc/azure-marketplace-exporter/auth
  readOnly: true
{{- end }}
{{- if and .Values.credentials (not .Values.demo.enabled) }}
- name: credentials
  mountPath: /etc/azure-marketplace-exporter/credentials
  readOnly: true
{{- end }}
{{- if include "azure-marketplace-exporter.webConfigSecret" . }}
- name: web
  mountPath: /etc/azure-marketplace-exporter/web
  readOnly: true
{{- end }}
{{- if ne .Values.state.volume "none" }}
- name: state
  mountPath: /var/lib/azure-marketplace-exporter
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 16Mi
{{- if not .Values.demo.enabled }}
- name: config
  {{- if .Values.existingConfigSecret }}
  secret:
    secretName: {{ .Values.existingConfigSecret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ default (include "azure-marketplace-exporter.fullname" .) .Values.existingConfigMap }}
  {{- end }}
{{- end }}
{{- if include "azure-marketplace-exporter.authFile" . }}
- name: auth
  secret:
    secretName: {{ include "azure-marketplace-exporter.authSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ include "azure-marketplace-exporter.secretKey" .Values.auth }}
        path: {{ include "azure-marketplace-exporter.secretKey" .Values.auth }}
{{- end }}
{{- if and .Values.credentials (not .Values.demo.enabled) }}
- name: credentials
  projected:
    defaultMode: 0440
    sources:
      {{- range $name, $values := .Values.credentials }}
      - secret:
          name: {{ $values.existingSecret.name }}
          items:
            - key: {{ include "azure-marketplace-exporter.secretKey" $values }}
              path: {{ $name }}/{{ include "azure-marketplace-exporter.secretKey" $values }}
      {{- end }}
{{- end }}
{{- with include "azure-marketplace-exporter.webConfigSecret" . }}
- name: web
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if eq .Values.state.volume "emptyDir" }}
- name: state
  emptyDir:
    sizeLimit: {{ .Values.state.sizeLimit }}
{{- else if and (eq .Values.state.volume "persistentVolumeClaim") (or .Values.state.existingClaim (not (include "azure-marketplace-exporter.stateful" .))) }}
- name: state
  persistentVolumeClaim:
    claimName: {{ default (include "azure-marketplace-exporter.fullname" .) .Values.state.existingClaim }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A probe, with the scheme of the listener where it has none, or as a mere connection; dict root, probe */}}
{{- define "azure-marketplace-exporter.probe" -}}
{{- $probe := deepCopy .probe }}
{{- if hasKey $probe "httpGet" }}
{{- if include "azure-marketplace-exporter.clientCertificates" .root }}
{{- $probe = merge (omit $probe "httpGet") (dict "tcpSocket" (pick $probe.httpGet "port")) }}
{{- else if .root.Values.webConfig.tls }}
{{- $_ := set $probe "httpGet" (merge $probe.httpGet (dict "scheme" "HTTPS")) }}
{{- end }}
{{- end }}
{{- toYaml $probe }}
{{- end }}

{{- define "azure-marketplace-exporter.podTemplate" -}}
metadata:
  labels:
    {{- $labels := include "azure-marketplace-exporter.labels" . | fromYaml }}
    {{- if eq .Values.auth.method "workloadIdentity" }}{{ $_ := set $labels "azure.workload.identity/use" "true" }}{{ end }}
    {{- toYaml (mergeOverwrite $labels .Values.podLabels) | nindent 4 }}
  {{- $annotations := deepCopy .Values.commonAnnotations }}
  {{- if include "azure-marketplace-exporter.ownConfig" . }}
  {{- $_ := set $annotations "checksum/config" (toYaml .Values.config | sha256sum) }}
  {{- end }}
  {{- if .Values.auth.clientSecret }}
  {{- $_ := set $annotations "checksum/auth" (sha256sum .Values.auth.clientSecret) }}
  {{- end }}
  {{- if .Values.prometheusAnnotations }}
  {{- $annotations = mergeOverwrite $annotations (dict "prometheus.io/scrape" "true" "prometheus.io/port" (toString .Values.containerPort) "prometheus.io/path" (include "azure-marketplace-exporter.telemetryPath" .) "prometheus.io/scheme" (include "azure-marketplace-exporter.scheme" .)) }}
  {{- end }}
  {{- with mergeOverwrite $annotations (deepCopy .Values.podAnnotations) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "azure-marketplace-exporter.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automountServiceAccountToken }}
  enableServiceLinks: {{ .Values.enableServiceLinks }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- if ne .Values.hostUsers nil }}
  hostUsers: {{ .Values.hostUsers }}
  {{- end }}
  {{- with include "azure-marketplace-exporter.imagePullSecrets" . }}
  imagePullSecrets:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "azure-marketplace-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "azure-marketplace-exporter.args" . | trim | nindent 8 }}
      {{- with include "azure-marketplace-exporter.env" . }}
      env:
        {{- . | trim | nindent 8 }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ .Values.containerPort }}
          protocol: TCP
      {{- range $name := list "startupProbe" "livenessProbe" "readinessProbe" }}
      {{- with get $.Values $name }}
      {{ $name }}:
        {{- include "azure-marketplace-exporter.probe" (dict "root" $ "probe" .) | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- include "azure-marketplace-exporter.volumeMounts" . | nindent 8 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "azure-marketplace-exporter.volumes" . | nindent 4 }}
  {{- include "azure-marketplace-exporter.scheduling" . | nindent 2 }}
{{- end }}

{{- define "azure-marketplace-exporter.scheduling" -}}
{{- range $name := list "nodeSelector" "tolerations" "dnsConfig" "hostAliases" }}
{{- with get $.Values $name }}
{{ $name }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $name := list "priorityClassName" "runtimeClassName" "schedulerName" "dnsPolicy" }}
{{- with get $.Values $name }}
{{ $name }}: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- if kindIs "string" . }}
  {{- tpl . $ | nindent 2 }}
  {{- else }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $selector := dict "labelSelector" (dict "matchLabels" (include "azure-marketplace-exporter.selectorLabels" $ | fromYaml)) }}
  - {{- toYaml (merge (deepCopy .) (ternary dict $selector (hasKey . "labelSelector"))) | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "azure-marketplace-exporter.claimSpec" -}}
accessModes:
  {{- toYaml .Values.state.accessModes | nindent 2 }}
{{- if ne .Values.state.storageClassName nil }}
storageClassName: {{ .Values.state.storageClassName | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.state.size }}
{{- end }}
