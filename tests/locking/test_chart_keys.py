"""What a chart knows of values: its defaults, its schema, and what its templates read."""

import json

import pytest
from small_charts import chart

from cnai.catalog.keys import ignored
from cnai.charts.archive import Chart
from cnai.locking.chart_keys import chart_keys

DEFAULTS = "image: {tag: a}\nreplicas: 1\nextra: []\nnodeSelector: {a: b}\nfree: {}\nnone:\n"


def refused(values, chart):
    return [".".join(each.path) for each in ignored(values, chart_keys(chart))]


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        ({"image": {"tag": "b"}, "replicas": 2, "extra": [1]}, []),
        ({"free": {"any": {"thing": 1}}, "none": {"a": 1}, "nodeSelector": {"other": "c"}}, []),
        ({"image": {"tags": "b"}}, ["image.tags"]),
        ({"image": "b"}, ["image"]),
        ({"replicas": {"min": 1}}, ["replicas"]),
        ({"extra": "one"}, ["extra"]),
        ({"extra": {}, "image": None}, []),
    ],
)
def test_defaults_say_which_keys_there_are_and_of_what_form(values, paths):
    assert refused(values, chart(DEFAULTS)) == paths


@pytest.mark.parametrize(
    "template",
    [
        "x: {{ .Values.only.here }}",
        "{{ if $.Values.only.here }}x: 1{{ end }}",
        "{{- $only := .Values.only }}\nx: {{ $only.here }}",
    ],
)
def test_a_key_that_only_a_template_reads_is_known(template):
    assert refused({"only": {"here": 1}}, chart("only: {there: 1}\n", template)) == []
    assert refused({"only": {"her": 1}}, chart("only: {there: 1}\n", template)) == ["only.her"]


def test_what_a_comment_of_a_template_names_is_not_read():
    assert refused({"old": 1}, chart("new: 1\n", "{{- /* .Values.old is gone */ -}}\nx: 1")) == ["old"]


@pytest.mark.parametrize(
    "template",
    [
        "x: {{ toYaml .Values.spec | nindent 2 }}",
        "x: {{ .Values.spec | toYaml }}",
        "{{- with .Values.spec }}\nx: {{ toYaml . | nindent 2 }}\n{{- end }}",
        "{{ range $key, $value := .Values.spec }}{{ $key }}: {{ $value }}{{ end }}",
        "{{ $all := mergeOverwrite (dict) .Values.spec }}",
    ],
)
def test_a_mapping_that_a_template_takes_whole_is_free_below(template):
    assert refused({"spec": {"new": 1}}, chart("spec: {old: 1}\n", template)) == []
    assert refused({"spec": {"new": 1}}, chart("spec: {old: 1}\n", "x: {{ .Values.spec.old }}")) == ["spec.new"]


def test_a_schema_adds_what_the_defaults_leave_out():
    inner = {"type": "object", "properties": {"level": {"type": "string"}}}
    schema = {"$ref": "#/$defs/all", "$defs": {"all": {"properties": {"log": {"$ref": "#/$defs/log"}}}, "log": inner}}
    found = chart("replicas: 1\n", values__schema__json=json.dumps(schema))
    assert refused({"log": {"level": "debug"}}, found) == []
    assert refused({"log": {"levels": "debug"}}, found) == ["log.levels"]
    assert refused({"log": {"level": {}, "replicas": {"a": 1}}}, found) == ["log.replicas"]


def subcharts(parent, **files):
    text = json.dumps({"name": "top", "version": "1", "dependencies": [{"name": "sub", "alias": "twin", **files}]})
    sub = {"charts/sub/Chart.yaml": "name: sub\n", "charts/sub/values.yaml": "port: 1\nglobal: {domain: a}\n"}
    return Chart({name: each.encode() for name, each in {"Chart.yaml": text, "values.yaml": parent, **sub}.items()})


def test_a_subchart_is_known_under_its_alias_with_its_own_keys_and_its_condition():
    found = subcharts("twin: {}\n", condition="install.sub")
    right = {"twin": {"port": 2}, "install": {"sub": False}, "global": {"domain": "b"}}
    assert refused(right, found) == []
    assert refused({"twin": {"ports": 2}, "sub": {"port": 2}}, found) == ["twin.ports", "sub"]
    assert refused({"global": {"domains": "b"}}, found) == ["global.domains"]


def test_globals_are_free_where_values_may_be_templates_of_their_own():
    given = {"global": {"mine": 1}}
    assert refused(given, chart("global: {a: 1}\n", "x: {{ tpl .Values.text . }}")) == []
    assert refused(given, chart("global: {a: 1}\n", "x: {{ .Values.text }}")) == ["global.mine"]


def test_defaults_that_a_chart_keeps_one_level_down_are_its_defaults():
    found = chart("_internal_defaults_do_not_set: {pilot: {tag: a}}\n")
    assert refused({"pilot": {"tag": "b"}}, found) == []
    assert refused({"_internal_defaults_do_not_set": {"pilot": {}}}, found) == ["_internal_defaults_do_not_set"]
