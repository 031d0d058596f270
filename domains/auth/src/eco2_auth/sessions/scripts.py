"""What happens to sessions in Redis. Each script is one step: nobody sees, or comes between, the half of one.

    auth:refresh:<sha256 of a refresh token>   hash    family, and used_at (ms) once it was used
    auth:successor:<the same>                  string  claims of the pair it was exchanged for; for the grace
    auth:family:<family>                       hash    user; there is none: revoked, or expired
    auth:family:<family>:access                zset    ids of its access tokens, by their end (ms)
    auth:user:<user>:families                  zset    families, by their end (ms)
    auth:user:<user>:gone                      string  the user was deleted: no session is opened

All of them expire by themselves. Names are made in the scripts, which Redis Cluster does not allow; the product runs on
Redis with Sentinel. Times are those of the caller, in milliseconds.
"""

from __future__ import annotations

from typing import Final

_COMMON: Final = """
local function expire_with_last(key)
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  if last[2] then redis.call('PEXPIREAT', key, string.format('%.0f', last[2] + kept)) end
end

local function blacklist(jti, expires)
  local untl = tonumber(expires) + kept
  if untl > now then
    redis.call('SET', 'blacklist:' .. jti, '1', 'PXAT', string.format('%.0f', untl))
    redis.call('PUBLISH', 'blacklist', jti)
  end
end

local function extend(family, user, refresh, refresh_expires, access_jti, access_expires, most_access)
  redis.call('HSET', refresh, 'family', family)
  redis.call('PEXPIREAT', refresh, string.format('%.0f', refresh_expires + kept))
  local ends = math.max(refresh_expires, access_expires)
  redis.call('PEXPIREAT', 'auth:family:' .. family, string.format('%.0f', ends + kept))

  local access = 'auth:family:' .. family .. ':access'
  redis.call('ZREMRANGEBYSCORE', access, '-inf', now - kept)
  redis.call('ZADD', access, access_expires, access_jti)
  while redis.call('ZCARD', access) > most_access do
    local oldest = redis.call('ZPOPMIN', access)
    blacklist(oldest[1], oldest[2])
  end
  expire_with_last(access)

  local families = 'auth:user:' .. user .. ':families'
  redis.call('ZREMRANGEBYSCORE', families, '-inf', now - kept)
  redis.call('ZADD', families, 'GT', string.format('%.0f', ends), family)
  expire_with_last(families)
end

local function revoke(family)
  local user = redis.call('HGET', 'auth:family:' .. family, 'user')
  local access = 'auth:family:' .. family .. ':access'
  local jtis = redis.call('ZRANGE', access, 0, -1, 'WITHSCORES')
  for i = 1, #jtis, 2 do blacklist(jtis[i], jtis[i + 1]) end
  redis.call('DEL', access, 'auth:family:' .. family)
  if user then redis.call('ZREM', 'auth:user:' .. user .. ':families', family) end
end
"""


def _script(arguments: str, body: str) -> str:
    names = ["now", "kept", *arguments.split()]
    numbers = {"now", "kept", "grace", "gone", "refresh_expires", "access_expires"}
    numbers |= {"most_access", "most_families"}
    read = (f"tonumber(ARGV[{n}])" if name in numbers else f"ARGV[{n}]" for n, name in enumerate(names, 1))
    return "\n".join([*(f"local {name} = {value}" for name, value in zip(names, read, strict=True)), _COMMON, body])


OPEN: Final = _script(
    "most_families family user refresh refresh_expires access_jti access_expires most_access",
    """
if redis.call('EXISTS', 'auth:user:' .. user .. ':gone') == 1 then return 0 end
local others = 'auth:user:' .. user .. ':families'
redis.call('ZREMRANGEBYSCORE', others, '-inf', now - kept)
while redis.call('ZCARD', others) >= most_families do revoke(redis.call('ZPOPMIN', others)[1]) end
redis.call('HSET', 'auth:family:' .. family, 'user', user)
extend(family, user, 'auth:refresh:' .. refresh, refresh_expires, access_jti, access_expires, most_access)
return 1
""",
)
"""1, or 0 for a user who was deleted. Sessions above the number that a user may have are revoked, the idlest first."""

ROTATE: Final = _script(
    "grace presented successor refresh refresh_expires access_jti access_expires most_access",
    """
local state = 'auth:refresh:' .. presented
local family = redis.call('HGET', state, 'family')
if not family then return {'unknown'} end
local user = redis.call('HGET', 'auth:family:' .. family, 'user')
if not user then return {'revoked'} end

local used_at = redis.call('HGET', state, 'used_at')
if used_at then
  local again = redis.call('GET', 'auth:successor:' .. presented)
  if again and now - used_at < grace then return {'repeated', again} end
  revoke(family)
  return {'reused'}
end

redis.call('HSET', state, 'used_at', string.format('%.0f', now))
redis.call('SET', 'auth:successor:' .. presented, successor, 'PX', string.format('%.0f', grace + 1000))
extend(family, user, 'auth:refresh:' .. refresh, refresh_expires, access_jti, access_expires, most_access)
return {'rotated'}
""",
)
"""``rotated``; ``repeated`` and the claims of the successor; ``reused``: the family is revoked now; ``revoked``: it was
before; or ``unknown``."""

CLOSE: Final = _script("family", "revoke(family)")
"""Revokes a family."""

CLOSE_OF_ACCESS: Final = _script(
    "user jti",
    """
for _, family in ipairs(redis.call('ZRANGE', 'auth:user:' .. user .. ':families', 0, -1)) do
  if redis.call('ZSCORE', 'auth:family:' .. family .. ':access', jti) then revoke(family) end
end
""",
)
"""Revokes the family that an access token is of."""

CLOSE_ALL: Final = _script(
    "user gone",
    """
redis.call('SET', 'auth:user:' .. user .. ':gone', '1', 'PX', string.format('%.0f', gone))
local families = redis.call('ZRANGE', 'auth:user:' .. user .. ':families', 0, -1)
for _, family in ipairs(families) do revoke(family) end
return #families
""",
)
"""Revokes all families of a user who is being deleted. How many there were."""
