"""doctor's list names every tool with its origin, or what is missing and how to get it, and changes nothing."""

import os

from cnai.toolchain.survey import surveyed


def status(chain, name):
    return next(one for one in surveyed(chain) if one.name == name)


def test_an_empty_machine_lists_every_tool_with_advice_and_stays_empty(machine):
    found = surveyed(machine.chain())
    assert {one.name for one in found} >= {"etcd", "pulumi", "helm", "kubectl", "go"}
    assert all(one.advice for one in found if one.name != "kubectl")
    assert not machine.cache.exists()


def test_a_tool_on_path_is_listed_with_its_own_version(machine):
    path = machine.has("helm", "v3.20.1")
    helm = status(machine.chain(), "helm")
    assert (helm.path, helm.version, helm.origin, helm.advice) == (path, "3.20.1", "path", None)


def test_damage_that_size_and_date_hide_is_found(machine):
    machine.has_go()
    chain = machine.chain()
    etcd = chain.ensure(["etcd"])["etcd"]
    stat = etcd.path.stat()
    etcd.path.write_bytes(b"?" * stat.st_size)
    os.utime(etcd.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    found = status(chain, "etcd")
    assert found.path is None
    assert "damaged in the cache (its content is not what was put there)" in found.advice


def test_a_cached_program_that_does_not_run_here_is_not_called_fine(machine):
    machine.has_go()
    chain = machine.chain()
    # The fake Go's program knows no version.
    chain.ensure(["etcd"])
    assert "asked for its version it says nothing" in status(chain, "etcd").advice


def test_an_old_go_is_not_called_suitable(machine):
    machine.has_go("1.21.4")
    go = status(machine.chain(), "go")
    assert go.path is None
    assert "wheel" in go.advice
