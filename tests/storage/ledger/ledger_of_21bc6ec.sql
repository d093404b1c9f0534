BEGIN TRANSACTION;
CREATE TABLE commits (
	commit_id VARCHAR(64) NOT NULL, 
	worker VARCHAR(128) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	opened_at FLOAT NOT NULL, 
	PRIMARY KEY (commit_id)
);
INSERT INTO "commits" VALUES('c1','w','done',1.79608063712236785893e+09);
CREATE TABLE erasures (
	mark VARCHAR(64) NOT NULL, 
	names TEXT NOT NULL, 
	PRIMARY KEY (mark)
);
CREATE TABLE events (
	event_id INTEGER NOT NULL, 
	item_id VARCHAR(128) NOT NULL, 
	at FLOAT NOT NULL, 
	was VARCHAR(16), 
	state VARCHAR(16) NOT NULL, 
	reason VARCHAR(128), 
	error_class VARCHAR(128), 
	worker VARCHAR(128), 
	attempt INTEGER NOT NULL, 
	PRIMARY KEY (event_id)
);
INSERT INTO "events" VALUES(1,'one',1.79608063708240938186e+09,NULL,'pending',NULL,NULL,NULL,0);
INSERT INTO "events" VALUES(2,'two',1.79608063708369398115e+09,NULL,'pending',NULL,NULL,NULL,0);
INSERT INTO "events" VALUES(3,'one',1.79608063711599230767e+09,'pending','pending','claimed',NULL,'w',1);
INSERT INTO "events" VALUES(4,'one',1.79608063714030313489e+09,'pending','done',NULL,NULL,'w',1);
CREATE TABLE hosts (
	host VARCHAR(255) NOT NULL, 
	interval_s FLOAT NOT NULL, 
	per_day INTEGER, 
	next_at FLOAT NOT NULL, 
	day INTEGER NOT NULL, 
	spent INTEGER NOT NULL, 
	banned_until FLOAT NOT NULL, 
	PRIMARY KEY (host)
);
CREATE TABLE items (
	item_id VARCHAR(128) NOT NULL, 
	url TEXT, 
	host VARCHAR(255) NOT NULL, 
	uploader TEXT, 
	request TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason VARCHAR(128), 
	error_class VARCHAR(128), 
	attempts INTEGER NOT NULL, 
	due_at FLOAT, 
	worker VARCHAR(128), 
	lease_until FLOAT, 
	commit_id VARCHAR(64), 
	recipe VARCHAR(128) NOT NULL, 
	label_key VARCHAR(128), 
	evidence TEXT, 
	tracklets INTEGER NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY (item_id)
);
INSERT INTO "items" VALUES('one','https://films.test/1.mp4','films.test',NULL,'{}','done',NULL,NULL,1,NULL,NULL,NULL,NULL,'r1','k1',NULL,2,1.79608063713979864122e+09);
INSERT INTO "items" VALUES('two','https://films.test/2.mp4','films.test',NULL,'{}','pending',NULL,NULL,0,NULL,NULL,NULL,NULL,'r1',NULL,NULL,0,1.79608063708334708208e+09);
CREATE TABLE secrets (
	name VARCHAR(32) NOT NULL, 
	value VARCHAR(128), 
	PRIMARY KEY (name)
);
INSERT INTO "secrets" VALUES('tombstone_key','7bd88f27db3a8ecb8d6ea81134d023d68e81175e415e2911e71154324ba0f1d2');
CREATE TABLE tombstones (
	hash VARCHAR(64) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (hash)
);
INSERT INTO "tombstones" VALUES('240653d640126fca0f1acb728ef82189e704b0f5d5ab2b7459201b519b35544d','source',1.79608063715483808522e+09);
CREATE INDEX items_by_state ON items (state, due_at);
CREATE INDEX ix_events_item_id ON events (item_id);
COMMIT;
