-- Transactions that stay read-only, whatever the untrusted side sends.
CREATE TABLE victim (i int);
CREATE SEQUENCE victim_seq;
CREATE FUNCTION hidden_nextval() RETURNS bigint LANGUAGE plpgsql IMMUTABLE
	AS $$ DECLARE x bigint; BEGIN x := nextval('victim_seq'); RETURN x; END $$;
CREATE FUNCTION sets_off() RETURNS bigint LANGUAGE plpgsql
	SET default_transaction_read_only = off
	AS $$ BEGIN INSERT INTO victim VALUES (1); RETURN nextval('victim_seq'); END $$;

LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;
SHOW default_transaction_read_only;
SHOW transaction_read_only;

-- What drivers and poolers send is made harmless, not refused.
BEGIN READ WRITE;
SHOW transaction_read_only;
INSERT INTO victim VALUES (1);
ROLLBACK;
START TRANSACTION ISOLATION LEVEL SERIALIZABLE READ WRITE;
INSERT INTO victim VALUES (1);
COMMIT;
BEGIN;
SET TRANSACTION READ WRITE;
INSERT INTO victim VALUES (1);
ROLLBACK;
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
INSERT INTO victim VALUES (1);
SET default_transaction_read_only = off;
INSERT INTO victim VALUES (1);
SET transaction_read_only = off;
SET LOCAL default_transaction_read_only = off;
SELECT set_config('default_transaction_read_only', 'off', false);
SELECT set_config('transaction' || '_read_only', 'off', true);
INSERT INTO victim VALUES (1);
SELECT sets_off();
RESET default_transaction_read_only;
INSERT INTO victim VALUES (1);
RESET ALL;
SHOW default_transaction_read_only;
INSERT INTO victim VALUES (1);
DISCARD ALL;
SHOW default_transaction_read_only;
INSERT INTO victim VALUES (1);
BEGIN;
COMMIT AND CHAIN;
INSERT INTO victim VALUES (1);
ROLLBACK AND CHAIN;
INSERT INTO victim VALUES (1);
ROLLBACK;

-- plpgsql expressions never reach the executor's hooks ...
DO $$ DECLARE x bigint; BEGIN x := nextval('victim_seq'); END $$;
-- ... also in a transaction that a COMMIT or ROLLBACK started ...
DO $$ DECLARE x bigint; BEGIN COMMIT; x := nextval('victim_seq'); END $$;
DO $$ DECLARE x bigint; BEGIN ROLLBACK; x := nextval('victim_seq'); END $$;
DO $$ BEGIN COMMIT; INSERT INTO victim VALUES (1); END $$;
-- ... and told to be something else
DO $$ DECLARE x bigint; BEGIN
	COMMIT;
	SET TRANSACTION READ WRITE;
	x := nextval('victim_seq');
END $$;
DO $$ DECLARE x text; y bigint; BEGIN
	COMMIT;
	x := set_config('transaction_' || 'read_only', 'off', false);
	x := set_config('default_transaction_' || 'read_only', 'off', false);
	COMMIT;
	y := nextval('victim_seq');
END $$;
-- subtransactions
DO $$ DECLARE x bigint; BEGIN
	BEGIN
		x := 1 / 0;
	EXCEPTION WHEN division_by_zero THEN
		x := nextval('victim_seq');
	END;
END $$;
-- functions that run while a query is planned
SELECT hidden_nextval();
PREPARE p AS SELECT hidden_nextval();
EXPLAIN SELECT hidden_nextval();

-- A subtransaction that began before the lock brings its own flag back.
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
BEGIN;
SAVEPOINT a;
SET pg_session_readonly.mode = locked;
ROLLBACK TO a;
RELEASE a;
SET pg_session_readonly.mode = locked;
SAVEPOINT a;
DO $$ DECLARE x bigint; BEGIN x := nextval('victim_seq'); END $$;
ROLLBACK TO a;
INSERT INTO victim VALUES (1);
ROLLBACK;

-- Values that were stacked before the lock do not come back after it.
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
BEGIN;
SET default_transaction_read_only = off;
SET LOCAL default_transaction_read_only = off;
SET transaction_read_only = off;
SET pg_session_readonly.mode = locked;
COMMIT;
SHOW default_transaction_read_only;
SHOW transaction_read_only;
INSERT INTO victim VALUES (1);
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
BEGIN;
SET default_transaction_read_only = off;
SET pg_session_readonly.mode = locked;
ROLLBACK;
SHOW default_transaction_read_only;
INSERT INTO victim VALUES (1);

-- The statement that locks is read-only from there on.
\c -
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SELECT CASE i WHEN 1 THEN set_config('pg_session_readonly.mode', 'locked', false)
	ELSE nextval('victim_seq')::text END FROM generate_series(1, 2) i;

-- Statements prepared before the lock
\c -
PREPARE ins AS INSERT INTO victim VALUES (1);
PREPARE nxt AS SELECT nextval('victim_seq');
PREPARE rd AS SELECT count(*) FROM victim;
EXECUTE rd;
LOAD 'pg_session_readonly';
EXECUTE ins;
EXECUTE nxt;
EXECUTE rd;

-- Switched off by a superuser, the session has its own default again.
\c -
SET default_transaction_read_only = on;
LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = off;
SHOW default_transaction_read_only;
RESET default_transaction_read_only;
SHOW default_transaction_read_only;

-- Nothing came of it.
\c -
SELECT count(*) FROM victim;
SELECT is_called FROM victim_seq;
DROP FUNCTION hidden_nextval();
DROP FUNCTION sets_off();
DROP TABLE victim;
DROP SEQUENCE victim_seq;
