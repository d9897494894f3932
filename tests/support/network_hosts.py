"""Hosts for system tests: network namespaces of this machine, joined by switches.

Every host has a network stack, a name and a folder for Ray of its own. It has an interface in
each network it is joined to, and no route to anywhere else. Needs the rights of root.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

_CLONE_NEWNET = 0x40000000
_TOOLS = ("ip", "nsenter", "unshare", "mount", "hostname", "ss")

# The folder `$2` is this host's own, at a path that is the same on all of them.
_ENTER = 'hostname "$1" && mount --bind "$2" "$3" && shift 3 && exec "$@"'


@dataclass(frozen=True)
class Host:
    """A host; `addresses` are by network."""

    name: str
    namespace: str
    addresses: Mapping[str, str]
    own_folder: Path
    ray_folder: Path

    def start(
        self, command: Sequence[object], environment: Mapping[str, str], output: IO[str]
    ) -> subprocess.Popen[str]:
        """Start a command on this host, first of a process group."""
        enter = [
            "nsenter", f"--net=/run/netns/{self.namespace}",
            "unshare", "--mount", "--uts", "sh", "-c", _ENTER,
            "sh", self.name, self.own_folder, self.ray_folder,
        ]  # fmt: skip
        return subprocess.Popen(
            [str(word) for word in (*enter, *command)],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def traffic(self, network: str) -> tuple[int, int]:
        """Bytes received and sent on an interface so far."""
        (link,) = json.loads(_ip("-n", self.namespace, "-j", "-s", "link", "show", network))
        return link["stats64"]["rx"]["bytes"], link["stats64"]["tx"]["bytes"]

    def listeners(self) -> list[tuple[str, str]]:
        """Address and processes of every TCP port that something listens on."""
        command = ["nsenter", f"--net=/run/netns/{self.namespace}", "ss", "-ltnpH"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        fields = [line.split(maxsplit=5) for line in lines.splitlines()]
        return [(field[3], field[5] if len(field) > 5 else "") for field in fields]

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Connections that this thread opens within the block are those of the host."""
        libc = ctypes.CDLL(None, use_errno=True)
        with (
            Path("/proc/thread-self/ns/net").open() as home,
            Path("/run/netns", self.namespace).open() as there,
        ):
            _set_namespace(libc, there)
            try:
                yield
            finally:
                _set_namespace(libc, home)


def _set_namespace(libc: Any, namespace: IO[str]) -> None:
    if libc.setns(namespace.fileno(), _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def hosts(networks: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Host]]:
    """Hosts by name; `networks` says which of them each network joins.

    Skips the test where this machine does not let us.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if os.geteuid() or missing:
        pytest.skip(f"network namespaces need root and {', '.join(missing or _TOOLS)}")
    label = f"al{secrets.token_hex(2)}"
    # Short: the paths of Ray's sockets below it may have 107 bytes.
    ray_folder = Path(tempfile.mkdtemp(prefix="ray-"))
    folder = Path(tempfile.mkdtemp(prefix="albumen-hosts-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(shutil.rmtree, ray_folder, ignore_errors=True)
        names = sorted({name for joined in networks.values() for name in joined})
        for name in ("switch", *names):
            _add_namespace(stack, f"{label}-{name}")
        addresses: dict[str, dict[str, str]] = {name: {} for name in names}
        for number, (network, joined) in enumerate(networks.items()):
            bridge = f"br-{network}"
            _ip("-n", f"{label}-switch", "link", "add", bridge, "type", "bridge")
            _ip("-n", f"{label}-switch", "link", "set", bridge, "up")
            for host, name in enumerate(joined, 1):
                addresses[name][network] = address = f"10.77.{number}.{host}"
                port = f"p{number}-{host}"
                _ip(
                    "link", "add", port, "netns", f"{label}-switch",
                    "type", "veth", "peer", "name", network, "netns", f"{label}-{name}",
                )  # fmt: skip
                _ip("-n", f"{label}-switch", "link", "set", port, "master", bridge, "up")
                _ip("-n", f"{label}-{name}", "address", "add", f"{address}/24", "dev", network)
                _ip("-n", f"{label}-{name}", "link", "set", network, "up")
        for name in names:
            (folder / name).mkdir()
        yield {
            name: Host(name, f"{label}-{name}", addresses[name], folder / name, ray_folder)
            for name in names
        }


def _add_namespace(stack: ExitStack, name: str) -> None:
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces are not permitted here: {error.stderr.strip()}")
    stack.callback(_ip, "netns", "delete", name)
    _ip("-n", name, "link", "set", "lo", "up")


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout
