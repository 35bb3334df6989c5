"""A control plane of Kubernetes without nodes: what it admits is real, what would run stays pending."""

from __future__ import annotations

from contextlib import ExitStack
from socket import socket
from typing import TYPE_CHECKING, Any, Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration._chart import run
from tests.integration.processes import Process, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from subprocess import CompletedProcess

TOKEN = "the-administrator-of-the-test"
CONTROLLERS = (
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "persistentvolumeclaim-protection-controller",
    "replicaset-controller",
    "serviceaccount-controller",
    "statefulset-controller",
)
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
# What the control plane writes by itself; `endpoints` are deprecated, which kubectl would warn of.
NOT_OURS = {"endpoints", "events", "events.events.k8s.io", "leases.coordination.k8s.io"}


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Cluster:
    """etcd, the API server and the controllers, on free ports of the loopback; ended together."""

    def __init__(self, tool: Callable[[str], Path], folder: Path) -> None:
        self._tool, self._folder = tool, folder
        self._stack = ExitStack()
        self.kubeconfig = folder / "kubeconfig"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        self._folder.mkdir(exist_ok=True)
        etcd, peer, api = free_port(), free_port(), free_port()
        self._run(
            "etcd",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
            f"--data-dir={self._folder / 'data'}",
            "--unsafe-no-fsync",
        )
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        (self._folder / "accounts.key").write_bytes(private)
        (self._folder / "accounts.pub").write_bytes(public)
        (self._folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n", "utf-8")
        self.kubeconfig.write_text(yaml.safe_dump(kubeconfig(f"https://127.0.0.1:{api}")), "utf-8")
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={api}",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={self._folder / 'certificates'}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._folder / 'accounts.pub'}",
            f"--service-account-signing-key-file={self._folder / 'accounts.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
        )
        wait_until(lambda: self.try_kubectl("get", "--raw=/readyz").returncode == 0, "a ready API server", 180)
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self._folder / 'accounts.key'}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def _run(self, name: str, *arguments: str) -> None:
        process = Process([self._tool(name), *arguments], self._folder / name)
        self._stack.callback(process.kill)

    def try_kubectl(self, *arguments: str, stdin: str | None = None) -> CompletedProcess[str]:
        """Run kubectl; the caller looks at what came of it."""
        return run(self._tool("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments, stdin=stdin)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl, which must succeed and warn of nothing."""
        done = self.try_kubectl(*arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Make or change objects."""
        self.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(objects))

    def namespace(self, name: str) -> None:
        """Make a namespace that admits only what meets the restricted profile, with its service account."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
        wait_until(
            lambda: self.try_kubectl("get", f"--namespace={name}", "serviceaccount/default").returncode == 0,
            f"the service account of {name}",
        )

    def contents(self, namespace: str) -> set[str]:
        """Return `resource/name` of all objects of a namespace but its own service account."""
        kinds = self.kubectl("api-resources", "--namespaced", "--verbs=list,delete", "--output=name").split()
        wanted = ",".join(kind for kind in kinds if kind not in NOT_OURS)
        names = self.kubectl("get", wanted, f"--namespace={namespace}", "--output=name").split()
        return {*names} - {"serviceaccount/default"}

    def helm(self, helm: Path, *arguments: str) -> CompletedProcess[str]:
        """Run one of the two Helms; the caller looks at what came of it."""
        return run(helm, *arguments, f"--kubeconfig={self.kubeconfig}")


def kubeconfig(server: str) -> dict[str, Any]:
    """Return the configuration of a client; the server made its certificate itself."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "test", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
