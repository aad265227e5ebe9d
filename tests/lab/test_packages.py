import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab import packages
from lab.bootstrap import CHECKOUT
from lab.test import PACKAGES
from lab.vm.cache import cached
from lab.vm.packages import PACKAGES as VM_PACKAGES

NEEDED = {"there": Path("/"), "gone": Path("/nowhere/gone"), "lost": Path("/nowhere/lost")}


def test_nothing_is_done_when_everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    packages.install_missing({"there": Path("/")}, "a test")


def test_who_is_not_root_reads_the_one_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(packages.PackagesMissingError) as failure:
        packages.install_missing(NEEDED, "a test")
    said = str(failure.value)
    assert "a test needs gone, lost" in said
    assert "sudo apt-get install --yes --no-install-recommends gone lost" in said


def test_the_root_of_a_user_namespace_is_none_that_installs() -> None:
    if not packages.is_root():
        pytest.skip("not root of this machine")
    code = "from lab.packages import is_root; print(is_root())"
    entered = ["unshare", "--user", "--map-root-user", sys.executable, "-c", code]
    done = subprocess.run(entered, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == "False\n", done.stderr


def test_root_installs_what_is_missing_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = apt_get(monkeypatch, returncode=0)
    packages.install_missing(NEEDED, "a test")
    assert ran == [["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", "gone", "lost"]]
    assert "installing gone, lost" in capsys.readouterr().out


def test_an_installation_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    apt_get(monkeypatch, returncode=100)
    with pytest.raises(packages.PackagesMissingError, match="no network"):
        packages.install_missing(NEEDED, "a test")


def test_services_stay_off_while_packages_are_installed_and_no_longer(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with packages.services_stay_off(policy):
        assert subprocess.run([policy], check=False).returncode == 101
    assert not policy.exists()


def test_a_policy_of_the_machine_s_own_holds(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("ours")
    with packages.services_stay_off(policy):
        assert policy.read_text() == "ours"
    assert policy.read_text() == "ours"


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg: not a Debian system")
@pytest.mark.parametrize("package", PACKAGES | VM_PACKAGES)
def test_a_package_that_is_installed_is_known_by_its_file(package: str) -> None:
    listing = subprocess.run(["dpkg", "-s", package], capture_output=True, text=True, check=False).stdout
    assert "Status: install ok installed" not in listing or (PACKAGES | VM_PACKAGES)[package].exists()


def apt_get(monkeypatch: pytest.MonkeyPatch, returncode: int) -> list[list[str]]:
    """Stand in for apt-get; return what it is called with."""
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, returncode, "", "no network")

    monkeypatch.setattr(packages, "is_root", lambda: True)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/apt-get")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(packages, "services_stay_off", contextlib.nullcontext)
    return ran


def test_a_folder_that_two_runs_build_at_once_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def build(target: Path, *, alone: bool = True) -> None:
        target.mkdir()
        (target / "file").write_text("alone" if alone else "second")
        if not alone:
            cached("tree", [b"source"], build)

    tree = cached("tree", [b"source"], lambda target: build(target, alone=False))
    assert (tree / "file").read_text() == "alone"
    assert cached("tree", [b"source"], pytest.fail) == tree
