# Extensions as distributions package them, really installed: what only reads runs in
# a locked session of a superuser, and gives what it gives elsewhere; what acts is
# refused, and a second connection sees no change; settings that act stay as they
# are; and script/review-extension says of each what a session does.
#
# Each is skipped where it is not installed; script/test --extensions installs what the
# distribution has.

use strict;
use warnings;
use File::Temp;
use FindBin;
use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

# A file that an attack would write, and a port on which nobody may connect.
my $dir = File::Temp->newdir(DIR => '/tmp');
chmod 0777, "$dir";
my $file = "$dir/file";
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', Proto => 'tcp')
  or die "no port: $!";
my $port = $listener->sockport;

# What is done, by extension:
#	preload		libraries for shared_preload_libraries
#	schema		of the extension, where it is not public
#	setup		made beforehand, unlocked
#	stored		settings of the database, which a superuser would give
#	reads		run unlocked, then locked: same rows (only the success, behind a ~)
#	acts		refused with 25006 (only without an effect, behind a ~)
#	ids		transaction ids are taken
#	allowed		[ function, a read that runs where an administrator allowed it ]
#	watch		what a second connection looks at before and after
#	settings	[ name, value ]: cannot be set in a locked session
my %extension = (

	# --- index access methods and types that are indexed ---
	rum => {
		setup => [ q(CREATE TABLE doc (id int, t tsvector, d timestamp, a int[])),
			q(INSERT INTO doc SELECT i, to_tsvector('simple', 'w' || i % 10 || ' x' || i), timestamp '2000-01-01' + i * interval '1 h', ARRAY[i % 7, i]
				FROM generate_series(1, 1000) i),
			'CREATE INDEX doc_t ON doc USING rum (t rum_tsvector_ops)',
			q(CREATE INDEX doc_d ON doc USING rum (t rum_tsvector_addon_ops, d) WITH (attach = 'd', to = 't')),
			'CREATE INDEX doc_a ON doc USING rum (a rum_anyarray_ops)', 'ANALYZE doc' ],
		reads => [ 'SET enable_seqscan = off',
			q(SELECT id FROM doc WHERE t @@ to_tsquery('simple', 'w3 & x13')),
			q(SELECT id, t <=> to_tsquery('simple', 'x7') FROM doc WHERE t @@ to_tsquery('simple', 'x7')
				ORDER BY t <=> to_tsquery('simple', 'x7')),
			q(SELECT id FROM doc WHERE t @@ to_tsquery('simple', 'w3') ORDER BY d <=> '2000-01-10' LIMIT 3),
			'SELECT count(*) FROM doc WHERE a && ARRAY[3]',
			q(SELECT rum_ts_distance(t, to_tsquery('simple', 'w1')) FROM doc WHERE id = 1),
			q(EXPLAIN (COSTS off) SELECT id FROM doc WHERE t @@ to_tsquery('simple', 'w3')) ],
		acts => [ q(INSERT INTO doc VALUES (0, 'a')), 'SELECT gin_clean_pending_list(\'doc_t\'::regclass)' ],
		watch => 'SELECT count(*) FROM doc' },
	vector => {
		setup => [ 'CREATE TABLE item (id int, v vector(3))',
			'INSERT INTO item SELECT i, ARRAY[i, i % 7, 1]::vector FROM generate_series(1, 500) i',
			'CREATE INDEX item_h ON item USING hnsw (v vector_l2_ops)',
			'CREATE INDEX item_i ON item USING ivfflat (v vector_cosine_ops) WITH (lists = 5)' ],
		reads => [ 'SET enable_seqscan = off', 'SET hnsw.ef_search = 100', 'SET ivfflat.probes = 3',
			q(SELECT id FROM item ORDER BY v <-> '[3,1,2]' LIMIT 5), q(SELECT id FROM item ORDER BY v <=> '[3,1,2]' LIMIT 1),
			q(SELECT avg(v), sum(v) FROM item), q(SELECT l2_normalize(v) FROM item WHERE id = 1) ],
		acts => [ q(INSERT INTO item VALUES (0, '[1,2,3]')) ],
		watch => 'SELECT count(*) FROM item' },
	ip4r => {
		setup => [ 'CREATE TABLE net (n iprange)', q(INSERT INTO net SELECT format('10.%s.0.0/16', i)::iprange FROM generate_series(0, 255) i),
			'CREATE INDEX ON net USING gist (n)', 'ANALYZE net' ],
		reads => [ 'SET enable_seqscan = off', q(SELECT n FROM net WHERE n >>= '10.7.1.1'), q(SELECT cidr_split('10.0.0.0-10.0.0.6'::ip4r)),
			q(SELECT masklen('10.0.0.0/8'::ip4r), family('::1'::ipaddress)) ] },
	jsquery => {
		setup => [ 'CREATE TABLE j (d jsonb)', q(INSERT INTO j SELECT jsonb_build_object('a', i, 'b', ARRAY[i, 2]) FROM generate_series(1, 500) i),
			'CREATE INDEX ON j USING gin (d jsonb_path_value_ops)' ],
		reads => [ 'SET enable_seqscan = off', q(SELECT d FROM j WHERE d @@ 'a = 7'::jsquery), q(SELECT gin_debug_query_path_value('a = 7 AND b.# > 1')) ] },
	prefix => {
		setup => [ 'CREATE TABLE p (x prefix_range)', 'INSERT INTO p SELECT i::text FROM generate_series(1, 999) i', 'CREATE INDEX ON p USING gist (x)' ],
		reads => [ 'SET enable_seqscan = off', q(SELECT x FROM p WHERE x @> '1234567' ORDER BY length(x) DESC) ] },
	q3c => {
		setup => [ 'CREATE TABLE star (ra float8, dec float8)', 'INSERT INTO star SELECT i, i % 90 FROM generate_series(0, 359) i',
			'CREATE INDEX ON star (q3c_ang2ipix(ra, dec))', 'ANALYZE star' ],
		reads => [ 'SELECT count(*) FROM star WHERE q3c_radial_query(ra, dec, 10, 10, 5)',
			'SELECT q3c_dist(0, 0, 1, 1)', 'SELECT count(*) FROM star a JOIN star b ON q3c_join(a.ra, a.dec, b.ra, b.dec, 0.1)' ] },
	semver => { reads => [ q(SELECT '1.2.3'::semver < '1.10.0'), q(SELECT get_semver_major('2.1.0'), to_semver('1.0')) ] },
	periods => { reads => [ 'SELECT * FROM periods.periods', 'SELECT * FROM periods.system_time_periods' ],
		setup => [ 'CREATE TABLE e (i int PRIMARY KEY, s date, t date)', q(SELECT periods.add_period('e', 'p', 's', 't')) ],
		acts => [ q(SELECT periods.drop_period('e', 'p')), q(SELECT periods.add_system_time_period('e')) ],
		watch => 'SELECT * FROM periods.periods' },
	unit => { reads => [ q(SELECT '9.81 m/s^2'::unit * '3 s', '1 km'::unit @ 'mile'), 'SELECT count(*) > 100 FROM unit_units' ],
		setup => [ q(INSERT INTO unit_units VALUES ('foo', '1 m')) ],
		acts => [ 'DELETE FROM unit_units' ], watch => 'SELECT count(*) FROM unit_units' },
	hll => {
		setup => [ 'CREATE TABLE h (d int, u hll)', 'INSERT INTO h SELECT i % 5, hll_add_agg(hll_hash_integer(i)) FROM generate_series(1, 1000) i GROUP BY 1' ],
		reads => [ 'SELECT d, #u FROM h ORDER BY 1', 'SELECT hll_cardinality(hll_union_agg(u)) FROM h', 'SELECT hll_set_defaults(12, 5, -1, 1)',
			q(SELECT hll_print(hll_add(hll_empty(), hll_hash_text('x')))), 'SET hll.force_groupagg = on' ] },
	tdigest => { reads => [ 'SELECT tdigest_percentile(i, 100, 0.9) FROM generate_series(1, 1000) i', 'SELECT tdigest_count(tdigest(i, 10)) FROM generate_series(1, 9) i' ] },
	pg_similarity => { reads => [ q(SELECT jaro('Euler', 'Eulre'), lev('a', 'ab'), qgram('abc', 'abd')), q(SELECT 'Euler' ~@@ 'Heuler'), 'SET pg_similarity.jaro_threshold = 0.5' ] },
	icu_ext => { reads => [ q(SELECT icu_version() <> '', icu_compare('a', 'B', 'en')), q(SELECT contents FROM icu_word_boundaries('a b', 'en')),
			q(SELECT icu_sort_key('x', 'fr') IS NOT NULL), q(SELECT icu_transform('aé', 'Any-ASCII')) ] },
	pgpcre => { reads => [ q(SELECT 'foo bar' =~ 'o\s+b', pcre_captured_substrings('foo bar', '(\w+) (\w+)')) ] },
	pgmp => { reads => [ q(SELECT '100'::mpz ^ 20, '1/3'::mpq + '1/6'), 'SELECT sum(i::mpz), max(i::mpz) FROM generate_series(1, 99) i', 'SELECT gmp_version()' ] },
	pg_uuidv7 => { reads => [ '~SELECT uuid_generate_v7()', q(SELECT uuid_v7_to_timestamptz('018570bb-4a7d-7c7e-8df4-6d47afd8c8fc')) ] },

	# --- what looks into the server ---
	hypopg => {
		setup => [ 'CREATE TABLE t (i int)', 'INSERT INTO t SELECT generate_series(1, 10000)', 'ANALYZE t' ],
		reads => [ q(~SELECT * FROM hypopg_create_index('CREATE INDEX ON t (i)')), '~SELECT indexrelid, hypopg_relation_size(indexrelid) FROM hypopg()',
			q(~EXPLAIN SELECT * FROM t WHERE i = 1), '~SELECT hypopg_get_indexdef(indexrelid) FROM hypopg_list_indexes', '~SELECT hypopg_drop_index(indexrelid) FROM hypopg()',
			'SELECT count(*) FROM hypopg()', 'SELECT hypopg_reset()' ],
		acts => [ 'CREATE INDEX ON t (i)' ],
		watch => q(SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass),
		settings => [ [ 'hypopg.use_real_oids', 'on' ] ] },
	pg_qualstats => {
		preload => [ 'pg_stat_statements', 'pg_qualstats' ], stored => [ [ 'pg_qualstats.sample_rate', '1' ] ],
		setup => [ 'CREATE EXTENSION pg_stat_statements', 'CREATE TABLE t (i int)', 'INSERT INTO t SELECT generate_series(1, 1000)', 'SELECT * FROM t WHERE i = 7' ],
		reads => [ '~SELECT * FROM pg_qualstats', '~SELECT * FROM pg_qualstats_pretty', '~SELECT * FROM pg_qualstats_all', '~SELECT * FROM pg_qualstats_by_query',
			'~SELECT * FROM pg_qualstats_index_advisor()', '~SELECT pg_qualstats_example_queries()', '~SELECT pg_qualstats_names()' ],
		acts => [ 'SELECT pg_qualstats_reset()' ],
		watch => 'SELECT count(*) > 0 FROM pg_qualstats' },
	pg_stat_kcache => {
		preload => [ 'pg_stat_statements', 'pg_stat_kcache' ], setup => [ 'SELECT count(*) FROM generate_series(1, 10000)' ],
		reads => [ '~SELECT * FROM pg_stat_kcache', '~SELECT * FROM pg_stat_kcache_detail', '~SELECT * FROM pg_stat_kcache()' ],
		acts => [ 'SELECT pg_stat_kcache_reset()', 'SELECT pg_stat_statements_reset()' ],
		watch => 'SELECT count(*) > 1 FROM pg_stat_kcache()',
		settings => [ [ 'pg_stat_kcache.track', 'none' ], [ 'pg_stat_statements.track', 'none' ] ] },
	pg_wait_sampling => {
		preload => [ 'pg_wait_sampling' ], setup => [ 'SELECT pg_sleep(0.3)' ],
		reads => [ '~SELECT * FROM pg_wait_sampling_current', '~SELECT * FROM pg_wait_sampling_history', '~SELECT * FROM pg_wait_sampling_profile',
			'~SELECT * FROM pg_wait_sampling_get_current(NULL)' ],
		acts => [ 'SELECT pg_wait_sampling_reset_profile()' ],
		watch => 'SELECT count(*) > 0 FROM pg_wait_sampling_get_profile() WHERE count > 10',
		settings => [ [ 'pg_wait_sampling.profile_period', '100' ] ] },
	powa => {
		preload => [ 'pg_stat_statements' ],
		reads => [ 'SELECT * FROM powa_functions ORDER BY 1, 2, 3', 'SELECT * FROM powa_servers', '~SELECT powa_stat_user_functions(oid), powa_stat_all_rel(oid) FROM pg_database WHERE datname = current_database()',
			'~SELECT * FROM powa_statements_src(0)' ],
		acts => [ '~SELECT powa_take_snapshot()', 'SELECT powa_statements_reset(0)', q(SELECT powa_register_server('h')) ],
		watch => 'SELECT (SELECT count(*) FROM powa_statements_history_current), (SELECT count(*) FROM powa_servers), (SELECT max(snapts) FROM powa_snapshot_metas)' },
	pg_dirtyread => {
		setup => [ 'CREATE TABLE t (i int)', 'INSERT INTO t VALUES (1), (2)', 'DELETE FROM t WHERE i = 1' ],
		reads => [ q(SELECT * FROM pg_dirtyread('t') AS t (i int, ctid tid, dead boolean) ORDER BY 1) ] },
	pgfincore => {
		setup => [ 'CREATE TABLE t (i int)', 'INSERT INTO t SELECT generate_series(1, 1000)' ],
		reads => [ q(~SELECT * FROM pgfincore('t')), '~SELECT * FROM pgsysconf()' ],
		acts => [ q(SELECT * FROM pgfadvise_dontneed('t')), q(SELECT * FROM pgfadvise_willneed('t')), q(SELECT * FROM pgfadvise_loader('t', 0, true, true, B'1')) ] },
	prioritize => {
		reads => [ '~SELECT get_backend_priority(pg_backend_pid())' ],
		acts => [ 'SELECT set_backend_priority(PID, 5)', 'SELECT set_backend_priority(pg_backend_pid(), 5)' ],
		watch => 'SELECT get_backend_priority(pg_backend_pid())' },
	pgaudit => {
		preload => [ 'pgaudit' ], stored => [ [ 'pgaudit.log', 'all' ] ],
		setup => [ 'CREATE TABLE t (i int)', 'INSERT INTO t VALUES (1)' ],
		reads => [ 'SELECT * FROM t', 'EXPLAIN (COSTS off) SELECT * FROM t' ],
		acts => [ 'INSERT INTO t VALUES (2)', 'CREATE TABLE u ()', 'DELETE FROM t' ],
		watch => 'SELECT * FROM t',
		settings => [ [ 'pgaudit.log', 'none' ], [ 'pgaudit.role', 'postgres' ] ] },
	plpgsql_check => {
		setup => [ q(CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT i FROM nothing); END') ],
		reads => [ q(SELECT * FROM plpgsql_check_function('f()')), q(SELECT functionid, sqlstate FROM plpgsql_check_function_tb('f()')),
			q(SELECT * FROM plpgsql_show_dependency_tb('f()')), q(SELECT lineno FROM plpgsql_profiler_function_tb('f()')) ],
		acts => [ 'SELECT plpgsql_profiler_reset_all()', q(SELECT plpgsql_profiler_reset('f()')), 'SELECT plpgsql_profiler_install_fake_queryid_hook()' ],
		settings => [ [ 'plpgsql_check.profiler', 'on' ] ] },
	plprofiler => {
		reads => [ 'SELECT pl_profiler_version()', 'SELECT count(*) FROM pl_profiler_linestats_local()', 'SELECT pl_profiler_set_enabled_local(true)', 'SELECT pl_profiler_get_enabled_local()',
			'SELECT pl_profiler_reset_local()' ],
		acts => [ 'SELECT pl_profiler_set_enabled_global(true)', 'SELECT pl_profiler_set_enabled_pid(PID)', 'SELECT pl_profiler_collect_data()',
			'SELECT pl_profiler_reset_shared()', 'SELECT pl_profiler_set_collect_interval(1)' ] },
	pldbgapi => {
		acts => [ 'SELECT pldbg_create_listener()', q(SELECT pldbg_set_global_breakpoint(1, 'now()'::regprocedure, 1, NULL)), q(SELECT pldbg_oid_debug('now()'::regprocedure)),
			'SELECT pldbg_attach_to_port(1)' ] },
	pg_track_settings => {
		setup => [ 'SELECT pg_track_settings_snapshot()' ], reads => [ 'SELECT count(*) > 100 FROM pg_track_settings()', q(SELECT * FROM pg_track_settings_log('work_mem')), q(SELECT * FROM pg_track_settings_diff(now() - interval '1 day', now() - interval '1 day')) ],
		acts => [ 'SELECT pg_track_settings_snapshot()', 'SELECT pg_track_settings_reset()' ], watch => 'SELECT count(*), max(ts) FROM pg_track_settings_history' },

	# --- what acts for a living ---
	pg_cron => {
		preload => [ 'pg_cron' ],
		setup => [ q(SELECT cron.schedule('job', '0 0 29 2 *', 'SELECT 1')) ],
		reads => [ 'SELECT jobid, schedule, command FROM cron.job', 'SELECT * FROM cron.job_run_details' ],
		acts => [ q(SELECT cron.schedule('* * * * *', 'DROP TABLE t')), q(SELECT cron.schedule('job', '* * * * *', 'SELECT 2')), q(SELECT cron.unschedule('job')), 'SELECT cron.unschedule(1)',
			q(SELECT cron.alter_job(1, command => 'SELECT 3')), q(SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'postgres')),
			q(INSERT INTO cron.job (schedule, command) VALUES ('* * * * *', 'SELECT 1')) ],
		watch => 'SELECT * FROM cron.job ORDER BY 1' },
	pg_partman => {
		setup => [ 'CREATE TABLE part (i int NOT NULL, d timestamptz NOT NULL) PARTITION BY RANGE (d)', 'CREATE TABLE other (d timestamptz NOT NULL) PARTITION BY RANGE (d)',
			# whose arguments differ before its version 5
			q(CREATE FUNCTION make(name text) RETURNS bool LANGUAGE plpgsql AS $$
			BEGIN
				IF (SELECT extversion ~ '^[1-4][.]' FROM pg_extension WHERE extname = 'pg_partman') THEN
					RETURN partman.create_parent(p_parent_table => name, p_control => 'd', p_interval => '1 day', p_type => 'native');
				END IF;
				RETURN partman.create_parent(p_parent_table => name, p_control => 'd', p_interval => '1 day');
			END $$), q(SELECT make('public.part')) ],
		schema => 'partman',
		reads => [ q(SELECT * FROM partman.show_partitions('public.part')), 'SELECT parent_table FROM partman.part_config', 'SELECT * FROM partman.check_default()',
			q(SELECT * FROM partman.show_partition_name('public.part', '2026-01-01')) ],
		acts => [ 'CALL partman.run_maintenance_proc()', q(SELECT partman.run_maintenance('public.part')), q(SELECT partman.undo_partition('public.part', p_target_table => 'public.other')),
			q(SELECT make('public.other')), q(UPDATE partman.part_config SET premake = 10) ],
		watch => q(SELECT (SELECT count(*) FROM pg_class), (SELECT string_agg(c::text, ' ') FROM partman.part_config c)) },
	pg_repack => {
		setup => [ 'CREATE TABLE t (i int PRIMARY KEY, j int)', 'INSERT INTO t VALUES (1, 1)' ],
		reads => [ 'SELECT repack.version()', 'SELECT * FROM repack.primary_keys', q(SELECT relname, ckey FROM repack.tables WHERE relname ~ 'public'), q(SELECT repack.get_order_by('t_pkey'::regclass, 't'::regclass)),
			q(SELECT repack.oid2text('t'::regclass)), q(SELECT repack.get_table_and_inheritors('t')), 'SELECT repack.conflicted_triggers(\'t\'::regclass)' ],
		acts => [ q(SELECT repack.repack_swap('t'::regclass)), q(SELECT repack.repack_drop('t'::regclass, 4)), q(SELECT repack.disable_autovacuum('t')), q(SELECT repack.repack_index_swap('t_pkey'::regclass)),
			q(SELECT repack.repack_apply('SELECT 1', 'SELECT 2', 'DELETE FROM t', 'UPDATE t SET j = 2', 'DELETE FROM t', 1)) ],
		watch => q(SELECT relfilenode, reloptions FROM pg_class WHERE relname IN ('t', 't_pkey') UNION ALL SELECT i, NULL FROM t) },
	pglogical => {
		preload => [ 'pglogical' ], ids => 1,	# by its own processes
		setup => [ q(SELECT pglogical.create_node('n', 'dbname=with_pglogical')), 'CREATE TABLE t (i int PRIMARY KEY)', 'CREATE SEQUENCE s' ],
		reads => [ 'SELECT node_name FROM pglogical.pglogical_node_info()', 'SELECT * FROM pglogical.show_subscription_status()', 'SELECT * FROM pglogical.tables', 'SELECT set_name FROM pglogical.replication_set ORDER BY 1',
			q(SELECT * FROM pglogical.show_repset_table_info('t', ARRAY['default'])), q(SELECT pglogical.pglogical_gen_slot_name('a', 'b', 'c')), 'SELECT pglogical.pglogical_version()',
			'SELECT pglogical.pglogical_max_proto_version()' ],
		acts => [ q(SELECT pglogical.drop_node('n')), q(SELECT pglogical.create_node('m', 'dbname=x')), q(SELECT pglogical.create_replication_set('r')), q(SELECT pglogical.replication_set_add_table('default', 't')),
			q(SELECT pglogical.replicate_ddl_command('DROP TABLE public.t')), q(SELECT pglogical.synchronize_sequence('s')), q(SELECT pglogical.create_subscription('s', 'host=127.0.0.1 port=PORT')),
			q(SELECT pglogical.alter_node_add_interface('n', 'i', 'dbname=x')) ],
		watch => 'SELECT (SELECT count(*) FROM pglogical.node), (SELECT count(*) FROM pglogical.replication_set), (SELECT count(*) FROM pglogical.tables WHERE set_name IS NOT NULL),
			(SELECT count(*) FROM pglogical.queue), (SELECT count(*) FROM pglogical.node_interface)',
		settings => [ [ 'pglogical.conflict_resolution', 'error' ] ] },
	set_user => {
		preload => [ 'set_user' ],
		reads => [ 'SELECT current_user' ],
		acts => [ q(SELECT set_user('pg_monitor')), 'SELECT reset_user()', q(SELECT set_user_u('postgres')), q(SELECT set_session_auth('pg_monitor')) ] },
	pgq => {
		ids => 1,	# by txid_current(), which takes one and is allowed
		setup => [ q(SELECT pgq.create_queue('q')), q(SELECT pgq.register_consumer('q', 'c')), q(SELECT pgq.insert_event('q', 'a', 'b')), q(SELECT pgq.force_tick('q')), q(SELECT pgq.ticker('q')) ],
		reads => [ 'SELECT queue_name FROM pgq.get_queue_info()', 'SELECT consumer_name FROM pgq.get_consumer_info()', 'SELECT pgq.version()', q(SELECT pgq.current_event_table('q')) ],
		acts => [ q(SELECT pgq.insert_event('q', 'c', 'd')), q(SELECT pgq.force_tick('q')), q(SELECT pgq.create_queue('r')), q(SELECT pgq.drop_queue('q', true)), q(SELECT pgq.next_batch('q', 'c')),
			q(SELECT pgq.insert_event_raw('q', 9, now(), NULL, NULL, 'c', 'd', NULL, NULL, NULL, NULL)), 'SELECT pgq.maint_rotate_tables_step2()' ],
		watch => 'SELECT (SELECT count(*) FROM pgq.event_template), (SELECT count(*) FROM pgq.queue), (SELECT count(*) FROM pgq.tick), (SELECT string_agg(s::text, \' \') FROM pgq.subscription s)' },
	table_log => {
		setup => [ 'CREATE TABLE t (i int PRIMARY KEY)', 'INSERT INTO t VALUES (1)', q(SELECT table_log_init(5, 't')), 'INSERT INTO t VALUES (2)' ],
		reads => [ 'SELECT i, trigger_mode FROM t_log ORDER BY 1' ],
		acts => [ q(SELECT table_log_restore_table('t', 'i', 't_log', 'trigger_id', 't_recover', now(), NULL, 1, NULL)), q(SELECT table_log_init(3, 't', 't_log2')), 'INSERT INTO t VALUES (3)' ],
		watch => q(SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM t), (SELECT count(*) FROM t_log)) },
	pre_prepare => {
		setup => [ q(CREATE TABLE stmt (name text, statement text)), q(INSERT INTO stmt VALUES ('good', 'PREPARE good AS SELECT 7'), ('bad', 'PREPARE bad AS DELETE FROM public.stmt')) ],
		reads => [ q(SELECT prepare_all('public.stmt')), 'EXECUTE good' ],
		acts => [ 'EXECUTE bad' ], watch => 'SELECT count(*) FROM stmt' },
	pgmemcache => {
		acts => [ q(SELECT memcache_server_add('127.0.0.1:PORT')), q(SELECT memcache_set('a', 'b')), q(SELECT memcache_get('a')), 'SELECT memcache_stats()', 'SELECT memcache_flush_all()',
			q(SET pgmemcache.default_servers = '127.0.0.1:PORT'; SELECT memcache_get('a')) ] },
	http => { acts => [ q(SELECT status FROM http_get('http://127.0.0.1:PORT/')), q(SELECT status FROM http_post('http://127.0.0.1:PORT/', 'a', 'text/plain')) ],
		reads => [ q(SELECT urlencode('a b')) ] },
	pg_background => { acts => [ q(SELECT * FROM pg_background_result(pg_background_launch('CREATE TABLE t ()')) AS (r text)) ], watch => 'SELECT count(*) FROM pg_class' },
	orafce => {
		setup => [ q(INSERT INTO utl_file.utl_file_dir (dir) VALUES ('DIR')), q(SELECT dbms_pipe.create_pipe('p')) ],
		reads => [ q(SELECT oracle.add_months('2024-01-31'::date, 1), oracle.last_day('2024-02-03'::date)), q(SELECT oracle.nvl(NULL::text, 'a'::text), oracle.decode(1, 1, 'x'::text, 'y'::text)), 'SELECT * FROM oracle.dual',
			q(SELECT oracle.substr('abc', 2), oracle.instr('abcabc', 'c', 1, 2)), q(SELECT oracle.listagg(i::text, ',') FROM generate_series(1, 3) i), 'SELECT dbms_output.enable()', q(SELECT dbms_output.put_line('x')),
			'SELECT dbms_output.get_line()', '~SELECT dbms_random.value()', q(SELECT oracle.to_date('2024-02-03', 'YYYY-MM-DD')), 'SELECT name FROM dbms_pipe.db_pipes', q(SELECT plvstr.rvrs('abc')),
			q(SELECT dbms_assert.enquote_name('a')) ],
		acts => [ q(SELECT utl_file.fopen('DIR', 'file', 'w')), q(SELECT utl_file.fremove('DIR', 'file')), q(SELECT dbms_pipe.send_message('p')), q(SELECT dbms_pipe.create_pipe('r')), q(SELECT dbms_pipe.remove_pipe('p')),
			q(SELECT dbms_alert.signal('a', 'b')), q(SELECT dbms_alert.register('a')), q(SELECT dbms_pipe.purge('p')) ],
		watch => 'SELECT name, items FROM dbms_pipe.db_pipes' },

	# --- languages ---
	pllua => {
		setup => [ 'CREATE TABLE t (i int)', 'INSERT INTO t VALUES (1)', q(CREATE FUNCTION lua_read() RETURNS int LANGUAGE pllua AS 'return spi.execute("SELECT i FROM t")[1].i'),
			q(CREATE FUNCTION lua_write() RETURNS int LANGUAGE pllua AS 'spi.execute("INSERT INTO t VALUES (2)") return 1') ],
		reads => [ 'SELECT lua_read()' ],
		acts => [ 'SELECT lua_write()', q(SELECT pllua_validator('lua_read()'::regprocedure)), 'DO LANGUAGE pllua $$ spi.execute("INSERT INTO t VALUES (2)") $$' ],
		watch => 'SELECT count(*) FROM t',
		settings => [ [ 'pllua.on_init', 'os.execute()' ], [ 'pllua.on_trusted_init', 'x()' ], [ 'pllua.on_common_init', 'x()' ] ] },
	plluau => {
		setup => [ q(CREATE FUNCTION lua_os() RETURNS int LANGUAGE plluau AS 'os.execute("touch FILE") return 1'),
			'CREATE EXTENSION pllua', q(CREATE FUNCTION lua_one() RETURNS int LANGUAGE pllua AS 'return 1') ],
		reads => [ 'SELECT lua_one()' ],	# loads the library of both
		acts => [ 'SELECT lua_os()', q(SELECT plluau_validator('lua_os()'::regprocedure)), 'DO LANGUAGE plluau $$ os.execute("touch FILE") $$' ],
		settings => [ [ 'pllua.on_untrusted_init', 'os.execute("touch FILE")' ] ] },
	plsh => {
		setup => [ qq(CREATE FUNCTION sh() RETURNS text LANGUAGE plsh AS '#!/bin/sh\ntouch FILE') ],
		acts => [ 'SELECT sh()', q(SELECT plsh_validator('sh()'::regprocedure)), qq(DO LANGUAGE plsh \$\$#!/bin/sh\ntouch FILE\$\$) ] },
	plr => {
		setup => [ q(CREATE FUNCTION r() RETURNS text LANGUAGE plr AS 'file.create("FILE"); "x"') ],
		reads => [ 'SELECT plr_array_push(ARRAY[1.0::float8], 2)', '~SELECT plr_version()' ],
		acts => [ 'SELECT r()', 'SELECT install_rcmd(\'file.create("FILE")\')', q(SELECT plr_set_display(':9')), q(SELECT plr_set_rhome('DIR')), 'SELECT r_version()', q(SELECT plr_validator('r()'::regprocedure)),
			'DO LANGUAGE plr $$ file.create("FILE") $$' ] },
	plproxy => {
		setup => [ q(CREATE FUNCTION remote() RETURNS int LANGUAGE plproxy AS 'CONNECT ''host=127.0.0.1 port=PORT dbname=x connect_timeout=2''; SELECT 1;') ],
		acts => [ 'SELECT remote()', q(SELECT plproxy_validator('remote()'::regprocedure)) ] },

	# --- PostGIS and what stands on it ---
	postgis => {
		setup => [ 'CREATE TABLE geo (id int PRIMARY KEY, g geometry(Point, 4326))', 'INSERT INTO geo SELECT i, ST_SetSRID(ST_MakePoint(i % 100, i / 100), 4326) FROM generate_series(0, 4999) i',
			'CREATE INDEX geo_g ON geo USING gist (g)', 'CREATE INDEX geo_s ON geo USING spgist (g)', 'CREATE INDEX geo_b ON geo USING brin (g)', 'CREATE INDEX geo_geog ON geo USING gist ((g::geography))', 'ANALYZE geo',
			'CREATE TABLE loose (g geometry)', q(INSERT INTO loose VALUES ('SRID=4326;POINT(1 1)')) ],
		reads => [ 'SET enable_seqscan = off', 'SELECT count(*) FROM geo WHERE ST_DWithin(g, ST_SetSRID(ST_MakePoint(50, 25), 4326), 2)', 'SELECT id FROM geo ORDER BY g <-> ST_SetSRID(ST_MakePoint(7, 7), 4326), id LIMIT 3',
			'SELECT count(*) FROM geo WHERE g && ST_MakeEnvelope(1, 1, 5, 5, 4326)', 'SELECT count(*) FROM geo WHERE ST_DWithin(g::geography, ST_MakePoint(10, 10)::geography, 200000)',
			'SELECT ST_AsText(ST_Transform(g, 3857), 2) FROM geo WHERE id = 101', 'SELECT ST_AsGeoJSON(g), ST_AsKML(g), ST_AsEWKT(g), ST_GeoHash(g) FROM geo WHERE id = 101', 'SELECT ST_AsGeoJSON(geo) FROM geo WHERE id = 101',
			q(SELECT length(ST_AsMVT(q, 'l')) > 0 FROM (SELECT id, ST_AsMVTGeom(g, ST_MakeEnvelope(0, 0, 50, 50, 4326)) FROM geo) q), 'SELECT max(c) FROM (SELECT ST_ClusterDBSCAN(g, 1, 3) OVER () AS c FROM geo) q',
			'SELECT ST_NPoints(ST_Union(g)), ST_Extent(g) FROM geo', 'SELECT ST_AsText(ST_Buffer(ST_MakePoint(0, 0), 1, 1)), ST_Area(ST_ConvexHull(ST_Collect(g))) FROM geo', q(SELECT ST_EstimatedExtent('geo', 'g')),
			'SELECT f_table_name, srid FROM geometry_columns', 'SELECT count(*) FROM geography_columns', '~SELECT postgis_full_version()', q(SELECT find_srid('public', 'geo', 'g')), 'SELECT (ST_Dump(ST_MakeLine(g))).path FROM geo',
			q(SELECT ST_IsValidReason('POLYGON((0 0,1 1,1 0,0 1,0 0))')), q(SELECT auth_name FROM spatial_ref_sys WHERE srid = 4326), q(SELECT count(*) FROM geo a JOIN geo b ON ST_Intersects(a.g, b.g)),
			q(SELECT ST_AsText(ST_GeomFromGeoJSON('{"type":"Point","coordinates":[1,2]}'))), q(SELECT _postgis_selectivity('geo', 'g', ST_MakeEnvelope(1, 1, 5, 5, 4326)) > 0) ],
		acts => [ q(SELECT AddGeometryColumn('geo', 'h', 4326, 'POINT', 2)), q(SELECT DropGeometryColumn('geo', 'g')), q(SELECT UpdateGeometrySRID('geo', 'g', 3857)), q(SELECT Populate_Geometry_Columns('loose'::regclass, false)), q(SELECT DropGeometryTable('geo')),
			'SELECT EnableLongTransactions()', q(~SELECT LockRow('geo', '1', 'me')), 'SELECT gettransactionid()', 'SELECT postgis_extensions_upgrade()', q(UPDATE geo SET g = ST_Translate(g, 1, 1)) ],
		watch => q(SELECT (SELECT count(*) FROM pg_attribute), (SELECT count(*) FROM pg_class), (SELECT max(ST_X(g)) FROM geo), (SELECT count(*) FROM spatial_ref_sys)) },
	postgis_raster => {
		stored => [ [ 'postgis.gdal_enabled_drivers', 'ENABLE_ALL' ] ],
		setup => [ 'CREATE TABLE ras (id int PRIMARY KEY, r raster)', q(INSERT INTO ras SELECT 1, ST_SetValue(ST_AddBand(ST_MakeEmptyRaster(10, 10, 0, 0, 1, -1, 0, 0, 4326), '8BUI'::text, 3, 0), 2, 2, 7)),
			'CREATE INDEX ON ras USING gist (ST_ConvexHull(r))' ],
		reads => [ 'SELECT ST_Width(r), ST_BandPixelType(r), ST_Value(r, 2, 2) FROM ras', 'SELECT (ST_SummaryStats(r)).sum FROM ras', 'SELECT count(*) FROM raster_columns',
			q(SELECT ST_Value(ST_MapAlgebra(r, NULL, '[rast] + 1'), 2, 2) FROM ras), 'SELECT count(*) FROM (SELECT (ST_DumpAsPolygons(r)).* FROM ras) q', 'SELECT (ST_PixelAsPoints(r)).x FROM ras LIMIT 1', 'SELECT ST_Value(ST_Union(r), 2, 2) FROM ras',
			'SELECT count(*) FROM ras WHERE ST_Intersects(r, ST_SetSRID(ST_MakePoint(1, -1), 4326))', '~SELECT short_name FROM ST_GDALDrivers()', 'SELECT ST_Value(ST_Resample(r, 5, 5), 1, 1) IS NOT NULL FROM ras', '~SELECT postgis_gdal_version()' ],
		# PNG and TIFF are made by a function that also knows formats with options that
		# name files: an administrator allows it, and limits the drivers
		acts => [ q(SELECT length(ST_AsGDALRaster(r, 'PDS4', ARRAY['IMAGE_FILENAME=FILE', 'VAR_LOGICAL_IDENTIFIER=x'])) FROM ras),
			'SELECT length(ST_AsPNG(r)) FROM ras', q(SELECT ST_Width(ST_FromGDALRaster(convert_to('<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>/vsicurl/http://127.0.0.1:PORT/x.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>', 'UTF8')))),
			q(SELECT ST_AddBand(r, 2, '/vsicurl/http://127.0.0.1:PORT/x.tif', ARRAY[1]) FROM ras), q(SELECT ST_SetBandPath(r, 1, '/vsicurl/http://127.0.0.1:PORT/x.tif', 1, true) FROM ras), q(~SELECT AddRasterConstraints('ras', 'r')),
			q(~SELECT ST_CreateOverview('ras', 'r', 2)), q(~SELECT DropRasterConstraints('ras', 'r')) ],
		watch => 'SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_constraint), (SELECT md5(r::text) FROM ras)',
		allowed => [ 'public.st_asgdalraster', 'SELECT length(ST_AsPNG(r)) > 0, length(ST_AsTIFF(r)) > 0, length(ST_AsJPEG(r)) > 0 FROM ras' ],
		settings => [ [ 'postgis.gdal_enabled_drivers', 'DISABLE_ALL' ], [ 'postgis.enable_outdb_rasters', 'on' ], [ 'postgis.gdal_datapath', 'DIR' ], [ 'postgis.gdal_vsi_options', 'CPL_CURL_VERBOSE=YES' ] ] },
	postgis_topology => {
		setup => [ q(SELECT topology.CreateTopology('topo', 4326)), q(SELECT topology.TopoGeo_AddPolygon('topo', 'SRID=4326;POLYGON((0 0,1 0,1 1,0 1,0 0))')) ],
		reads => [ q(SELECT topology.TopologySummary('topo')), q(SELECT ST_AsText(topology.ST_GetFaceGeometry('topo', 1))), q(SELECT * FROM topology.ST_GetFaceEdges('topo', 1)), q(SELECT * FROM topology.GetRingEdges('topo', 1)),
			'SELECT name FROM topology.topology', q(SELECT topology.GetNodeByPoint('topo', 'SRID=4326;POINT(0 0)', 0.1)), 'SELECT * FROM topology.layer'],
		acts => [ q(SELECT topology.CreateTopology('other')), q(SELECT topology.DropTopology('topo')), q(SELECT topology.TopoGeo_AddPoint('topo', 'SRID=4326;POINT(5 5)')), q(SELECT topology.ST_AddIsoNode('topo', NULL, 'SRID=4326;POINT(5 5)')),
			q(SELECT topology.AddTopoGeometryColumn('topo', 'public', 'x', 'tg', 'POINT')) ],
		watch => 'SELECT (SELECT count(*) FROM topology.topology), (SELECT count(*) FROM topo.node), (SELECT last_value FROM topo.node_node_id_seq)' },
	postgis_sfcgal => { reads => [ q(SELECT ST_Volume(ST_MakeSolid(ST_Extrude('POLYGON((0 0,1 0,1 1,0 1,0 0))'::geometry, 0, 0, 2)))), '~SELECT postgis_sfcgal_version()' ] },
	pgrouting => {
		setup => [ 'CREATE TABLE edge (id int, source int, target int, cost float8, reverse_cost float8, geom geometry)', 'INSERT INTO edge SELECT i, i, i + 1, 1, 1, ST_MakeLine(ST_MakePoint(i, 0), ST_MakePoint(i + 1, 0)) FROM generate_series(1, 50) i' ],
		reads => [ q(SELECT seq, node, edge FROM pgr_dijkstra('SELECT id, source, target, cost FROM edge', 1, 10)), q(SELECT node FROM pgr_drivingDistance('SELECT id, source, target, cost FROM edge', 1, 4)),
			q(SELECT count(*) FROM pgr_connectedComponents('SELECT id, source, target, cost FROM edge')), q(SELECT node FROM pgr_kruskalBFS('SELECT id, source, target, cost FROM edge', 1)), '~SELECT pgr_version()' ],
		acts => [ q(~SELECT * FROM pgr_dijkstra('WITH d AS (DELETE FROM edge RETURNING id, source, target, cost) SELECT * FROM d', 1, 10)), q(~SELECT pgr_createTopology('edge', 0.1, 'geom', 'id')), q(~SELECT pgr_nodeNetwork('edge', 0.1, 'id', 'geom')) ],
		watch => 'SELECT (SELECT count(*) FROM edge), (SELECT count(*) FROM pg_class)' });

# The server: all of them in one, each in a database of its own.  The libraries that
# have to be there from the beginning are; ours is not, it is loaded last.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
$node->start;
my %available = map { $_ => 1 } split(/\n/, $node->safe_psql('postgres', 'SELECT name FROM pg_available_extensions'));
my @names = grep { $available{$_} } sort keys %extension;
my @missing = grep { !$available{$_} } sort keys %extension;
if (!@names)
{
	$node->stop;
	plan skip_all => 'none of these extensions is installed';
}
$node->safe_psql('postgres', "CREATE DATABASE with_$_ TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'") for @names;
my %seen;
my @preload = grep { !$seen{$_}++ } map { @{ $extension{$_}{preload} // [] } } @names;
$node->append_conf('postgresql.conf', "
	shared_preload_libraries = '" . join(',', @preload) . "'
	max_worker_processes = 20
	autovacuum = off");
$node->append_conf('postgresql.conf', q(cron.database_name = 'with_pg_cron')) if $available{pg_cron};
$node->restart;
my $pg_config = $ENV{PG_CONFIG} || $node->config_data('--bindir') . '/pg_config';
my $review = "$FindBin::RealBin/../../script/review-extension";
my %without_row = map { $_ => 1 } grep { !/^#/ } split(/\n/, slurp_file("$FindBin::RealBin/../refused_without_row"));

# What stands in the statements for something of this run.
sub filled
{
	my ($sql, $pid) = @_;
	my %value = (PID => $pid, PORT => $port, FILE => $file, DIR => "$dir");
	return $sql =~ s/\b(PID|PORT|FILE|DIR)\b/$value{$1}/gr;
}

# A statement without its mark, and its mark.
sub unmarked
{
	my ($sql) = @_;
	return $sql =~ /^~(.*)/s ? ($1, 1) : ($sql, 0);
}

# What a session answered: its rows, or its error.
sub answer
{
	my ($result, $loosely) = @_;
	return "$result->{code} $result->{message}" if $result->{code};
	return $loosely ? 'ok' : join("\n", @{ $result->{rows} });
}

# How a statement is called in the name of a check.
sub short
{
	my $sql = shift =~ s/\s+/ /gr;
	return length $sql > 90 ? substr($sql, 0, 87) . '...' : $sql;
}

# The verdicts of script/review-extension on the C functions of an extension: what
# a session would say.
sub reviewed
{
	my ($name) = @_;
	local $ENV{PG_CONFIG} = $pg_config;
	my (%verdict, $library, $refused);
	for (split(/\n/, scalar run_and_read($review, '--all', $name)))
	{
		if (/^== .*, library (\S+|\(built in\)):/) { $library = $1; $refused = 0; }
		elsif (/^  (\S.*):$/) { $refused = $1 =~ /refused$/; }
		elsif (/^    (allow|deny)\s+(\w+)  It /) { $verdict{"$library $2"} = $1 eq 'deny' ? 'reviewed' : ''; }
		elsif (/^    (\w+)  \(/) { $verdict{"$library $1"} = $refused ? 'unreviewed' : ''; }
	}
	return %verdict;
}

sub run_and_read
{
	my ($stdout, $stderr) = run_command([@_]);
	return $stdout;
}

for my $name (@names)
{
	my %case = %{ $extension{$name} };
	my %database = (dbname => "with_$name");
	$node->safe_psql('postgres', "ALTER DATABASE with_$name SET $$_[0] = '$$_[1]'") for @{ $case{stored} // [] };

	# --- made and used, unlocked ---
	my $outside = Wire->new($node, %database);
	my $pid = $outside->run('SELECT pg_backend_pid()');
	$outside->run('SET client_min_messages = error', map { "CREATE SCHEMA $_" } $case{schema} // ());
	my $made = $outside->query(qq(CREATE EXTENSION "$name") . ($case{schema} ? " SCHEMA $case{schema}" : '') . ' CASCADE');
	if ($made->{code})
	{
		# bookworm's pg_sphere and rdkit are such
	  SKIP: { skip "$name cannot be created: $made->{message}", 1; }
		$outside->quit;
		next;
	}
	$outside->run('CREATE EXTENSION pg_session_readonly');
	my $failed = '';
	for my $sql (map { filled($_, $pid) } @{ $case{setup} // [] })
	{
		my $result = $outside->query($sql);
		$failed .= answer($result) . "\n" if $result->{code};
	}
	my %expected;
	my $unlocked = Wire->new($node, %database);
	for my $read (@{ $case{reads} // [] })
	{
		my ($sql, $loosely) = unmarked($read);
		my $result = $unlocked->query(filled($sql, $pid));
		$expected{$read} = answer($result, $loosely);
		$failed .= short($sql) . ": $expected{$read}\n" if $result->{code};
	}
	my %value = map { $$_[0] => $unlocked->query("SHOW $$_[0]")->{rows}[0] } @{ $case{settings} // [] };
	$unlocked->quit;
	is($failed, '', "$name: made and used, unlocked");
	my $watch = filled($case{watch} // 'SELECT count(*) FROM pg_class', $pid);
	my $before = answer($outside->query($watch));
	my $ids = $outside->run('SELECT pg_snapshot_xmax(pg_current_snapshot())');

	# --- locked ---
	my $locked = Wire->new($node, %database);
	$locked->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
	# before its library is there, in a session of its own that shall use it then
	for my $setting (@{ $case{settings} // [] })
	{
		my $result = $locked->query(filled("SET $$setting[0] = '$$setting[1]'", $pid));
		like($result->{code}, qr/^(?:55P02|42501|)$/, "$name: SET $$setting[0] before it is used") or diag(answer($result));
	}
	for my $read (@{ $case{reads} // [] })
	{
		my ($sql, $loosely) = unmarked($read);
		is(answer($locked->query(filled($sql, $pid)), $loosely), $expected{$read}, "$name, reads: " . short($sql));
	}
	for my $act (@{ $case{acts} // [] })
	{
		my ($sql, $loosely) = unmarked($act);
		my $result = $locked->query(filled($sql, $pid));
		# some functions catch the error and raise another with its words
		like(answer($result), qr/^(?:25006|P0001 cannot execute .* in a read-only) /, "$name, acts: " . short($sql) . ': refused') unless $loosely;
		like($result->{detail}, qr/^Refused by pg_session_readonly: /, "$name, acts: " . short($sql) . ': says by whom')
		  if $result->{code} eq '25006';
		is(answer($outside->query($watch)), $before, "$name, acts: " . short($sql) . ': no change');
	}
	for my $setting (@{ $case{settings} // [] })
	{
		my ($setting, $new) = @$setting;
		is($locked->run("SELECT count(*) FROM pg_settings WHERE name = '$setting'"), '1', "$name: $setting, its library is loaded");
		is($locked->run("SHOW $setting"), $value{$setting}, "$name: $setting, as it was");
		for my $sql ("SET $setting = '$new'", "SET LOCAL $setting = '$new'", "SELECT set_config('$setting', '$new', false)")
		{
			is($locked->query(filled($sql, $pid))->{code}, '55P02', "$name: $sql: refused");
		}
		is($locked->run("SHOW $setting"), $value{$setting}, "$name: $setting, still as it was");
	}
	is($locked->run('SHOW pg_session_readonly.mode'), 'locked', "$name: still locked");
	is($outside->run('SELECT pg_snapshot_xmax(pg_current_snapshot())'), $ids, "$name: no transaction id was taken") unless $case{ids};
	ok(!-e $file, "$name: no file was written");
	unlink $file;
	my $callers = 0;
	while (IO::Select->new($listener)->can_read(0))
	{
		$listener->accept;
		$callers++;
	}
	is($callers, 0, "$name: nobody connected");

	if ($case{allowed})
	{
		my ($function, $sql) = @{ $case{allowed} };
		my $session = Wire->new($node, %database);
		$session->run("SET pg_session_readonly.allowed_functions = '$function'", "LOAD 'pg_session_readonly'",
			'SET pg_session_readonly.mode = locked');
		is($session->query($sql)->{code}, '', "$name, allowed: " . short($sql));
		$session->quit;
	}

	# --- what the reviewer's script says, and what a session does ---
	my %verdict = reviewed($name);
	my %done = map { /^(\S+ \S+) (\w*)$/; $1 => $2 } split(/\n/, $locked->run(q(
		SELECT CASE l.lanname WHEN 'internal' THEN '-' ELSE regexp_replace(p.probin, '^.*/|(-[0-9.]+)?([.]so)?$', '', 'g') END || ' ' || p.prosrc
			|| ' ' || coalesce(max(d.reason), '')
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
			JOIN pg_depend x ON x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e'
			JOIN pg_extension e ON x.refclassid = 'pg_extension'::regclass AND x.refobjid = e.oid
			LEFT JOIN pg_session_readonly_denied_functions() d ON d.function = p.oid
		WHERE l.lanname = 'c' AND e.extname = ') . $name . q('
			AND p.prorettype::regtype::text !~ '_handler$'
		GROUP BY p.probin, p.prosrc, l.lanname)) );
	my @differ = map { "$_: a session says '$done{$_}', the script '" . ($verdict{$_} // '') . "'" }
	  grep { $done{$_} ne ($verdict{$_} // '') } sort keys %done;
	is(join("\n", @differ), '', "$name: script/review-extension says what a session does (" . scalar(keys %done) . ' C functions)');
	is(join("\n", grep { $done{$_} eq 'unreviewed' && !$without_row{$_} } sort keys %done), '', "$name: every volatile C function is reviewed");
	is(join("\n", grep { $done{$_} eq '' && $without_row{$_} } sort keys %done), '', "$name: what acts and has no row is refused");
	$locked->quit;
	$outside->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
SKIP:
{
	skip 'not installed: ' . join(' ', @missing), scalar @missing if @missing;
}
$node->stop;
done_testing();
