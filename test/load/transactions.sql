-- savepoints, cursors, failed blocks, and what drivers say
\set aid random(1, 100000 * :scale)
BEGIN READ WRITE;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
SAVEPOINT a;
SELECT refused($$UPDATE pgbench_accounts SET abalance = 0 WHERE aid = $$ || :aid);
ROLLBACK TO a;
SET LOCAL transaction_read_only = off;
SAVEPOINT b;
DECLARE c CURSOR WITH HOLD FOR SELECT aid FROM pgbench_accounts WHERE aid BETWEEN :aid AND :aid + 10;
FETCH 3 FROM c;
RELEASE b;
SELECT pg_current_xact_id();
SELECT refused($$INSERT INTO attempts VALUES ('transaction')$$);
COMMIT;
FETCH 3 FROM c;
CLOSE c;
DO $$
BEGIN
	BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END;
	COMMIT;
	BEGIN UPDATE pgbench_branches SET bbalance = 0; EXCEPTION WHEN read_only_sql_transaction THEN RETURN; END;
	RAISE EXCEPTION 'not refused: UPDATE in a handler';
END $$;
