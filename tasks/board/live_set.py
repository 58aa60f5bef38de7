"""Members that are alive: each expires unless a heartbeat renews it.

The workers, the bridges and the machines of a root are such sets.
"""

from collections.abc import Mapping
from time import time
from typing import Any, cast

from redis.client import Pipeline

from tasks.board.board import Board
from tasks.board.keys import SESSION_SECONDS, RedisKey


class LiveSet:
    """A sorted set of member → when it expires; `record`: the key of each member's own hash."""

    def __init__(self, board: Board, members: RedisKey, record: RedisKey | None = None) -> None:
        self._board, self._record = board, record
        self._key = board.key(members)

    def renew(self, member: str, pipe: Pipeline | None = None) -> None:
        """Add the member, or let it live for SESSION_SECONDS more."""
        (pipe or self._board.redis).zadd(self._key, {member: time() + SESSION_SECONDS})

    def put(self, pipe: Pipeline, member: str, fields: Mapping[str, Any]) -> None:
        """Add to a pipeline that the member is alive and has these fields."""
        key = self.record_key(member)
        mapping: dict[Any, Any] = {**fields}
        pipe.hset(key, mapping=mapping)
        pipe.expire(key, SESSION_SECONDS)
        self.renew(member, pipe)

    def remove(self, member: str, pipe: Pipeline | None = None) -> None:
        """Remove the member, and its record."""
        client = pipe or self._board.redis
        if self._record is not None:
            client.delete(self.record_key(member))
        client.zrem(self._key, member)

    def members(self) -> list[str]:
        """Return the members that are alive, sorted; the others are removed."""
        self._board.redis.zremrangebyscore(self._key, "-inf", time())
        names = cast("list[bytes]", self._board.redis.zrange(self._key, 0, -1))
        return sorted(name.decode() for name in names)

    def records(self) -> list[dict[str, str]]:
        """Return the fields of every live member, by member; empty where its record has expired."""
        pipe = self._board.redis.pipeline(transaction=False)
        for member in self.members():
            pipe.hgetall(self.record_key(member))
        return [_decoded(fields) for fields in pipe.execute()]

    def read(self, member: str) -> dict[str, str]:
        """Return the fields of one member; empty where there are none."""
        fields = self._board.redis.hgetall(self.record_key(member))
        return _decoded(cast("dict[bytes, bytes]", fields))

    def record_key(self, member: str) -> str:
        """Return the key of the member's hash. Raises ValueError for a set without records."""
        if self._record is None:
            raise ValueError(f"{self._key} keeps no records")
        return self._board.key(self._record, member)


def _decoded(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
