"""The servers for shared stores that the tests of one process use, and what rots in them."""

from functools import cache
from typing import Protocol

from flk.impl.bench import store_servers

_ROT = """#!lua flags=allow-cross-slot-keys
for _, name in ipairs(redis.call('keys', 'flk:*:entries')) do
  local found = redis.call('hgetall', name)
  for i = 1, #found, 2 do
    if string.find(found[i], ARGV[1], 1, true) then
      local value = string.gsub(found[i + 1], '"eu"', '"es"')
      redis.call('hset', name, found[i], value)
    end
  end
end"""


_FLIP = """#!lua flags=allow-cross-slot-keys
for _, name in ipairs(redis.call('keys', 'flk:*:entries')) do
  for _, field in ipairs(redis.call('hkeys', name)) do
    if string.find(field, ARGV[1], 1, true) then
      local value = redis.call('hget', name, field)
      local at = math.floor(ARGV[2] / 8) % #value + 1
      local byte = string.char(bit.bxor(string.byte(value, at), 2 ^ (ARGV[2] % 8)))
      redis.call('hset', name, field, string.sub(value, 1, at - 1) .. byte .. string.sub(value, at + 1))
    end
  end
end"""
_NUMBERS, _TEXTS = ("timestamp", "checksum"), ("region", "digest", "outcome")


class StoreServer(store_servers.StoreServer, Protocol):
    """A server whose rows rot when they are told to."""

    def damage(self, pcs_id: str) -> None:
        """Let a bit of the entries of that id have rotted there."""

    def flip(self, pcs_id: str, bit: int) -> None:
        """Let the given bit of the entries of that id have rotted there, counted round and round."""


class Postgres(store_servers.Postgres):
    """As it comes."""

    def damage(self, pcs_id: str) -> None:
        """As `StoreServer` has it."""
        self.query(self._database, f"update flk.entries set timestamp = timestamp # 1 where pcs_id = '{pcs_id}'")

    def flip(self, pcs_id: str, bit: int) -> None:
        """As `StoreServer` has it; of a text one of the low bits."""
        columns = [*_NUMBERS, *_TEXTS]
        column, place = columns[bit % len(columns)], bit // len(columns)
        rotten = f"{column} # (1::bigint << {place % 63})"
        if column in _TEXTS:
            at = f"1 + {place} % length({column})"
            rotten = f"overlay({column} placing chr(ascii(substr({column}, {at}, 1)) # 1) from {at} for 1)"
        self.query(self._database, f"update flk.entries set {column} = {rotten} where pcs_id = '{pcs_id}'")


class Redis(store_servers.Redis):
    """One alone."""

    def damage(self, pcs_id: str) -> None:
        """As `StoreServer` has it."""
        self.command("eval", _ROT, "0", pcs_id)

    def flip(self, pcs_id: str, bit: int) -> None:
        """As `StoreServer` has it."""
        self.command("eval", _FLIP, "0", pcs_id, f"{bit}")


class RedisCluster(store_servers.RedisCluster):
    """Three masters."""

    def damage(self, pcs_id: str) -> None:
        """As `StoreServer` has it."""
        for node in self.nodes:
            node.command("eval", _ROT, "0", pcs_id)

    def flip(self, pcs_id: str, bit: int) -> None:
        """As `StoreServer` has it."""
        for node in self.nodes:
            node.command("eval", _FLIP, "0", pcs_id, f"{bit}")


class Ring(store_servers.Ring):
    """A shard in PostgreSQL and one in Redis."""

    def __init__(self) -> None:
        self._rotting: tuple[StoreServer, ...] = (postgres(), redis())
        super().__init__(*self._rotting)

    def damage(self, pcs_id: str) -> None:
        """As `StoreServer` has it."""
        for server in self._rotting:
            server.damage(pcs_id)

    def flip(self, pcs_id: str, bit: int) -> None:
        """As `StoreServer` has it."""
        for server in self._rotting:
            server.flip(pcs_id, bit)


@cache
def postgres() -> Postgres:
    """The one of this process."""
    return Postgres()


@cache
def redis() -> Redis:
    """The one of this process."""
    return Redis()


@cache
def redis_cluster() -> RedisCluster:
    """The one of this process."""
    return RedisCluster()


@cache
def ring() -> Ring:
    """One of this process's PostgreSQL and Redis."""
    return Ring()
