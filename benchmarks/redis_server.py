"""A private redis-server, to be started, killed and started again."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from types import TracebackType


def free_port() -> int:
    """Return a port that nothing listens on; below 50000, as a cluster needs one 10000 above."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        if port < 50000:
            return port


def wait_for_port(port: int, what: str, seconds: float = 20, host: str = "127.0.0.1") -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{what} does not answer on port {port}")


class RedisServer:
    """
    A redis-server on a free port; a context manager.

    Args:
        options: further options of the command line, such as ``["--appendonly", "yes"]``.
        program: ``redis-server`` or one that takes the same options.
        host: the address that it listens at.
        within: the beginning of the command, which runs the rest of it elsewhere.
    """

    def __init__(
        self,
        options: Sequence[str] = (),
        program: str = "redis-server",
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
    ) -> None:
        self.host = host
        self._within = tuple(within)
        self.port = free_port()
        self.program = program
        self._options = tuple(options)
        self.directory = tempfile.mkdtemp(prefix="appwrite-bench-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def start(self) -> None:
        if shutil.which(self.program) is None:
            raise SystemExit(
                f"{self.program} is not installed (Debian: apt-get install redis-server)"
            )
        command = [*self._within, self.program, "--port", str(self.port), "--bind", self.host]
        command += ["--save", "", "--protected-mode", "no"]
        if "--appendonly" not in self._options:
            command += ["--appendonly", "no"]
        self._process = subprocess.Popen(
            [*command, *self._options], cwd=self.directory, stdout=subprocess.DEVNULL
        )
        wait_for_port(self.port, self.program, host=self.host)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
