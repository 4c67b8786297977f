-- Functions with an effect that core does not look at, by every way in which a
-- function can run.  pg_try_advisory_xact_lock() stands for them: it can stop
-- another session, and its aliases below fit everywhere.
CREATE EXTENSION pg_session_readonly;
CREATE SCHEMA f;
SET search_path = f, public;
CREATE TABLE t (i bigint PRIMARY KEY);
INSERT INTO t VALUES (1), (2);
CREATE FUNCTION try_lock(bigint) RETURNS boolean LANGUAGE internal VOLATILE STRICT
	AS 'pg_try_advisory_xact_lock_int8';
CREATE FUNCTION stable_lock(bigint) RETURNS boolean LANGUAGE internal STABLE STRICT
	AS 'pg_try_advisory_xact_lock_int8';
CREATE FUNCTION immutable_lock(bigint) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE
	AS 'pg_try_advisory_xact_lock_int8';
CREATE FUNCTION in_sql(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT f.try_lock($1)';
CREATE FUNCTION in_sql_not_inlined(bigint) RETURNS boolean LANGUAGE sql SET work_mem = '4MB'
	AS 'SELECT f.try_lock($1)';
CREATE FUNCTION in_plpgsql(bigint) RETURNS boolean LANGUAGE plpgsql
	AS 'BEGIN RETURN f.try_lock($1); END';
CREATE FUNCTION in_immutable_plpgsql(bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
	AS 'BEGIN RETURN f.try_lock($1); END';
CREATE FUNCTION in_execute(bigint) RETURNS boolean LANGUAGE plpgsql
	AS 'DECLARE r boolean; BEGIN EXECUTE ''SELECT f.try_lock($1)'' INTO r USING $1; RETURN r; END';
CREATE FUNCTION returns_rows(bigint) RETURNS SETOF boolean LANGUAGE sql AS 'SELECT f.try_lock($1)';
CREATE PROCEDURE in_procedure(bigint) LANGUAGE sql AS 'SELECT f.try_lock($1)';
CREATE OPERATOR <!> (RIGHTARG = bigint, FUNCTION = try_lock);
CREATE CAST (bigint AS boolean) WITH FUNCTION try_lock(bigint);
CREATE AGGREGATE lock_sum(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0', FINALFUNC = try_lock);
CREATE FUNCTION step(bigint, bigint) RETURNS bigint LANGUAGE sql
	AS 'SELECT CASE WHEN f.try_lock($2) THEN $1 ELSE $2 END';
CREATE AGGREGATE step_sum(bigint) (SFUNC = step, STYPE = bigint, INITCOND = '0');
CREATE DOMAIN checked AS bigint CHECK (f.try_lock(VALUE));
CREATE VIEW v AS SELECT f.try_lock(i) FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT i FROM t;
CREATE TABLE secured (i bigint);
INSERT INTO secured VALUES (1);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON secured USING (f.try_lock(i));
CREATE ROLE regress_readonly_user;
GRANT USAGE ON SCHEMA f TO regress_readonly_user;
GRANT SELECT ON secured TO regress_readonly_user;
-- temporary tables may be written, and what hangs on them may not run
CREATE TEMP TABLE defaulted (i bigint, b boolean DEFAULT f.try_lock(1));
CREATE TEMP TABLE generated (i bigint, b boolean GENERATED ALWAYS AS (f.immutable_lock(i)) STORED);
CREATE TEMP TABLE constrained (i bigint CHECK (f.try_lock(i)));
CREATE TEMP TABLE indexed (i bigint);
CREATE INDEX ON indexed (f.immutable_lock(i));
CREATE TEMP TABLE triggered (i bigint);
CREATE FUNCTION trigger_function() RETURNS trigger LANGUAGE plpgsql
	AS 'BEGIN PERFORM f.try_lock(1); RETURN NEW; END';
CREATE TRIGGER tr BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION trigger_function();
CREATE TEMP TABLE conditional (i bigint);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE INSERT ON conditional FOR EACH ROW WHEN (f.try_lock(NEW.i)) EXECUTE FUNCTION nothing();
CREATE TEMP TABLE deferred (i bigint);
CREATE CONSTRAINT TRIGGER tr AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION trigger_function();
CREATE TEMP VIEW tv AS SELECT 1::bigint AS i;
CREATE TRIGGER tr INSTEAD OF INSERT ON tv FOR EACH ROW EXECUTE FUNCTION trigger_function();
CREATE TEMP TABLE ruled (i bigint);
CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT f.try_lock(1);
-- names that begin alike
CREATE FUNCTION try_lock2(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION try_lock_2(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION try_lock$2(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION "try_lock 2"(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- statements from before the lock
PREPARE before_lock AS SELECT try_lock(1);
PREPARE immutable_before_lock AS SELECT immutable_lock(1);

-- what would be refused, for a DBA to look at beforehand
SELECT function, reason, detail FROM pg_session_readonly_denied_functions()
	WHERE function::text LIKE 'f.%' OR function::text IN
		('try_lock(bigint)', 'stable_lock(bigint)', 'immutable_lock(bigint)')
	ORDER BY function::text COLLATE "C";
INSERT INTO t VALUES (3);

LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SET search_path = f, public;

-- a call in the statement's own text is pointed at
SELECT i, pg_terminate_backend(i::int) FROM t;
SELECT pg_reload_conf();
-- also where the verdict is known already
SELECT pg_reload_conf();
SELECT 1
	WHERE pg_try_advisory_xact_lock(1);
-- and not what only looks like it
SELECT try_lock2(1), try_lock_2(1), try_lock$2(1), "try_lock 2"(1), 1 AS try_lock, try_lock(1), try_lock(2);
SELECT TRY_LOCK(1);
SELECT "try_lock"(1);

\set VERBOSITY terse
\set SHOW_CONTEXT never
-- wherever it stands
SELECT try_lock(1);
SELECT stable_lock(1);
SELECT immutable_lock(1);
SELECT f.try_lock(i) FROM t;
SELECT * FROM t WHERE try_lock(i);
SELECT * FROM t ORDER BY try_lock(i);
SELECT count(*) FILTER (WHERE try_lock(i)) FROM t;
SELECT sum(i) OVER (ORDER BY try_lock(i)) FROM t;
SELECT * FROM t LIMIT CASE WHEN try_lock(1) THEN 1 END;
SELECT * FROM try_lock(1);
SELECT * FROM t, LATERAL try_lock(i);
SELECT * FROM ROWS FROM (try_lock(1), generate_series(1, 2));
SELECT (SELECT try_lock(i)) FROM t;
WITH c AS (SELECT try_lock(1)) SELECT * FROM c;
VALUES (try_lock(1));
SELECT CASE WHEN i = 1 THEN try_lock(i) END FROM t;
SELECT ARRAY[try_lock(1)];
SELECT DISTINCT ON (try_lock(i)) i FROM t;
SELECT i FROM t GROUP BY i HAVING try_lock(i);
SELECT * FROM t TABLESAMPLE system (CASE WHEN try_lock(1) THEN 1 END);
EXPLAIN SELECT try_lock(1);
PREPARE p AS SELECT try_lock(1);
DECLARE c CURSOR WITH HOLD FOR SELECT try_lock(1);
COPY (SELECT try_lock(1)) TO STDOUT;
CALL in_procedure(1);
-- operators, casts, aggregates, window functions
SELECT <!> 1::bigint;
SELECT 1::bigint::boolean;
SELECT lock_sum(i) FROM t;
SELECT step_sum(i) FROM t;
SELECT lock_sum(i) OVER () FROM t;
-- deeper
SELECT in_sql(1);
SELECT in_sql(i) FROM t;
SELECT in_sql_not_inlined(1);
SELECT in_plpgsql(1);
SELECT in_immutable_plpgsql(1);
EXPLAIN SELECT in_immutable_plpgsql(1);
SELECT in_execute(1);
SELECT * FROM returns_rows(1);
SELECT 1::checked;
SELECT '1'::checked;
SELECT CAST(i AS checked) FROM t;
SELECT * FROM v;
EXPLAIN SELECT * FROM v;
DO $$ DECLARE x boolean; BEGIN x := f.try_lock(1); END $$;
DO $$ DECLARE x boolean; BEGIN COMMIT; x := f.try_lock(1); END $$;
DO $$ BEGIN IF f.try_lock(1) THEN NULL; END IF; END $$;
DO $$ BEGIN PERFORM f.try_lock(1); END $$;
DO $$ DECLARE x f.checked; BEGIN x := 1; END $$;
DO $$ DECLARE x boolean; BEGIN
	BEGIN
		x := f.try_lock(1);
	EXCEPTION WHEN read_only_sql_transaction THEN
		RAISE NOTICE 'refused';
	END;
	x := f.stable_lock(1);
END $$;
SET ROLE regress_readonly_user;
SELECT * FROM secured;
RESET ROLE;
-- on temporary tables
INSERT INTO defaulted (i) VALUES (1);
\copy defaulted (i) FROM '/dev/null'
INSERT INTO generated (i) VALUES (1);
INSERT INTO constrained VALUES (1);
INSERT INTO indexed VALUES (1);
INSERT INTO triggered VALUES (1);
INSERT INTO conditional VALUES (1);
INSERT INTO deferred VALUES (1);
BEGIN;
INSERT INTO deferred VALUES (1);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
INSERT INTO tv VALUES (1);
INSERT INTO ruled VALUES (1);
INSERT INTO deferred SELECT i FROM t WHERE f.try_lock(i);
-- from before the lock
EXECUTE before_lock;
EXECUTE immutable_before_lock;
EXPLAIN EXECUTE before_lock;
-- SQL given as text
SELECT * FROM ts_stat('SELECT to_tsvector(f.try_lock(1)::text)');
SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, ''b''::tsquery WHERE f.try_lock(1)');

-- What plpgsql has set up before the lock, in the same transaction.
\set VERBOSITY default
\c -
SET search_path = f, public;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
\set VERBOSITY terse
\set SHOW_CONTEXT never
BEGIN;
SELECT in_plpgsql(1);
DO $$ DECLARE x f.checked; BEGIN x := 1; END $$;
SET pg_session_readonly.mode = locked;
SAVEPOINT a;
SELECT in_plpgsql(1);
ROLLBACK TO a;
DO $$ DECLARE x f.checked; BEGIN x := 1; END $$;
ROLLBACK;

-- a language that is not trusted
\set VERBOSITY default
\c -
SET search_path = f, public;
CREATE LANGUAGE regress_untrusted HANDLER plpgsql_call_handler
	INLINE plpgsql_inline_handler VALIDATOR plpgsql_validator;
CREATE FUNCTION untrusted() RETURNS int LANGUAGE regress_untrusted AS 'BEGIN RETURN 1; END';
CREATE PROCEDURE untrusted_procedure() LANGUAGE regress_untrusted AS 'BEGIN END';
CREATE VIEW untrusted_view AS SELECT untrusted();
SELECT function, reason FROM pg_session_readonly_denied_functions() WHERE function::text LIKE 'untrusted%'
	ORDER BY function::text COLLATE "C";
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SELECT untrusted();
\set VERBOSITY terse
\set SHOW_CONTEXT never
CALL untrusted_procedure();
SELECT * FROM untrusted_view;
DO LANGUAGE regress_untrusted 'BEGIN END';
DO $$ BEGIN PERFORM f.untrusted(); END $$;
DO $$ BEGIN EXECUTE 'DO LANGUAGE regress_untrusted ''BEGIN END'''; END $$;

-- The lists.  Denied comes first.
\set VERBOSITY default
\c -
SET search_path = f, public;
SET pg_session_readonly.allowed_functions =
	'f.try_lock, f.stable_lock, extension:xml2, language:regress_untrusted, f.denied_twice';
SET pg_session_readonly.denied_functions = 'g.immutable_lock, pg_sleep, denied_twice, F.In_SQL, "In_Execute"';
CREATE FUNCTION denied_twice() RETURNS int LANGUAGE sql AS 'SELECT 1';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
\set SHOW_CONTEXT never
SELECT try_lock(1), stable_lock(1), untrusted();
DO LANGUAGE regress_untrusted 'BEGIN END';
CALL untrusted_procedure();
SELECT pg_sleep(0);
-- g's is another one: this is refused for what it does
SELECT immutable_lock(1);
\set VERBOSITY terse
SELECT pg_try_advisory_xact_lock(1);
SELECT denied_twice();
SELECT in_sql(1);
SELECT in_execute(1);
SELECT count(*) FROM v;
\c -
SET search_path = f, public;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SET pg_session_readonly.denied_functions = 'extension:plpgsql, language:sql';
SET pg_session_readonly.mode = locked;
\set VERBOSITY terse
\set SHOW_CONTEXT never
SELECT in_sql(1);
DO $$ BEGIN END $$;
DO LANGUAGE sql 'SELECT 1';
-- a function's name is not a language's, and one of a schema is of that only
\c -
SET search_path = f, public;
SET pg_session_readonly.allowed_functions = 'f.regress_untrusted, public.try_lock';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
\set VERBOSITY terse
DO LANGUAGE regress_untrusted 'BEGIN END';
SELECT try_lock(1);
-- a list is what was set last
\c -
SET search_path = f, public;
SET pg_session_readonly.denied_functions = 'in_sql';
LOAD 'pg_session_readonly';
SELECT count(*) FROM t WHERE in_plpgsql(1);
SET pg_session_readonly.denied_functions = 'in_plpgsql';
SET pg_session_readonly.allowed_functions = 'F.Try_Lock, Language:regress_untrusted';
SET pg_session_readonly.mode = locked;
SELECT untrusted();
SELECT in_plpgsql(1);
SELECT in_sql(1);
-- also for a function of core that has been seen to read
\c -
LOAD 'pg_session_readonly';
SELECT upper(relname) FROM pg_class WHERE relname = 'pg_class';
SET pg_session_readonly.denied_functions = 'upper';
SELECT upper(relname) FROM pg_class WHERE relname = 'pg_class';
-- bad items are named, and nothing changes
\set VERBOSITY default
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SET pg_session_readonly.denied_functions = 'a, f(int)';
SET pg_session_readonly.denied_functions = 'a,, b';
SET pg_session_readonly.denied_functions = 'a.b.c';
SET pg_session_readonly.allowed_functions = 'extension:';
SET pg_session_readonly.allowed_functions = '"a';
SET pg_session_readonly.allowed_functions = 'package:x';
SET pg_session_readonly.allowed_functions = 'f.a, "B"';
SET pg_session_readonly.allowed_functions = 'unreviewed';
SHOW pg_session_readonly.denied_functions;
SET pg_session_readonly.denied_functions = 'language:a.b';
SET pg_session_readonly.denied_functions = '"f(int)", "a:b"';
SET pg_session_readonly.denied_functions = '  ';
SET pg_session_readonly.denied_functions = '"Odd ""name, here".b, language:plpgsql , a';
SHOW pg_session_readonly.denied_functions;
\c -
SET pg_session_readonly.allowed_functions = 'f(int)';
LOAD 'pg_session_readonly';
RESET pg_session_readonly.allowed_functions;
SET pg_session_readonly.denied_functions = 'f(int)';
LOAD 'pg_session_readonly';

-- What is allowed has leave of the write guard, for its own statement.
\c -
SET search_path = f, public;
CREATE FUNCTION make_origin(text) RETURNS oid LANGUAGE internal AS 'pg_replication_origin_create';
SET pg_session_readonly.allowed_functions = 'f.make_origin';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SELECT make_origin('regress_1') > 0;
BEGIN;
SELECT make_origin('regress_2') > 0;
SELECT 1;
COMMIT;
DO $$ BEGIN PERFORM f.make_origin('regress_3'); END $$;
DO $$ DECLARE x oid; BEGIN x := f.make_origin('regress_4'); COMMIT; x := f.make_origin('regress_5'); END $$;
PREPARE q AS SELECT make_origin('regress_6') > 0;
EXECUTE q;
BEGIN;
DECLARE c CURSOR FOR SELECT make_origin('regress_7') > 0;
SELECT 1;
FETCH c;
COMMIT;
SELECT pg_replication_origin_create('regress_8');
\c -
SELECT roname FROM pg_replication_origin WHERE roname LIKE 'regress%' ORDER BY 1;
SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname LIKE 'regress%';

-- The lists mean nothing while the mode is off.
SET pg_session_readonly.allowed_functions = 'f.make_origin';
SET pg_session_readonly.mode = off;
LOAD 'pg_session_readonly';
BEGIN;
INSERT INTO f.t VALUES (4);
SELECT pg_try_advisory_xact_lock(1);
COMMIT;
\c -

-- A verdict is forgotten when its function changes.
CREATE FUNCTION f.changing() RETURNS int LANGUAGE sql AS 'SELECT 1';
LOAD 'pg_session_readonly';
SELECT f.changing();
SET pg_session_readonly.mode = off;
CREATE OR REPLACE FUNCTION f.changing() RETURNS int LANGUAGE regress_untrusted AS 'BEGIN RETURN 1; END';
SET pg_session_readonly.mode = on;
\set VERBOSITY terse
SELECT f.changing();
SET pg_session_readonly.mode = off;

\c -
SET client_min_messages = warning;
DROP SCHEMA f CASCADE;
DROP LANGUAGE regress_untrusted;
DROP ROLE regress_readonly_user;
DROP EXTENSION pg_session_readonly;
