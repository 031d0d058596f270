"""What applying EcoIngresses would change: their own objects, and what they share with others at their gateways.

The pauses that the operator makes on its way are left out: shown is where it arrives.
"""

from collections.abc import Iterable, Iterator

from eco2_operator.build.context import Cluster
from eco2_operator.build.entrance import envoy_filter
from eco2_operator.build.entrance.names import gateway_key
from eco2_operator.claims import Scope, scope_of
from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.configuration import load_settings
from eco2_operator.cli.diffs.change import removal
from eco2_operator.cli.diffs.children import Found, differences, left_alone, owner_of, removals
from eco2_operator.cli.diffs.surroundings import Merged
from eco2_operator.cli.entrances import gateways
from eco2_operator.cli.entrances.view import View, Views
from eco2_operator.cli.errors import note
from eco2_operator.cli.resources import Given, Resources
from eco2_operator.holders import Owner, is_ours
from eco2_operator.kinds import ENVOY_FILTER
from eco2_operator.naming import Manifest
from eco2_operator.plan import plan_entrance


def changes(reader: Reader, resources: Resources, merged: Merged) -> Iterator[Found]:
    """What would become of the objects of every EcoIngress in the files, and then of what gateways have for them."""
    settings = load_settings()
    views = Views(merged.cache, settings)
    active = [
        (given, views.of(given.key))
        for given, entrance in resources.entrances
        if not left_alone(given, entrance.suspended)
    ]
    for given, view in active:
        yield from _entrance(reader, given, view, merged.made[given.key])
    if ENVOY_FILTER.name in merged.cache.served:
        mine = [view for _, view in active]
        for scope in _scopes(mine, merged):
            yield from _gateway(reader, scope, mine, views, settings.cluster)


def _entrance(reader: Reader, given: Given, view: View, manifest: Manifest) -> Iterator[Found]:
    for remark in view.remarks():
        note(f"note: {given.source}: {given.subject}: {remark}")
    if view.missing_kinds:  # the operator touches nothing then
        return
    wanted = plan_entrance(view.entrance, view.ctx).by_ref()
    yield from differences(reader, wanted, owner_of(manifest))
    yield from removals(reader, manifest, wanted, owner_of(manifest))


def _scopes(mine: Iterable[View], merged: Merged) -> list[Scope]:
    """The gateways that the EcoIngresses use, and those that they leave."""
    found = []
    for view in mine:
        before = merged.before.get(view.entrance.key)
        found += [view.scope, *([scope_of(before["spec"])] if before is not None else [])]
    return [scope for scope in dict.fromkeys(found) if scope != Scope()]


def _gateway(reader: Reader, scope: Scope, mine: list[View], views: Views, cluster: Cluster) -> Iterator[Found]:
    """The EnvoyFilter: those in the files are let in, all others are treated as they are now."""
    ref = gateways.filter_of(scope)
    live = reader.get(ENVOY_FILTER, ref.namespace, ref.name)
    said = envoy_filter.said(live)
    faulty = {gateways.id_of(obj) for obj in views.faulty}
    known = {gateways.id_of(view.obj) for view in views.all}
    if said.keys() & faulty or said.keys() - known - faulty:
        why = "an EcoIngress cannot be understood" if said.keys() & faulty else "you do not see all who use it"
        note(f"note: {ref}: not compared, since {why}")
        return
    ours = {gateways.id_of(view.obj) for view in mine}
    kept = {id_: entries for id_, entries in said.items() if id_ not in ours}
    present = gateways.by_gateway(views.all).get(scope, ())
    users = [view for view in present if gateways.id_of(view.obj) in ours | kept.keys()]
    # Nobody else makes an object of this name: one that has our fields is ours, also without its annotation.
    made = frozenset({live["metadata"]["uid"]} if live is not None else ())
    owner = Owner(gateway_key(scope.namespace, dict(scope.selector)), "", made)
    wanted = gateways.plan(scope, users, cluster, kept).by_ref()
    yield from differences(reader, wanted, owner)
    if live is not None and not wanted and is_ours(live, owner):
        yield removal(live)
