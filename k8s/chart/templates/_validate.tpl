{{/* Settings that cannot work are refused, with one sentence each. */}}
{{- define "tc.validate" -}}
{{- $root := . -}}
{{- $v := .Values -}}
{{- if not (include "tc.keysSecret" .) -}}
{{- fail "the services need keys to say who calls: set keys.existingSecret, or externalSecrets.enabled" -}}
{{- end -}}
{{- if and $v.dev.postgres.enabled $v.postgres.existingSecret -}}
{{- fail "dev.postgres.enabled and postgres.existingSecret say two different databases: keep one" -}}
{{- end -}}
{{- if and (or $v.nats.url $v.dev.nats.enabled) $v.nats.existingSecret -}}
{{- fail "NATS has two addresses: keep one of nats.url, nats.existingSecret and dev.nats.enabled" -}}
{{- end -}}
{{- if and $v.nats.url $v.dev.nats.enabled -}}
{{- fail "NATS has two addresses: keep one of nats.url and dev.nats.enabled" -}}
{{- end -}}
{{- if contains "@" $v.nats.url -}}
{{- fail "nats.url holds a password: put the address into a Secret, under the key url, and name it in nats.existingSecret" -}}
{{- end -}}
{{- if and $v.tls.secretPrefix (eq $v.discovery.mode "mesh") -}}
{{- fail "a mesh encrypts what it sees, and sees nothing of what is encrypted: keep one of discovery.mode mesh and tls.secretPrefix" -}}
{{- end -}}
{{- if include "tc.issuer" . -}}
{{- if not $v.tls.secretPrefix -}}
{{- fail "tls.issuer makes certificates into Secrets that have no name: set tls.secretPrefix" -}}
{{- end -}}
{{- if ge (trimSuffix "h" $v.tls.renewBefore | int) (trimSuffix "h" $v.tls.duration | int) -}}
{{- fail "tls.renewBefore is not shorter than tls.duration: a certificate would be replaced for ever" -}}
{{- end -}}
{{- end -}}
{{- if eq $v.jobs.mode "hook" -}}
{{- if and $v.externalSecrets.enabled (not $v.postgres.existingSecret) -}}
{{- fail "jobs.mode hook needs a Secret for Postgres that is there before: externalSecrets makes it too late; use jobs.mode job or start" -}}
{{- end -}}
{{- if or $v.dev.postgres.enabled $v.dev.nats.enabled -}}
{{- fail "jobs.mode hook needs servers that are there before: those under dev come too late; use jobs.mode job or start" -}}
{{- end -}}
{{- end -}}
{{- if and $v.externalSecrets.enabled (not $v.externalSecrets.storeRef.name) -}}
{{- fail "externalSecrets.storeRef.name must say which store" -}}
{{- end -}}
{{- if and $v.gateway.enabled (not $v.gateway.parentRefs) -}}
{{- fail "gateway.parentRefs must name the gateway" -}}
{{- end -}}
{{- if $v.console.issuer -}}
{{- if not (and $v.console.origin $v.console.clientId $v.console.workspace) -}}
{{- fail "console.issuer needs console.origin, console.clientId and console.workspace" -}}
{{- end -}}
{{- else if or $v.console.origin $v.console.clientId $v.console.workspace $v.console.existingSecret -}}
{{- fail "console.issuer must say at which identity provider teammates log in" -}}
{{- end -}}
{{- if and $v.console.issuer $v.gateway.enabled (eq $v.gateway.kind "GRPCRoute") (not $v.ingress.enabled) -}}
{{- fail "the console is pages, which a GRPCRoute does not lead to: set gateway.kind to HTTPRoute" -}}
{{- end -}}
{{- if and (or $v.gateway.enabled $v.ingress.enabled) $v.networkPolicy.enabled (not (include "tc.gatewayPeers" . | trim)) -}}
{{- fail "no gateway may reach the bff: set networkPolicy.gatewayNamespace, or networkPolicy.gatewayPeers" -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.host) -}}
{{- fail "ingress.host must be set" -}}
{{- end -}}
{{- range $name, $_ := $v.services -}}
{{- $svc := include "tc.svc" (dict "root" $root "name" $name) | fromYaml -}}
{{- if $svc.enabled -}}
{{- range $svc.calls -}}
{{- $callee := include "tc.svc" (dict "root" $root "name" .) | fromYaml -}}
{{- if not $callee.enabled -}}
{{- fail (printf "services.%s calls %q, which is not enabled" $name .) -}}
{{- end -}}
{{- end -}}
{{- if and $svc.autoscaling.enabled $svc.keda.enabled -}}
{{- fail (printf "services.%s: autoscaling and keda cannot both scale it" $name) -}}
{{- end -}}
{{- if and $svc.keda.enabled (not $svc.keda.triggers) -}}
{{- fail (printf "services.%s: keda has no triggers" $name) -}}
{{- end -}}
{{- if and $svc.autoscaling.enabled (gt (int $svc.autoscaling.minReplicas) (int $svc.autoscaling.maxReplicas)) -}}
{{- fail (printf "services.%s: autoscaling.minReplicas is above maxReplicas" $name) -}}
{{- end -}}
{{- if and $svc.keda.enabled (gt (int $svc.keda.minReplicas) (int $svc.keda.maxReplicas)) -}}
{{- fail (printf "services.%s: keda.minReplicas is above maxReplicas" $name) -}}
{{- end -}}
{{- if eq (int $svc.ports.grpc) (int $svc.ports.admin) -}}
{{- fail (printf "services.%s: ports.grpc and ports.admin are the same" $name) -}}
{{- end -}}
{{- if and $svc.database.enabled (not $v.dev.postgres.enabled) (not (include "tc.postgresSecret" $root)) -}}
{{- fail (printf "services.%s needs a database: set postgres.existingSecret, externalSecrets.enabled, or dev.postgres.enabled to try it out" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
