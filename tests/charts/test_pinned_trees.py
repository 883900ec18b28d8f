"""Folders of repositories are fetched by ref and believed only by their checksum."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cnai.charts.errors import ChartError
from cnai.charts.kustomize.trees import add_checkout, cached, checksum, obtained
from kustomize_upstream import FILES, PROJECT, Upstream, packed


def test_only_the_pinned_folder_is_kept_and_fetched_once(upstream: Upstream):
    tree = upstream.publish("v1.0.0")
    root = obtained(tree)
    assert sorted(path.relative_to(root / "config").as_posix() for path in root.rglob("*") if path.is_file()) == sorted(
        FILES
    )
    assert obtained(tree) == root
    assert upstream.asked == [f"/{PROJECT}/tar.gz/v1.0.0"]


def test_the_checksum_is_of_the_files_and_not_of_how_github_packs_them(upstream: Upstream):
    tree = upstream.publish("v1.0.0")
    backwards = dict(reversed([(f"config/{name}", text.encode()) for name, text in FILES.items()]))
    upstream.archives[f"{PROJECT}/tar.gz/v1.0.0"] = packed(backwards, "other-name")
    assert obtained(tree).is_dir()


def test_a_shell_gives_the_same_checksum(tmp_path: Path):
    files = {"config/b.yaml": b"b\n", "config/a/c.yaml": b"c\n"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    line = "find config -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    said = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert checksum(files) == f"sha256:{said.split()[0]}"


def test_a_ref_that_was_moved_is_not_believed_and_both_checksums_are_named(upstream: Upstream):
    tree = upstream.publish("v1.0.0")
    upstream.publish("v1.0.0", {**FILES, "base/settings.yaml": "changed: true\n"})
    with pytest.raises(ChartError, match="somebody moved the ref") as refused:
        obtained(tree)
    assert tree.checksum in refused.value.message
    assert "has the checksum sha256:" in refused.value.message
    assert not cached(tree).exists()


def test_a_ref_that_does_not_exist_is_named_with_where_it_was_looked_for(upstream: Upstream):
    tree = replace(upstream.publish("v1.0.0"), ref="v9.9.9")
    with pytest.raises(ChartError, match=r"example/widgets has no ref v9.9.9 .* 404\): name a tag or commit"):
        obtained(tree)


def test_a_folder_that_does_not_exist_is_named(upstream: Upstream):
    tree = replace(upstream.publish("v1.0.0"), folder="manifests")
    with pytest.raises(ChartError, match=r"example/widgets has no folder manifests at v1.0.0"):
        obtained(tree)


def test_out_of_reach_says_so_and_the_cache_still_serves(upstream: Upstream):
    kept, other = upstream.publish("v1.0.0"), upstream.publish("v2.0.0", {**FILES, "more.yaml": "a: 1\n"})
    obtained(kept)
    upstream.close()
    with pytest.raises(ChartError, match=r"config of example/widgets at v2.0.0 cannot be fetched: 127.0.0.1"):
        obtained(other)
    assert obtained(kept).is_dir()


def test_what_somebody_changed_in_the_cache_is_fetched_anew(upstream: Upstream):
    tree = upstream.publish("v1.0.0")
    (obtained(tree) / "config/base/settings.yaml").write_text("changed: true\n")
    assert "localhost" in (obtained(tree) / "config/base/settings.yaml").read_text()
    assert len(upstream.asked) == 2


def test_an_archive_that_would_write_elsewhere_is_refused(upstream: Upstream, tmp_path: Path):
    tree = replace(upstream.publish("v1.0.0"), folder=".")
    upstream.archives[f"{PROJECT}/tar.gz/v1.0.0"] = packed({"../../../outside.yaml": b"a: 1\n"}, "widgets")
    with pytest.raises(ChartError, match="not a plain file"):
        obtained(tree)
    assert list(tmp_path.rglob("outside.yaml")) == []


def test_half_an_archive_is_refused(upstream: Upstream):
    tree = upstream.publish("v1.0.0")
    place = f"{PROJECT}/tar.gz/v1.0.0"
    upstream.archives[place] = upstream.archives[place][:200]
    with pytest.raises(ChartError, match="not a readable archive"):
        obtained(tree)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with the files at a tag, and something else in its work tree."""
    for name, text in FILES.items():
        (tmp_path / "clone/config" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "clone/config" / name).write_text(text)
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "files"], ["tag", "v1.0.0"]):
        subprocess.run(["git", *command], cwd=tmp_path / "clone", check=True)
    (tmp_path / "clone/config/base/settings.yaml").write_text("changed: true\n")
    return tmp_path / "clone"


def test_a_clone_fills_the_cache_with_what_the_ref_has(upstream: Upstream, clone: Path):
    tree = upstream.publish("v1.0.0")
    assert add_checkout(tree, clone) == obtained(tree)
    assert upstream.asked == []
    with pytest.raises(ChartError, match=r"clone does not have config of example/widgets at v7: .*not a tree|.*valid"):
        add_checkout(replace(tree, ref="v7"), clone)


def test_a_plain_copy_fills_the_cache_only_if_nothing_in_it_was_changed(
    upstream: Upstream, clone: Path, tmp_path: Path
):
    tree = upstream.publish("v1.0.0")
    (clone / "config").rename(tmp_path / "copied")
    (tmp_path / "plain").mkdir()
    (tmp_path / "copied").rename(tmp_path / "plain/config")
    with pytest.raises(ChartError, match="has the checksum"):
        add_checkout(tree, tmp_path / "plain")
    (tmp_path / "plain/config/base/settings.yaml").write_text(FILES["base/settings.yaml"])
    assert add_checkout(tree, tmp_path / "plain").is_dir()
