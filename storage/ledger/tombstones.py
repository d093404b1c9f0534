"""Keyed hashes of what was erased: enough to refuse it when it comes back, not enough to say what it was."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.ledger.items import Item
from storage.ledger.tables import SECRETS, TOMBSTONES


class Tombstones:
    """The ledger's list of erased things. The key lies in the ledger and never leaves it."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self.engine, self.clock = engine, clock
        self._key = self._load_key()

    def _load_key(self) -> bytes:
        with self.engine.begin() as connection:
            make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            new = make(SECRETS).values(name="tombstone_key", value=secrets.token_hex(32))
            connection.execute(new.on_conflict_do_nothing(index_elements=["name"]))
            query = select(SECRETS.c.value).where(SECRETS.c.name == "tombstone_key")
            return bytes.fromhex(connection.execute(query).scalar_one())

    def hash(self, kind: str, value: str) -> str:
        """HMAC-SHA256 of a source id, URL, uploader or host, under this lake's key."""
        return hmac.new(self._key, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()

    def grave(self, item_id: str) -> str:
        """The id that an erased item has in the books."""
        return "erased:" + self.hash("source", item_id)

    def add(self, connection: Connection, kind: str, value: str) -> str:
        """Bury a source, url, uploader or host; returns its hash."""
        digest = self.hash(kind, value)
        if connection.execute(select(TOMBSTONES).where(TOMBSTONES.c.hash == digest)).one_or_none() is None:
            connection.execute(insert(TOMBSTONES).values(hash=digest, kind=kind, at=self.clock()))
        return digest

    def covers(self, connection: Connection, item: Item) -> bool:
        """Whether an item's id, URL, uploader or host was erased."""
        named = {"source": item.item_id, "url": item.url, "uploader": item.uploader, "host": item.host}
        hashes = [self.hash(kind, value) for kind, value in named.items() if value]
        query = select(TOMBSTONES.c.hash).where(TOMBSTONES.c.hash.in_(hashes)).limit(1)
        return connection.execute(query).first() is not None

    def among(self, kind: str, values: Collection[str]) -> list[str]:
        """Those of many values that were erased, sorted: one look at the list for all."""
        with self.engine.begin() as connection:
            graves = set(connection.execute(select(TOMBSTONES.c.hash).where(TOMBSTONES.c.kind == kind)).scalars())
        return sorted(value for value in values if self.hash(kind, value) in graves)

    def has(self, kind: str, value: str) -> bool:
        """Whether exactly this was erased; for content hashes, uploaders that are known only after download, ..."""
        with self.engine.begin() as connection:
            query = select(TOMBSTONES.c.hash).where(TOMBSTONES.c.hash == self.hash(kind, value))
            return connection.execute(query).first() is not None
