-- The state of one database: every row of every catalog, by place and transaction as
-- well, and what was counted of rows written.  Run by script/core-suite.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;
SELECT format('SELECT ''catalog %1$s: '' || count(*) || '' rows '' ||
		md5(string_agg(md5(t.ctid::text || '' '' || t.xmin::text || '' '' || t::text), '''' ORDER BY t.ctid))
	FROM %1$I t', relname)
FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'
ORDER BY relname \gexec

SELECT 'size ' || oid::regclass || ': ' || relfilenode || ' ' || relpages || ' ' || reltuples || ' ' ||
	relfrozenxid || ' ' || pg_relation_size(oid)
FROM pg_class WHERE relfilenode <> 0 ORDER BY oid;

SELECT 'rows written, ' || relid::regclass || ': ' || n_tup_ins || ' ' || n_tup_upd || ' ' || n_tup_del || ' ' ||
	vacuum_count || ' ' || analyze_count
FROM pg_stat_all_tables ORDER BY relid;

-- whatever has a time of its last reset
SELECT format('SELECT ''reset, %1$s'', %2$s stats_reset FROM %3$s.%1$I ORDER BY 1, 2', relname,
	CASE relname
		WHEN 'pg_stat_database' THEN 'datname,'
		WHEN 'pg_stat_slru' THEN 'name,'
		WHEN 'pg_stat_replication_slots' THEN 'slot_name,'
		WHEN 'pg_stat_subscription_stats' THEN 'subname,'
		WHEN 'pg_stat_io' THEN 'backend_type, object, context,'
	END, relnamespace::regnamespace)
FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
WHERE relkind = 'v' AND attname = 'stats_reset' ORDER BY relname \gexec
