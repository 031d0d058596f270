"""The migration of a domain's schema: what identifies it, and the Job that runs it."""

import hashlib
from typing import Final

import orjson

from eco2_operator.build.container import hardened, resources
from eco2_operator.build.context import Domain
from eco2_operator.build.env import app_env, app_env_from
from eco2_operator.build.fields import given, in_order
from eco2_operator.build.image import pull_policy
from eco2_operator.build.labels import labels, metadata
from eco2_operator.build.placement import placement
from eco2_operator.build.pod_template import pod_security
from eco2_operator.build.volumes import mounts, volumes
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.rollout import Migrations
from eco2_operator.model.template import PodSpec
from eco2_operator.naming import MIGRATION_HASH_ANNOTATION, OWNER_ANNOTATION, Manifest, child_name

CONTAINER: Final = "migrate"
"""Name of the Job's container."""
_HASH_LENGTH: Final = 8


def migration_hash(domain: Domain) -> str | None:
    """What the migration would run, as a SHA-256 in hex; None when the domain has none.

    Image reference, command, arguments, variables with the references they hold, and the restart and rerun
    annotations: never the contents of Secrets, so that a rotated password runs nothing.
    """
    migrations = domain.spec.migrations
    if migrations is None:
        return None
    container = _container(domain.spec, migrations)
    inputs = {name: container.get(name) for name in ("image", "command", "args", "env", "envFrom")}
    inputs |= {"restart": domain.restart, "rerun": domain.rerun}
    return hashlib.sha256(orjson.dumps(inputs, option=orjson.OPT_SORT_KEYS)).hexdigest()


def job_name(domain: Domain, digest: str) -> str:
    """Name of the Job for a hash."""
    return child_name(domain.name, "migrate", digest[:_HASH_LENGTH])


def pod_label(domain: Domain) -> str:
    """``app.kubernetes.io/name`` of the migration's pods: no Service and no policy of the domain selects them."""
    return child_name(domain.name, "migration")


def job(domain: Domain, migrations: Migrations, digest: str) -> Manifest:
    """The Job that runs a migration once. Jobs are created, never applied over: their template is immutable."""
    pod = domain.spec.pod or PodSpec()
    own = {**labels(domain, "migration"), "app.kubernetes.io/name": pod_label(domain)}
    meta = metadata(domain, "migration", annotations={MIGRATION_HASH_ANNOTATION: digest})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**meta, "name": job_name(domain, digest), "labels": own},
        "spec": {
            "backoffLimit": migrations.retries,
            "activeDeadlineSeconds": migrations.timeout_seconds,
            # The next attempt starts when the last pod has ended, not while it is ending: never two at a time.
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {
                    # A sidecar would outlive the migration, and the Job with it.
                    "labels": {**own, "sidecar.istio.io/inject": "false"},
                    "annotations": {**in_order(pod.annotations), OWNER_ANNOTATION: str(domain.key)},
                },
                "spec": _pod(domain, migrations),
            },
        },
    }


def _pod(domain: Domain, migrations: Migrations) -> Manifest:
    spec = domain.spec
    pod = spec.pod or PodSpec()
    nodes = placement(domain)
    return given(
        {
            "restartPolicy": "Never",
            "serviceAccountName": child_name(domain.name),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "priorityClassName": pod.priority_class_name,
            "imagePullSecrets": [{"name": name} for name in spec.image_pull_secrets or ()],
            "securityContext": pod_security(pod.run_as_user),
            "nodeSelector": nodes["nodeSelector"],
            "tolerations": nodes["tolerations"],
            "containers": [_container(spec, migrations)],
            "volumes": volumes(spec),
        }
    )


def _container(spec: EcoDomainSpec, migrations: Migrations) -> Manifest:
    """The domain's container with another command: the same variables, files and limits, unless it has its own."""
    image = migrations.image or spec.image
    own = spec if migrations.env is None else spec.model_copy(update={"env": migrations.env})
    return given(
        {
            "name": CONTAINER,
            "image": image,
            "imagePullPolicy": pull_policy(image, spec.image_pull_policy),
            "command": list(migrations.command),
            "args": list(migrations.args or ()),
            "env": app_env(own),
            "envFrom": app_env_from(own),
            "resources": resources(spec.resources),
            "securityContext": hardened(None),
            "volumeMounts": mounts(spec),
        }
    )
