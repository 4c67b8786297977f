-- By psql, which goes on after errors: refusals and other errors of whole statements,
-- under a storm of cancels and timeouts.
\! sleep 1
SELECT pg_sleep(random() * 0.2);
INSERT INTO attempts VALUES ('insert');
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid < 10;
DELETE FROM pgbench_history;
SELECT nextval('numbers');
SELECT 1 / 0;
BEGIN;
SELECT count(*) FROM pgbench_branches;
TRUNCATE pgbench_history;
SELECT 1;
COMMIT;
SELECT count(*) FROM pgbench_accounts WHERE abalance < 0;
BEGIN READ WRITE;
SAVEPOINT a;
CREATE TABLE attempt (i int);
ROLLBACK TO a;
INSERT INTO attempts SELECT 'after a savepoint' FROM pg_sleep(0.01);
ROLLBACK;
DO $$ BEGIN PERFORM pg_sleep(0.05); INSERT INTO attempts VALUES ('do'); EXCEPTION WHEN query_canceled THEN
	INSERT INTO attempts VALUES ('cancelled'); END $$;
NOTIFY channel;
SELECT lo_create(0);
SET pg_session_readonly.mode = off;
COPY attempts FROM STDIN;
\.
COPY (SELECT count(*) FROM pgbench_history) TO STDOUT;
DISCARD ALL;
LOCK TABLE pgbench_accounts;
SELECT missing;
SELECT 1 / (current_setting('pg_session_readonly.mode') = 'locked')::int AS locked;
-- and let idle_in_transaction_session_timeout end the session, now and then
SELECT CASE WHEN random() < 0.2 THEN 'sleep 0.7' ELSE 'true' END AS pause \gset
BEGIN;
\setenv PAUSE :pause
\! $PAUSE
INSERT INTO attempts VALUES ('after a pause');
COMMIT;
