{{- define "carteiro.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "carteiro.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "carteiro.labels" -}}
{{ include "carteiro.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "carteiro.check" -}}
{{- if not (has .Values.database.kind (list "sqlite" "postgres")) }}{{ fail "database.kind must be sqlite or postgres" }}{{ end }}
{{- if and (eq .Values.database.kind "sqlite") (gt (int .Values.replicas) 1) }}{{ fail "replicas: SQLite takes one server; several need database.kind postgres" }}{{ end }}
{{- if and (eq .Values.database.kind "postgres") (not .Values.database.existingSecret) }}{{ fail "database.existingSecret must name the secret that holds the URL of the database" }}{{ end }}
{{- end }}

{{- define "carteiro.pod" -}}
metadata:
  labels:
    {{- include "carteiro.selector" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: carteiro
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      ports:
        - {name: http, containerPort: 8080}
        - {name: metrics, containerPort: 9464}
      env:
        - {name: CARTEIRO_LISTEN, value: ":8080"}
        - {name: CARTEIRO_METRICS_LISTEN, value: ":9464"}
        {{- if eq .Values.database.kind "sqlite" }}
        - {name: CARTEIRO_DATABASE, value: "sqlite:/data/carteiro.db"}
        {{- else }}
        - name: CARTEIRO_DATABASE
          valueFrom:
            secretKeyRef: {name: {{ .Values.database.existingSecret | quote }}, key: {{ .Values.database.secretKey | quote }}}
        {{- end }}
        {{- range $name, $value := .Values.env }}
        - {name: {{ $name | quote }}, value: {{ $value | quote }}}
        {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      startupProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 2
        failureThreshold: 150 # the first start of a new version may change the database's layout
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 3
      # The process alone: a database that is away is no reason to start it again.
      livenessProbe:
        httpGet: {path: /api/v1/health, port: http}
        periodSeconds: 10
        timeoutSeconds: 3
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      {{- if eq .Values.database.kind "sqlite" }}
      volumeMounts:
        - {name: data, mountPath: /data}
      {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
