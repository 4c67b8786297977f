-- What the fuzzer's locked sessions may try to harm, and what may help them.  Run
-- by a superuser in an empty database; psql's variable "writer" is test/writer.so.
\set ON_ERROR_STOP on
SET client_min_messages = error;

-- Extensions, as far as the server has them.
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT e.name FROM pg_available_extensions e
			WHERE installed_version IS NULL AND e.name IN ('adminpack', 'amcheck', 'autoinc', 'btree_gist', 'citext',
				'cube', 'dblink', 'file_fdw', 'hstore', 'insert_username', 'intarray', 'lo', 'ltree', 'moddatetime',
				'pageinspect', 'pg_buffercache', 'pg_prewarm', 'pg_session_readonly', 'pg_stat_statements',
				'pg_surgery', 'pg_trgm', 'pg_visibility', 'pg_walinspect', 'pgcrypto', 'pgrowlocks', 'pgstattuple',
				'plperl', 'plperlu', 'plpython3u', 'postgres_fdw', 'refint', 'tablefunc', 'tcn', 'tsm_system_rows',
				'unaccent', 'xml2') LOOP
		EXECUTE format('CREATE EXTENSION %I', name);
	END LOOP;
END $$;

-- Roles: one with many rights, one that an administrator has locked, a superuser
-- that is locked, and one without rights.
CREATE ROLE agent LOGIN CREATEDB CREATEROLE IN ROLE pg_signal_backend, pg_write_server_files, pg_read_server_files,
	pg_execute_server_program, pg_checkpoint, pg_monitor;
CREATE ROLE locked_agent LOGIN IN ROLE agent;
ALTER ROLE locked_agent SET session_preload_libraries = pg_session_readonly;
CREATE ROLE locked_super LOGIN SUPERUSER;
ALTER ROLE locked_super SET session_preload_libraries = pg_session_readonly;
CREATE ROLE nobody LOGIN;
GRANT nobody TO agent;
GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC;
SELECT format('GRANT ALL ON DATABASE %I TO agent', current_database()) \gexec

-- Things to write to.
CREATE TABLE victim (i int);
INSERT INTO victim VALUES (1), (2), (3);
CREATE TABLE keyed (i int PRIMARY KEY, t text, n int DEFAULT 0);
INSERT INTO keyed SELECT i, 'row ' || i FROM generate_series(1, 20) i;
CREATE TABLE child (i int REFERENCES keyed ON UPDATE CASCADE ON DELETE CASCADE, id int GENERATED ALWAYS AS IDENTITY);
INSERT INTO child VALUES (1), (2), (2);
CREATE TABLE parted (i int, t text) PARTITION BY RANGE (i);
CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE part2 PARTITION OF parted FOR VALUES FROM (10) TO (100);
INSERT INTO parted VALUES (1, 'a'), (11, 'b');
CREATE TABLE many (i int, t text, a int[], doc tsvector);
INSERT INTO many SELECT i, md5(i::text), ARRAY[i], to_tsvector('simple', md5(i::text)) FROM generate_series(1, 2000) i;
CREATE INDEX many_brin ON many USING brin (i);
CREATE INDEX many_gin ON many USING gin (a);
CREATE INDEX many_i ON many (i);
CREATE UNLOGGED TABLE unlogged (i int);
INSERT INTO unlogged VALUES (1);
CREATE VIEW keyed_view AS SELECT i, t FROM keyed;
CREATE VIEW trapped_view AS SELECT 1 AS i;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM keyed;
CREATE SEQUENCE s;
SELECT nextval('s');
CREATE TABLE outbox (what text);
SELECT lo_from_bytea(4711, 'large object');
GRANT ALL ON LARGE OBJECT 4711 TO PUBLIC;

-- Functions that write, each by another way.
-- What some sessions are allowed: it leaves nothing behind that a fact tells of.
CREATE TABLE ledger (i int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED) WITH (autovacuum_enabled = off);
GRANT ALL ON ledger TO PUBLIC;
CREATE FUNCTION may_write(i int) RETURNS int LANGUAGE plpgsql AS
	'BEGIN INSERT INTO public.ledger VALUES (i), (i); DELETE FROM public.ledger; RETURN 1 / i; END';
CREATE FUNCTION may_catch(i int) RETURNS int LANGUAGE plpgsql AS
	'BEGIN PERFORM public.may_write(i); RETURN i; EXCEPTION WHEN division_by_zero THEN RETURN public.may_write(1); END';
CREATE FUNCTION may_return(i int) RETURNS SETOF int LANGUAGE sql AS 'SELECT public.may_write(n) FROM generate_series(i, 3) n';
CREATE FUNCTION may_open() RETURNS refcursor LANGUAGE plpgsql AS
	'DECLARE c refcursor := ''opened''; BEGIN OPEN c FOR SELECT nextval(''public.s'') FROM generate_series(1, 3); RETURN c; END';
CREATE PROCEDURE may_commit(i int) LANGUAGE plpgsql AS
	'BEGIN PERFORM public.may_write(1); COMMIT; PERFORM public.may_write(i); ROLLBACK; PERFORM public.may_write(1); END';

CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.victim VALUES (42); RETURN 1; END';
CREATE FUNCTION writes_when(i int) RETURNS int LANGUAGE plpgsql AS
	'BEGIN IF i > 1 THEN INSERT INTO public.victim VALUES (i); END IF; RETURN i; END';
CREATE FUNCTION takes_when(i int) RETURNS bigint LANGUAGE plpgsql AS
	'DECLARE x bigint := 0; BEGIN IF i > 1 THEN x := nextval(''public.s''); END IF; RETURN x; END';
CREATE FUNCTION writes_sql(i int) RETURNS int LANGUAGE sql AS 'INSERT INTO public.victim VALUES (i) RETURNING i';
CREATE FUNCTION writes_atomic(i int) RETURNS int LANGUAGE sql BEGIN ATOMIC INSERT INTO public.victim VALUES (i) RETURNING i; END;
CREATE FUNCTION writes_owner(i int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
	'BEGIN INSERT INTO public.victim VALUES (i); RETURN i; END';
CREATE FUNCTION writes_set(i int) RETURNS int LANGUAGE plpgsql SET default_transaction_read_only = off AS
	'BEGIN INSERT INTO public.victim VALUES (i); RETURN i; END';
DO $$ BEGIN
	ALTER FUNCTION writes_set SET transaction_read_only = off;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value OR active_sql_transaction THEN NULL; -- newer servers refuse that
END $$;
CREATE FUNCTION writes_stable(i int) RETURNS int LANGUAGE plpgsql STABLE AS
	'BEGIN PERFORM setval(''public.s'', 4711); RETURN i; END';
CREATE FUNCTION writes_immutable(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
	'DECLARE x bigint; BEGIN IF i > 1 THEN x := nextval(''public.s''); END IF; RETURN i; END';
CREATE FUNCTION catches(i int) RETURNS int LANGUAGE plpgsql AS
	'BEGIN
		BEGIN PERFORM public.writes_when(i); EXCEPTION WHEN OTHERS THEN NULL; END;
		BEGIN PERFORM nextval(''public.s''); EXCEPTION WHEN OTHERS THEN NULL; END;
		RETURN i;
	END';
CREATE FUNCTION runs(command text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE command; RETURN 1; END';
CREATE FUNCTION runs_owner(command text) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE command; RETURN 1; END';
CREATE FUNCTION runs_set(command text) RETURNS int LANGUAGE plpgsql SET work_mem = '1MB' AS 'BEGIN EXECUTE command; RETURN 1; END';
CREATE FUNCTION runs_caught(command text) RETURNS text LANGUAGE plpgsql AS
	'BEGIN EXECUTE command; RETURN ''''; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END';
CREATE FUNCTION recurses(depth int, command text) RETURNS int LANGUAGE plpgsql AS
	'BEGIN
		IF depth <= 0 THEN EXECUTE command; RETURN 0; END IF;
		BEGIN RETURN public.recurses(depth - 1, command); EXCEPTION WHEN division_by_zero THEN EXECUTE command; END;
		RETURN depth;
	END';
CREATE PROCEDURE commits(command text) LANGUAGE plpgsql AS
	'BEGIN COMMIT; EXECUTE command; COMMIT; EXECUTE command; END';
CREATE PROCEDURE rolls_back(command text) LANGUAGE plpgsql AS
	'BEGIN ROLLBACK; EXECUTE command; ROLLBACK AND CHAIN; EXECUTE command; COMMIT AND CHAIN; EXECUTE command; END';
CREATE PROCEDURE loops(command text) LANGUAGE plpgsql AS
	'DECLARE r record; x bigint; BEGIN
		FOR r IN SELECT i FROM public.keyed ORDER BY i LIMIT 3 LOOP
			COMMIT;
			BEGIN x := nextval(''public.s''); EXCEPTION WHEN OTHERS THEN NULL; END;
		END LOOP;
		EXECUTE command;
	END';
CREATE PROCEDURE writes_out(INOUT i int) LANGUAGE plpgsql AS
	'BEGIN COMMIT; INSERT INTO public.victim VALUES (i); i := i + 1; COMMIT; END';
DO $$ BEGIN
	CREATE FUNCTION perl_writes(command text) RETURNS text LANGUAGE plperl AS
		'my $r = eval { spi_exec_query($_[0]) }; return $r ? $r->{status} : "refused";';
	CREATE PROCEDURE perl_commits(command text) LANGUAGE plperl AS 'spi_commit(); spi_exec_query($_[0]); spi_commit();';
	CREATE FUNCTION python_writes(command text) RETURNS text LANGUAGE plpython3u AS 'plpy.execute(command)';
EXCEPTION WHEN undefined_object THEN NULL;
END $$;

-- C code that nobody has reviewed.
CREATE FUNCTION sneaks(regclass, int) RETURNS int AS :'writer', 'writer_insert' LANGUAGE C STABLE;
CREATE FUNCTION sneaks_early(regclass, int) RETURNS int AS :'writer', 'writer_insert' LANGUAGE C IMMUTABLE;
CREATE FUNCTION sneaks_many(regclass, int) RETURNS int AS :'writer', 'writer_multi_insert' LANGUAGE C STABLE;
CREATE FUNCTION sneaks_owner(regclass, int) RETURNS int AS :'writer', 'writer_insert' LANGUAGE C STABLE SECURITY DEFINER;
CREATE FUNCTION sneaks_volatile(regclass, int) RETURNS int AS :'writer', 'writer_insert' LANGUAGE C VOLATILE;
CREATE FUNCTION take_next(regclass) RETURNS bigint AS 'nextval_oid' LANGUAGE internal IMMUTABLE;
CREATE FUNCTION make_large_object(int) RETURNS oid AS 'be_lo_creat' LANGUAGE internal STABLE;

-- What calls them where no call stands.
CREATE FUNCTION writes_trigger() RETURNS trigger LANGUAGE plpgsql AS
	'DECLARE x bigint; BEGIN IF NEW.i > 1 THEN x := nextval(''public.s''); END IF; RETURN NEW; END';
CREATE FUNCTION inserts_trigger() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN INSERT INTO public.victim VALUES (43); RETURN NEW; END';
CREATE FUNCTION catches_trigger() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN BEGIN INSERT INTO public.victim VALUES (43); EXCEPTION WHEN OTHERS THEN NULL; END; RETURN NEW; END';
CREATE TRIGGER t INSTEAD OF INSERT OR UPDATE ON trapped_view FOR EACH ROW EXECUTE FUNCTION writes_trigger();
CREATE DOMAIN trapped_domain AS int CHECK (writes_when(VALUE) > 0);
CREATE DOMAIN trapped_early AS int CHECK (writes_immutable(VALUE) > 0);
CREATE FUNCTION at_at(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT public.writes_when($1 + $2) > 0';
CREATE OPERATOR @@! (LEFTARG = int, RIGHTARG = int, FUNCTION = at_at, RESTRICT = eqsel);
CREATE FUNCTION summed(int, int) RETURNS int LANGUAGE sql AS 'SELECT public.writes_when($2)';
CREATE AGGREGATE trapped_sum(int) (SFUNC = summed, STYPE = int, INITCOND = '0');
CREATE AGGREGATE trapped_moving(int) (SFUNC = summed, STYPE = int, INITCOND = '0', MSFUNC = summed, MINVFUNC = summed, MSTYPE = int);
CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT ROW(public.writes_when($1), 1)::public.pair';
CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);
CREATE TABLE secured (i int);
INSERT INTO secured VALUES (1), (2), (3);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON secured USING (writes_when(i) > 0);
CREATE TABLE ruled (i int);
CREATE RULE r AS ON UPDATE TO ruled DO ALSO INSERT INTO victim VALUES (44);
CREATE VIEW trapped_columns AS SELECT i, writes_when(i) AS w FROM keyed;
CREATE VIEW trapped_rows AS SELECT i FROM keyed WHERE takes_when(i) >= 0;
CREATE TABLE trapped_default (i int DEFAULT nextval('s'), j int DEFAULT writes());
CREATE FUNCTION trapped_argument(i bigint DEFAULT nextval('s')) RETURNS bigint LANGUAGE sql AS 'SELECT i';
CREATE PUBLICATION everything FOR ALL TABLES;
DO $$ BEGIN
	CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
	CREATE FOREIGN TABLE file (line text) SERVER files OPTIONS (filename '/etc/hostname');
	CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw;
	EXECUTE format('ALTER SERVER loopback OPTIONS (ADD host %L, ADD port %L, ADD dbname %L)',
		current_setting('unix_socket_directories'), current_setting('port'), current_database());
	CREATE USER MAPPING FOR PUBLIC SERVER loopback OPTIONS (user 'postgres', password_required 'false');
	CREATE FOREIGN TABLE remote (i int) SERVER loopback OPTIONS (table_name 'victim');
	GRANT ALL ON FOREIGN SERVER files, loopback TO PUBLIC;
EXCEPTION WHEN undefined_object THEN NULL;
END $$;
SELECT 'GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC',
	'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC' \gexec
SELECT format('ALTER TABLE %I OWNER TO agent', name)
	FROM unnest(ARRAY['victim', 'keyed', 'child', 'parted', 'part1', 'part2', 'many', 'unlogged', 'outbox']) name \gexec

-- Other things of the server.
SELECT pg_create_physical_replication_slot('victim');
SELECT pg_create_logical_replication_slot('victim_logical', 'test_decoding');
SELECT pg_replication_origin_create('victim');
SELECT pg_replication_origin_advance('victim', '0/1000');
CREATE TABLE half_done (i int);
BEGIN;
INSERT INTO half_done VALUES (1);
PREPARE TRANSACTION 'victim';
VACUUM ANALYZE;

-- Last, as these two are read-only from now on.
ALTER ROLE locked_agent SET pg_session_readonly.mode = locked;
ALTER ROLE locked_super SET pg_session_readonly.mode = locked;
