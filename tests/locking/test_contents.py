"""A chart's digest is of what it renders from, not of how it was packaged."""

import pytest
from small_charts import archive

from cnai.charts.archive import BrokenChart
from cnai.locking.contents import contents, digest

SUB = {"Chart.yaml": b"name: sub\n", "values.yaml": b"a: 1\n"}
FILES = {
    "Chart.yaml": b"name: small\n",
    "values.yaml": b"# said\nport: 1\n",
    "templates/a.yaml": b"a",
    "README.md": b"r",
}


def folder(place, files):
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return digest(contents(place))


def test_a_folder_and_its_archive_are_one_chart(tmp_path):
    whole = FILES | {f"charts/sub/{name}": content for name, content in SUB.items()}
    (tmp_path / "small.tgz").write_bytes(archive(FILES | {"charts/sub-1.0.0.tgz": archive(SUB, "sub")}))
    assert digest(contents(tmp_path / "small.tgz")) == folder(tmp_path / "small", whole)


@pytest.mark.parametrize(
    "same", [{"README.md": b"x"}, {"values.yaml": b"port:   1\n"}, {"Chart.yaml": b"name: small\nversion: 2\n"}]
)
def test_what_nothing_is_rendered_from_does_not_count(tmp_path, same):
    assert folder(tmp_path / "a", FILES) == folder(tmp_path / "b", FILES | same)


@pytest.mark.parametrize(
    "other", [{"templates/a.yaml": b"b"}, {"values.yaml": b"port: 2\n"}, {"crds/a.yaml": b"a"}, {"files/x": b""}]
)
def test_what_something_is_rendered_from_does(tmp_path, other):
    assert folder(tmp_path / "a", FILES) != folder(tmp_path / "b", FILES | other)


def test_half_an_archive_is_refused(tmp_path):
    (tmp_path / "small.tgz").write_bytes(archive(FILES)[:40])
    with pytest.raises(BrokenChart, match="is not a readable chart"):
        contents(tmp_path / "small.tgz")
