-- Settings that a locked session may no longer change.
CREATE ROLE regress_readonly_user;
CREATE FUNCTION sets() RETURNS text LANGUAGE sql SET statement_timeout = '1h'
	AS $$ SELECT current_setting('statement_timeout') $$;
CREATE FUNCTION sets_log() RETURNS text LANGUAGE sql SET log_statement = 'none'
	AS $$ SELECT current_setting('log_statement') $$;
CREATE FUNCTION plpgsql_function() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';

-- By default, all that only a superuser may set.
LOAD 'pg_session_readonly';
SET log_statement = 'ddl';
SET pg_session_readonly.mode = locked;
SHOW pg_session_readonly.pinned_settings;
SET log_statement = 'none';
SET LOCAL zero_damaged_pages = on;
SET session_replication_role = replica;
SET dynamic_library_path = '/tmp';
SELECT set_config('log_statement', 'none', false);
SELECT set_config('log_' || 'statement', 'none', true);
DO $$ BEGIN PERFORM set_config('log_statement', 'none', false); END $$;
SELECT sets_log();
RESET log_statement;
RESET ALL;
SHOW log_statement;
DISCARD ALL;
SHOW log_statement;
-- others stay free
SET statement_timeout = '1min';
SELECT sets();
SHOW statement_timeout;
RESET statement_timeout;
SET search_path = pg_catalog;
SET ROLE regress_readonly_user;
RESET ROLE;
SET app.customer = 'x';
SHOW app.customer;

-- By name
\c -
SET pg_session_readonly.pinned_settings = 'statement_timeout, Search_Path, role, session_authorization, work_mem, application_name, enable_seqscan, seq_page_cost, some_extension.setting';
LOAD 'pg_session_readonly';
SET pg_session_readonly.pinned_settings = 'statement_timeout, Search_Path, role, session_authorization, work_mem, enable_seqscan, seq_page_cost, xmlbinary';
LOAD 'pg_session_readonly';
BEGIN;
SET statement_timeout = '10s';
SET LOCAL work_mem = '5MB';
SET LOCAL xmlbinary = hex;
SAVEPOINT a;
SET enable_seqscan = off;
SET LOCAL enable_seqscan = on;
SET seq_page_cost = 2.5;
SET search_path = public;
RELEASE a;
SET pg_session_readonly.mode = locked;
-- what was set in the transaction stays, however it ends
ROLLBACK;
SHOW statement_timeout;
SHOW work_mem;
SHOW enable_seqscan;
SHOW seq_page_cost;
SHOW search_path;
SET statement_timeout = 0;
SET LOCAL statement_timeout = 0;
SET search_path = pg_temp, public;
SELECT set_config('search_path', 'pg_temp', false);
SELECT sets();
SET ROLE regress_readonly_user;
RESET ROLE;
SET SESSION AUTHORIZATION regress_readonly_user;
RESET ALL;
DISCARD ALL;
SHOW statement_timeout;
SHOW work_mem;
SHOW enable_seqscan;
SHOW seq_page_cost;
SHOW search_path;
SET SESSION AUTHORIZATION regress_readonly_user;
-- and what is not named is free: the list says it all
SET log_statement = 'none';

-- but for the policy
SET pg_session_readonly.denied_functions = '';
-- what RESET would bring back, were it to come by
SELECT name, setting, reset_val FROM pg_settings
	WHERE name IN ('statement_timeout', 'work_mem', 'enable_seqscan', 'seq_page_cost', 'search_path', 'xmlbinary')
	ORDER BY name COLLATE "C";

-- what SET LOCAL has hidden does not come back
\c -
SET pg_session_readonly.pinned_settings = 'work_mem, search_path';
LOAD 'pg_session_readonly';
BEGIN;
SET work_mem = '5MB';
SET LOCAL work_mem = '6MB';
SET search_path = public;
SET LOCAL search_path = pg_catalog;
SET pg_session_readonly.mode = locked;
COMMIT;
SHOW work_mem;
SHOW search_path;

-- nothing pinned while the mode is on
\c -
SET pg_session_readonly.pinned_settings = 'statement_timeout, role';
LOAD 'pg_session_readonly';
SET statement_timeout = '2s';
SET log_statement = 'none';
DISCARD ALL;
SET ROLE regress_readonly_user;
RESET ROLE;

-- Settings that anyone may set and that act are pinned in any case, where the host has
-- given them a value.
\c -
SELECT count(set_config(name, 'host', false)) FROM unnest(ARRAY[
		'citus.enable_change_data_capture',
		'citus.writable_standby_coordinator',
		'hypopg.use_real_oids',
		'pg_parquet.enable_copy_hooks',
		'pgroonga.log_path',
		'pgroonga.log_rotate_threshold_size',
		'pgroonga.query_log_path',
		'pgroonga.query_log_rotate_threshold_size',
		'plpgsql_check.profiler',
		'plv8.debugger_port',
		'plv8.icu_data',
		'plv8.start_proc',
		'plv8.v8_flags',
		'postgis.gdal_vsi_options']) name;
SELECT set_config('PGROONGA.Log_Path', 'host', false);
SET pg_session_readonly.pinned_settings = '';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY[
		'citus.enable_change_data_capture',
		'citus.writable_standby_coordinator',
		'hypopg.use_real_oids',
		'pg_parquet.enable_copy_hooks',
		'pgroonga.log_path',
		'pgroonga.log_rotate_threshold_size',
		'pgroonga.query_log_path',
		'pgroonga.query_log_rotate_threshold_size',
		'plpgsql_check.profiler',
		'plv8.debugger_port',
		'plv8.icu_data',
		'plv8.start_proc',
		'plv8.v8_flags',
		'postgis.gdal_vsi_options',
		'app.customer']
	LOOP
		BEGIN
			PERFORM set_config(name, 'agent', false);
			RAISE NOTICE '% is free', name;
		EXCEPTION WHEN cant_change_runtime_param THEN
			RAISE NOTICE '% is pinned', name;
		END;
	END LOOP;
END $$;
\c -
SELECT set_config('PGROONGA.Log_Path', 'host', false), set_config('Some_Extension.Setting', 'host', false);
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SET pg_session_readonly.pinned_settings = 'some_extension.setting';
SET pg_session_readonly.mode = locked;
\set VERBOSITY sqlstate
SET pgroonga.log_path = 'agent';
SET some_extension.setting = 'agent';
-- a list made before anything had that name
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SET pg_session_readonly.pinned_settings = 'some_extension.setting';
SELECT set_config('Some_Extension.Setting', 'host', false);
SET pg_session_readonly.mode = locked;
SET some_extension.setting = 'agent';
\set VERBOSITY default

-- The list: bad items are named, and nothing changes.
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SET pg_session_readonly.pinned_settings = 'superuser, work_memory';
SET pg_session_readonly.pinned_settings = 'superuser, work_me';
SET pg_session_readonly.pinned_settings = 'superuser,,work_mem';
SET pg_session_readonly.pinned_settings = 'superuser,';
SHOW pg_session_readonly.pinned_settings;
SET pg_session_readonly.pinned_settings = ' SuperUser ,WORK_MEM ';
SET pg_session_readonly.pinned_settings = '';
SET pg_session_readonly.pinned_settings = 'work_mem', 'superuser';
SHOW pg_session_readonly.pinned_settings;
SET pg_session_readonly.mode = locked;
SET work_mem = '1MB';
SET log_statement = 'none';
-- the policy settings are frozen in any case
SET pg_session_readonly.pinned_settings = '';
SET pg_session_readonly.denied_functions = '';
SET pg_session_readonly.allowed_functions = 'language:internal';
SELECT set_config('pg_session_readonly.allowed_functions', 'pg_catalog.pg_reload_conf', false);
RESET pg_session_readonly.allowed_functions;
RESET ALL;
SHOW pg_session_readonly.pinned_settings;

-- nor does LOAD pass a bad list that was given before
\c -
SET pg_session_readonly.pinned_settings = 'work_memory';
LOAD 'pg_session_readonly';

-- settings that come with a library later are no exception
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
DO $$ BEGIN END $$;
SET plpgsql.variable_conflict = use_column;
\c -
SET pg_session_readonly.denied_commands = 'default, -LOAD';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SELECT set_config('plpgsql.variable_conflict', 'use_column', false), 'a placeholder as yet';
BEGIN;
DECLARE c CURSOR FOR SELECT plpgsql_function();
SHOW plpgsql.variable_conflict;
FETCH c;
SET plpgsql.variable_conflict = use_variable;
ROLLBACK;
-- and what it was given as a placeholder does not count
SHOW plpgsql.variable_conflict;

\c -
DROP FUNCTION sets();
DROP FUNCTION sets_log();
DROP FUNCTION plpgsql_function();
DROP ROLE regress_readonly_user;
