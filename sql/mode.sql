-- The switch: off -> on -> locked, and who may move it back.
CREATE EXTENSION pg_session_readonly;
CREATE ROLE regress_readonly_user;
CREATE TABLE witness (who text);
GRANT ALL ON witness TO regress_readonly_user;

-- Neither CREATE EXTENSION nor the status function makes a session read-only,
-- and the status function does not load the library.
INSERT INTO witness VALUES ('after CREATE EXTENSION');
\c -
SELECT mode, loaded, denied_commands, denied_functions, allowed_functions, pinned_settings, overtaken
	FROM pg_session_readonly_status();
INSERT INTO witness VALUES ('after status');

-- A setting made before the library is there guards nothing, and status says so.
SET pg_session_readonly.mode = locked;
SELECT mode, loaded FROM pg_session_readonly_status();
INSERT INTO witness VALUES ('placeholder only');

-- Nor does creating a C function of the library, which loads it.
\c -
CREATE FUNCTION regress_lock() RETURNS text
	AS '$libdir/pg_session_readonly', 'pg_session_readonly_lock' LANGUAGE C;
SELECT mode, loaded FROM pg_session_readonly_status();
INSERT INTO witness VALUES ('after CREATE FUNCTION');
DROP FUNCTION regress_lock();

-- LOAD does: the default is on.
\c -
LOAD 'pg_session_readonly';
SELECT mode, loaded, denied_commands, denied_functions, allowed_functions, pinned_settings, overtaken
	FROM pg_session_readonly_status();
INSERT INTO witness VALUES ('on');

-- A superuser may switch it off again, and then everything is as before.
SET pg_session_readonly.mode = off;
SHOW default_transaction_read_only;
SHOW transaction_read_only;
SELECT setting, reset_val FROM pg_settings WHERE name = 'pg_session_readonly.mode';
INSERT INTO witness VALUES ('switched off again');

-- Not so if the session or the current user is not a superuser.
SET pg_session_readonly.mode = on;
SET ROLE regress_readonly_user;
SET pg_session_readonly.mode = off;
RESET ROLE;
SET SESSION AUTHORIZATION regress_readonly_user;
SET pg_session_readonly.mode = off;
RESET pg_session_readonly.mode;
RESET ALL;
SHOW pg_session_readonly.mode;
INSERT INTO witness VALUES ('ordinary user');
RESET SESSION AUTHORIZATION;

-- whoever acts for them
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
CREATE FUNCTION switches_off() RETURNS text LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT set_config('pg_session_readonly.mode', 'off', false) $$;
SET SESSION AUTHORIZATION regress_readonly_user;
SET pg_session_readonly.mode = on;
SELECT switches_off();
RESET SESSION AUTHORIZATION;
SET pg_session_readonly.mode = off;
DROP FUNCTION switches_off();
-- and core's own rules hold again
BEGIN READ ONLY;
SELECT count(*) > 0 AS looked FROM pg_class;
SET TRANSACTION READ WRITE;
ROLLBACK;
SET pg_session_readonly.mode = on;

-- Only SET brings "on" down: a rollback does not.
SET pg_session_readonly.mode = off;
BEGIN;
SET pg_session_readonly.mode = on;
ROLLBACK;
SHOW pg_session_readonly.mode;
INSERT INTO witness VALUES ('rolled back');

-- It goes down by SET as a statement of its own, and in no other way.
BEGIN;
SET pg_session_readonly.mode = off;
COMMIT;
BEGIN;
SAVEPOINT a;
SET LOCAL pg_session_readonly.mode = off;
COMMIT;
SET LOCAL pg_session_readonly.mode = off;
SELECT set_config('pg_session_readonly.mode', 'off', false);
SELECT set_config('pg_session_readonly.mode', 'off', true);
DO $$ BEGIN SET pg_session_readonly.mode = off; END $$;
DO $$ BEGIN COMMIT; SET pg_session_readonly.mode = off; END $$;
SELECT 1 \; SET pg_session_readonly.mode = off;
SET pg_session_readonly.mode = off \; SELECT 1;
RESET pg_session_readonly.mode;
SET pg_session_readonly.mode TO DEFAULT;
RESET ALL;
DISCARD ALL;
SHOW pg_session_readonly.mode;
INSERT INTO witness VALUES ('went down');

-- Anyone may go up, by LOAD of the link in plugins/ for those who may not load
-- just any library.
\c -
SET SESSION AUTHORIZATION regress_readonly_user;
LOAD 'pg_session_readonly';
LOAD '$libdir/plugins/pg_session_readonly';
SHOW pg_session_readonly.mode;
SET pg_session_readonly.mode = locked;
INSERT INTO witness VALUES ('ordinary user, locked');
-- Loading it once more does no harm, by these names and no other.
LOAD 'pg_session_readonly';
LOAD '$libdir/pg_session_readonly';
LOAD '$libdir/plugins/pg_session_readonly';
LOAD '/nonexistent/pg_session_readonly';

-- Locked stays locked, also for a superuser.
RESET SESSION AUTHORIZATION;
SET pg_session_readonly.mode = locked;
SET pg_session_readonly.mode = on;
DO $$
BEGIN
	SET pg_session_readonly.mode = off;
EXCEPTION WHEN read_only_sql_transaction THEN
	RAISE NOTICE '% %', SQLSTATE, SQLERRM;
END $$;
SELECT set_config('pg_session_readonly.mode', 'off', false);
UPDATE pg_settings SET setting = 'off' WHERE name = 'pg_session_readonly.mode';
SET LOCAL pg_session_readonly.mode = off;
RESET pg_session_readonly.mode;
SHOW pg_session_readonly.mode;
RESET ALL;
SHOW pg_session_readonly.mode;
DISCARD ALL;
SHOW pg_session_readonly.mode;
SELECT setting, source, reset_val FROM pg_settings WHERE name = 'pg_session_readonly.mode';
SET pg_session_readonly.mode = unlocked;
SELECT mode, loaded, denied_commands, denied_functions, allowed_functions, pinned_settings, overtaken
	FROM pg_session_readonly_status();
INSERT INTO witness VALUES ('locked');
-- What stores settings elsewhere, and fails, does not set the policy free.
ALTER ROLE regress_readonly_user SET work_mem = '6MB';
SET pg_session_readonly.allowed_functions = 'pg_catalog.pg_reload_conf';

-- The lock falls when it is assigned: nothing that takes assignments back
-- raises it.
\c -
LOAD 'pg_session_readonly';
BEGIN;
SET pg_session_readonly.mode = locked;
ROLLBACK;
SHOW pg_session_readonly.mode;
INSERT INTO witness VALUES ('ROLLBACK');
\c -
LOAD 'pg_session_readonly';
BEGIN;
SET LOCAL pg_session_readonly.mode = locked;
COMMIT;
SHOW pg_session_readonly.mode;
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
BEGIN;
SAVEPOINT a;
SET LOCAL pg_session_readonly.mode = on;
ROLLBACK TO a;
RELEASE a;
SET LOCAL pg_session_readonly.mode = on;
SET pg_session_readonly.mode = locked;
SAVEPOINT a;
INSERT INTO witness VALUES ('ROLLBACK TO');
ROLLBACK TO a;
ROLLBACK;
SHOW pg_session_readonly.mode;
-- a function's SET clause
\c -
CREATE FUNCTION locks() RETURNS text LANGUAGE sql
	SET pg_session_readonly.mode = locked
	AS $$ SELECT current_setting('pg_session_readonly.mode') $$;
CREATE FUNCTION unlocks() RETURNS text LANGUAGE sql
	SET pg_session_readonly.mode = off
	AS $$ SELECT current_setting('pg_session_readonly.mode') $$;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SELECT locks();
SHOW pg_session_readonly.mode;
SELECT unlocks();
INSERT INTO witness VALUES ('SET clause');

-- Validation is no assignment: a value for another session changes nothing here.
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
ALTER ROLE regress_readonly_user SET pg_session_readonly.mode = locked;
CREATE OR REPLACE FUNCTION locks() RETURNS text LANGUAGE sql
	SET pg_session_readonly.mode = locked AS $$ SELECT 'x' $$;
SHOW pg_session_readonly.mode;
INSERT INTO witness VALUES ('after ALTER ROLE');
SELECT setconfig FROM pg_db_role_setting
	WHERE setrole = 'regress_readonly_user'::regrole;
ALTER ROLE regress_readonly_user RESET pg_session_readonly.mode;
ALTER ROLE regress_readonly_user SET pg_session_readonly.mode = bogus;

-- Going up is refused where work could still commit that the guard never saw,
-- and the session stays as it was.
BEGIN;
INSERT INTO witness VALUES ('committed by the host');
SET pg_session_readonly.mode = on;
ROLLBACK;
-- but what is stored for other sessions can be
BEGIN;
INSERT INTO witness VALUES ('with a stored mode');
ALTER ROLE regress_readonly_user SET pg_session_readonly.mode = locked;
COMMIT;
ALTER ROLE regress_readonly_user RESET pg_session_readonly.mode;
BEGIN;
DECLARE c CURSOR FOR SELECT 1;
SET pg_session_readonly.mode = locked;
ROLLBACK;
SHOW pg_session_readonly.mode;
\c -
BEGIN;
INSERT INTO witness VALUES ('before LOAD');
LOAD 'pg_session_readonly';
ROLLBACK;
BEGIN;
INSERT INTO witness VALUES ('before lock()');
SELECT pg_session_readonly_lock();
ROLLBACK;
SELECT mode FROM pg_session_readonly_status();
INSERT INTO witness VALUES ('LOAD was refused');
-- from on to locked as well
LOAD 'pg_session_readonly';
BEGIN;
SELECT txid_current() > 0 AS has_id;
SET pg_session_readonly.mode = locked;
ROLLBACK;
SET pg_session_readonly.mode = locked;

-- A lock is not taken for the trial of a SET clause that comes after CREATE FUNCTION,
-- or after one that failed.
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
CREATE FUNCTION tried() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
SELECT pg_session_readonly_lock();
INSERT INTO witness VALUES ('after CREATE FUNCTION');
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
CREATE FUNCTION tried() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
SELECT pg_session_readonly_lock();
INSERT INTO witness VALUES ('after CREATE FUNCTION that failed');
-- nor by a statement in the midst of it
\c -
CREATE FUNCTION locks_meanwhile() RETURNS event_trigger LANGUAGE plpgsql
	AS $$ BEGIN SET pg_session_readonly.mode = locked; END $$;
CREATE EVENT TRIGGER locks_meanwhile ON ddl_command_start WHEN TAG IN ('CREATE FUNCTION')
	EXECUTE FUNCTION locks_meanwhile();
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
CREATE FUNCTION never() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
SHOW pg_session_readonly.mode;
\c -
DROP EVENT TRIGGER locks_meanwhile;
DROP FUNCTION locks_meanwhile();
-- Whoever stores a setting, or fails to, may lock afterwards as before.
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SET SESSION AUTHORIZATION regress_readonly_user;
ALTER ROLE regress_readonly_user SET work_mem = '5MB';
SET pg_session_readonly.denied_commands = 'default, LISTEN';
ALTER ROLE regress_readonly_user SET pg_session_readonly.mode = off;
SET pg_session_readonly.mode = locked;
LISTEN somebody;
\c -
ALTER ROLE regress_readonly_user RESET ALL;


-- Settings made before LOAD count, bad ones stop it.
\c -
SET pg_session_readonly.mode = locked;
SET pg_session_readonly.denied_commands = 'default, LISTEN';
LOAD 'pg_session_readonly';
SELECT mode, loaded, denied_commands, denied_functions, allowed_functions, pinned_settings, overtaken
	FROM pg_session_readonly_status();
LISTEN somebody;
\c -
SET pg_session_readonly.mode = '';
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = lokced;
LOAD 'pg_session_readonly';
RESET pg_session_readonly.mode;
SET pg_session_readonly.denied_commands = 'default, LISTNE';
LOAD 'pg_session_readonly';
SELECT loaded FROM pg_session_readonly_status();
\c -
SET pg_session_readonly.mode = off;
LOAD 'pg_session_readonly';
INSERT INTO witness VALUES ('off by the host');
SELECT mode, loaded, overtaken FROM pg_session_readonly_status();
SELECT setting, source FROM pg_settings WHERE name = 'pg_session_readonly.mode';
SET pg_session_readonly.moode = locked;

-- a misspelt one as well, but not one that was taken back
\c -
SET pg_session_readonly.moode = locked;
LOAD 'pg_session_readonly';
\c -
BEGIN;
SET LOCAL pg_session_readonly.moode = locked;
ROLLBACK;
LOAD 'pg_session_readonly';
SHOW pg_session_readonly.mode;
-- in any case of letters
\c -
SELECT set_config('PG_Session_ReadOnly.Mode', 'LOCKED', false);
LOAD 'pg_session_readonly';
SHOW pg_session_readonly.mode;

-- Only LOAD itself counts as asking for it: not LOAD, a call of a function or a
-- definition inside DO or a procedure, unless the mode was asked for as well.
\c -
DO $$ BEGIN LOAD 'pg_session_readonly'; END $$;
SHOW pg_session_readonly.mode;
\c -
SET pg_session_readonly.mode = locked;
DO $$ BEGIN LOAD 'pg_session_readonly'; END $$;
SHOW pg_session_readonly.mode;
\c -
CREATE PROCEDURE asks() LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_session_readonly_overtaken(); END $$;
CALL asks();
SHOW pg_session_readonly.mode;
\c -
DO $$ BEGIN PERFORM count(*) FROM pg_session_readonly_denied_functions(); END $$;
SHOW pg_session_readonly.mode;
INSERT INTO witness VALUES ('asked in DO');
\c -
BEGIN;
INSERT INTO witness VALUES ('defined in DO, after a write');
DO $$ BEGIN
	CREATE FUNCTION pg_temp.lock() RETURNS text AS 'pg_session_readonly', 'pg_session_readonly_lock' LANGUAGE C;
END $$;
SHOW pg_session_readonly.mode;
COMMIT;
-- ... nor a call that is run as the statement is planned, without a portal
\c -
CREATE FUNCTION immutable_overtaken() RETURNS boolean AS 'pg_session_readonly', 'pg_session_readonly_overtaken'
	LANGUAGE C IMMUTABLE;
\c -
SELECT immutable_overtaken();
SHOW pg_session_readonly.mode;
\c -
DROP PROCEDURE asks();
DROP FUNCTION immutable_overtaken();
DROP EXTENSION pg_session_readonly;
DO $$ BEGIN CREATE EXTENSION pg_session_readonly; END $$;
INSERT INTO witness VALUES ('CREATE EXTENSION in DO');

-- For those who only speak SQL
\c -
SET SESSION AUTHORIZATION regress_readonly_user;
SELECT pg_session_readonly_lock();
SELECT pg_session_readonly_lock();
INSERT INTO witness VALUES ('lock()');
\c -
BEGIN;
SELECT pg_session_readonly_lock();
ROLLBACK;
INSERT INTO witness VALUES ('lock() rolled back');

-- Only what was written while the mode was off is there.
\c -
SELECT * FROM witness ORDER BY who;
DROP FUNCTION locks();
DROP FUNCTION tried();
DROP FUNCTION unlocks();
DROP TABLE witness;
DROP ROLE regress_readonly_user;
DROP EXTENSION pg_session_readonly;
