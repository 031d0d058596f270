"""The containers of a pod: the domain's own, and the extra ones."""

from collections.abc import Sequence

from eco2_operator.build.env import app_env, app_env_from, sources, variables
from eco2_operator.build.fields import given, in_order
from eco2_operator.build.image import pull_policy
from eco2_operator.build.ports import ports
from eco2_operator.build.probes import probes
from eco2_operator.build.volumes import TMP, TMP_MOUNT, mounts
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.pod import Container, ContainerSecurity, Resources, VolumeMount
from eco2_operator.model.rollout import Rollout
from eco2_operator.naming import Manifest

APP = "app"
"""Name of the domain's own container."""


def app(spec: EcoDomainSpec) -> Manifest:
    """The domain's own container."""
    return given(
        {
            "name": APP,
            "image": spec.image,
            "imagePullPolicy": pull_policy(spec.image, spec.image_pull_policy),
            "command": list(spec.command or ()),
            "args": list(spec.args or ()),
            "env": app_env(spec),
            "envFrom": app_env_from(spec),
            "ports": [_port(port.port, port.name) for port in ports(spec)],
            "resources": resources(spec.resources),
            **probes(spec),
            "lifecycle": _drain(spec.rollout or Rollout()),
            "securityContext": hardened(None),
            "volumeMounts": mounts(spec),
        }
    )


def extra_containers(spec: EcoDomainSpec) -> list[Manifest]:
    """Sidecars and init containers, as ``initContainers`` of the pod.

    Sidecars are init containers that keep running (KEP-753): they start before the others and stop after
    the domain.
    """
    pod = spec.pod
    if pod is None:
        return []
    sidecars = [{**sidecar, "restartPolicy": "Always"} for sidecar in _extra(pod.sidecars or ())]
    return sidecars + _extra(pod.init_containers or ())


def _extra(containers: Sequence[Container]) -> list[Manifest]:
    return [
        given(
            {
                "name": container.name,
                "image": container.image,
                "imagePullPolicy": pull_policy(container.image, container.image_pull_policy),
                "command": list(container.command or ()),
                "args": list(container.args or ()),
                "workingDir": container.working_dir,
                "env": variables(container.env),
                "envFrom": sources(container.env_from),
                "ports": [_port(port.container_port, port.name) for port in container.ports or ()],
                "resources": resources(container.resources),
                "securityContext": hardened(container.security_context),
                "volumeMounts": _mounts(container.volume_mounts or ()),
            }
        )
        for container in containers
    ]


def _mounts(wanted: Sequence[VolumeMount]) -> list[Manifest]:
    """The wanted mounts of an extra container, and /tmp like everywhere."""
    own = [
        given({"name": mount.name, "mountPath": mount.mount_path, "readOnly": mount.read_only or None})
        for mount in wanted
    ]
    return own if any(mount.mount_path == TMP for mount in wanted) else [*own, dict(TMP_MOUNT)]


def _port(number: int, name: str | None) -> Manifest:
    """A container port; the protocol is part of the list's key in the API."""
    return given({"name": name, "containerPort": number, "protocol": "TCP"})


def resources(wanted: Resources | None) -> Manifest:
    """Requests and limits."""
    if wanted is None:
        return {}
    return given({"requests": in_order(wanted.requests), "limits": in_order(wanted.limits)})


def _drain(rollout: Rollout) -> Manifest:
    """Keeps a stopping pod serving until every load balancer knows; otherwise requests are lost."""
    if rollout.drain_seconds == 0:
        return {}
    return {"preStop": {"sleep": {"seconds": rollout.drain_seconds}}}


def hardened(relaxed: ContainerSecurity | None) -> Manifest:
    """The restricted Pod Security Standard and a read-only root; extra containers may relax two things."""
    wanted = relaxed or ContainerSecurity()
    read_only = wanted.read_only_root_filesystem
    return given(
        {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True if read_only is None else read_only,
            "runAsUser": wanted.run_as_user,
            "capabilities": {"drop": ["ALL"]},
        }
    )
