# What a server is like: everything that a session which promises to change nothing
# could have changed.  Sourced by bash, after lib.sh; uses $bin and the clients'
# environment of start_server().
#
# Not looked at, as reading changes it: hint bits and pruned rows, WAL, the files of
# transaction status, temporary files, counters of reads.

# Rows of every table and sequence of a database, with where each stands and who wrote
# and locked it, as one line a relation.  A SELECT FOR UPDATE leaves its xmax.
relations_of()
{
	local database=$1
	"$bin/psql" -X -q -At -v ON_ERROR_STOP=1 -d "$database" <<-'SQL'
		SELECT format($$SELECT %L, pg_relation_filepath(%s), count(*), md5(string_agg(md5(%s), '' ORDER BY %s)) FROM ONLY %s t$$,
			relation, c.oid, line, line, relation)
		FROM pg_class c, pg_namespace n,
			LATERAL (SELECT format('%I.%I', nspname, relname) AS relation,
				CASE relkind WHEN 'S' THEN 'ROW(last_value, log_cnt, is_called)::text'
				WHEN 't' THEN 'ROW(ctid, xmin, xmax, chunk_id, chunk_seq, chunk_data)::text'
				ELSE 'ROW(ctid, xmin, xmax, t)::text' END || ' COLLATE "C"' AS line) l
		WHERE n.oid = relnamespace AND relkind IN ('r', 'S', 'm', 't') AND relpersistence <> 't'
			AND (n.nspname <> 'pg_toast' OR relkind = 't')
		ORDER BY relation \gexec
	SQL
}

fingerprint()
{
	local data=$1 database settings
	"$bin/psql" -X -q -d postgres -c CHECKPOINT
	echo "-- dump"
	"$bin/pg_dumpall" | grep -vE '^\\(un)?restrict '
	for database in $("$bin/psql" -X -At -d postgres -c "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1"); do
		echo "-- relations of $database"
		relations_of "$database"
	done
	echo "-- what is not in a table"
	"$bin/psql" -X -q -At -v ON_ERROR_STOP=1 -d "${2:-postgres}" <<-'SQL'
		SELECT 'slot', slot_name, plugin, restart_lsn, confirmed_flush_lsn, catalog_xmin, active FROM pg_replication_slots ORDER BY slot_name;
		SELECT 'origin', * FROM pg_replication_origin_status ORDER BY external_id;
		SELECT 'prepared', gid, prepared, owner, database FROM pg_prepared_xacts ORDER BY gid;
		SELECT 'others', pid, backend_type, backend_start, wait_event FROM pg_stat_activity
			WHERE application_name = 'bystander' OR backend_type NOT IN ('client backend', 'parallel worker', 'checkpointer', 'background writer', 'walwriter', 'io worker')
			ORDER BY backend_start, pid;
		SELECT 'advisory lock', pid, objid, mode FROM pg_locks WHERE locktype = 'advisory' ORDER BY pid, objid;
		SELECT 'notifications', pg_notification_queue_usage();
		SELECT 'configuration loaded', pg_conf_load_time();
		SELECT 'in recovery', pg_is_in_recovery();
		SELECT 'setting', name, setting FROM pg_settings WHERE context <> 'internal' ORDER BY name;
		SELECT 'written', schemaname, relname, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup, n_mod_since_analyze,
			last_vacuum, last_analyze, vacuum_count, analyze_count FROM pg_stat_all_tables ORDER BY schemaname, relname;
		SELECT 'large object', loid, md5(string_agg(data, '' ORDER BY pageno)) FROM pg_largeobject GROUP BY loid ORDER BY loid;
		-- every view of statistics that says when it was reset
		SELECT format($$SELECT 'reset', %L, string_agg(t.stats_reset::text, ', ' ORDER BY t::text) FROM (SELECT stats_reset FROM %s) t$$, relation, relation)
		FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = c.oid,
			LATERAL (SELECT format('%I.%I', nspname, relname) AS relation) r
		WHERE relkind = 'v' AND attname = 'stats_reset' ORDER BY relation \gexec
	SQL
	echo "-- files"
	(cd "$data" && find . -path ./pg_wal -prune -o -path ./pg_xact -prune -o -path ./pg_subtrans -prune -o \
		-path ./pg_stat_tmp -prune -o -name pgsql_tmp -prune -o -path './base/*/t[0-9]*_*' -prune -o \
		-name pg_internal.init -prune -o -name 'postmaster.pid' -prune -o -type f -printf '%P %s %m %u\n' | LC_ALL=C sort)
	echo "-- contents of what is no relation"
	(cd "$data" && LC_ALL=C find . -maxdepth 1 -type f ! -name postmaster.pid | LC_ALL=C sort | xargs sha256sum)
	echo "-- beside the data directory"
	(cd "$data/.." && ls -A)
}
