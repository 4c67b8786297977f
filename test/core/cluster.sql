-- The state of the cluster, as far as it is in no database.  A line of what differs
-- says by its first word what it is about.  Run by script/core-suite.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;
SELECT 'slot', slot_name, plugin, slot_type, database, temporary, active, xmin, catalog_xmin, restart_lsn,
	confirmed_flush_lsn, two_phase
FROM pg_replication_slots ORDER BY slot_name;
SELECT 'origin', o.*, s.remote_lsn, s.local_lsn
FROM pg_replication_origin o LEFT JOIN pg_replication_origin_status s ON s.local_id = o.roident ORDER BY roident;
SELECT 'prepared', * FROM pg_prepared_xacts ORDER BY gid;
SELECT 'advisory lock', * FROM pg_locks WHERE locktype = 'advisory';
SELECT 'snapshot', pg_ls_dir('pg_snapshots');
SELECT 'started', pg_postmaster_start_time();
SELECT 'reloaded', pg_conf_load_time();
SELECT 'setting', name, setting FROM pg_settings WHERE source NOT IN ('session', 'client') ORDER BY name;
SELECT 'setting in a file', sourcefile, name, setting, applied, error FROM pg_file_settings ORDER BY seqno;
SELECT 'queue', pg_notification_queue_usage();
SELECT 'session', pid, backend_start, state FROM pg_stat_activity WHERE application_name = 'kept';
