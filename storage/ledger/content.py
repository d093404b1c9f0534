"""What a ledger knows of content: what was erased, which videos are there already, and which labels the lake has.

Erased: keyed hashes, enough to refuse content when it comes back, not enough to say what it was.

There already, by bytes and by sight, for all runs of a ledger. Each content belongs to the item that was first; that is
a primary key, so that two machines cannot both keep one. By sight two videos are the same if most of the sampled
pictures of the shorter one are found in the other. Pictures are 64-bit fingerprints (pHash); two are the same picture
if at most SAME_BITS differ. To find candidates among a million videos, a fingerprint is cut into three bands.
Fingerprints that differ in up to two bits share a band for certain, in 3, 4, 5 or 6 bits with probability 0.78, 0.56,
0.38, 0.26 for each picture; one shared band of one picture makes a candidate, whose pictures are then compared one by
one. S samples of a video.

Committed: (item, label_key) each, so that no commit has to read the lake for it, written in the transaction that ends a
commit. A ledger that was made before this table learns it from the lake once (storage/commit.py).
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from storage.ledger.database import Database, among, insert_new, transactional
from storage.ledger.items import Item
from storage.ledger.tables import CONTENTS, LABELS, SECRETS, SIGHT_BANDS, SIGHTS, TOMBSTONES

_CHUNK = 5_000
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
            for loose_id in item.loose_ids:
                owners.setdefault(self.hash("source", loose_id), set()).add(item.item_id)
        hashes = sorted(owners)
        buried: list[str] = []
        for start in range(0, len(hashes), _CHUNK):
            query = select(TOMBSTONES.c.hash).where(TOMBSTONES.c.hash.in_(hashes[start : start + _CHUNK]))
            buried += connection.execute(query).scalars()
        return {item_id for digest in buried for item_id in owners[digest]}

    def add_sight(self, connection: Connection, fingerprints: Sequence[int]) -> int:
        """Bury pictures, so that a re-encoded copy is known: each as keyed hashes of its bands, from which
        no fingerprint can be read. Returns how many pictures."""
        prints_S = distinct(fingerprints)
        for print_ in prints_S:
            for band in bands_of(print_):
                self.add(connection, "sight", str(band))
        return len(prints_S)

    @transactional
    def resembles(self, connection: Connection, fingerprints: Sequence[int]) -> bool:
        """Whether most sampled pictures of a video share a band with a buried one. False for fewer than MIN_SAMPLES."""
        prints_S = distinct(fingerprints)
        if len(prints_S) < MIN_SAMPLES:
            return False
        hashes_S = [[self.hash("sight", str(band)) for band in bands_of(print_)] for print_ in prints_S]
        every = sorted({digest for hashes in hashes_S for digest in hashes})
        query = select(TOMBSTONES.c.hash).where(TOMBSTONES.c.hash.in_(every))
        buried = set(connection.execute(query).scalars())
        return sum(not buried.isdisjoint(hashes) for hashes in hashes_S) >= SHARE * len(prints_S)

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


SAME_BITS = 6
"""Pictures whose 64-bit fingerprints differ in no more bits are one picture, re-encoded."""
MIN_SAMPLES = 4
"""Shorter videos are judged by their bytes alone: few pictures, perhaps of one background, say too little."""
SHARE = 0.5
"""So much of the shorter video must be found in the longer; as in evaluation/contamination.py. Of 12 films of 2.6 s all
were found again after CRF 35, a smaller size at another rate, a logo or another brightness, most after a crop of 5 % or
0.4 s cut off; 630 pairs of different films shared nothing (docs/results/harvest.md)."""

_BAND_BITS = (21, 21, 22)
_CANDIDATES = 50
"""Videos with the most bands in common that are compared picture by picture."""
_MOST_BANDS = 30_000
"""Bands of one query: SQLite takes 32,766 parameters. A video has 1,800 at most (harvest/duplicates.py)."""
_LOCK = 0x636F7079
"""Key of the advisory lock under which a video is looked for and kept: "copy" in ASCII."""
_LEARNT_COPIES = "copies_of_the_lake"


class Copies:
    """The contents and sights of one ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @transactional
    def keep(self, connection: Connection, item_id: str, content: str, fingerprints: Sequence[int]) -> str | None:
        """Note a video that gave tracklets. Where it is a copy, nothing is noted and the other item's id comes back."""
        if self.database.is_postgres:  # SQLite has one writer at a time anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        original = self._original_of(connection, item_id, content, fingerprints)
        if original is None:
            release(connection, [item_id])
            self._enter(connection, item_id, content, fingerprints)
        return original

    @transactional
    def original_of(
        self, connection: Connection, item_id: str, content: str, fingerprints: Sequence[int]
    ) -> str | None:
        """The other item that this video is a copy of, or None. Nothing is noted."""
        return self._original_of(connection, item_id, content, fingerprints)

    def learnt(self) -> bool:
        """Whether the videos that a lake had before its ledger knew contents were entered."""
        query = select(SECRETS.c.value).where(SECRETS.c.name == _LEARNT_COPIES)
        return self.database.run(lambda connection: connection.execute(query).first() is not None)

    def learn(self, videos: Iterable[tuple[str, str, Sequence[int]]]) -> None:
        """Enter (item_id, content, fingerprints) of all videos that a lake has; of equal contents the first counts."""

        def work(connection: Connection) -> None:
            for item_id, content, fingerprints in videos:
                self._enter(connection, item_id, content, fingerprints)
            make = postgresql.insert if self.database.is_postgres else sqlite.insert
            connection.execute(make(SECRETS).values(name=_LEARNT_COPIES, value="1").on_conflict_do_nothing())

        self.database.run(work)

    def _enter(self, connection: Connection, item_id: str, content: str, fingerprints: Sequence[int]) -> None:
        make = postgresql.insert if self.database.is_postgres else sqlite.insert
        row = make(CONTENTS).values(content=content, item_id=item_id)
        connection.execute(row.on_conflict_do_nothing(index_elements=["content"]))
        prints_S = distinct(fingerprints)
        if len(prints_S) < MIN_SAMPLES:
            return
        sight = make(SIGHTS).values(item_id=item_id, prints=prints_S.astype("<u8").tobytes())
        connection.execute(sight.on_conflict_do_nothing(index_elements=["item_id"]))
        bands = [{"band": band, "item_id": item_id} for band in _bands(prints_S)]
        insert_new(connection, SIGHT_BANDS, bands)

    def _original_of(
        self, connection: Connection, item_id: str, content: str, fingerprints: Sequence[int]
    ) -> str | None:
        owner = connection.execute(select(CONTENTS.c.item_id).where(CONTENTS.c.content == content)).scalar()
        if owner is not None and owner != item_id:
            return str(owner)
        mine_S = distinct(fingerprints)
        for other, prints in self._candidates(connection, item_id, mine_S) if len(mine_S) >= MIN_SAMPLES else ():
            if shared(mine_S, np.frombuffer(prints, "<u8")) >= SHARE:
                return other
        return None

    def _candidates(
        self, connection: Connection, item_id: str, prints_S: NDArray[np.uint64]
    ) -> Sequence[tuple[str, bytes]]:
        """Other videos that share a band, those with the most first, with their fingerprints."""
        in_bands = SIGHT_BANDS.c.band.in_(_bands(prints_S)[:_MOST_BANDS])
        hits = select(SIGHT_BANDS.c.item_id, func.count().label("hits")).where(
            in_bands, SIGHT_BANDS.c.item_id != item_id
        )
        best = (
            hits.group_by(SIGHT_BANDS.c.item_id).order_by(func.count().desc(), SIGHT_BANDS.c.item_id).limit(_CANDIDATES)
        )
        ranked = best.subquery()
        query = select(SIGHTS.c.item_id, SIGHTS.c.prints).join(ranked, ranked.c.item_id == SIGHTS.c.item_id)
        return connection.execute(query.order_by(ranked.c.hits.desc(), ranked.c.item_id)).tuples().all()


def release(connection: Connection, item_ids: Sequence[str]) -> None:
    """Forget the content and sight of items that keep no tracklet, or are erased: the next copy is no copy."""
    tables = (CONTENTS, SIGHTS, SIGHT_BANDS)
    releases = [delete(table).where(among(connection, table.c.item_id, item_ids)) for table in tables]
    if connection.dialect.name == "postgresql":  # one round trip
        *others, last = releases
        connection.execute(last.add_cte(*(release.cte(f"of_{n}") for n, release in enumerate(others))))
    else:
        for one_table in releases:
            connection.execute(one_table)


def distinct(fingerprints: Sequence[int]) -> NDArray[np.uint64]:
    """(S,) signed fingerprints as unsigned ones, sorted, each once."""
    return np.unique(np.array(fingerprints, dtype=np.int64).view(np.uint64))


def shared(a_S: NDArray[np.uint64], b_S: NDArray[np.uint64]) -> float:
    """Share of the smaller set's pictures that the other has; 0 if there are too few to tell."""
    few, many = sorted((a_S, b_S), key=len)
    if len(few) < MIN_SAMPLES:
        return 0.0
    apart = np.bitwise_count(few[:, None] ^ many[None, :])
    return float((apart.min(axis=1) <= SAME_BITS).mean())


def bands_of(fingerprint: np.uint64) -> list[int]:
    """The three bands of one fingerprint, each a number that says which band it is too."""
    return _bands(np.array([fingerprint], np.uint64))


def _bands(prints_S: NDArray[np.uint64]) -> list[int]:
    """The distinct bands of all fingerprints, each a number that says which band it is too."""
    keys, shift = [], 0
    for number, bits in enumerate(_BAND_BITS):
        part_S = (prints_S >> np.uint64(shift)) & np.uint64((1 << bits) - 1)
        keys.append(part_S | np.uint64(number << 32))
        shift += bits
    return [int(key) for key in np.unique(np.concatenate(keys))]


_LEARNT_LABELS = "labels_of_the_lake"


class CommittedLabels:
    """The label keys of one ledger's items."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @transactional
    def among(self, connection: Connection, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these (item, label_key) whose rows are in the lake."""
        items = sorted({item for item, _ in pairs})
        matched_pairs: set[tuple[str, str]] = set()
        for start in range(0, len(items), _CHUNK):
            query = select(LABELS).where(LABELS.c.item_id.in_(items[start : start + _CHUNK]))
            matched_pairs.update((row.item_id, row.label_key) for row in connection.execute(query))
        return matched_pairs & set(pairs)

    @transactional
    def forget(self, connection: Connection, item_ids: Sequence[str]) -> None:
        """Their rows are no longer in the lake."""
        drop_labels(connection, item_ids)

    def learnt(self) -> bool:
        """Whether the labels that a lake had before its ledger knew label keys were entered."""
        query = select(SECRETS.c.value).where(SECRETS.c.name == _LEARNT_LABELS)
        return self.database.run(lambda connection: connection.execute(query).first() is not None)

    @transactional
    def learn(self, connection: Connection, pairs: Collection[tuple[str, str]]) -> None:
        """Enter the labels that a lake has."""
        note_labels(connection, pairs)
        make = postgresql.insert if self.database.is_postgres else sqlite.insert
        connection.execute(make(SECRETS).values(name=_LEARNT_LABELS, value="1").on_conflict_do_nothing())


def note_labels(connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Rows of these (item, label_key) are in the lake."""
    insert_new(connection, LABELS, [{"item_id": item, "label_key": key} for item, key in sorted(set(pairs))])


def drop_labels(connection: Connection, item_ids: Sequence[str]) -> None:
    """Rows of these items are in the lake no longer."""
    connection.execute(delete(LABELS).where(LABELS.c.item_id.in_(item_ids)))
