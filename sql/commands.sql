-- Commands that core lets through in a read-only transaction.
CREATE TABLE victim (i int PRIMARY KEY);
INSERT INTO victim SELECT generate_series(1, 10);
CREATE TABLE witness AS
	SELECT oid::regclass::text AS rel, relfilenode, reltuples
	FROM pg_class WHERE oid IN ('victim'::regclass, 'victim_pkey'::regclass);
CREATE PROCEDURE run(command text) LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; END $$;
CREATE FUNCTION runs(command text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; END $$;

LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;

ALTER SYSTEM SET work_mem = '5MB';
ALTER SYSTEM RESET ALL;
ANALYZE;
ANALYZE victim;
CHECKPOINT;
CLUSTER;
CLUSTER victim USING victim_pkey;
COMMIT PREPARED 'somebody';
ROLLBACK PREPARED 'somebody';
BEGIN;
PREPARE TRANSACTION 'mine';
ROLLBACK;
LOAD 'auto_explain';
NOTIFY somebody;
REINDEX TABLE victim;
REINDEX TABLE CONCURRENTLY victim;
VACUUM;
VACUUM (FULL) victim;
VACUUM (ANALYZE) victim;

-- COPY: the client's end only
COPY victim TO '/nonexistent/file';
COPY (SELECT 1) TO PROGRAM 'true';
COPY victim TO PROGRAM 'true';
COPY victim FROM '/nonexistent/file';
COPY victim FROM PROGRAM 'true';
\copy victim FROM '/dev/null'
COPY (SELECT count(*) FROM victim) TO STDOUT;
COPY (DELETE FROM victim RETURNING i) TO STDOUT;

-- LOCK: ACCESS SHARE only
BEGIN;
LOCK TABLE victim IN ACCESS SHARE MODE;
SAVEPOINT a;
LOCK TABLE victim IN ROW SHARE MODE;
ROLLBACK TO a;
LOCK TABLE victim;
ROLLBACK;

-- EXPLAIN ANALYZE of whatever creates a relation, which core does not look at
EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1;
EXPLAIN (ANALYZE) CREATE TABLE IF NOT EXISTS stolen AS SELECT 1;
EXPLAIN (ANALYZE) CREATE TABLE stolen AS SELECT 1 WITH NO DATA;
EXPLAIN ANALYZE CREATE TEMP TABLE stolen AS SELECT 1;
EXPLAIN ANALYZE SELECT 1 AS a INTO stolen;
EXPLAIN ANALYZE CREATE MATERIALIZED VIEW stolen AS SELECT 1 AS a;
PREPARE q AS SELECT 1 AS a;
EXPLAIN ANALYZE CREATE TABLE stolen AS EXECUTE q;
EXPLAIN (ANALYZE off, ANALYZE) CREATE TABLE stolen AS SELECT 1;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, ANALYZE off) CREATE TABLE stolen AS SELECT 1;
EXPLAIN (COSTS off) CREATE TABLE stolen AS SELECT 1;
EXPLAIN ANALYZE INSERT INTO victim VALUES (11);
EXPLAIN (COSTS off) INSERT INTO victim VALUES (11);

-- The same inside functions, DO and procedures
DO $$ BEGIN EXECUTE 'ANALYZE victim'; END $$;
DO $$ BEGIN ANALYZE victim; END $$;
CALL run('REINDEX TABLE victim');
SELECT runs('EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1');
SELECT runs('LOCK TABLE victim');
DO $$ BEGIN COMMIT; EXECUTE 'COPY victim TO PROGRAM ''true'''; END $$;
DO $$ BEGIN EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1; END $$;

-- One look for all refusals
\set VERBOSITY sqlstate
VACUUM;
EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1;
SET pg_session_readonly.mode = off;
\set VERBOSITY default

-- A setting that is locked is locked
SET pg_session_readonly.denied_commands = '';
SET LOCAL pg_session_readonly.denied_commands = '';
SELECT set_config('pg_session_readonly.denied_commands', '', false);
RESET pg_session_readonly.denied_commands;
SHOW pg_session_readonly.denied_commands;

-- The list: names are case-insensitive, "default" is the built-in list, a
-- leading "-" takes one out.
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SET pg_session_readonly.denied_commands = ' Default , -analyze,Listen ';
SET pg_session_readonly.denied_commands = 'copy file', 'COPY PROGRAM', '- vacuum';
SHOW pg_session_readonly.denied_commands;
SET pg_session_readonly.denied_commands = '   ';
SET pg_session_readonly.denied_commands = 'Copy File, Copy Program';
SET pg_session_readonly.denied_commands = '';
-- one that only a newer server has
SET pg_session_readonly.denied_commands = 'default, -repack';
SET pg_session_readonly.denied_commands = '';
-- bad items are named, and nothing changes
SET pg_session_readonly.denied_commands = 'default, VACUMM';
SET pg_session_readonly.denied_commands = 'default,, ANALYZE';
SET pg_session_readonly.denied_commands = 'default,';
SET pg_session_readonly.denied_commands = '-';
SET pg_session_readonly.denied_commands = '-default';
SET pg_session_readonly.denied_commands = 'SELECT';
SET pg_session_readonly.denied_commands = 'INSERT';
SET pg_session_readonly.denied_commands = 'ALTER CAST';
SET pg_session_readonly.denied_commands = 'COMMIT';
SET pg_session_readonly.denied_commands = 'default, -ROLLBACK';
SET pg_session_readonly.denied_commands = 'SAVEPOINT';
SET pg_session_readonly.denied_commands = 'savepoint';
SET pg_session_readonly.denied_commands = 'VACUMM, ANALYZE';
SET pg_session_readonly.denied_commands = '???';
SHOW pg_session_readonly.denied_commands;

-- Only a superuser changes it while the mode is on, and no reset or rollback
-- gives an ordinary user an older list.
CREATE ROLE regress_readonly_user;
SET pg_session_readonly.denied_commands = 'default, LISTEN';
BEGIN;
SET pg_session_readonly.denied_commands = 'default, LISTEN, SHOW';
SET pg_session_readonly.mode = on;
ROLLBACK;
SHOW pg_session_readonly.denied_commands;
SET pg_session_readonly.denied_commands = 'default, LISTEN, UNLISTEN';
SET SESSION AUTHORIZATION regress_readonly_user;
SET pg_session_readonly.denied_commands = '';
RESET pg_session_readonly.denied_commands;
RESET ALL;
LISTEN somebody;
UNLISTEN somebody;
RESET SESSION AUTHORIZATION;
RESET pg_session_readonly.denied_commands;
LISTEN somebody;
SET pg_session_readonly.mode = off;
SET SESSION AUTHORIZATION regress_readonly_user;
SET pg_session_readonly.denied_commands = 'default';
RESET SESSION AUTHORIZATION;
DROP ROLE regress_readonly_user;

-- An added command is refused.
\c -
SET pg_session_readonly.denied_commands = 'default, LISTEN, DO, EXPLAIN, COPY, DISCARD ALL';
LOAD 'pg_session_readonly';
LISTEN somebody;
DO $$ BEGIN END $$;
EXPLAIN SELECT 1;
COPY (SELECT 1) TO STDOUT;
DISCARD ALL;

-- What stands before "default" counts, and what is taken out is one.
\c -
SET pg_session_readonly.denied_commands = 'LISTEN, default, -ANALYZE';
LOAD 'pg_session_readonly';
LISTEN somebody;
VACUUM victim;
REINDEX TABLE victim;
-- COPY where the server reads or writes, in any case of letters
\c -
SET pg_session_readonly.denied_commands = 'Copy File, copy program';
LOAD 'pg_session_readonly';
COPY (SELECT 1) TO STDOUT;
COPY (SELECT 1) TO PROGRAM 'true';
COPY (SELECT 1) TO '/nonexistent/file';
-- COPY as a whole
\c -
SET pg_session_readonly.denied_commands = 'COPY';
LOAD 'pg_session_readonly';
COPY (SELECT 1) TO STDOUT;
COPY (SELECT 1) TO PROGRAM 'true';
COPY (SELECT 1) TO '/nonexistent/file';

-- An allowed one works, and is not caught by the write guard.
\c -
SELECT relfilenode = (SELECT relfilenode FROM witness WHERE rel = oid::regclass::text) AS same_file,
	reltuples = (SELECT reltuples FROM witness WHERE rel = oid::regclass::text) AS same_statistics
FROM pg_class WHERE oid IN ('victim'::regclass, 'victim_pkey'::regclass);
SET pg_session_readonly.denied_commands = 'default, -ANALYZE, -REINDEX, -LOCK TABLE, -NOTIFY, -VACUUM, -COPY PROGRAM, -CHECKPOINT, -CLUSTER, -LOAD';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
ANALYZE victim;
BEGIN;
ANALYZE victim;
COMMIT;
REINDEX TABLE victim;
REINDEX TABLE CONCURRENTLY victim;
VACUUM victim;
VACUUM (FULL, ANALYZE) victim;
CLUSTER victim USING victim_pkey;
BEGIN;
LOCK TABLE victim;
COMMIT;
NOTIFY somebody;
CHECKPOINT;
COPY (SELECT 1) TO PROGRAM 'cat > /dev/null';
LOAD 'auto_explain';
DO $$ BEGIN EXECUTE 'ANALYZE victim'; END $$;
COPY (SELECT 1) TO '/nonexistent/file';
-- its leave is its own
BEGIN;
ANALYZE victim;
INSERT INTO victim VALUES (11);
ROLLBACK;
\c -
SELECT relfilenode = (SELECT relfilenode FROM witness WHERE rel = oid::regclass::text) AS same_file
FROM pg_class WHERE oid IN ('victim'::regclass, 'victim_pkey'::regclass);
SELECT count(*) FROM victim;
SELECT count(*) FROM pg_class WHERE relname = 'stolen';
DROP PROCEDURE run(text);
DROP FUNCTION runs(text);
DROP TABLE victim, witness;
