-- writes of all kinds, each in a block that catches its refusal: pgbench gives up a
-- client at an error
\set aid random(1, 100000 * :scale)
SELECT refused($$UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = $$ || :aid),
	refused($$SELECT abalance FROM pgbench_accounts WHERE aid = $$ || :aid || $$ FOR UPDATE$$),
	refused($$INSERT INTO attempts VALUES ('insert')$$),
	refused($$DELETE FROM pgbench_history$$),
	refused($$TRUNCATE pgbench_history$$),
	refused($$CREATE TABLE attempt_$$ || :aid || $$ ()$$),
	refused($$SELECT write_by_plpgsql('function')$$),
	refused($$DO 'BEGIN INSERT INTO attempts VALUES (''do''); END'$$),
	refused($$SELECT nextval('numbers')$$),
	refused($$SELECT pg_advisory_lock(1)$$),
	refused($$SELECT pg_notify('channel', 'x')$$),
	refused($$NOTIFY channel$$),
	refused($$SELECT lo_create(0)$$),
	refused($$SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'writer'$$),
	refused($$SELECT pg_reload_conf()$$),
	refused($$LOCK TABLE pgbench_accounts$$),
	refused($$ANALYZE pgbench_branches$$),
	refused($$EXPLAIN ANALYZE CREATE TABLE attempt AS SELECT 1$$),
	refused($$SET pg_session_readonly.mode = off$$),
	refused($$LOAD 'pg_stat_statements'$$);
