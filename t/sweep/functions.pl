# The sweep: in a locked superuser session, call every function of pg_catalog and
# of all contrib modules with several sets of plausible arguments, then show from
# other connections that nothing has changed.
#
# Run by script/test --sweep.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionReadonly qw(create_all_extensions);
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', q(
	autovacuum = off
	max_prepared_transactions = 5
	max_wal_size = 10GB
	checkpoint_timeout = 1h
	track_functions = all
	log_statement = none
	log_min_messages = fatal
	log_min_error_statement = panic));
$node->start;

# --- something to harm ---
create_all_extensions($node, 'postgres');
$node->safe_psql('postgres', q(
	CREATE TABLE victim (i int PRIMARY KEY, t text, a int[], doc tsvector);
	INSERT INTO victim SELECT i, 'row ' || i, ARRAY[i], to_tsvector('row') FROM generate_series(1, 1000) i;
	CREATE INDEX victim_brin ON victim USING brin (i);
	CREATE INDEX victim_gin ON victim USING gin (a);
	CREATE INDEX victim_gist ON victim USING gist (doc);
	CREATE SEQUENCE victim_seq;
	SELECT nextval('victim_seq');
	VACUUM ANALYZE;
	SELECT lo_from_bytea(4711, 'large object');
	SELECT pg_create_physical_replication_slot('victim', true);
	SELECT pg_create_logical_replication_slot('victim_logical', 'test_decoding');
	SELECT pg_replication_origin_create('victim');
	SELECT pg_replication_origin_advance('victim', '0/1000');));
$node->safe_psql('postgres', q(BEGIN; UPDATE victim SET t = '' WHERE i = 1; PREPARE TRANSACTION 'victim'));
my $bystander = $node->background_psql('postgres');
my $pid = $bystander->query('SELECT pg_backend_pid()');
$bystander->query('BEGIN; SELECT count(*) FROM victim; SELECT pg_advisory_lock(1);');

# --- the calls ---
# Values by type; the n-th set takes the n-th of them, and so round.
my $values = q(
	CREATE TEMP TABLE plausible (type text, value text[]);
	INSERT INTO plausible VALUES
	('text', ARRAY['victim', 'public.victim', '/tmp/pgsr_sweep_file', 'SELECT 1', '1']),
	('name', ARRAY['victim', 'victim_logical', 'pgsr_new_slot', 'test_decoding', 'public']),
	('cstring', ARRAY['1', 'victim', '{}', 'a', '0']),
	('"char"', ARRAY['r', 's', 'n', 'i', 'a']),
	('character', ARRAY['r', 's', 'n', 'i', 'a']),
	('character varying', ARRAY['victim', 'x', 'a', 'b', '1']),
	('integer', ARRAY['1', '0', 'PID', '4711', '-1']),
	('smallint', ARRAY['1', '0', '2', '3', '-1']),
	('bigint', ARRAY['1', '0', 'PID', '4711', '-1']),
	('oid', ARRAY['victim'::regclass::oid::text, '4711', 'victim_brin'::regclass::oid::text,
		(SELECT oid::text FROM pg_database WHERE datname = current_database()), 'victim_seq'::regclass::oid::text]),
	('regclass', ARRAY['victim', 'victim_brin', 'victim_gin', 'victim_seq', 'victim_pkey']),
	('regnamespace', ARRAY['public', 'pg_catalog', 'public', 'pg_catalog', 'public']),
	('boolean', ARRAY['true', 'false', 'true', 'false', 'true']),
	('bytea', ARRAY['abc', '\x00', '', '\xdeadbeef', 'a']),
	('pg_lsn', ARRAY['0/1000', '0/2000000', 'FFFFFFFF/0', '0/1', '0/3000000']),
	('xid', ARRAY['3', '700', '1000', '2', '3']),
	('xid8', ARRAY['3', '700', '1000', '2', '3']),
	('tid', ARRAY['(0,1)', '(0,2)', '(1,1)', '(0,3)', '(0,0)']),
	('tid[]', ARRAY['{"(0,1)"}', '{"(0,2)"}', '{"(0,3)"}', '{"(0,1)"}', '{"(0,1)"}']),
	('text[]', ARRAY['{a,b}', '{}', '{victim}', '{i}', '{format-version,1}']),
	('interval', ARRAY['0', '1ms', '0', '1ms', '0']),
	('timestamp with time zone', ARRAY['now', '2000-01-01', 'now', 'now', '2000-01-01']),
	('double precision', ARRAY['0', '0.01', '1', '0.5', '-1']),
	('xml', ARRAY['<a/>', '<a>b</a>', '<a/>', '<a/>', '<a/>']),
	('json', ARRAY['{}', '[1]', '1', '{"a": 1}', 'null']),
	('jsonb', ARRAY['{}', '[1]', '1', '{"a": 1}', 'null']),
	('anyelement', ARRAY['1', '2', '0', '5', '-1']),
	('"any"', ARRAY['1', '2', '0', '5', '-1']),
	('anyarray', ARRAY['{1}', '{}', '{1,2}', '{3}', '{4}']);
	CREATE FUNCTION pg_temp.argument(type oid, set int) RETURNS text LANGUAGE sql AS $$
		SELECT coalesce(
			(SELECT format('%L::%s', replace(value[1 + (set % 5)], 'PID', 'BYSTANDER'),
					CASE WHEN p.type IN ('anyelement', '"any"') THEN 'integer'
						WHEN p.type = 'anyarray' THEN 'integer[]' ELSE p.type END)
				FROM plausible p WHERE p.type = format_type($1, NULL)),
			format('%L::%s', CASE WHEN format_type($1, NULL) LIKE '%[]' THEN '{}' ELSE '1' END, format_type($1, NULL)))
	$$;
	SELECT CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END
		|| format('%I.%I', n.nspname, p.proname) || '('
		|| coalesce((SELECT string_agg(CASE WHEN p.provariadic <> 0 AND ord = p.pronargs AND p.provariadic <> 2276
				THEN 'VARIADIC ' ELSE '' END || pg_temp.argument(t, s), ', ' ORDER BY ord)
			FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, ord)), '') || ')'
		|| CASE WHEN p.prokind = 'w' THEN ' OVER ()' ELSE '' END || ';'
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, generate_series(0, 4) s
	WHERE (s = 0 OR p.pronargs > 0)
		AND NOT (p.proargtypes::oid[] && ARRAY['internal'::regtype::oid])
		AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
		-- these end or hold up this session, and are allowed to
		AND p.proname NOT IN ('pg_sleep', 'pg_sleep_for', 'pg_sleep_until', 'pg_session_readonly_lock')
	ORDER BY s, p.oid;
);
$values =~ s/BYSTANDER/$pid/;
my $calls = $node->safe_psql('postgres', $values);
my @calls = split /\n/, $calls;
cmp_ok(scalar @calls, '>', 10000, 'calls: ' . scalar @calls);

# --- what it looks like from outside ---
my $catalogs = $node->safe_psql('postgres', q(
	SELECT string_agg(format('SELECT %L, (xpath(''/row/c/text()'', query_to_xml(''SELECT count(*) AS c FROM pg_catalog.%I'', false, true, '''')))[1]::text', relname, relname), ' UNION ALL ' ORDER BY relname)
	FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'));
# columns that are there on every version, and the rest by their names
my $reset_times = $node->safe_psql('postgres', q(
	SELECT string_agg(format('SELECT %L, max(stats_reset)::text FROM %I', c.relname, c.relname), ' UNION ALL ' ORDER BY c.relname)
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE a.attname = 'stats_reset' AND c.relnamespace = 'pg_catalog'::regnamespace));

sub state
{
	my $data = $node->data_dir;
	my %state;
	$state{dump} = join '', map { my $line = $_; $line =~ /^\\(un)?restrict/ ? () : "$line\n" }
	  split /\n/, scalar run_and_read('pg_dumpall', '--no-sync', '-d', $node->connstr('postgres'));
	$state{settings} = slurp_file("$data/postgresql.auto.conf") . slurp_file("$data/postgresql.conf");
	$state{slots} = $node->safe_psql('postgres',
		'SELECT slot_name, active, restart_lsn, confirmed_flush_lsn FROM pg_replication_slots ORDER BY 1');
	$state{origins} = $node->safe_psql('postgres',
		'SELECT * FROM pg_replication_origin o LEFT JOIN pg_replication_origin_status s ON s.local_id = o.roident ORDER BY 1');
	$state{prepared} = $node->safe_psql('postgres', 'SELECT * FROM pg_prepared_xacts');
	$state{'catalog sizes'} = $node->safe_psql('postgres', $catalogs);
	$state{'statistics of the planner'} = $node->safe_psql('postgres',
		'SELECT count(*), md5(string_agg(s::text, chr(10) ORDER BY s::text)) FROM pg_statistic s');
	$state{'statistics reset times'} = $node->safe_psql('postgres', $reset_times);
	$state{'relation files'} = $node->safe_psql('postgres',
		'SELECT oid::regclass, relfilenode, relpages, reltuples, relallvisible FROM pg_class ORDER BY oid');
	$state{'server'} = $node->safe_psql('postgres',
		'SELECT pg_postmaster_start_time(), pg_conf_load_time(), pg_is_in_recovery()');
	$state{'other sessions'} = $node->safe_psql('postgres',
		"SELECT pid, state FROM pg_stat_activity WHERE pid = $pid");
	$state{'advisory locks'} = $node->safe_psql('postgres',
		"SELECT pid, objid FROM pg_locks WHERE locktype = 'advisory'");
	$state{files} = join "\n", sort grep {
		# write-ahead log and what the server's own processes keep
		!m{/(pg_wal|pg_stat|pg_stat_tmp|pg_subtrans|pg_xact|pg_logical|log)/|/pgsql_tmp|_fsm$|_vm$|pg_internal\.init}
	} split(/\n/, scalar run_and_read('find', $data)), glob('/tmp/pgsr_sweep*');
	return \%state;
}

sub run_and_read
{
	my ($stdout, $stderr);
	IPC::Run::run [@_], '>', \$stdout, '2>', \$stderr;
	return $stdout;
}

$node->safe_psql('postgres', 'CHECKPOINT');
my $before = state();

# --- call them ---
my $script = $node->basedir . '/calls.sql';
append_to_file($script, join("\n",
	"LOAD 'pg_session_readonly';", 'SET pg_session_readonly.mode = locked;',
	'SET statement_timeout = 300;', '\set VERBOSITY sqlstate', '\set SHOW_CONTEXT never',
	@calls, 'RESET ROLE;', 'RESET statement_timeout;', '\o',
	q(SELECT 'end', current_setting('pg_session_readonly.mode');)) . "\n");
my ($stdout, $stderr);
IPC::Run::run [ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $script,
	'-o', '/dev/null' ], '>', \$stdout, '2>', \$stderr;
like($stdout, qr/^end\|locked$/m, 'the session lived to the end, and is locked');
my $refused = () = $stderr =~ /ERROR:  25006/g;
my $errors = () = $stderr =~ /ERROR:  /g;
my $timeouts = () = $stderr =~ /ERROR:  57014/g;
note("of " . @calls . " calls " . (@calls - $errors) . " ran, $refused were refused, "
	  . ($errors - $refused) . " failed otherwise ($timeouts of them by a timeout)");
diag("sweep: of " . @calls . " calls " . (@calls - $errors) . " ran, $refused were refused, "
	  . ($errors - $refused) . " failed otherwise ($timeouts of them by a timeout)");
cmp_ok($refused, '>', 200, "refused: $refused");
cmp_ok(@calls - $errors, '>', 3000, 'ran: ' . (@calls - $errors));

# --- and nothing has changed ---
my $after = state();
for my $what (sort keys %$before)
{
	is_deeply([ split /\n/, $after->{$what} ], [ split /\n/, $before->{$what} ],
		"$what: as before");
}
is($bystander->query('SELECT count(*) FROM victim'), '1000', 'the other session is unhindered');
$bystander->quit;
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'no crash');

# The calls do harm where nobody guards; otherwise they show nothing.
$node->safe_psql('postgres', "SELECT lo_unlink(4711); SELECT nextval('victim_seq')");
my $harmed = state();
isnt($harmed->{dump}, $before->{dump}, 'a change is noticed');

$node->stop('immediate');
done_testing();
