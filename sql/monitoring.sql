-- Monitoring and introspection by a superuser must pass: no false alarms.
CREATE EXTENSION pg_buffercache;
CREATE EXTENSION pgstattuple;
CREATE EXTENSION pageinspect;
CREATE EXTENSION pg_visibility;
CREATE EXTENSION pgrowlocks;
CREATE EXTENSION pg_freespacemap;
CREATE EXTENSION amcheck;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION tablefunc;
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE EXTENSION unaccent;
CREATE EXTENSION fuzzystrmatch;
CREATE EXTENSION cube;
CREATE EXTENSION earthdistance;
CREATE EXTENSION intarray;
CREATE EXTENSION isn;
CREATE EXTENSION btree_gist;
CREATE EXTENSION btree_gin;
CREATE EXTENSION file_fdw;
CREATE EXTENSION pg_walinspect;
CREATE TABLE monitored (i int PRIMARY KEY, t text, h hstore, doc tsvector);
INSERT INTO monitored SELECT i, 'row ' || i, hstore('k', i::text), to_tsvector('row ' || i) FROM generate_series(1, 100) i;
CREATE INDEX monitored_trgm ON monitored USING gist (t gist_trgm_ops);
CREATE SEQUENCE monitored_seq;
SELECT nextval('monitored_seq');
VACUUM monitored;
SELECT lo_from_bytea(424242, 'large');
CREATE TEMP TABLE own (id serial, t text);

LOAD 'pg_session_readonly';
SET pg_session_readonly.mode = locked;

-- Each of these must run without an error; their results are of no interest.
\set ON_ERROR_STOP on
\o /dev/null
SELECT * FROM pg_stat_activity;
SELECT * FROM pg_stat_database;
SELECT * FROM pg_stat_all_tables;
SELECT * FROM pg_stat_all_indexes;
SELECT * FROM pg_statio_all_tables;
SELECT * FROM pg_stat_user_functions;
SELECT * FROM pg_stat_bgwriter;
SELECT * FROM pg_stat_wal;
SELECT * FROM pg_stat_archiver;
SELECT * FROM pg_stat_replication;
SELECT * FROM pg_stat_replication_slots;
SELECT * FROM pg_stat_slru;
SELECT * FROM pg_stat_ssl;
SELECT * FROM pg_stat_progress_vacuum;
SELECT * FROM pg_stat_subscription;
SELECT * FROM pg_stats;
SELECT * FROM pg_locks;
SELECT * FROM pg_settings;
SELECT * FROM pg_file_settings;
SELECT * FROM pg_hba_file_rules;
SELECT * FROM pg_replication_slots;
SELECT * FROM pg_prepared_xacts;
SELECT * FROM pg_prepared_statements;
SELECT * FROM pg_cursors;
SELECT * FROM pg_available_extensions;
SELECT * FROM pg_available_extension_versions;
SELECT * FROM pg_timezone_names LIMIT 1;
SELECT * FROM pg_timezone_abbrevs LIMIT 1;
SELECT * FROM pg_config;
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM pg_shmem_allocations;
SELECT * FROM pg_roles;
SELECT * FROM pg_indexes;
SELECT * FROM pg_views;
SELECT * FROM pg_matviews;
SELECT * FROM pg_sequences;
SELECT * FROM pg_publication_tables;
SELECT * FROM information_schema.columns;
SELECT * FROM information_schema.table_constraints;
SELECT * FROM information_schema.role_table_grants;
SELECT pg_stat_clear_snapshot(), pg_stat_get_backend_pid(1), pg_stat_get_numscans('monitored'::regclass);
SELECT pg_relation_size('monitored'), pg_total_relation_size('monitored'), pg_table_size('monitored'),
	pg_database_size(current_database()), pg_tablespace_size('pg_default'), pg_size_pretty(1::bigint);
SELECT pg_relation_filenode('monitored'), pg_relation_filepath('monitored');
SELECT pg_get_viewdef('pg_stat_activity'), pg_get_indexdef('monitored_pkey'::regclass),
	pg_get_constraintdef(oid), pg_get_functiondef('pg_stat_get_numscans'::regproc)
	FROM pg_constraint WHERE conrelid = 'monitored'::regclass;
SELECT pg_describe_object(1259, 'monitored'::regclass, 0), obj_description('monitored'::regclass);
SELECT pg_current_wal_lsn(), pg_current_wal_insert_lsn(), pg_walfile_name(pg_current_wal_lsn()),
	pg_is_in_recovery(), pg_last_wal_replay_lsn(), pg_last_committed_xact() IS NULL
	WHERE current_setting('track_commit_timestamp')::bool;
SELECT pg_current_wal_lsn(), pg_is_in_recovery(), pg_is_wal_replay_paused() WHERE pg_is_in_recovery();
SELECT pg_postmaster_start_time(), pg_conf_load_time(), pg_backend_pid(), pg_blocking_pids(1),
	pg_safe_snapshot_blocking_pids(1), pg_isolation_test_session_is_blocked(1, '{}'),
	inet_server_addr(), version(), current_query(), pg_my_temp_schema(), pg_jit_available();
SELECT * FROM pg_control_system(), pg_control_checkpoint();
SELECT * FROM pg_ls_dir('.'), pg_stat_file('postgresql.conf', true) LIMIT 1;
SELECT * FROM pg_ls_waldir(), pg_ls_tmpdir(), pg_ls_archive_statusdir();
SELECT pg_read_file('PG_VERSION'), pg_read_binary_file('PG_VERSION');
SELECT pg_export_snapshot();
SELECT random(), clock_timestamp(), timeofday(), now(), gen_random_uuid(), setseed(0.5);
SELECT pg_sleep(0), pg_sleep_for('0'), pg_sleep_until(now());
SELECT set_config('work_mem', '5MB', false), current_setting('work_mem');
SELECT txid_current(), txid_current_snapshot(), pg_current_snapshot(), txid_status(3), pg_xact_status('3');
SELECT last_value FROM monitored_seq;
SELECT pg_sequence_last_value('monitored_seq'), pg_sequence_parameters('monitored_seq'::regclass);
SELECT currval('monitored_seq'), lastval();
SELECT lo_get(424242), lo_get(424242, 0, 2);
BEGIN;
SELECT lo_open(424242, 262144);
SELECT loread(0, 3), lo_tell(0), lo_lseek(0, 0, 0), lo_lseek64(0, 0, 0), lo_tell64(0), lo_close(0);
COMMIT;
SELECT pg_advisory_unlock(1), pg_advisory_unlock_shared(1), pg_advisory_unlock_all();
SELECT pg_listening_channels(), pg_notification_queue_usage();
SELECT to_tsvector('english', 'some words') @@ to_tsquery('english', 'word'), ts_rank(doc, 'row'), ts_headline(t, 'row'::tsquery) FROM monitored;
SELECT * FROM ts_parse('default', 'a b'), ts_debug('a'), ts_token_type('default');
SELECT jsonb_path_query('[1]', '$[*]'), json_agg(i), to_jsonb('x'::text), row_to_json(monitored) FROM monitored GROUP BY monitored;
SELECT array_agg(i), string_agg(t, ','), percentile_cont(0.5) WITHIN GROUP (ORDER BY i), mode() WITHIN GROUP (ORDER BY i),
	stddev(i), regr_slope(i, i), bit_xor(i), range_agg(int4range(i, i + 1)) FROM monitored;
SELECT rank() OVER w, lag(i) OVER w, ntile(4) OVER w FROM monitored WINDOW w AS (ORDER BY i);
SELECT * FROM monitored TABLESAMPLE bernoulli (10) REPEATABLE (1);
SELECT has_table_privilege('monitored', 'SELECT'), pg_has_role(current_user, 'pg_monitor', 'USAGE'), pg_table_is_visible('monitored'::regclass);
SELECT pg_identify_object(1259, 'monitored'::regclass, 0), to_regclass('monitored'), format_type(23, NULL), pg_typeof(1), pg_column_size(1);
SELECT currtid2('monitored', '(0,1)');
SELECT encode(sha256('x'), 'hex'), md5('x'), convert_to('x', 'UTF8');
SELECT generate_series(1, 3), unnest('{1,2}'::int[]), regexp_matches('a', 'a'), string_to_table('a,b', ',');
SELECT has_database_privilege(current_database(), 'CREATE'), pg_char_to_encoding('UTF8'), pg_client_encoding();
-- contrib
SELECT * FROM pg_buffercache LIMIT 1;
SELECT * FROM pgstattuple('monitored'), pgstatindex('monitored_pkey'), pgstattuple_approx('monitored');
SELECT * FROM page_header(get_raw_page('monitored', 0)), heap_page_items(get_raw_page('monitored', 0)), bt_metap('monitored_pkey');
SELECT * FROM pg_visibility('monitored'), pg_check_visible('monitored'), pg_visibility_map_summary('monitored');
SELECT * FROM pgrowlocks('monitored');
SELECT * FROM pg_freespace('monitored');
SELECT bt_index_check('monitored_pkey');
SELECT * FROM verify_heapam('monitored');
SELECT t, similarity(t, 'row 5'), word_similarity(t, 'row') FROM monitored WHERE t % 'row 5' ORDER BY t <-> 'row 5' LIMIT 3;
SELECT set_limit(0.5), show_limit(), show_trgm('abc');
SELECT * FROM crosstab('SELECT i, 1, t FROM monitored ORDER BY 1', 'VALUES (1)') AS c (i int, t text) LIMIT 1;
SELECT * FROM connectby('monitored', 'i', 'i', '1', 1) AS c (i int, parent int, level int);
SELECT normal_rand(3, 1, 1);
SELECT h -> 'k', each(h), hstore_to_json(h) FROM monitored LIMIT 1;
SELECT 'A'::citext = 'a', 'a.b'::ltree <@ 'a', unaccent('e'), levenshtein('a', 'b'), soundex('x'), metaphone('x', 4);
SELECT cube(1), ll_to_earth(1, 1), '{1,2}'::int[] @> '{1}', '978-0-11-000533-1'::isbn;
-- What monitoring agents ask for, each after one of them (the functions and views
-- that its source names; the words are ours).
SELECT current_setting('server_version_num')::int >= 160000 AS v16,
	current_setting('server_version_num')::int >= 170000 AS v17 \gset
-- postgres_exporter (collector/*.go)
SELECT datname, pg_database_size(datname), age(datfrozenxid), mxid_age(datminmxid) FROM pg_database WHERE datallowconn;
SELECT mode, datname, count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database GROUP BY 1, 2;
SELECT pg_postmaster_start_time(), extract(epoch FROM clock_timestamp() - min(xact_start)), count(*)
	FROM pg_stat_activity WHERE state IS DISTINCT FROM 'idle';
SELECT slot_name, slot_type, active, safe_wal_size, wal_status,
	CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() - '0/0' ELSE pg_current_wal_lsn() - '0/0' END,
	coalesce(confirmed_flush_lsn, '0/0') - '0/0' FROM pg_replication_slots;
SELECT CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()
	THEN extract(epoch FROM now() - pg_last_xact_replay_timestamp()) ELSE 0 END, pg_is_in_recovery();
SELECT count(*), sum(size), max(modification) FROM pg_ls_waldir();
SELECT relname, n_dead_tup, n_mod_since_analyze, last_autovacuum, pg_indexes_size(relid), pg_table_size(relid) FROM pg_stat_user_tables;
SELECT rolname, rolconnlimit FROM pg_roles;
SELECT name, setting, coalesce(unit, ''), short_desc, vartype FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real');
SELECT extract(epoch FROM now() - last_archived_time), archived_count, failed_count FROM pg_stat_archiver;
\if :v16
SELECT * FROM pg_buffercache_summary();
\endif
-- pgwatch (internal/metrics/metrics.yaml)
SELECT pg_control_system(), pg_control_checkpoint(), pg_control_recovery(), pg_control_init();
SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0');
SELECT pid, pg_blocking_pids(pid), age(backend_xid), age(backend_xmin), query_id, leader_pid FROM pg_stat_activity WHERE pid <> pg_backend_pid();
SELECT coalesce(sum(size), 0) FROM pg_ls_archive_statusdir();
SELECT funcid, calls, total_time, self_time FROM pg_stat_user_functions;
SELECT md5(string_agg(pg_get_functiondef(oid), '')) FROM pg_proc WHERE prokind = 'f' AND pronamespace = 'public'::regnamespace;
SELECT md5(string_agg(pg_get_indexdef(indexrelid), '')), count(*) FILTER (WHERE NOT indisvalid) FROM pg_index;
SELECT md5(coalesce(string_agg(relacl::text, ''), '')), md5(coalesce(string_agg(pg_get_viewdef(oid), '') FILTER (WHERE relkind = 'v'), '')) FROM pg_class;
SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE txid_current() END, pg_current_xact_id() IS NULL;
SELECT pg_tablespace_location(oid), pg_tablespace_size(oid) FROM pg_tablespace;
SELECT * FROM pg_stat_wal_receiver, pg_stat_progress_analyze, pg_stat_progress_cluster, pg_stat_progress_create_index,
	pg_stat_progress_basebackup, pg_stat_progress_copy;
-- pganalyze's collector (input/postgres/*.go)
SET statement_timeout = '30s';
SET lock_timeout = '100ms';
SELECT c.relname, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), pg_is_other_temp_schema(c.relnamespace),
	pg_catalog.has_table_privilege(c.oid, 'SELECT'), pg_relation_is_publishable(c.oid) FROM pg_class c;
SELECT pg_get_expr(adbin, adrelid), pg_column_is_updatable(adrelid, adnum, true) FROM pg_attrdef;
SELECT pg_get_constraintdef(oid), pg_get_function_arguments(conindid) FROM pg_constraint;
SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), pg_stat_get_function_calls(p.oid) FROM pg_proc p LIMIT 50;
SELECT pg_stat_get_blocks_fetched(oid), pg_stat_get_blocks_hit(oid), pg_stat_get_tuples_hot_updated(oid),
	pg_stat_get_ins_since_vacuum(oid), pg_stat_get_last_autoanalyze_time(oid), pg_stat_get_vacuum_count(oid) FROM pg_class;
SELECT s.stxname, pg_get_statisticsobjdef_expressions(s.oid), pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s;
SELECT schemaname, attname, inherited, null_frac, n_distinct, correlation FROM pg_stats;
SELECT * FROM pg_stats_ext;
SELECT pg_encoding_to_char(encoding), shobj_description(oid, 'pg_database') FROM pg_database;
SELECT pg_get_triggerdef(oid) FROM pg_trigger;
SELECT * FROM pg_ls_logdir() WHERE current_setting('logging_collector')::bool;
SELECT datid, count(*) FROM pg_buffercache JOIN pg_stat_database ON datid = reldatabase GROUP BY 1;
EXPLAIN (VERBOSE, FORMAT JSON) SELECT * FROM monitored WHERE i = 1;
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM monitored WHERE i = 1;
RESET lock_timeout;
RESET statement_timeout;
-- check_postgres (check_postgres.pl)
BEGIN;
SELECT version();
SELECT setting FROM pg_settings WHERE name = 'data_checksums';
SELECT nspname, relname, reltuples, relpages, ceil(reltuples / 100) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r';
SELECT count(*), current_setting('max_connections'), current_setting('autovacuum_freeze_max_age')::bigint FROM pg_stat_activity;
SELECT seqrelid::regclass, pg_sequence_last_value(seqrelid), seqmax FROM pg_sequence;
SELECT transaction, gid, age(now(), prepared) FROM pg_prepared_xacts;
SELECT count(*) FROM pg_ls_dir('pg_wal') name WHERE name ~ '^[0-9A-F]{24}$';
SELECT pg_relation_size(oid), pg_size_pretty(pg_total_relation_size(oid)), pg_get_userbyid(relowner) FROM pg_class WHERE relkind IN ('r', 'i');
ROLLBACK;
-- Datadog (datadog_checks/postgres/util.py)
SELECT pg_snapshot_xmin(s), pg_snapshot_xmax(s), (SELECT count(*) FROM pg_snapshot_xip(s)) FROM pg_current_snapshot() s;
SELECT checkpoint_time, pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn), timeline_id FROM pg_control_checkpoint();
SELECT floor(extract(epoch FROM current_timestamp - pg_postmaster_start_time()));
SELECT * FROM pg_stat_database_conflicts, pg_stat_recovery_prefetch;
SELECT * FROM pg_stat_subscription_stats;
SELECT subname, srrelid::regclass, srsubstate FROM pg_subscription_rel JOIN pg_subscription s ON s.oid = srsubid;
SELECT n.nspname, c.relname, count(*) FROM pg_buffercache b JOIN pg_class c ON b.relfilenode = pg_relation_filenode(c.oid)
	JOIN pg_namespace n ON n.oid = c.relnamespace GROUP BY 1, 2;
SELECT application_name, datname, usename, coalesce(wait_event, 'none'), backend_type, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3, 4, 5;
-- and a plan of a statement with parameters, the way agents get one
PREPARE dd AS SELECT * FROM monitored WHERE i = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (FORMAT JSON) EXECUTE dd (NULL);
RESET plan_cache_mode;
DEALLOCATE PREPARE dd;
\if :v16
SELECT * FROM pg_stat_io;
\endif
\if :v17
SELECT * FROM pg_stat_checkpointer;
\endif
-- what writes nothing but what is its own
INSERT INTO own (t) VALUES ('x') RETURNING id;
SELECT nextval('own_id_seq'), setval('own_id_seq', 10);
DO $$ BEGIN PERFORM random(), clock_timestamp(); RAISE DEBUG '%', gen_random_uuid(); END $$;
\o
\set ON_ERROR_STOP off
\echo all of them ran

-- and a few of the same extensions that must not
\set VERBOSITY terse
SELECT pg_truncate_visibility_map('monitored');
SELECT pg_stat_reset();
SELECT lo_put(424242, 0, 'x');
SELECT lo_unlink(424242);
SELECT pg_notify('a', 'b');
SELECT pg_advisory_lock(1);
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT nextval('monitored_seq');
SELECT setval('monitored_seq', 10);
SELECT pg_switch_wal();
SELECT pg_rotate_logfile();
SELECT pg_import_system_collations('pg_catalog');
SELECT pg_create_physical_replication_slot('x');

\c -
SET client_min_messages = warning;
SELECT lo_unlink(424242);
DROP EXTENSION pg_buffercache, pgstattuple, pageinspect, pg_visibility, pgrowlocks,
	pg_freespacemap, amcheck, pg_trgm, tablefunc, citext, ltree,
	unaccent, fuzzystrmatch, earthdistance, cube, intarray, isn, btree_gist, btree_gin,
	file_fdw, pg_walinspect CASCADE;
DROP TABLE monitored;
DROP EXTENSION hstore;
DROP SEQUENCE monitored_seq;
