"""A file is found in layers as a container would see it, and nothing that a layer says leads outside."""

import bz2
import tarfile

import pytest
from oci_fakes import layer, link

from cnai.toolchain import layers
from cnai.toolchain.layers import LayerError, View, cleaned, take


@pytest.fixture
def image(tmp_path):
    """Layers, the lowest first -> a function that gives a path's content in them, None where it is not there."""

    def made(*contents, pack=None):
        view = View()
        for number, content in enumerate(reversed(contents)):
            file = tmp_path / f"layer-{number}"
            file.write_bytes(layer(content) if pack is None else layer(content, pack))
            view.add(file)

        def read(path):
            if entry := view.find(path):
                take(entry, tmp_path / "program")
                return (tmp_path / "program").read_bytes()
            return None

        return read

    return made


def test_the_topmost_layer_wins(image):
    assert image({"manager": b"old"}, {"./manager": b"new"})("/manager") == b"new"


def test_a_file_that_a_layer_above_whited_out_is_gone(image):
    read = image({"bin/manager": b"gone", "bin/other": b"stays"}, {"bin/.wh.manager": b""})
    assert read("/bin/manager") is None
    assert read("/bin/other") == b"stays"


def test_a_whiteout_of_a_folder_takes_all_below_it(image):
    assert image({"opt/app/bin/manager": b"gone"}, {"opt/.wh.app": b""})("/opt/app/bin/manager") is None


def test_an_opaque_folder_shows_only_what_its_own_layer_puts_there(image):
    read = image({"bin/manager": b"gone", "bin/new": b"old"}, {"bin/.wh..wh..opq": b"", "bin/new": b"new"})
    assert read("/bin/manager") is None
    assert read("/bin/new") == b"new"


def test_a_whiteout_leaves_its_own_layer_alone(image):
    assert image({"manager": b"old"}, {".wh.manager": b"", "manager": b"new"})("/manager") == b"new"


def test_a_file_in_place_of_a_folder_hides_what_the_folder_held(image):
    assert image({"app/manager": b"gone"}, {"app": b"a file now"})("/app/manager") is None


def test_links_are_followed_across_layers(image):
    read = image(
        {"usr/bin/tool-1.2": b"program", "bin": link("usr/bin")},
        {"usr/bin/tool": link("tool-1.2"), "entry": link("/bin/tool")},
    )
    assert read("/entry") == b"program"
    assert read("/bin/tool") == b"program"


def test_a_hard_link_is_the_file_of_its_own_layer(image):
    read = image({"a": b"program", "b": link("a", tarfile.LNKTYPE)}, {".wh.a": b""})
    assert read("/b") == b"program"
    assert read("/a") is None


def test_a_link_cannot_lead_out_of_the_image(image, tmp_path):
    (tmp_path / "secret").write_text("of this machine")
    read = image({"manager": link("../../../../../../../.." + str(tmp_path / "secret"))})
    assert read("/manager") is None


def test_an_entry_with_a_path_upwards_stays_in_the_image(image, tmp_path):
    read = image({"../../outside/manager": b"program"})
    assert read("/outside/manager") == b"program"
    assert not (tmp_path.parent / "outside").exists()


def test_links_in_a_circle_end_in_a_sentence(image):
    with pytest.raises(LayerError, match="round in circles"):
        image({"a": link("b"), "b": link("a")})("/a")


def test_a_folder_is_no_program(image):
    folder = tarfile.TarInfo()
    folder.type = tarfile.DIRTYPE
    with pytest.raises(LayerError, match="is no file"):
        image({"manager": folder})("/manager")


def test_a_layer_may_be_packed_with_zstd_or_not_at_all(image):
    zstd = layers.zstd()
    assert image({"manager": b"program"}, pack=zstd.compress)("/manager") == b"program"
    assert image({"manager": b"program"}, pack=bytes)("/manager") == b"program"


def test_a_layer_packed_in_another_way_is_refused(image):
    with pytest.raises(LayerError, match="damaged"):
        image({"manager": b"program"}, pack=bz2.compress)


def test_a_small_layer_that_unpacks_into_a_huge_one_is_refused(image, monkeypatch):
    monkeypatch.setattr(layers, "MAX_UNPACKED", 1 << 20)
    with pytest.raises(LayerError, match="unpacks into more than"):
        image({"manager": bytes(2 << 20)})


def test_a_layer_with_endless_entries_is_refused(image, monkeypatch):
    monkeypatch.setattr(layers, "MAX_ENTRIES", 10)
    with pytest.raises(LayerError, match="more than 10 entries"):
        image({f"file-{number}": b"" for number in range(20)})


@pytest.mark.parametrize("path", ["/a/b", "./a/b", "a/b", "a//b", "../a/b", "a/./b", "/../../a/c/../b"])
def test_paths_are_compared_as_the_kernel_sees_them(path):
    assert cleaned(path) == "a/b"
