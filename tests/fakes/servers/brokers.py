"""Real message brokers, each private: its own folder, its own ports on loopback.

In: a folder.  Out: urls.  Touches: processes.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fakes.ports import own_port

_READY_S = 90.0
_ACTIVEMQ = Path("/usr/share/activemq/bin/activemq.jar")
_RABBITMQ = Path("/usr/lib/rabbitmq/bin")


class Broker:
    """One of them; it can be killed and started again with what it had."""

    def __init__(
        self, command: Sequence[str], port: int, folder: Path, environment: dict[str, str]
    ) -> None:
        self.port = port
        self._command = command
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(int(_READY_S / 0.05)):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, (self._folder / "log").read_text("utf-8")[-2000:]
            threading.Event().wait(0.05)
        raise AssertionError((self._folder / "log").read_text("utf-8")[-2000:])

    def halt(self) -> None:
        """It keeps its connections and says nothing more, until `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """With all that it started."""
        assert self._process is not None
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)
            self._process.wait(30)


@contextmanager
def _running(
    command: Sequence[str], port: int, folder: Path, **environment: str
) -> Iterator[Broker]:
    broker = Broker(command, port, folder, environment)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def redis(folder: Path) -> Iterator[Broker]:
    """Redis, which writes each command down before it answers."""
    port = own_port()
    program = shutil.which("redis-server") or "redis-server"
    options = ["--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    options += ["--appendonly", "yes", "--appendfsync", "always"]
    with _running([program, "--port", str(port), *options], port, folder) as broker:
        yield broker


@contextmanager
def nats(folder: Path) -> Iterator[Broker]:
    """NATS with JetStream."""
    port = own_port()
    program = shutil.which("nats-server") or "/usr/sbin/nats-server"
    options = ["-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]
    with _running([program, *options], port, folder) as broker:
        yield broker


@contextmanager
def kafka(folder: Path) -> Iterator[Broker]:
    """librdkafka's mock cluster; it forgets everything when it is killed."""
    port = own_port()
    program = Path(__file__).with_name("kafka_cluster.py")
    with _running([sys.executable, str(program), str(port)], port, folder) as broker:
        yield broker


@contextmanager
def rabbitmq(folder: Path) -> Iterator[Broker]:
    """RabbitMQ, with a node name and a port mapper of its own."""
    port, mapper = own_port(), own_port()
    with socket.socket() as probe:  # of its own on every address, so `own_port` cannot keep it
        probe.bind(("127.0.0.1", 0))
        distribution = probe.getsockname()[1]
    environment = {
        "HOME": str(folder),  # of its cookie
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_RELAXED_COMMAND_CHECK": "1",  # it may be ended though a node was there
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
    }
    (folder / "plugins").write_text("[].\n", encoding="ascii")
    command = [str(_RABBITMQ / "rabbitmq-server")]
    try:
        with _running(command, port, folder, **environment) as broker:
            yield broker
    finally:  # the port mapper leaves the group of what started it
        end_mapper = [shutil.which("epmd") or "epmd", "-port", str(mapper), "-kill"]
        ended = subprocess.run(end_mapper, check=False, capture_output=True, timeout=30)
        assert ended.returncode == 0, ended.stdout


@contextmanager
def activemq(folder: Path) -> Iterator[tuple[Broker, int]]:
    """ActiveMQ, which speaks STOMP on its port and OpenWire, Java's, on the second."""
    stomp, openwire = own_port(), own_port()
    uri = (
        f"broker:(stomp://127.0.0.1:{stomp},tcp://127.0.0.1:{openwire})"
        f"?persistent=true&useJmx=false&dataDirectory={folder}"
    )
    # Of a small machine: it otherwise asks for more disk than there may be.
    command = ["java", "-Xmx128m", f"-Dactivemq.home={_ACTIVEMQ.parents[1]}"]
    command += [f"-Dactivemq.base={folder}", "-jar", str(_ACTIVEMQ), "start", uri]
    with _running(command, stomp, folder) as broker:
        yield broker, openwire
