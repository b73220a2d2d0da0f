{{- define "ekspiper.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- /* 63 at most, and a StatefulSet adds 11 to the label with its revision. */ -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "ekspiper.selector" -}}
app.kubernetes.io/name: ekspiper
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ekspiper.labels" -}}
{{ include "ekspiper.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "ekspiper.configMap" -}}
{{- default (include "ekspiper.fullname" .) .Values.existingConfigMap -}}
{{- end }}
