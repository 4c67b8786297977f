# The function policy where it takes a second connection, C code, or every
# extension there is: the reviewed table is complete for this server, and what
# nobody has reviewed is refused wherever it runs.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use FindBin;
use SessionReadonly qw(create_all_extensions);
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->start;

# --- the table is complete ---
# A new major version must be reviewed before this passes.
$node->safe_psql('postgres', 'CREATE DATABASE everything');
my $extensions = create_all_extensions($node, 'everything');
cmp_ok($extensions, '>', 40, "extensions are there ($extensions)");
is($node->safe_psql('everything', q(
		SELECT function, detail FROM pg_session_readonly_denied_functions()
		WHERE reason = 'unreviewed' ORDER BY 1)),
	'', 'every volatile built-in and contrib function is reviewed');
# A stable or immutable one needs no row where it only reads, but somebody must
# have looked: t/looked_at has the lists, by the major version in which they are
# new.  A library that has rows and is in none of the lists is not the server's.
{
	my (%looked_at, %library);
	for my $file (glob("$FindBin::RealBin/looked_at/*"))
	{
		for my $line (grep { !/^#/ } split(/\n/, slurp_file($file)))
		{
			$looked_at{$line} = 1;
			$library{$1} = 1 if $line =~ /^(\S+) /;
		}
	}
	my %reviewed = map { $_ => 1 }
	  map { slurp_file("$FindBin::RealBin/../src/$_") =~ /^FUNCTION\("([^"]*)",/mg } qw(function_table.h extension_table.h);
	my @new = grep { !$looked_at{$_} && ($library{ (split)[0] } || !$reviewed{ (split)[0] }) }
	  split(/\n/, $node->safe_psql('everything', q(
		SELECT DISTINCT CASE l.lanname WHEN 'internal' THEN '-'
				ELSE regexp_replace(p.probin, '^.*/|(-[0-9.]+)?([.]so)?$', '', 'g') END || ' ' || p.prosrc
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE l.lanname IN ('internal', 'c') AND p.provolatile <> 'v'
			AND p.prorettype::regtype::text !~ '_handler$')));
	cmp_ok(scalar(keys %looked_at), '>', 3000, 'stable and immutable functions that were looked at are listed');
	is(join("\n", @new), '', 'every stable and immutable built-in and contrib function was looked at');
}
is($node->safe_psql('everything', q(
		SELECT count(*) > 80 FROM pg_session_readonly_denied_functions()
		WHERE reason = 'reviewed' AND detail ~ '^It .*[.]$')),
	't', 'reasons are sentences');
is($node->safe_psql('everything', q(
		SELECT mode FROM pg_session_readonly_status())),
	'off', 'looking at the policy locks nothing');
# These must be in it: a list that is empty is complete, too.
for my $function (qw(pg_terminate_backend pg_reload_conf pg_stat_reset
	pg_logical_emit_message lo_unlink lowrite pg_advisory_lock pg_drop_replication_slot
	pg_notify dblink_exec heap_force_kill pg_stat_statements_reset
	pg_truncate_visibility_map lo_manage gin_clean_pending_list))
{
	is( $node->safe_psql('everything', qq(
			SELECT count(*) > 0 FROM pg_session_readonly_denied_functions() d
			JOIN pg_proc p ON p.oid = d.function
			WHERE p.proname = '$function' AND reason = CASE WHEN proname IN ('lo_unlink', 'lowrite') THEN 'writes' ELSE 'reviewed' END)),
		't', "$function is refused");
}
is($node->safe_psql('everything', q(
		SET pg_session_readonly.denied_functions = 'extension:hstore, language:plpgsql, now';
		SET pg_session_readonly.allowed_functions = 'extension:dblink';
		SELECT count(*) FILTER (WHERE function::text ~ 'hstore') > 10,
			count(*) FILTER (WHERE function = 'now()'::regprocedure),
			count(*) FILTER (WHERE function::text ~ '^dblink')
		FROM pg_session_readonly_denied_functions() WHERE reason IN ('setting', 'reviewed'))),
	't|1|0', 'the list follows the settings of the session');

# --- the tables themselves: sorted, for they are searched by halving; reasons are sentences ---
{
	my (%seen, %has_row, @rows, @bad);
	for my $table ('function_table.h', 'extension_table.h')
	{
		@rows = grep { /^FUNCTION/ } split(/\n/, slurp_file("$FindBin::RealBin/../src/$table"));
		cmp_ok(scalar @rows, '>', 400, "$table: has rows");
		@bad = grep { !/^FUNCTION\("[\w-]*", "\w+", (?:ALLOW|DENY|XID|WRITE), "It [^"]*[.]"\)$/ } @rows;
		is(join("\n", @bad), '', "$table: rows are well formed");
		my @keys = map { /"([^"]*)", "([^"]*)"/; $has_row{"$1 $2"} = 1; "$1\0$2" } @rows;
		is(join("\n", grep { $keys[ $_ - 1 ] ge $keys[$_] } 1 .. $#keys), '', "$table: sorted, without duplicates");
		# a library is in one of them
		is(join(' ', grep { ($seen{$_} //= $table) ne $table } map { /"([^"]*)"/ } @rows), '', "$table: its libraries are in no other table");
	}

	# what has no row, though it acts, has none in either
	my @without = grep { !/^#/ } split(/\n/, slurp_file("$FindBin::RealBin/refused_without_row"));
	cmp_ok(scalar @without, '>', 200, 'functions that act and need no row are listed');
	is(join("\n", grep { $without[ $_ - 1 ] ge $without[$_] } 1 .. $#without), '', 'that list is sorted, without duplicates');
	is(join("\n", grep { $has_row{$_} } @without), '', 'none of that list has a row');

	@rows = grep { /^ACTING_SETTING/ } split(/\n/, slurp_file("$FindBin::RealBin/../src/acting_settings.h"));
	@bad = grep { !/^ACTING_SETTING\("[\w]+[.][\w.]+", "[A-Z][^"]*[.]"\)$/ } @rows;
	is(join("\n", @bad), '', 'rows of the acting settings are well formed');
	is(join("\n", sort @rows), join("\n", @rows), 'the acting settings are sorted');
}

# --- every row of both tables is found, and is the verdict ---
# A volatile function for each, whose catalog row is written by hand: ALLOW and XID keep
# it out of the list, DENY gives the reason.
{
	my @rows = map { slurp_file("$FindBin::RealBin/../src/$_") =~ /^FUNCTION\("([^"]*", "[^"]*", \w+, "[^"]*)"\)$/mg }
	  qw(function_table.h extension_table.h);
	my $values = join(', ', map {
		my ($library, $symbol, $verdict, $reason) = map { s/'/\'\'/gr } /^(.*)", "(.*)", (\w+), "(.*)$/;
		"('$library', '$symbol', '$verdict', '$reason')" } @rows);
	is( $node->safe_psql('everything', qq(
			BEGIN;
			CREATE SCHEMA of_rows;
			CREATE TABLE of_rows.row (n serial, library text, symbol text, verdict text, reason text);
			INSERT INTO of_rows.row (library, symbol, verdict, reason) VALUES $values;
			DO \$\$
			BEGIN
				FOR i IN 1 .. (SELECT count(*) FROM of_rows.row) LOOP
					EXECUTE format('CREATE FUNCTION of_rows.f%s() RETURNS int LANGUAGE internal AS %L', i, 'pg_backend_pid');
				END LOOP;
			END \$\$;
			UPDATE pg_proc SET prosrc = r.symbol, probin = CASE WHEN r.library <> '' THEN '\$libdir/' || r.library END,
				prolang = (SELECT oid FROM pg_language WHERE lanname = CASE r.library WHEN '' THEN 'internal' ELSE 'c' END)
			FROM of_rows.row r
			WHERE pronamespace = 'of_rows'::regnamespace AND proname = 'f' || r.n;
			SELECT 'rows: ' || count(*) FROM of_rows.row;
			SELECT concat_ws(' ', r.library, r.symbol, d.reason, d.detail)
			FROM of_rows.row r LEFT JOIN pg_session_readonly_denied_functions() d ON d.function = ('of_rows.f' || r.n || '()')::regprocedure
			WHERE CASE WHEN r.verdict IN ('DENY', 'WRITE') THEN (d.reason, d.detail) IS DISTINCT FROM ('reviewed', r.reason)
				ELSE d.reason IS NOT NULL END
			ORDER BY r.n;
			ROLLBACK;)),
		'rows: ' . @rows, 'every row of both tables is found');
}

# --- extensions that are not here: only their rows matter, the code is not loaded ---
# Those declared stable or immutable would run without a row.  The catalog is
# written by hand: CREATE FUNCTION wants to see the library.
for my $case (
	[ 'citus',              'master_run_on_worker',                'STABLE',    'reviewed' ],
	[ 'citus',              'citus_internal_adjust_local_clock_to_remote', 'STABLE', 'reviewed' ],
	[ 'citus',              'citus_backend_gpid',                  'VOLATILE',  '' ],
	[ 'pgroonga',           'pgroonga_wal_truncate_all',           'IMMUTABLE', 'reviewed' ],
	[ 'pgroonga',           'pgroonga_language_model_vectorize',   'IMMUTABLE', 'reviewed' ],
	[ 'pgroonga',           'pgroonga_score',                      'VOLATILE',  '' ],
	[ 'pg_textsearch',      'tp_dump_index',                       'STABLE',    'reviewed' ],
	[ 'postgis_raster-3',   'RASTER_fromGDALRaster',               'IMMUTABLE', 'reviewed' ],
	[ 'pg_documentdb',      'command_index_stats_worker',          'STABLE',    'reviewed' ],
	[ 'pg_stat_monitor',    'pg_stat_monitor_2_3',                 'VOLATILE',  '' ],
	[ 'rum',                'rum_metapage_info',                   'VOLATILE',  '' ],
	[ 'timescaledb-2.19.0', 'ts_chunk_drop_chunks',                'STABLE',    'reviewed' ],
	[ 'timescaledb-2.19.0-dev', 'ts_chunk_drop_chunks',            'STABLE',    'reviewed' ],
	[ 'timescaledb-2.19.0-rc1', 'ts_chunk_drop_chunks',            'STABLE',    'reviewed' ],
	[ 'timescaledb-2.19.0-pro', 'ts_chunk_drop_chunks',            'STABLE',    '' ],
	[ 'timescaledb-2.19.0', 'ts_attach_chunk',                     'VOLATILE',  'unreviewed' ],
	[ 'plv8-3.2.3',         'plv8_reset',                          'VOLATILE',  '' ],
	[ 'anon',               'dummy_first_name_locale_wrapper',     'VOLATILE',  '' ],
	[ 'pg_net',             'wake',                                'VOLATILE',  'reviewed' ],
	[ 'pg_parquet',         'schema_wrapper',                      'VOLATILE',  'reviewed' ],
	[ 'pg_net-',            'wake',                                'VOLATILE',  'unreviewed' ],
	[ 'nobody_knows',       'this_one',                            'VOLATILE',  'unreviewed' ])
{
	my ($library, $symbol, $volatility, $reason) = @$case;
	is( $node->safe_psql('everything', qq(
			BEGIN;
			CREATE FUNCTION absent() RETURNS int AS 'pg_backend_pid' LANGUAGE internal $volatility;
			UPDATE pg_proc SET probin = '\$libdir/$library', prosrc = '$symbol',
				prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
			WHERE oid = 'absent()'::regprocedure;
			SELECT reason FROM pg_session_readonly_denied_functions() WHERE function = 'absent()'::regprocedure;
			ROLLBACK;)),
		$reason, "$library, $symbol(): " . ($reason ? "refused, $reason" : 'runs'));
}

# What hands out a table of routines runs without a row, and nothing else does: the
# handler of a language runs code.
for my $type (qw(fdw_handler index_am_handler table_am_handler tsm_handler language_handler), 'int', 'internal')
{
	is( $node->safe_psql('everything', qq(
			BEGIN;
			CREATE FUNCTION absent(internal) RETURNS internal AS 'pg_backend_pid' LANGUAGE internal VOLATILE;
			UPDATE pg_proc SET probin = '\$libdir/nobody_knows', prosrc = 'this_one', prorettype = '$type'::regtype,
				prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
			WHERE oid = 'absent(internal)'::regprocedure;
			SELECT reason FROM pg_session_readonly_denied_functions() WHERE function = 'absent(internal)'::regprocedure;
			ROLLBACK;)),
		$type =~ /(?<!language)_handler$/ ? '' : 'unreviewed',
		"$type: " . ($type =~ /(?<!language)_handler$/ ? 'runs' : 'refused'));
}

# A language's validator compiles text, and is refused whatever it is declared to be.
for my $case (
	[ 'oid',      'void',    'STABLE',    'unreviewed' ],
	[ 'oid',      'void',    'IMMUTABLE', 'unreviewed' ],
	[ 'oid',      'boolean', 'STABLE',    '' ],
	[ 'oid, oid', 'void',    'STABLE',    '' ],
	[ 'regclass', 'void',    'STABLE',    '' ])
{
	my ($arguments, $returns, $volatility, $reason) = @$case;
	is( $node->safe_psql('everything', qq(
			BEGIN;
			CREATE FUNCTION absent($arguments) RETURNS int AS 'pg_backend_pid' LANGUAGE internal $volatility;
			UPDATE pg_proc SET probin = '\$libdir/nobody_knows', prosrc = 'this_one', prorettype = '$returns'::regtype,
				prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
			WHERE oid = 'absent($arguments)'::regprocedure;
			SELECT reason FROM pg_session_readonly_denied_functions() WHERE function = 'absent($arguments)'::regprocedure;
			ROLLBACK;)),
		$reason, "absent($arguments) returns $returns, $volatility: " . ($reason ? 'refused' : 'runs'));
}

# --- script/review-extension ---
{
	my $tree = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$tree/odd.control", "module_pathname = '\$libdir/odd'\n");
	append_to_file("$tree/odd--1.0.sql", q{
		-- it's a comment; CREATE FUNCTION in_a_comment() would not count
		CREATE FUNCTION @extschema@.odd_write(text DEFAULT 'a;b') RETURNS void AS 'MODULE_PATHNAME', 'write_it' LANGUAGE C;
		CREATE OR REPLACE FUNCTION odd_read() RETURNS int LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', $$read_it$$;
		CREATE FUNCTION odd_sql() RETURNS text LANGUAGE sql AS 'SELECT ''LANGUAGE C''';
		CREATE FUNCTION odd_reviewed() RETURNS int AS '$libdir/pg_surgery', 'heap_force_kill' LANGUAGE C STRICT;
	});
	local $ENV{PG_CONFIG} = $ENV{PG_CONFIG} || $node->config_data('--bindir') . '/pg_config';
	my $script = "$FindBin::RealBin/../script/review-extension";
	command_like([ $script, $tree ],
		qr/library odd: 2 C functions; rows: 0 allow, 0 deny; without: 1 refused, 1 run, .*\n  volatile and without a row, refused:\n    write_it  \(v  odd_write\)/,
		'review-extension: reads the scripts of a tree');
	command_like([ $script, '--all', $tree ],
		qr/    deny  heap_force_kill  It removes/, 'review-extension: shows rows');
	command_like([ $script, 'pageinspect' ],
		qr/library pageinspect: \d+ C functions; rows: \d+ allow, 7 deny; without: 0 refused, 0 run/,
		'review-extension: an installed extension');
	command_fails([ $script, 'no_such_extension' ], 'review-extension: one that is not there');
}

# --- what nobody has reviewed ---
$node->safe_psql('postgres', qq(
	CREATE EXTENSION pg_session_readonly;
	CREATE FUNCTION unreviewed() RETURNS int AS '$writer', 'writer_take_id' LANGUAGE C;
	CREATE FUNCTION unreviewed_stable() RETURNS int AS '$writer', 'unreviewed_hash' LANGUAGE C STABLE;
	CREATE FUNCTION hidden() RETURNS int AS '$writer', 'writer_take_id' LANGUAGE C;
	CREATE TYPE odd_in;
	CREATE FUNCTION odd_in(cstring) RETURNS odd_in AS '$writer', 'unreviewed_in' LANGUAGE C STRICT VOLATILE;
	CREATE FUNCTION odd_out(odd_in) RETURNS cstring AS 'int4out' LANGUAGE internal STRICT IMMUTABLE;
	CREATE TYPE odd_in (INPUT = odd_in, OUTPUT = odd_out, LIKE = int4);
	CREATE TYPE odd_out;
	CREATE FUNCTION odd_in2(cstring) RETURNS odd_out AS 'int4in' LANGUAGE internal STRICT IMMUTABLE;
	CREATE FUNCTION odd_out2(odd_out) RETURNS cstring AS '$writer', 'unreviewed_out' LANGUAGE C STRICT VOLATILE;
	CREATE TYPE odd_out (INPUT = odd_in2, OUTPUT = odd_out2, LIKE = int4);
	CREATE TABLE outs (o odd_out);
	INSERT INTO outs VALUES ('1'), ('2');
	CREATE FUNCTION compare(odd_out, odd_out) RETURNS int AS '$writer', 'unreviewed_compare' LANGUAGE C STRICT VOLATILE;
	CREATE FUNCTION hash(odd_out) RETURNS int AS '$writer', 'unreviewed_hash' LANGUAGE C STRICT VOLATILE;
	CREATE FUNCTION less(odd_out, odd_out) RETURNS boolean AS 'int4lt' LANGUAGE internal STRICT IMMUTABLE;
	CREATE FUNCTION equal(odd_out, odd_out) RETURNS boolean AS 'int4eq' LANGUAGE internal STRICT IMMUTABLE;
	CREATE FUNCTION greater(odd_out, odd_out) RETURNS boolean AS 'int4gt' LANGUAGE internal STRICT IMMUTABLE;
	CREATE OPERATOR < (LEFTARG = odd_out, RIGHTARG = odd_out, FUNCTION = less, COMMUTATOR = >);
	CREATE OPERATOR > (LEFTARG = odd_out, RIGHTARG = odd_out, FUNCTION = greater, COMMUTATOR = <);
	CREATE OPERATOR = (LEFTARG = odd_out, RIGHTARG = odd_out, FUNCTION = equal, COMMUTATOR = =, HASHES, MERGES);
	CREATE OPERATOR CLASS odd_ops DEFAULT FOR TYPE odd_out USING btree AS
		OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 compare(odd_out, odd_out);
	CREATE OPERATOR CLASS odd_hash_ops DEFAULT FOR TYPE odd_out USING hash AS
		OPERATOR 1 =, FUNCTION 1 hash(odd_out);
	CREATE TABLE indexed (o odd_out);
	CREATE INDEX ON indexed (o);
	CREATE FUNCTION trigger_c() RETURNS trigger AS '$writer', 'unreviewed_trigger' LANGUAGE C;
	CREATE FUNCTION changing() RETURNS int LANGUAGE sql AS 'SELECT 1';
	CREATE FUNCTION in_worker(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS
		'BEGIN RETURN hidden(); END';
	CREATE TABLE big AS SELECT i FROM generate_series(1, 1000) i;));

my $setup = q(
	CREATE TEMP TABLE triggered (i int);
	CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION trigger_c();
	CREATE TEMP TABLE deferred (i int);
	CREATE CONSTRAINT TRIGGER t AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION trigger_c();
	LOAD 'pg_session_readonly';
	SET pg_session_readonly.mode = locked;
);
my @attacks = (
	[ 'call',               'SELECT unreviewed()',                        'unreviewed' ],
	[ 'type input',         q(SELECT '1'::odd_in),                        'odd_in' ],
	[ 'type input, later',  q(SELECT CAST(i::text AS odd_in) FROM big),   'odd_in' ],
	[ 'type output',        'SELECT o FROM outs',                         'odd_out2' ],
	[ 'type output by COPY', 'COPY outs TO STDOUT',                       'odd_out2' ],
	[ 'type output by cast', 'SELECT o::text FROM outs',                  'odd_out2' ],
	[ 'sort',               'SELECT count(*) FROM (SELECT o FROM outs ORDER BY o) s', 'compare' ],
	[ 'aggregate that sorts', 'SELECT count(DISTINCT o) FROM outs',       'compare' ],
	[ 'hash',               'SET enable_sort = off; SELECT count(*) FROM (SELECT o FROM outs GROUP BY o) g', 'hash' ],
	[ 'index support',      q(SET enable_seqscan = off; SELECT count(*) FROM indexed WHERE o = '1'), 'compare' ],
	[ 'trigger of a temporary table', 'INSERT INTO triggered VALUES (1)', 'trigger_c' ],
	[ 'deferred trigger, at commit', 'INSERT INTO deferred VALUES (1)',   'trigger_c' ],
	[ 'plpgsql',            'DO $$ DECLARE x int; BEGIN x := unreviewed(); END $$', 'unreviewed' ],
);
for my $attack (@attacks)
{
	my ($name, $sql, $function) = @$attack;
	my ($rc, $stdout, $stderr) = $node->psql('postgres', "$setup $sql;", on_error_stop => 0);
	like($stderr,
		qr/cannot execute \Q$function\E\(\) in a read-only session.*nobody has reviewed/s,
		"unreviewed $name: refused");
	($rc, $stdout, $stderr) = $node->psql('postgres',
		"SET pg_session_readonly.allowed_functions = 'public.$function'; $setup $sql;",
		on_error_stop => 0);
	is($stderr, '', "unreviewed $name: runs where an administrator allowed it");
}
is($node->safe_psql('postgres', "$setup SELECT unreviewed_stable() IS NULL"), 'f',
	'stable C functions run');

# --- parallel workers refuse like their leader ---
{
	my $force = $node->safe_psql('postgres',
		"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
	my ($rc, $stdout, $stderr) = $node->psql('postgres',
		"$setup SET $force = on; SET pg_session_readonly.mode = locked; SELECT max(in_worker(i)) FROM big;",
		on_error_stop => 0);
	like($stderr, qr/cannot execute hidden\(\) in a read-only session.*parallel worker/s,
		'parallel worker: refused');
	is( $node->safe_psql('postgres',
			"SET pg_session_readonly.pinned_settings = 'work_mem'; SET work_mem = '7MB'; $setup SET $force = on;
			SELECT current_setting('work_mem') FROM big LIMIT 1"),
		'7MB', 'parallel worker: has the pinned value');
	is($node->safe_psql('postgres', "SET pg_session_readonly.pinned_settings = 'work_mem'; LOAD 'pg_session_readonly'; SET $force = on;
			BEGIN; SET work_mem = '7MB'; SET pg_session_readonly.mode = locked; ROLLBACK; SELECT current_setting('work_mem') FROM big LIMIT 1"),
		'7MB', 'parallel worker: has the pinned value that was SET in the transaction of the lock');
	($rc, $stdout, $stderr) = $node->psql('postgres',
		"SET pg_session_readonly.pinned_settings = 'nobody.knows'; $setup SET pg_session_readonly.mode = locked;
		SET $force = on; SET client_min_messages = debug1; SELECT count(*) FROM big;");
	is("$rc $stdout", '0 ' . $node->safe_psql('postgres', 'SELECT count(*) FROM big'), 'parallel worker: runs where a name is pinned that nothing defines');
	unlike($stderr, qr/during a parallel operation/, 'parallel worker: does not pin it');

	# also where nobody SET the mode
	$node->safe_psql('postgres', q(
		CREATE ROLE stored LOGIN SUPERUSER;
		ALTER ROLE stored SET session_preload_libraries = 'pg_session_readonly';
		ALTER ROLE stored SET pg_session_readonly.mode = locked;
		CREATE FUNCTION mode_in_worker(int) RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS
			'BEGIN RETURN current_setting(''pg_session_readonly.mode''); END';
		CREATE FUNCTION locks_worker(int) RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET pg_session_readonly.mode = locked AS
			'BEGIN RETURN current_setting(''pg_session_readonly.mode''); END';
		CREATE FUNCTION unlocks_worker(int) RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET pg_session_readonly.mode = off AS
			'BEGIN RETURN current_setting(''pg_session_readonly.mode''); END';
		CREATE FUNCTION allows_in_worker(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE
			SET pg_session_readonly.allowed_functions = 'public.hidden' AS 'BEGIN RETURN in_worker($1); END';));
	my $by_client = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked';
	for my $way ([ 'the role', 'stored', '' ], [ 'the connection string', 'postgres', $by_client ])
	{
		my ($name, $user, $options) = @$way;
		local $ENV{PGOPTIONS} = $options;
		my @user = $user eq 'stored' ? (extra_params => [ '-U', $user ]) : ();
		($rc, $stdout, $stderr) = $node->psql('postgres', "SET $force = on; SELECT max(in_worker(i)) FROM big", @user);
		like($stderr, qr/cannot execute hidden\(\) in a read-only session.*parallel worker/s,
			"parallel worker, locked by $name: refused");
		is($node->safe_psql('postgres', "SET $force = on;
			SELECT max(mode_in_worker(i)), max(unlocks_worker(i)) FROM big;", @user), 'locked|locked',
			"parallel worker, locked by $name: locked, whatever a SET clause says");
		($rc, $stdout, $stderr) = $node->psql('postgres', "SET $force = on; SELECT max(allows_in_worker(i)) FROM big", @user);
		like($stderr, qr/"pg_session_readonly.allowed_functions" cannot be set after connection start.*parallel worker/s,
			"parallel worker, locked by $name: a SET clause allows no function");
	}
	is($node->safe_psql('postgres', "$setup SET $force = on; BEGIN; SELECT txid_current() > 0;
		SELECT max(mode_in_worker(i)) FROM big; COMMIT;"), "t\nlocked",
		'parallel worker of a transaction whose id is expected: runs');
	# the transaction of the lock was rolled back, and core has brought back what was SET before
	is($node->safe_psql('postgres', "LOAD 'pg_session_readonly'; SET pg_session_readonly.mode = on; SET pg_session_readonly.mode = off;
		SET $force = on; BEGIN; SET pg_session_readonly.mode = locked; ROLLBACK; SELECT max(mode_in_worker(i)) FROM big;"), 'locked',
		'parallel worker, the lock was rolled back: locked');
	# a worker follows its leader: what it is told itself does not count
	is($node->safe_psql('postgres', "LOAD 'pg_session_readonly'; SET pg_session_readonly.mode = off; SET $force = on;
		SELECT max(locks_worker(i)) FROM big; SHOW pg_session_readonly.mode;"), "off\noff",
		'parallel worker of a session that is off: off, whatever a SET clause says');
}

# --- a verdict is forgotten when another session replaces the function ---
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query($setup);
	is($session->query('SELECT changing()'), '1', 'verdict: runs');
	$node->safe_psql('postgres',
		"CREATE OR REPLACE FUNCTION changing() RETURNS int AS '$writer', 'writer_take_id' LANGUAGE C");
	$session->query('SELECT changing()');
	like($session->{stderr}, qr/cannot execute changing\(\) in a read-only session/,
		'verdict: replaced by C code in another session, refused');
	$session->{stderr} = '';
	$node->safe_psql('postgres',
		"CREATE OR REPLACE FUNCTION changing() RETURNS int LANGUAGE sql AS 'SELECT 2'");
	is($session->query('SELECT changing()'), '2', 'verdict: replaced once more, runs');
	$session->quit;
}

# --- and when another session changes its language ---
{
	$node->safe_psql('postgres', q(
		CREATE TRUSTED LANGUAGE changing HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler VALIDATOR plpgsql_validator;
		CREATE FUNCTION in_changing() RETURNS int LANGUAGE changing AS 'BEGIN RETURN 3; END';));
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query($setup);
	is($session->query('SELECT in_changing()'), '3', 'verdict: a trusted language, runs');
	$node->safe_psql('postgres', "UPDATE pg_language SET lanpltrusted = false WHERE lanname = 'changing'");
	$session->{stderr} = '';
	$session->query('SELECT in_changing()');
	like($session->{stderr}, qr/cannot execute in_changing\(\) in a read-only session/,
		'verdict: the language is not trusted any more, refused');
	$session->quit;
}

# --- and when another session gives its name to another schema ---
{
	$node->safe_psql('postgres', qq(
		CREATE SCHEMA trusted;
		CREATE FUNCTION trusted.harmless() RETURNS int AS '$writer', 'unreviewed_calls' LANGUAGE C;));
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query("SET pg_session_readonly.allowed_functions = 'trusted.harmless'; $setup");
	is($session->query('SELECT trusted.harmless() IS NULL'), 'f', 'verdict: allowed with its schema, runs');
	$node->safe_psql('postgres', 'ALTER SCHEMA trusted RENAME TO renamed');
	$session->{stderr} = '';
	$session->query('SELECT renamed.harmless()');
	like($session->{stderr}, qr/cannot execute harmless\(\) in a read-only session/,
		'verdict: the schema has another name, refused');
	$session->quit;
}

# --- and when it is replaced while the verdict is being found ---
# The first function of a language has its row in pg_language looked up, which waits here.
{
	$node->safe_psql('postgres', 'CREATE DATABASE replaced');
	my $session = Wire->new($node, dbname => 'replaced');
	my $other = Wire->new($node, dbname => 'replaced');
	$session->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
	$other->run('BEGIN', 'LOCK TABLE pg_language IN ACCESS EXCLUSIVE MODE',
		"CREATE OR REPLACE FUNCTION pg_catalog.lpad(text, int) RETURNS text AS '$writer', 'unreviewed_echo' LANGUAGE C VOLATILE");
	$session->message('Q', "SELECT lpad('x', 3)\0");
	ok($node->poll_query_until('replaced',
			q(SELECT count(*) = 1 FROM pg_locks WHERE relation = 'pg_language'::regclass AND NOT granted)),
		'verdict: waits for a catalog');
	$other->run('COMMIT');
	my $result = $session->result;
	like("$result->{code} $result->{message}", qr/^25006 cannot execute lpad\(\)/,
		'verdict: replaced by C code while it was being found, refused');
	$_->quit for ($session, $other);
}

# --- effects that a second connection would see ---
my $bystander = $node->background_psql('postgres');
my $pid = $bystander->query('SELECT pg_backend_pid()');
$node->safe_psql('postgres', q(
	SELECT pg_create_physical_replication_slot('slot');
	CREATE EXTENSION dblink; CREATE EXTENSION pg_surgery;));
for my $sql (
	"SELECT pg_terminate_backend($pid)",
	"SELECT pg_cancel_backend($pid)",
	'SELECT pg_reload_conf()',
	"SELECT pg_drop_replication_slot('slot')",
	"SELECT pg_logical_emit_message(true, 'a', 'b')",
	"SELECT lo_creat(-1)",
	"SELECT lo_from_bytea(0, 'x')",
	"SELECT lo_import('/etc/hostname')",
	"SELECT heap_force_kill('big', '{\"(0,1)\"}')",
	"SELECT * FROM dblink('dbname=postgres', 'DROP TABLE big') t (a text)",
	"SELECT dblink_connect('dbname=postgres')",
	"SELECT pg_stat_reset()",
	"SELECT pg_create_restore_point('x')",
	'SELECT pg_switch_wal()',
	"SELECT pg_replication_origin_create('x')",
	'SELECT pg_import_system_collations(\'public\')',
	"SELECT pg_advisory_lock(1)")
{
	my ($rc, $stdout, $stderr) = $node->psql('postgres', "$setup $sql;", on_error_stop => 0);
	like($stderr, qr/in a read-only (session|transaction)/, "refused: $sql");
}
is($bystander->query('SELECT pg_backend_pid()'), $pid, 'the other session is alive');
$bystander->quit;
is( $node->safe_psql('postgres', q(SELECT (SELECT count(*) FROM big),
		(SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_replication_origin),
		(SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'))),
	'1000|1|0|0|0', 'nothing changed');

$node->stop;
done_testing();
