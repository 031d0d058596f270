"""The Lua that copies a request's token into the private header of the entrance it belongs to.

The RequestAuthentication says why. It copies exactly where the CUSTOM policy has ext-authz asked: it has the same
boundaries.

Envoy runs it for each request before ext-authz, so its work is bounded whatever the client sends: no pattern in it goes
back and forth, and of a path it looks at no more than the longest route has. Should it fail, Envoy goes on without the
private header, and ext-authz decides alone.
"""

from collections.abc import Iterable
from typing import Final

from eco2_operator.build.entrance import hosts
from eco2_operator.build.entrance.context import Admission
from eco2_operator.build.entrance.names import token_header
from eco2_operator.build.entrance.routes import Boundaries, is_open
from eco2_operator.build.entrance.scope import auth

_SCRIPT: Final = """\
local function entrance_of(authority)
  local host = string.lower(string.match(authority, "^[^:]*"))
  if HOSTS[host] ~= nil then return HOSTS[host] end
  -- No suffix is longer than a host may be, and the client's may be much longer.
  host = string.sub(host, -254)
  local dot = string.find(host, ".", 2, true)
  while dot do
    local found = HOSTS["*" .. string.sub(host, dot)]
    if found ~= nil then return found end
    dot = string.find(host, ".", dot + 1, true)
  end
  return nil
end

local function asked(entrance, target)
  local path = string.match(target, "^[^?#]*")
  if #path > entrance.longest then
    path = string.match(string.sub(path, 1, entrance.longest + 1), "^(.*)/") or ""
  end
  while path ~= "" do
    local open = entrance.open[path]
    if open ~= nil then return not open end
    path = string.match(path, "^(.*)/") or ""
  end
  return not entrance.open["/"]
end

local function cookie(headers, name)
  local found = nil
  for index = 0, headers:getNumValues("cookie") - 1 do
    for pair in string.gmatch(headers:getAtIndex("cookie", index), "[^;]+") do
      local equals = string.find(pair, "=", 1, true)
      if equals and string.match(string.sub(pair, 1, equals - 1), "^[ \\t]*([A-Za-z0-9_-]+)[ \\t]*$") == name then
        if found then return nil end
        found = string.sub(pair, equals + 1)
      end
    end
  end
  return found
end

local function token(headers, name)
  local count = headers:getNumValues("authorization")
  if count > 1 then return nil end
  if count == 1 then
    local scheme, rest = string.match(headers:getAtIndex("authorization", 0), "^(%a+) +([^ ]+) *$")
    if scheme and string.lower(scheme) == "bearer" then return rest end
    return nil
  end
  return name and cookie(headers, name)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local entrance = entrance_of(headers:get(":authority") or "")
  if not entrance or not asked(entrance, headers:get(":path") or "") then return end
  local found = token(headers, entrance.cookie)
  if found and found ~= "" then headers:replace(entrance.header, found) end
end
"""


def source(admissions: Iterable[Admission]) -> str | None:
    """The script for all entrances of a gateway; None where none of them has tokens verified."""
    known = [(admission, hosts.distinct(admission.hosts)) for admission in admissions]
    if not any(auth(admission.entrance).jwt for admission, _ in known):
        return None
    lines = ["local HOSTS = {}"]
    for admission, own in known:
        if auth(admission.entrance).jwt is None:
            # Named all the same: a wildcard of another entrance must not catch it.
            lines += [f'HOSTS["{host}"] = false' for host in own]
        elif own:
            lines += ["do", *_entrance(admission), *(f'  HOSTS["{host}"] = entrance' for host in own), "end"]
    return "\n".join([*lines, "", _SCRIPT])


def _entrance(admission: Admission) -> list[str]:
    openings = Boundaries.of(admission.entrance.spec.routes, is_open)
    places = {**dict.fromkeys(openings.begins, "true"), **dict.fromkeys(openings.ends, "false")}
    name = auth(admission.entrance).cookie
    return [
        "  local entrance = {",
        f'    header = "{token_header(admission.entrance)}",',
        *([f'    cookie = "{name}",'] if name else ()),
        f"    longest = {max(map(len, places), default=0)},",
        "    open = {",
        *(f'      ["{path}"] = {value},' for path, value in sorted(places.items())),
        "    },",
        "  }",
    ]
