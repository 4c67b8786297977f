-- Holes and false alarms that were found, in their shortest form.  What takes a
-- second connection, C code or another protocol is in t/012 and following.
CREATE TABLE victim (i int);
CREATE SEQUENCE victim_seq;
INSERT INTO victim SELECT generate_series(1, 10);

-- A temporary table whose first write in the transaction fails, inside a block with
-- a handler or a savepoint: the row that was written before the error counts for
-- nothing, and what follows is not refused.
CREATE TEMP TABLE mine (i int PRIMARY KEY);
INSERT INTO mine VALUES (100);
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
\set VERBOSITY sqlstate
DO $$ BEGIN
	BEGIN
		INSERT INTO mine VALUES (100);
	EXCEPTION WHEN unique_violation THEN NULL;
	END;
END $$;
DO $$ BEGIN
	FOR n IN 98 .. 102 LOOP
		BEGIN
			INSERT INTO mine VALUES (n), (n + 1);
		EXCEPTION WHEN unique_violation THEN
			UPDATE mine SET i = -n WHERE i = n;
		END;
	END LOOP;
END $$;
BEGIN;
SAVEPOINT a;
INSERT INTO mine VALUES (1), (100), (1);
ROLLBACK TO a;
SELECT 1;
INSERT INTO mine VALUES (2);
COMMIT;
BEGIN;
SAVEPOINT a;
COPY mine FROM STDIN;
3
3
\.
ROLLBACK TO a;
SELECT 2;
COMMIT;
SELECT * FROM mine ORDER BY i;
-- the same with another table is refused
DO $$ BEGIN
	BEGIN
		INSERT INTO victim VALUES (100);
	EXCEPTION WHEN unique_violation THEN NULL;
	END;
END $$;

-- The lock inside a savepoint, whose end would bring back what was before.
\c -
BEGIN;
SAVEPOINT a;
LOAD 'pg_session_readonly';
ROLLBACK TO a;
DO $$ BEGIN LOAD 'pg_session_readonly'; SET pg_session_readonly.mode = locked; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
ROLLBACK TO a;
RELEASE a;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SAVEPOINT a;
DECLARE c CURSOR WITH HOLD FOR SELECT setval('victim_seq', 4711);
RELEASE a;
COMMIT;
\c -
SELECT last_value, is_called FROM victim_seq;

-- An allowed command, and errors beside it.
SET pg_session_readonly.denied_commands = 'default, -ANALYZE';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
BEGIN;
ANALYZE victim;
SAVEPOINT a;
SELECT 1 / 0;
ROLLBACK TO a;
SELECT 1;
COMMIT;
DO $$ BEGIN
	ANALYZE victim;
	BEGIN
		PERFORM 1 / 0;
	EXCEPTION WHEN division_by_zero THEN NULL;
	END;
	PERFORM 1;
END $$;
\set ON_ERROR_ROLLBACK on
BEGIN;
ANALYZE victim;
SELECT 1 / 0;
SELECT 1;
COMMIT;
\set ON_ERROR_ROLLBACK off
SELECT count(*) FROM pg_stats WHERE tablename = 'victim';

-- Switched off, the session has its settings back.
\c -
SET track_counts = off;
SET pg_session_readonly.denied_functions = 'now';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SELECT name, setting, reset_val, source FROM pg_settings
	WHERE name IN ('track_counts', 'default_transaction_read_only') OR name LIKE 'pg\_session\_readonly.%s'
	ORDER BY name COLLATE "C";
RESET track_counts;
SHOW track_counts;
RESET pg_session_readonly.denied_functions;
SHOW pg_session_readonly.denied_functions;

DROP TABLE victim;
DROP SEQUENCE victim_seq;

-- Core creates the temporary schema where somebody only looks at the schema to
-- create in.  The write guard refuses it as the statement ends, wherever it was asked,
-- in what somebody has stored too.
-- A database in which there has been none yet.
\set home :DBNAME
CREATE DATABASE regress_readonly_no_temp TEMPLATE template0;
\c regress_readonly_no_temp
CREATE VIEW looks AS SELECT CURRENT_SCHEMA AS schema;
CREATE FUNCTION looks() RETURNS name LANGUAGE sql AS 'SELECT CURRENT_SCHEMA';
\c -
\set VERBOSITY terse
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SET search_path = pg_temp, public;
SELECT current_schema();
SELECT current_schemas(true);
SELECT CURRENT_SCHEMA;
SELECT 1 WHERE EXISTS (SELECT FROM pg_class WHERE relname = CURRENT_SCHEMA);
DO $$ DECLARE x name; BEGIN x := CURRENT_SCHEMA; END $$;
-- (SET CONSTRAINTS by itself fails an assertion of core's, from 18 on, in any session)
DO $$ BEGIN SET CONSTRAINTS no_constraint DEFERRED; EXCEPTION WHEN undefined_object THEN NULL; END $$;
SELECT * FROM (SELECT CURRENT_SCHEMA OFFSET 0) s;
WITH c AS MATERIALIZED (SELECT CURRENT_SCHEMA) SELECT * FROM c;
SELECT * FROM public.looks;
SELECT public.looks();
SET search_path = no_schema, "pg_temp";
SELECT current_schema();
SELECT set_config('search_path', 'PG_Temp', false);
SELECT current_schema();
SELECT count(*) FROM pg_namespace WHERE oid = pg_my_temp_schema();
-- ... and what creates nothing runs there
SELECT CURRENT_USER = SESSION_USER AS current_user;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
ROLLBACK;
-- ... or what would be created there, if EXPLAIN did
EXPLAIN (COSTS OFF) CREATE TABLE explained AS SELECT 1;
EXPLAIN (COSTS OFF) SELECT 1 INTO explained;
EXPLAIN (COSTS OFF) CREATE MATERIALIZED VIEW explained AS SELECT 1;
RESET search_path;
EXPLAIN (COSTS OFF) CREATE TEMP TABLE explained AS SELECT 1;
EXPLAIN (COSTS OFF) SELECT 1 INTO TEMP explained;
EXPLAIN (COSTS OFF) CREATE TABLE pg_temp.explained AS SELECT 1;
PREPARE explained AS SELECT 1;
EXPLAIN (COSTS OFF) CREATE TEMP TABLE explained AS EXECUTE explained;
DO $$ BEGIN EXECUTE 'EXPLAIN CREATE TEMP TABLE explained AS SELECT 1'; END $$;
SELECT count(*) FROM pg_namespace WHERE oid = pg_my_temp_schema();
-- no false alarms
EXPLAIN (COSTS OFF) CREATE TABLE explained AS SELECT 1;
EXPLAIN (COSTS OFF) CREATE TABLE public.explained AS SELECT 1;
EXPLAIN (COSTS OFF) EXECUTE explained;
SELECT count(*) FROM pg_class WHERE relname = 'pg_class';
SELECT CURRENT_USER = SESSION_USER AS current_user;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
ROLLBACK;
SET search_path = public, pg_temp;
SELECT current_schema(), CURRENT_SCHEMA, current_schemas(false);
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
ROLLBACK;
RESET search_path;
SELECT current_schema(), CURRENT_SCHEMA;
-- schemas that the role may use come first, and others do not
\c -
CREATE ROLE regress_readonly_schemas;
CREATE SCHEMA regress_readonly_schemas AUTHORIZATION regress_readonly_schemas;
CREATE SCHEMA no_business;
SET search_path = no_business, pg_temp;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SELECT current_schema();
SET ROLE regress_readonly_schemas;
SELECT current_schema();
SELECT set_config('search_path', '"$user", pg_temp', false);
SELECT current_schema();
\c -
DROP SCHEMA regress_readonly_schemas, no_business;
DROP ROLE regress_readonly_schemas;
-- nothing of all this has left a schema behind
SELECT count(*) FROM pg_namespace WHERE nspname ~ '^pg_temp';
CREATE TEMP TABLE makes_the_schema (i int);
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SET search_path = pg_temp, public;
SELECT current_schema() ~ '^pg_temp', CURRENT_SCHEMA ~ '^pg_temp';
EXPLAIN (COSTS OFF) CREATE TEMP TABLE explained AS SELECT 1;
EXPLAIN (COSTS OFF) CREATE TABLE explained AS SELECT 1;
\c :home
DROP DATABASE regress_readonly_no_temp;
