{{/* Everywhere: `root` is the chart's own context, `name` a component's name, `svc` a service's merged settings. */}}

{{- define "tc.fullname" -}}
{{- printf "%s-%s" (.root.Release.Name | trunc 40 | trimSuffix "-") .name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The settings of one service: what holds for all, then its own; nothing that scales while all is stopped. Copied first, or one
service's would reach the next. */}}
{{- define "tc.svc" -}}
{{- if not (hasKey .root.Values.services .name) }}{{ fail (printf "%q is named in a list of calls, but is not among the services" .name) }}{{ end -}}
{{- $svc := mustMergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (get .root.Values.services .name)) -}}
{{- if .root.Values.stopped -}}
{{- $svc = mustMergeOverwrite $svc (dict "replicas" 0 "autoscaling" (dict "enabled" false) "keda" (dict "enabled" false)) -}}
{{- end -}}
{{- toYaml $svc -}}
{{- end -}}

{{- define "tc.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "tc.labels" -}}
{{ include "tc.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ticket-centre
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of a pod that stays: none that another version of the chart changes, since each change of a template is a restart, and in
a Job is refused. Which version runs, the image says. */}}
{{- define "tc.podLabels" -}}
{{ include "tc.selector" . }}
app.kubernetes.io/part-of: ticket-centre
{{- end -}}

{{/* Labels of what belongs to no service. */}}
{{- define "tc.common" -}}
{{ include "tc.labels" (dict "root" . "name" "all") }}
{{- end -}}

{{- define "tc.image" -}}
{{- $image := .root.Values.image -}}
{{- $place := printf "%s/%s/%s" $image.registry $image.repository .name -}}
{{- if .svc.digest }}{{ $place }}@{{ .svc.digest }}{{ else }}{{ $place }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* Where a service is called by the others. */}}
{{- define "tc.address" -}}
{{- $svc := include "tc.svc" . | fromYaml -}}
{{- $host := include "tc.fullname" . -}}
{{- if eq .root.Values.discovery.mode "headless" }}{{ $host = printf "%s-headless" $host }}{{ end -}}
{{- $scheme := ternary "https" "http" (eq "true" (include "tc.servesTls" .)) -}}
{{- printf "%s://%s.%s.svc.%s:%d" $scheme $host .root.Release.Namespace .root.Values.discovery.clusterDomain (int $svc.ports.grpc) -}}
{{- end -}}

{{/* Whether the service's port speaks TLS; that of the bff is for the gateway in front of it. */}}
{{- define "tc.servesTls" -}}
{{- and (ne .root.Values.tls.secretPrefix "") (ne .name "bff") -}}
{{- end -}}

{{/* Who makes certificates; nobody, too, where values of a chart without this one are reused. */}}
{{- define "tc.issuer" -}}
{{- dig "issuer" "name" "" .Values.tls -}}
{{- end -}}

{{/* What a program shows whom it calls over TLS. */}}
{{- define "tc.callerTls" -}}
{{- if .root.Values.tls.secretPrefix }}
TLS_CA: /etc/ticket-centre/tls/ca.crt
TLS_CLIENT_CERT: /etc/ticket-centre/tls/tls.crt
TLS_CLIENT_KEY: /etc/ticket-centre/tls/tls.key
{{- end }}
{{- end -}}

{{/* The whole directory, so that a new certificate arrives in it: a single file would stay as it was. */}}
{{- define "tc.tlsMount" -}}
{{- if .root.Values.tls.secretPrefix }}
- name: tls
  mountPath: /etc/ticket-centre/tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "tc.tlsVolume" -}}
{{- if .root.Values.tls.secretPrefix }}
- name: tls
  secret:
    secretName: {{ .root.Values.tls.secretPrefix }}{{ .name }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "tc.keysSecret" -}}
{{- if .Values.keys.existingSecret }}{{ .Values.keys.existingSecret }}{{ else if .Values.externalSecrets.enabled }}{{ include "tc.fullname" (dict "root" . "name" "keys") }}{{ end -}}
{{- end -}}

{{- define "tc.postgresSecret" -}}
{{- if .Values.postgres.existingSecret }}{{ .Values.postgres.existingSecret }}{{ else if .Values.externalSecrets.enabled }}{{ include "tc.fullname" (dict "root" . "name" "postgres") }}{{ end -}}
{{- end -}}

{{- define "tc.natsUrl" -}}
{{- if .Values.dev.nats.enabled }}nats://{{ include "tc.fullname" (dict "root" . "name" "nats") }}:4222{{ else }}{{ .Values.nats.url }}{{ end -}}
{{- end -}}

{{/* Not empty where events go through NATS too. */}}
{{- define "tc.hasNats" -}}
{{ include "tc.natsUrl" . }}{{ .Values.nats.existingSecret }}
{{- end -}}

{{- define "tc.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "tc.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where pods may run, and whom they may push aside, by a service's settings or by those that hold for all. */}}
{{- define "tc.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Ports that an address's server may be reached at: what the address says, and `port`, which is the pods' own where a Service in
between has another. Several addresses have commas. */}}
{{- define "tc.ports" -}}
{{- $ports := list (int .port) -}}
{{- range compact (splitList "," .url) -}}
{{- $said := regexFind ":[0-9]+$" (regexReplaceAll "^([a-z]+://)?([^/]*).*$" . "${2}") | trimPrefix ":" -}}
{{- $ports = append $ports (int ($said | default $.unsaid)) -}}
{{- end -}}
{{- range uniq $ports | sortAlpha }}
- port: {{ . }}
  protocol: TCP
{{- end }}
{{- end -}}

{{/* Names that browsers call the BFF by: those given, and the console's. */}}
{{- define "tc.hosts" -}}
{{- $console := regexReplaceAll ":[0-9]+$" (trimPrefix "https://" .root.Values.console.origin) "" -}}
{{- append .hosts $console | uniq | compact | toYaml -}}
{{- end -}}

{{/* Who may reach the BFF from outside, as peers of a network policy. */}}
{{- define "tc.gatewayPeers" -}}
{{- with .Values.networkPolicy.gatewayNamespace }}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ . }}
{{- end }}
{{- with .Values.networkPolicy.gatewayPeers }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A bundle of authorities that counts in place of the image's own; nobody's, too, where values of a chart without it are reused. */}}
{{- define "tc.authorities" -}}
{{- with (.Values.extraCa).configMap }}{{ . }}{{ end -}}
{{- end -}}

{{- define "tc.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The environment of a service's program that is no secret; what its errands need too comes first. */}}
{{- define "tc.jobConfig" -}}
RUST_LOG: {{ .svc.log | quote }}
{{- if .svc.database.enabled }}
DATABASE_CONNECTIONS: {{ .svc.database.connections | quote }}
ROW_LEVEL_SECURITY: {{ .svc.database.rowLevelSecurity | quote }}
{{- if .root.Values.dev.postgres.enabled }}
DATABASE_URL: {{ printf "postgres://tickets@%s/%s" (include "tc.fullname" (dict "root" .root "name" "postgres")) .name | quote }}
{{- end }}
{{- end }}
{{- with include "tc.natsUrl" .root }}
NATS: {{ . | quote }}
{{- end }}
{{- if include "tc.authorities" .root }}
SSL_CERT_FILE: /etc/ticket-centre/authorities/ca.crt
{{- end }}
{{- if and .svc.streams (include "tc.hasNats" .root) }}
NATS_REPLICAS: {{ .root.Values.nats.replicas | quote }}
NATS_MAX_AGE_HOURS: {{ .root.Values.nats.maxAgeHours | quote }}
NATS_MAX_MIB: {{ int .root.Values.nats.maxMib | quote }}
{{- end }}
{{- end -}}

{{- define "tc.config" -}}
{{- $root := .root -}}
LISTEN: "{{ $root.Values.discovery.bindAddress }}:{{ .svc.ports.grpc }}"
ADMIN_LISTEN: "{{ $root.Values.discovery.bindAddress }}:{{ .svc.ports.admin }}"
DRAIN_SECONDS: {{ .svc.shutdown.drainSeconds | quote }}
KEYS: /etc/ticket-centre/keys
{{- include "tc.callerTls" . }}
{{- if eq "true" (include "tc.servesTls" .) }}
TLS_CERT: /etc/ticket-centre/tls/tls.crt
TLS_KEY: /etc/ticket-centre/tls/tls.key
TLS_CLIENT_CA: /etc/ticket-centre/tls/ca.crt
{{- end }}
{{ include "tc.jobConfig" . }}
{{- with $root.Values.monitoring.traces.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
TRACE_SHARE: {{ $root.Values.monitoring.traces.share | quote }}
{{- end }}
{{- range .svc.calls }}
{{ upper . }}: {{ include "tc.address" (dict "root" $root "name" .) | quote }}
{{- end }}
{{- if eq .name "bff" }}
{{- with $root.Values.console }}
{{- if .issuer }}
CONSOLE_ORIGIN: {{ .origin | quote }}
OIDC_ISSUER: {{ .issuer | quote }}
OIDC_CLIENT_ID: {{ .clientId | quote }}
OIDC_WORKSPACE: {{ .workspace | quote }}
{{- end }}
{{- end }}
{{- if $root.Values.trustedProxies }}
TRUSTED_PROXIES: {{ join "," $root.Values.trustedProxies | quote }}
{{- else if and (or $root.Values.gateway.enabled $root.Values.ingress.enabled) (not (hasKey .svc.env "LIMITS")) }}
{{- /* Everybody has the gateway's address: one customer would use up what all may. */}}
LIMITS: contacts
{{- end }}
{{- end }}
{{- range $name, $value := .svc.env }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* The environment that is secret. Their programs read it from nowhere else. */}}
{{- define "tc.secretEnv" -}}
{{- if and .svc.database.enabled (not .root.Values.dev.postgres.enabled) }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "tc.postgresSecret" .root }}
      key: {{ .name }}-url
{{- end }}
{{- with .root.Values.nats.existingSecret }}
- name: NATS
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: url
{{- end }}
{{- if and (eq .name "bff") .root.Values.console.existingSecret }}
{{- /* Where it is, which is no secret; scanners take the name for one in a ConfigMap. */}}
- name: OIDC_CLIENT_SECRET_FILE
  value: /etc/ticket-centre/console/client-secret
{{- end }}
{{- end -}}

{{/* Authorities of servers outside. */}}
{{- define "tc.caMount" -}}
{{- if include "tc.authorities" .root }}
- name: authorities
  mountPath: /etc/ticket-centre/authorities
  readOnly: true
{{- end }}
{{- if and .svc.database.enabled .root.Values.postgres.caConfigMap }}
- name: postgres-ca
  mountPath: /etc/ticket-centre/postgres
  readOnly: true
{{- end }}
{{- end -}}

{{/* The console's secret at its identity provider: a file, so that it is in nobody's environment. */}}
{{- define "tc.consoleMount" -}}
{{- if and (eq .name "bff") .root.Values.console.existingSecret }}
- name: console
  mountPath: /etc/ticket-centre/console
  readOnly: true
{{- end }}
{{- end -}}

{{- define "tc.consoleVolume" -}}
{{- if and (eq .name "bff") .root.Values.console.existingSecret }}
- name: console
  secret:
    secretName: {{ .root.Values.console.existingSecret }}
    defaultMode: 0440
    items:
      - key: client-secret
        path: client-secret
{{- end }}
{{- end -}}

{{- define "tc.caVolume" -}}
{{- with include "tc.authorities" .root }}
- name: authorities
  configMap:
    name: {{ . }}
{{- end }}
{{- if and .svc.database.enabled .root.Values.postgres.caConfigMap }}
- name: postgres-ca
  configMap:
    name: {{ .root.Values.postgres.caConfigMap }}
{{- end }}
{{- end -}}
