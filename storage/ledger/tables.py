"""The ledger's tables. Times are seconds since 1970 on the database's clock.

A ledger of an older version gets the tables and indexes that it lacks when it is opened (storage/ledger/database.py);
columns are only ever added as nullable ones.
"""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

ITEMS = Table(
    "items",
    METADATA,
    Column("item_id", String(128), primary_key=True),
    Column("url", Text),
    Column("host", String(255), nullable=False),
    Column("uploader", Text),
    Column("request", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(128)),
    Column("error_class", String(128)),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float),
    Column("worker", String(128)),
    Column("lease_until", Float),
    Column("commit_id", String(64)),
    Column("recipe", String(128), nullable=False),
    Column("label_key", String(128)),
    Column("evidence", Text),
    Column("tracklets", Integer, nullable=False),
    Column("changed_at", Float, nullable=False),
    Index("items_by_state", "state", "due_at"),
    Index("items_by_turn", "state", "changed_at", "item_id"),
)
"""One row an item that was ever asked for: its state, who holds it until when, and how it ended."""

Index("items_by_worker", ITEMS.c.worker, postgresql_where=ITEMS.c.worker.is_not(None),
      sqlite_where=ITEMS.c.worker.is_not(None))  # fmt: skip
Index("items_by_commit", ITEMS.c.commit_id, postgresql_where=ITEMS.c.commit_id.is_not(None),
      sqlite_where=ITEMS.c.commit_id.is_not(None))  # fmt: skip

EVENTS = Table(
    "events",
    METADATA,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("item_id", String(128), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("was", String(16)),
    Column("state", String(16), nullable=False),
    Column("reason", String(128)),
    Column("error_class", String(128)),
    Column("worker", String(128)),
    Column("attempt", Integer, nullable=False),
)
"""Every change of an item's state, in order."""

WORKERS = Table(
    "workers",
    METADATA,
    Column("worker", String(128), primary_key=True),
    Column("began_at", Float, nullable=False),
    Column("alive_until", Float, nullable=False),
)
"""Runs that beat: one that has not beaten for the time of a lease is dead, wherever it ran."""

WANTED = Table(
    "wanted",
    METADATA,
    Column("plan", String(128), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("item_id", String(128), nullable=False, index=True),
)
"""The items that a run still wants to work on, in its order; an item that has ended is wanted by nobody."""

LABELS = Table(
    "labels",
    METADATA,
    Column("item_id", String(128), primary_key=True),
    Column("label_key", String(128), primary_key=True),
)
"""Labels whose rows are in the lake."""

CONTENTS = Table(
    "contents",
    METADATA,
    Column("content", String(64), primary_key=True),
    Column("item_id", String(128), nullable=False, index=True),
)
"""SHA-256 of the videos that gave tracklets: each content belongs to the item that was first."""

SIGHTS = Table(
    "sights",
    METADATA,
    Column("item_id", String(128), primary_key=True),
    Column("prints", LargeBinary, nullable=False),
)
"""Fingerprints of sampled pictures of those videos, 8 bytes each."""

SIGHT_BANDS = Table(
    "sight_bands",
    METADATA,
    Column("band", BigInteger, primary_key=True, autoincrement=False),
    Column("item_id", String(128), primary_key=True, index=True),
)
"""Parts of those fingerprints, by which pictures that look alike are found without looking at all of them."""

HOSTS = Table(
    "hosts",
    METADATA,
    Column("host", String(255), primary_key=True),
    Column("interval_s", Float, nullable=False),
    Column("per_day", Integer),
    Column("next_at", Float, nullable=False),
    Column("day", Integer, nullable=False),
    Column("spent", Integer, nullable=False),
    Column("banned_until", Float, nullable=False),
)

COMMITS = Table(
    "commits",
    METADATA,
    Column("commit_id", String(64), primary_key=True),
    Column("worker", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("opened_at", Float, nullable=False),
)

ADDITIONS = Table("additions", METADATA, Column("commit_id", String(64), primary_key=True))
"""Commits that add rows to items that are done already; whatever becomes of them, their items stay as they are."""

TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at", Float, nullable=False),
)

ERASURES = Table(
    "erasures",
    METADATA,
    Column("mark", String(64), primary_key=True),
    Column("names", Text, nullable=False),
)
"""Erasures under way: what the source was known by, so that one that is cut short still finds everything."""

SECRETS = Table("secrets", METADATA, Column("name", String(32), primary_key=True), Column("value", String(128)))
"""The key of the tombstones, what the ledger has learnt from the lake, and the last turn of each duty."""

BY_ITEM = (LABELS, WANTED, CONTENTS, SIGHTS, SIGHT_BANDS)
"""Tables of what is known of items beside their own row: erase takes the item's rows out of each."""
