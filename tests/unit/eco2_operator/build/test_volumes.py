import re
from typing import Any

from eco2_operator.build.volumes import mounts, volumes
from eco2_operator.model.domain import EcoDomainSpec


def spec(**fields: Any) -> EcoDomainSpec:
    return EcoDomainSpec.model_validate({"image": "eco2:1", "port": 8000} | fields)


def names(of: EcoDomainSpec) -> list[str]:
    return [volume["name"] for volume in volumes(of)]


def test_tmp_is_always_there_and_bounded() -> None:
    assert volumes(spec()) == [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]
    assert mounts(spec()) == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108


def test_the_longest_name_is_cut_to_a_label_that_still_tells_sources_apart() -> None:
    long = "a" * 250
    found = names(
        spec(files=[{"configMap": f"{long}{end}", "mountPath": f"/etc/{end}"} for end in ("a", "b", ".a", "-a")])
    )
    assert len(set(found)) == 5
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for name in found)


def test_names_with_dots_do_not_meet_names_with_dashes() -> None:
    found = names(spec(files=[{"secret": name, "mountPath": f"/etc/{name}"} for name in ("a.b", "a-b", "a-b.c")]))
    assert len(set(found)) == 4
    assert "secret-a-b" in found


def test_a_secret_of_a_binding_and_the_same_secret_as_file_are_two_volumes() -> None:
    both = spec(
        secrets=[{"name": "jwt", "as": "files", "keys": ["b", "a"]}],
        files=[{"secret": "jwt", "mountPath": "/etc/jwt"}],
    )
    assert names(both) == ["tmp", "secrets-jwt", "secret-jwt"]
    assert [item["key"] for item in volumes(both)[1]["secret"]["items"]] == ["a", "b"]


def test_the_same_source_in_two_folders_is_one_volume_with_two_mounts() -> None:
    twice = spec(files=[{"configMap": "rules", "mountPath": path} for path in ("/etc/a", "/etc/b")])
    assert names(twice) == ["tmp", "configmap-rules"]
    assert [mount["mountPath"] for mount in mounts(twice)] == ["/tmp", "/etc/a", "/etc/b"]  # noqa: S108
