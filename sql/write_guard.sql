-- Temporary tables may be written, as in core's read-only transactions; nothing
-- else may take a transaction id.  What C code does behind core's back is in
-- t/002_write_guard.pl.
CREATE TABLE victim (i int);
CREATE EXTENSION postgres_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE remote (i int) SERVER regress_server;
CREATE TEMP TABLE mine (i int PRIMARY KEY);
CREATE TEMP TABLE audited (i int);
CREATE TEMP TABLE dropped_on_commit (i int) ON COMMIT DELETE ROWS;
CREATE FOREIGN TABLE pg_temp.elsewhere (i int) SERVER regress_server;
CREATE TEMP TABLE ancestor (i int);
CREATE FOREIGN TABLE pg_temp.descendant () INHERITS (ancestor) SERVER regress_server;
CREATE TEMP TABLE parted (i int) PARTITION BY RANGE (i);
CREATE TEMP TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE FOREIGN TABLE pg_temp.part2 PARTITION OF parted FOR VALUES FROM (10) TO (20)
	SERVER regress_server;
CREATE TEMP TABLE parent (i int);
CREATE TEMP VIEW mine_view AS SELECT * FROM mine;
CREATE TEMP VIEW victim_view AS SELECT * FROM victim;
CREATE TEMP VIEW trigger_view AS SELECT 1 AS i;
CREATE FUNCTION pg_temp.audit() RETURNS trigger LANGUAGE plpgsql
	AS $$ BEGIN INSERT INTO audited VALUES (NEW.i); RETURN NEW; END $$;
CREATE TRIGGER audit AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION pg_temp.audit();
CREATE TEMP VIEW forwarding_view AS SELECT 1 AS i;
CREATE FUNCTION pg_temp.forward() RETURNS trigger LANGUAGE plpgsql
	AS $$ BEGIN INSERT INTO parent VALUES (NEW.i); RETURN NEW; END $$;
CREATE TRIGGER forward INSTEAD OF INSERT ON forwarding_view FOR EACH ROW EXECUTE FUNCTION pg_temp.forward();
CREATE FUNCTION pg_temp.steal() RETURNS trigger LANGUAGE plpgsql
	AS $$ BEGIN INSERT INTO victim VALUES (NEW.i); RETURN NEW; END $$;
CREATE TRIGGER steal INSTEAD OF INSERT ON trigger_view FOR EACH ROW EXECUTE FUNCTION pg_temp.steal();

LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;

-- temporary tables made before the lock
INSERT INTO mine VALUES (1);
BEGIN;
INSERT INTO mine VALUES (2), (3);
UPDATE mine SET i = 4 WHERE i = 2;
SAVEPOINT a;
DELETE FROM mine;
ROLLBACK TO a;
WITH new AS (INSERT INTO mine VALUES (5) RETURNING i) SELECT * FROM new;
SELECT * FROM mine ORDER BY i FOR UPDATE;
DECLARE c CURSOR FOR SELECT * FROM mine ORDER BY i FOR UPDATE;
FETCH 2 FROM c;
COMMIT;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM mine ORDER BY i FOR UPDATE;
FETCH 1 FROM c;
SELECT count(*) FROM mine;
FETCH 1 FROM c;
UPDATE mine SET i = 40 WHERE CURRENT OF c;
COMMIT;
\copy mine FROM PROGRAM 'echo 6'
DO $$ DECLARE line text; BEGIN
	EXECUTE 'EXPLAIN ANALYZE INSERT INTO mine VALUES (12)' INTO line;
END $$;
MERGE INTO mine USING (VALUES (7)) AS new (i) ON mine.i = new.i WHEN NOT MATCHED THEN INSERT VALUES (new.i);
INSERT INTO mine_view VALUES (8);
DO $$ BEGIN
	INSERT INTO mine VALUES (9);
	COMMIT;
	INSERT INTO mine VALUES (10);
	BEGIN
		INSERT INTO mine VALUES (10);
	EXCEPTION WHEN unique_violation THEN
		INSERT INTO mine VALUES (11);
	END;
END $$;
WITH new AS (INSERT INTO mine VALUES (13) RETURNING i) SELECT * FROM new;
INSERT INTO parent SELECT count(*) FROM victim;
BEGIN;
INSERT INTO dropped_on_commit VALUES (1);
COMMIT;
SELECT count(*) FROM dropped_on_commit;
INSERT INTO part1 VALUES (1);
INSERT INTO parent VALUES (1);
SELECT i FROM mine ORDER BY i;
SELECT i FROM audited ORDER BY i;

-- nothing else, also behind a temporary view
INSERT INTO victim VALUES (1);
INSERT INTO victim_view VALUES (1);
\set SHOW_CONTEXT never
INSERT INTO trigger_view VALUES (1);
\set SHOW_CONTEXT errors
SELECT * FROM victim FOR UPDATE;
CREATE TEMP TABLE another (i int);
DROP TABLE mine;
TRUNCATE mine;
WITH new AS (INSERT INTO victim VALUES (1) RETURNING i) INSERT INTO mine SELECT i FROM new;

-- a foreign table
INSERT INTO remote VALUES (1);
UPDATE remote SET i = 2;
DELETE FROM remote;
TRUNCATE remote;
\copy remote FROM '/dev/null'
EXPLAIN ANALYZE INSERT INTO remote VALUES (1);
IMPORT FOREIGN SCHEMA public FROM SERVER regress_server INTO public;
-- a foreign table in the temporary schema is not temporary storage
INSERT INTO elsewhere VALUES (1);
UPDATE elsewhere SET i = 2;
DELETE FROM elsewhere;
\copy elsewhere FROM '/dev/null'
INSERT INTO parted VALUES (11);
INSERT INTO parted VALUES (1);
UPDATE parted SET i = 12;
\copy parted FROM '/dev/null'
UPDATE ancestor SET i = 2;
EXPLAIN ANALYZE INSERT INTO elsewhere VALUES (1);
-- but its parent is, for what is inserted
INSERT INTO ancestor VALUES (1);
\copy ancestor FROM '/dev/null'

-- txid_current() takes an id and writes nothing; drivers send it
SELECT txid_current() > 0;
SELECT pg_current_xact_id() IS NOT NULL;
BEGIN;
SELECT txid_current() = txid_current();
INSERT INTO mine VALUES (20);
SELECT txid_current() > 0;
INSERT INTO victim VALUES (1);
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT txid_current() > 0;
FETCH 1 FROM c;
COMMIT;
DO $$ DECLARE x bigint; BEGIN x := txid_current(); COMMIT; x := txid_current(); END $$;
EXPLAIN (COSTS off) SELECT txid_current();

-- an id taken while a cursor that locks temporary rows has been opened
DO $$ DECLARE c CURSOR FOR SELECT * FROM parent FOR UPDATE; x xid8;
BEGIN
	OPEN c;
	x := pg_current_xact_id();
	CLOSE c;
	PERFORM 1;
END $$;
-- COPY into a temporary view: its trigger writes, or does not
BEGIN;
SELECT txid_current() > 0;
\copy forwarding_view FROM PROGRAM 'echo 30'
COMMIT;
SELECT i FROM parent ORDER BY i;

-- EXPLAIN of a write is a read, before and after a temporary write
EXPLAIN (COSTS off) INSERT INTO victim VALUES (1);
BEGIN;
INSERT INTO mine VALUES (21);
EXPLAIN (COSTS off) INSERT INTO victim VALUES (1);
EXPLAIN (COSTS off) DELETE FROM mine WHERE i = 99;
EXPLAIN (COSTS off) INSERT INTO victim VALUES (1);
INSERT INTO mine VALUES (22);
COMMIT;
BEGIN;
EXPLAIN (COSTS off) INSERT INTO victim VALUES (1);
SELECT txid_current() > 0;
COMMIT;

-- the end of a session that owns temporary tables
DISCARD TEMP;
SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema();
\c -
CREATE TEMP TABLE mine AS SELECT 1 AS i;
CREATE TABLE owner AS SELECT pg_my_temp_schema() AS nsp, pg_backend_pid() AS pid;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
DISCARD ALL;
SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT nsp FROM owner);
\c -
CREATE TEMP TABLE mine AS SELECT 1 AS i;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
BEGIN;
INSERT INTO mine VALUES (2);
SAVEPOINT a;
DISCARD TEMP;
RELEASE a;
SELECT 'rows of a table that is gone';
COMMIT;
\c -
CREATE TEMP TABLE mine AS SELECT 1 AS i;
UPDATE owner SET nsp = pg_my_temp_schema(), pid = pg_backend_pid();
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
INSERT INTO mine VALUES (2);
\c -
-- that session ends on its own time
DO $$ BEGIN
	WHILE EXISTS (SELECT FROM pg_stat_activity JOIN owner USING (pid)) LOOP
		PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
	END LOOP;
END $$;
SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT nsp FROM owner);
SELECT * FROM victim;
DROP TABLE victim, owner;
DROP EXTENSION postgres_fdw CASCADE;
