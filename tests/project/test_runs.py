"""A run of the tests by default: it draws nothing, so that a red one is red again."""

import socket
import subprocess
import sys

import pytest
from hypothesis import settings

from tests import conftest
from tests.project.test_contracts import ROOT


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_the_order_of_the_tests_has_a_seed_that_is_printed(options):
    pytest_ = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only"]
    command = [*pytest_, *options, "tests/schema/test_names.py"]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert f"Using --randomly-seed={conftest.SEED}" in run.stdout, run.stdout + run.stderr
    assert run.returncode == 0


def test_examples_are_drawn_by_the_long_targets_only():
    assert settings.get_profile("fixed").derandomize
    assert not settings.get_profile("drawn").derandomize
    long_ones = [
        line
        for line in (ROOT / "Makefile").read_text().splitlines()
        if "_EXAMPLES=" in line or "RANDOM_" in line
    ]
    assert len(long_ones) == 4
    assert all("$(DRAWN)" in line for line in long_ones)


def test_the_demo_looks_at_its_port_before_it_installs_anything(tmp_path):
    venv = tmp_path / "venv"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [
            "make",
            "demo",
            f"VENV={venv}",
            f"ADDRPORT={address}",
            f"PYTHON={sys.executable}",
        ]
        run = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert run.returncode != 0
    assert f"The demo cannot listen on {address}. Choose another address" in run.stdout
    assert not venv.exists()
