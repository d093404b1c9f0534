"""Keyed hashes of what was erased: enough to refuse it when it comes back, not enough to say what it was."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.ledger.database import Database, transactional
from storage.ledger.items import Item
from storage.ledger.tables import SECRETS, TOMBSTONES

_CHUNK = 10_000
"""Hashes in one query: SQLite takes 32,766 parameters."""


class Tombstones:
    """The ledger's list of erased things. The key lies in the ledger and never leaves it."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, database.clock
        self._key = b"" if database.read_only else self._load_key()

    @transactional
    def _load_key(self, connection: Connection) -> bytes:
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        new = make(SECRETS).values(name="tombstone_key", value=secrets.token_hex(32))
        connection.execute(new.on_conflict_do_nothing(index_elements=["name"]))
        query = select(SECRETS.c.value).where(SECRETS.c.name == "tombstone_key")
        return bytes.fromhex(connection.execute(query).scalar_one())

    def hash(self, kind: str, value: str) -> str:
        """HMAC-SHA256 of a source id, URL, uploader or host, under this lake's key."""
        return hmac.new(self._key, f"{kind}\0{value}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    def grave(self, item_id: str) -> str:
        """The id that an erased item has in the books."""
        return "erased:" + self.hash("source", item_id)

    def add(self, connection: Connection, kind: str, value: str) -> str:
        """Bury a source, url, uploader or host; returns its hash."""
        digest = self.hash(kind, value)
        if connection.execute(select(TOMBSTONES).where(TOMBSTONES.c.hash == digest)).one_or_none() is None:
            connection.execute(insert(TOMBSTONES).values(hash=digest, kind=kind, at=self.clock()))
        return digest

    def covered(self, connection: Connection, items: Sequence[Item]) -> set[str]:
        """Ids of those items whose id, URL, uploader or host was erased."""
        if connection.execute(select(TOMBSTONES.c.hash).limit(1)).first() is None:
            return set()
        owners: dict[str, set[str]] = {}
        for item in items:
            named = {"source": item.item_id, "url": item.url, "uploader": item.uploader, "host": item.host}
            for kind, value in named.items():
                if value:
                    owners.setdefault(self.hash(kind, value), set()).add(item.item_id)
        hashes = sorted(owners)
        buried: list[str] = []
        for start in range(0, len(hashes), _CHUNK):
            query = select(TOMBSTONES.c.hash).where(TOMBSTONES.c.hash.in_(hashes[start : start + _CHUNK]))
            buried += connection.execute(query).scalars()
        return {item_id for digest in buried for item_id in owners[digest]}

    @transactional
    def among(self, connection: Connection, kind: str, values: Collection[str]) -> list[str]:
        """Those of many values that were erased, sorted: one look at the list for all."""
        graves = set(connection.execute(select(TOMBSTONES.c.hash).where(TOMBSTONES.c.kind == kind)).scalars())
        return sorted(value for value in values if self.hash(kind, value) in graves)

    @transactional
    def has(self, connection: Connection, kind: str, value: str) -> bool:
        """Whether exactly this was erased; for content hashes, uploaders that are known only after download, ..."""
        query = select(TOMBSTONES.c.hash).where(TOMBSTONES.c.hash == self.hash(kind, value))
        return connection.execute(query).first() is not None
