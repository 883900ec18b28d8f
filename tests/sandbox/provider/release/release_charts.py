"""Small charts, written by the tests that install them."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Object = dict[str, Any]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}-web"}
spec:
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec:
      containers:
      - {name: web, image: web, resources: {requests: {cpu: "{{ .Values.cpu }}"}}}
"""
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-settings"}
data: {text: "{{ .Values.text }}"}
"""
WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: "{{ .Release.Name }}-webhook"}
webhooks:
- name: all.example.com
  clientConfig: {service: {name: web, namespace: "{{ .Release.Namespace }}"}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: [configmaps]}]
  admissionReviewVersions: [v1]
  sideEffects: None
"""
AGGREGATED = """
{{- range $kind := list "admin" "user" "viewer" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "{{ $.Release.Name }}-{{ $kind }}"}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {small.example.com/all: "true"}}]}
{{- end }}
{{- range $number := until 40 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "{{ $.Release.Name }}-part-{{ $number }}", labels: {small.example.com/all: "true"}}
rules: [{apiGroups: [""], resources: ["configmaps"], resourceNames: ["c{{ $number }}"], verbs: [get]}]
{{- end }}
"""
KEPT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-kept", annotations: {helm.sh/resource-policy: keep}}
"""
HOOK = """
apiVersion: batch/v1
kind: Job
metadata: {name: "{{ .Release.Name }}-hook", annotations: {helm.sh/hook: post-install}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: hook}]}
"""
LAST_HOOK = HOOK.replace("post-install", "pre-delete")
# Of kinds that no test makes: while it is there, nothing of them could be changed.
HOOKED_WEBHOOK = (
    WEBHOOK.replace("-webhook", "-hooked")
    .replace('-hooked"}', '-hooked", annotations: {helm.sh/hook: post-install}}')
    .replace('apiGroups: [""]', "apiGroups: [hooked.example.com]")
)
STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: "{{ .Release.Name }}-db"}
spec:
  serviceName: db
  selector: {matchLabels: {app: "{{ .Release.Name }}-db"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}-db"}}
    spec: {containers: [{name: db, image: db}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


def crd(group: str, kind: str = "Thing", conversion: bool = False) -> Object:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}}
    client = {"service": {"name": "web", "namespace": "default", "path": "/convert"}}
    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
    spec: Object = {
        "group": group,
        "scope": "Namespaced",
        "names": {"kind": kind, "plural": plural},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    if conversion:
        spec["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": spec,
    }


def write_chart(
    folder: Path,
    templates: Mapping[str, str],
    values: Mapping[str, Any] | None = None,
    crds: tuple[Object, ...] = (),
    name: str = "small",
    version: str = "1.2.3",
    dependencies: tuple[Object, ...] = (),
) -> Path:
    """A chart's folder; JSON is YAML."""
    (folder / "templates").mkdir(parents=True)
    metadata = {"apiVersion": "v2", "name": name, "version": version, "appVersion": "9", "dependencies": dependencies}
    (folder / "Chart.yaml").write_text(json.dumps(metadata))
    (folder / "values.yaml").write_text(json.dumps({"cpu": "10m", "text": "one", **(values or {})}))
    for file, text in templates.items():
        (folder / "templates" / f"{file}.yaml").write_text(text)
    for number, obj in enumerate(crds):
        (folder / "crds").mkdir(exist_ok=True)
        (folder / "crds" / f"{number}.yaml").write_text(json.dumps(obj))
    return folder


def packed(folder: Path, archive: Path) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, "chart")
    return archive
