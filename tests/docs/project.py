"""A project of its own for a page: its files are written, its commands run, its Python is what ``manage.py shell`` would run."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from tests.docs.pages import Block, Page

STARTING_POINT = Path(__file__).parent / "starting_point"
# Executes what it is sent, a JSON string a line, in one namespace; the answer is what went wrong, or nothing.
SHELL = """
import contextlib, io, json, sys, traceback
import django
django.setup()
namespace = {"__name__": "__main__"}
for line in sys.stdin:
    page, above, code = json.loads(line)
    problem = ""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile("\\n" * above + code, page, "exec"), namespace)
    except BaseException:
        problem = traceback.format_exc()
    print(json.dumps(problem), flush=True)
"""


class Project:
    """
    The project that a page's blocks build up, in a directory that is thrown away.

    Python without a path comment runs in a process that lives until files or commands change the project, so names that an earlier block
    imported are there as long as nothing was changed in between. A console block's commands run one by one; the lines under a command are what it
    prints, ``...`` standing for anything. What a command exports holds for the rest of the page.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.written: set[str] = set()
        self.shell: subprocess.Popen[str] | None = None
        package = str(Path(__file__).parents[2])
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTEST", "DJANGO", "APPWRITE"))
            },
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
            "PYTHONPATH": os.pathsep.join([str(directory), package]),
            "PYTHONWARNINGS": "error",
            # A page may change a file twice in a second, and to the same length; bytecode would seem to be of the new one.
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }

    def run(self, page: Page) -> None:
        for block in page.blocks():
            if block.language == "console":
                self.console(page, block)
            elif block.language == "diff":
                self.change(block)
            elif block.path:
                self.write(block)
            elif block.language == "python":
                self.python(page, block)

    def write(self, block: Block) -> None:
        """The first block of a file is the file, if the project has none; later ones are added at its end."""
        self.close()
        path = self.directory / block.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py" and path.parent != self.directory:
            (path.parent / "__init__.py").touch()
        code = block.code.partition("\n")[2]
        path.write_text(path.read_text() + "\n\n" + code if path.exists() else code)

    def change(self, block: Block) -> None:
        """
        Apply a diff to the file that its first line names.

        Lines that begin with ``@@`` separate hunks. A hunk needs no line numbers: its old lines stand in one place of the file.
        """
        self.close()
        header, _, changes = block.code.partition("\n")
        path = self.directory / header.removeprefix("--- ")
        text = path.read_text()
        for hunk in re.split(r"^@@.*\n", changes, flags=re.MULTILINE):
            lines = [line or " " for line in hunk.splitlines()]
            assert all(line[0] in " -+" for line in lines), f"{header} has lines that are no diff"
            old, new = (
                "".join(f"{line[1:]}\n" for line in lines if line[0] in signs)
                for signs in (" -", " +")
            )
            assert text.count(old) == 1, f"{header} has not exactly one place with {old!r}"
            text = text.replace(old, new)
        path.write_text(text)

    def console(self, page: Page, block: Block) -> None:
        self.close()
        for command, expected in commands(block.code):
            if command.startswith("pip "):
                continue  # the test environment has what the page installs
            if command.startswith("export "):
                self.environment.update(
                    setting.split("=", 1) for setting in shlex.split(command)[1:]
                )
                continue
            if command == "python manage.py runserver":
                self.serve()
                continue
            ended = subprocess.run(  # noqa: S602 - our own page
                command,
                shell=True,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            where = f"{page.name}.md:{block.line}: {command}"
            assert ended.returncode == 0 or "exit" in expected, (
                f"{where}\n{ended.stdout}{ended.stderr}"
            )
            if expected:
                assert matches(expected, ended.stdout + ended.stderr), (
                    f"{where} printed\n{ended.stdout}{ended.stderr}"
                )

    def serve(self) -> None:
        """Start the site, look at its front page, and stop it."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        server = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", "--noreload", address],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 300
            while True:
                try:
                    answer = requests.get(f"http://{address}/", timeout=300)
                    break
                except requests.ConnectionError:
                    assert time.monotonic() < deadline, "runserver does not answer"
                    assert server.poll() is None, "runserver ended"
                    time.sleep(0.1)
            assert answer.status_code == 200
        finally:
            server.terminate()
            server.wait(300)

    def python(self, page: Page, block: Block) -> None:
        if self.shell is None:
            self.shell = subprocess.Popen(
                [sys.executable, "-c", SHELL],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self.shell.stdin
        assert self.shell.stdout
        print(
            json.dumps([str(page.path), block.line - 1, block.code]),
            file=self.shell.stdin,
            flush=True,
        )
        answer = self.shell.stdout.readline()
        assert answer, f"{page.name}.md:{block.line}: the process ended"
        assert not (problem := json.loads(answer)), problem

    def close(self) -> None:
        if self.shell is not None:
            self.shell.communicate(timeout=300)
            self.shell = None


def commands(code: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output shown under it."""
    found: list[tuple[str, str]] = []
    for line in code.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            command, output = found.pop()
            found.append((command, output + line + "\n"))
    return found


def matches(expected: str, printed: str) -> bool:
    """Whether ``printed`` is ``expected``, where ``...`` stands for anything, and space at the end of lines for nothing."""
    pattern = ".*".join(
        re.escape(part)
        for part in re.split(r"\.\.\.", "\n".join(map(str.rstrip, expected.strip().splitlines())))
    )
    text = "\n".join(map(str.rstrip, printed.strip().splitlines()))
    return re.fullmatch(pattern, text, re.DOTALL) is not None
