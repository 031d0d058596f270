"""Laws of the comparison, over random objects with maps, keyed lists and atomic lists."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from eco2_operator.diff import difference, surplus

EXAMPLES = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYED = {
    "containers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "protocol"),
    "ownerReferences": ("uid",),
}
"""Lists that the API server merges by these keys; all others are replaced as a whole."""

Path = tuple[Any, ...]
NAMES = st.sampled_from(["a", "b", "c", "app.kubernetes.io/name", "x.y"])
SCALARS = st.one_of(st.sampled_from(["v", "w", "1", "true"]), st.integers(1, 5), st.booleans())
ATOMIC = st.lists(st.one_of(SCALARS, st.dictionaries(NAMES, SCALARS, min_size=1, max_size=2)), min_size=1, max_size=3)
MAPS = st.dictionaries(NAMES, SCALARS, min_size=1, max_size=3)


def keyed(field: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    values: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(KEYED[field], NAMES)
    if field == "ports":
        values = {"containerPort": st.integers(1, 3), "protocol": st.sampled_from(["TCP", "UDP"])}
    element = st.fixed_dictionaries(values, optional={"note": SCALARS, **more})
    return st.lists(element, min_size=1, max_size=3, unique_by=lambda item: tuple(item[k] for k in KEYED[field]))


CONTAINERS = keyed(
    "containers",
    image=SCALARS,
    env=keyed("env", value=SCALARS),
    ports=keyed("ports"),
    volumeMounts=keyed("volumeMounts"),
    args=ATOMIC,
    resources=st.fixed_dictionaries({"limits": st.dictionaries(NAMES, st.sampled_from(["100m", "1Gi"]), min_size=1)}),
)
OBJECTS = st.fixed_dictionaries(
    {
        "apiVersion": st.just("apps/v1"),
        "kind": st.just("Deployment"),
        "metadata": st.fixed_dictionaries(
            {"name": st.just("scan")},
            optional={"labels": MAPS, "annotations": MAPS, "ownerReferences": keyed("ownerReferences")},
        ),
    },
    optional={
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "replicas": st.integers(0, 3),
                "strategy": MAPS,
                "tolerations": ATOMIC,
                "containers": CONTAINERS,
                "volumes": keyed("volumes"),
            },
        )
    },
)


def merged(wanted: Any, foreign: Any, field: str = "") -> Any:
    """What a server-side apply of `wanted` makes of `foreign`."""
    if isinstance(wanted, dict) and isinstance(foreign, dict):
        both = {key: merged(wanted[key], foreign.get(key), key) for key in wanted}
        return {**{key: value for key, value in foreign.items() if key not in wanted}, **both}
    if field in KEYED and isinstance(foreign, list):
        theirs = {tuple(item[k] for k in KEYED[field]): item for item in foreign}
        ours = {tuple(item[k] for k in KEYED[field]): item for item in wanted}
        added = [item for key, item in theirs.items() if key not in ours]
        return added + [merged(item, theirs.get(key)) for key, item in ours.items()]
    return copy.deepcopy(wanted)


def leaves(node: Any, at: Path = (), field: str = "") -> Iterator[Path]:
    """Paths of every wanted value; keys of list elements and what names the object are not values."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            names = at in ((), ("metadata",)) and key in ("apiVersion", "kind", "name")
            if not names and not (field in KEYED and key in KEYED[field]):
                yield from leaves(value, (*at, key), key)
    elif isinstance(node, list) and field in KEYED:
        for index, item in enumerate(node):
            yield from _element(item, (*at, index), field)
    else:
        yield at


def _element(item: Mapping[str, Any], at: Path, field: str) -> Iterator[Path]:
    for key, value in item.items():
        if key not in KEYED[field]:
            yield from leaves(value, (*at, key), key)


def at(node: Any, path: Path) -> Any:
    for step in path:
        node = node[step]
    return node


def counterpart(wanted: Any, live: Any, path: Path) -> Any:
    """What `live` has for the node at `path` of `wanted`; elements of keyed lists may be elsewhere in it."""
    keys: tuple[str, ...] = ()
    for step in path:
        wanted = wanted[step]
        if isinstance(step, int):
            live = next(item for item in live if all(item[key] == wanted[key] for key in keys))
        else:
            live, keys = live[step], KEYED.get(step, ())
    return live


@EXAMPLES
@given(OBJECTS)
def test_an_object_does_not_differ_from_itself(obj: Any) -> None:
    assert difference(obj, obj) == []


@EXAMPLES
@given(OBJECTS, OBJECTS)
def test_what_others_add_to_maps_and_keyed_lists_is_no_difference(wanted: Any, foreign: Any) -> None:
    assert difference(wanted, merged(wanted, foreign)) == []


@EXAMPLES
@given(OBJECTS, OBJECTS, st.data())
def test_any_single_changed_wanted_value_is_found_and_nothing_else(wanted: Any, foreign: Any, data: Any) -> None:
    paths = list(leaves(wanted))
    assume(paths)
    live = merged(wanted, foreign)
    path = data.draw(st.sampled_from(paths))
    other = counterpart(wanted, live, path[:-1])
    changed = data.draw(st.sampled_from([["another"] if isinstance(at(wanted, path), list) else "another", None]))
    if changed is None:
        del other[path[-1]]
    else:
        other[path[-1]] = changed
    found = difference(wanted, live)
    assert len(found) == 1
    assert found[0].desired == at(wanted, path)
    assert found[0].live == changed
    assert str(path[-1]) in found[0].path


def fields_of(node: Any, field: str = "") -> dict[str, Any]:
    """The fieldsV1 set of an apply."""
    if isinstance(node, dict):
        return {f"f:{key}": fields_of(value, key) for key, value in node.items()}
    if isinstance(node, list) and field in KEYED:
        return {
            "k:" + json.dumps({k: item[k] for k in sorted(KEYED[field])}, separators=(",", ":")): {
                ".": {},
                **fields_of(item),
            }
            for item in node
        }
    return {}


def applied(obj: Any, live: Any) -> Any:
    entry = {"manager": "eco2-operator", "operation": "Apply", "fieldsV1": fields_of(obj)}
    return {**live, "metadata": {**live["metadata"], "managedFields": [entry]}}


@EXAMPLES
@given(OBJECTS, OBJECTS)
def test_nothing_is_surplus_after_an_apply(wanted: Any, foreign: Any) -> None:
    assert surplus(wanted, applied(wanted, merged(wanted, foreign))) == []


@EXAMPLES
@given(OBJECTS, OBJECTS, st.data())
def test_any_value_no_longer_wanted_is_surplus(before: Any, foreign: Any, data: Any) -> None:
    paths = list(leaves(before))
    assume(paths)
    path = data.draw(st.sampled_from(paths))
    wanted = copy.deepcopy(before)
    del at(wanted, path[:-1])[path[-1]]
    found = surplus(wanted, applied(before, merged(before, foreign)))
    assert len(found) == 1
    assert found[0].path.endswith(str(path[-1]))


def limited(value: Any) -> dict[str, Any]:
    return {"kind": "Deployment", "spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": value}}}]}}


UNITS = st.sampled_from([("", "m", 1000), ("k", "", 1000), ("Ki", "", 1024), ("Gi", "Mi", 1024), ("T", "G", 1000)])


@EXAMPLES
@given(st.integers(0, 10**6), UNITS)
def test_a_quantity_is_the_same_in_a_smaller_unit(number: int, units: tuple[str, str, int]) -> None:
    large, small, factor = units
    assert difference(limited(f"{number}{large}"), limited(f"{number * factor}{small}")) == []
    assert difference(limited(f"{number}{large}"), limited(f"{number * factor + 1}{small}")) != []


@EXAMPLES
@given(st.text("0123456789.eEmkKMGTi", max_size=5), st.text("0123456789.eEmkKMGTi", max_size=5))
def test_no_two_texts_are_too_odd_to_be_compared_as_quantities(one: str, other: str) -> None:
    assert difference(limited(one), limited(one)) == []
    assert (difference(limited(one), limited(other)) == []) is (difference(limited(other), limited(one)) == [])
