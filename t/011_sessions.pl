# What others see of the guarded sessions, and denied_functions = 'unreviewed'.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE EXTENSION pg_session_readonly;
	CREATE ROLE boss LOGIN SUPERUSER;
	CREATE ROLE watcher LOGIN;
	GRANT pg_read_all_stats TO watcher;
	CREATE ROLE agent LOGIN;
	CREATE ROLE analyst LOGIN;
	CREATE ROLE head_of_analysts LOGIN;
	GRANT analyst TO head_of_analysts;
	CREATE DATABASE shop;
	CREATE TABLE t (i int);));

# A session, which has taken up this mode.
sub session
{
	my ($user, $mode, %more) = @_;
	my $session = Wire->new($node, user => $user, %more);
	$session->run("SET pg_session_readonly.mode = $mode") if $mode;
	return $session;
}

sub pid_of
{
	return $_[0]->query('SELECT pg_backend_pid()')->{rows}[0];
}

# What a session sees of that process: its mode and refusals; nothing if there is no
# row.
sub seen
{
	my ($session, $pid) = @_;
	return $session->run("SELECT mode, refusals, last_refusal IS NOT NULL
		FROM pg_session_readonly_sessions() WHERE pid = $pid");
}

# --- pg_session_readonly_sessions() ---
my $boss = session('boss');
is($boss->run('SELECT count(*) FROM pg_session_readonly_sessions()'), '0', 'nobody is guarded');

my $agent = session('agent');
my $pid = pid_of($agent);
is(seen($boss, $pid), '', 'a session that is off: no row');
$agent->run('SET pg_session_readonly.mode = off');
is(seen($boss, $pid), '', 'a session that is set to off: no row');
{
	# once more on, and off: the file's "off" is what RESET brings back
	my $session = session('boss');
	$session->run(map { "SET pg_session_readonly.mode = $_" } 'on', 'on', 'off');
	is($session->run("SELECT setting, reset_val FROM pg_settings WHERE name = 'pg_session_readonly.mode'"), 'off|off',
		'on, on, off: reset value');
	$session->run('RESET pg_session_readonly.mode');
	is($session->run('SHOW pg_session_readonly.mode'), 'off', 'on, on, off, RESET: off');
	$session->quit;
}
my $start = $boss->run('SELECT clock_timestamp()');
$agent->run('SET pg_session_readonly.mode = on');
is(seen($boss, $pid), 'on|0|f', 'on: no refusals, and no time of the last');
$agent->query('INSERT INTO t VALUES (1)');
is(seen($boss, $pid), 'on|1|t', 'a refusal');
is($boss->run("SELECT last_refusal BETWEEN '$start' AND clock_timestamp()
	FROM pg_session_readonly_sessions() WHERE pid = $pid"), 't', 'its time');
my $last = $boss->run("SELECT last_refusal FROM pg_session_readonly_sessions() WHERE pid = $pid");
$agent->run('SET pg_session_readonly.mode = locked');
is(seen($boss, $pid), 'locked|1|t', 'locked: the refusals stay');
$agent->query($_)
  for ('SET pg_session_readonly.mode = off', 'NOTIFY x', "SELECT pg_notify('a', 'b')", 'DROP TABLE t');
$agent->extended('CREATE TABLE x (i int)');
is(seen($boss, $pid), 'locked|6|t', 'refusals of ours and of core, by both protocols');
is($boss->run("SELECT last_refusal > '$last' FROM pg_session_readonly_sessions() WHERE pid = $pid"), 't',
	'the time of the last one');

# what is no refusal, or the client is not told of
$last = $boss->run("SELECT last_refusal FROM pg_session_readonly_sessions() WHERE pid = $pid");
$agent->query($_) for ('SELECT 1', 'SELECT 1 / 0', 'BEGIN READ WRITE', 'ROLLBACK', 'SELEC', 'SELECT * FROM missing',
	'DO $$ BEGIN CREATE TABLE x (i int); EXCEPTION WHEN OTHERS THEN NULL; END $$', 'DISCARD ALL', 'RESET ALL',
	q(DO $$ BEGIN RAISE WARNING 'like one' USING ERRCODE = '25006'; END $$));
is(seen($boss, $pid), 'locked|6|t', 'reads, other errors and what is caught: not counted');
is($boss->run("SELECT last_refusal = '$last' FROM pg_session_readonly_sessions() WHERE pid = $pid"), 't',
	'nor do they change the time');

# off again
my $on_off = session('boss', 'on');
my $on_off_pid = pid_of($on_off);
$on_off->query('DROP TABLE t');
is(seen($boss, $on_off_pid), 'on|1|t', 'a superuser: on');
$on_off->run('SET pg_session_readonly.mode = off');
is(seen($boss, $on_off_pid), 'off|1|t', 'off again: the row stays');
$on_off->query($_) for ('BEGIN READ ONLY', 'DROP TABLE t', 'ROLLBACK');
is(seen($boss, $on_off_pid), 'off|1|t', "off again: core's own refusals are not counted");
$on_off->run('SET pg_session_readonly.mode = on');
is(seen($boss, $on_off_pid), 'on|1|t', 'on again: goes on counting');
$on_off->quit;

# who sees whom
my $analyst = session('analyst', 'locked');
my $analyst_pid = pid_of($analyst);
$analyst->query('DROP TABLE t');
$agent->query('DROP TABLE t');
is(seen($analyst, $analyst_pid), 'locked|1|t', 'an ordinary role sees its own session');
is(seen($analyst, $pid), '', "an ordinary role does not see others'");
is($analyst->run('SELECT count(*) FROM pg_session_readonly_sessions()'), '1', 'an ordinary role sees no more');
is(seen($agent, $pid), 'locked|7|t', 'a locked session may ask');
{
	my $second = session('agent', 'on', dbname => 'postgres');
	is(seen($second, $pid), 'locked|7|t', "a role sees its other sessions");
	$second->quit;
	my $head = session('head_of_analysts');
	is(seen($head, $analyst_pid), 'locked|1|t', 'a member of the role sees its sessions');
	is(seen($head, $pid), '', "a member of the role does not see others'");
	$head->quit;
	my $watcher = session('watcher');
	is(seen($watcher, $pid), 'locked|7|t', 'a member of pg_read_all_stats sees all');
	is(seen($watcher, $analyst_pid), 'locked|1|t', 'a member of pg_read_all_stats sees all, indeed');
	$watcher->run('CREATE TEMP TABLE mine (i int)');
	is(seen($watcher, pid_of($watcher)), '', 'to ask guards nobody');
	$watcher->quit;
	# whose session it is does not change by SET ROLE
	my $su = session('boss', 'locked');
	my $su_pid = pid_of($su);
	$su->run('SET ROLE analyst');
	is(seen($analyst, $su_pid), '', "a superuser's session that took the role: not to be seen");
	is(seen($su, $pid), '', 'a superuser that took a role sees what the role sees');
	$su->quit;
}
ok($node->poll_query_until('postgres', 'SELECT count(*) = 2 FROM pg_session_readonly_sessions()'),
	'the sessions that have ended are gone');

# the one query that joins it to pg_stat_activity
is($boss->run(q(SELECT a.usename, a.datname, s.mode, s.refusals FROM pg_session_readonly_sessions() s
		JOIN pg_stat_activity a USING (pid) ORDER BY 1)),
	"agent|postgres|locked|7\nanalyst|postgres|locked|1", 'joined to pg_stat_activity');

# a session of another database
{
	my $other = session('agent', 'locked', dbname => 'shop');
	is(seen($boss, pid_of($other)), 'locked|0|f', 'a session of another database');
	$other->quit;
}

# the end of a session, and who comes next gets none of its numbers
$agent->quit;
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_session_readonly_sessions() WHERE pid = $pid)"),
	'the session ends: its row goes');
$boss->run("SELECT pg_terminate_backend($analyst_pid)");
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_session_readonly_sessions()'),
	'the session is terminated: its row goes');
for (1 .. 3)
{
	my $next = session('analyst', 'on');
	is(seen($boss, pid_of($next)), 'on|0|f', 'the next session begins at 0');
	$next->query('DROP TABLE t');
	$next->quit;
	$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_session_readonly_sessions()');
}

# locked by what is stored, before its first statement; and with parallel workers
$boss->run('ALTER ROLE agent SET pg_session_readonly.mode = locked');
$agent = session('agent');
is(seen($boss, pid_of($agent)), 'locked|0|f', 'a role that is stored as locked');
$boss->run(q(CREATE FUNCTION seen_in_worker(int) RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE AS
	'BEGIN RETURN (SELECT count(*) FROM pg_session_readonly_sessions()) + ($1 - $1); END'));
$boss->run('CREATE TABLE big AS SELECT generate_series(1, 20000) i', 'GRANT SELECT ON big TO agent', 'ANALYZE big');
$agent->run('SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0');
like($agent->run('EXPLAIN SELECT count(*) FROM big'), qr/Workers Planned/, 'parallel workers are planned');
is($agent->run('SELECT count(*) FROM big'), '20000', 'parallel workers run');
like($agent->run('EXPLAIN (COSTS OFF) SELECT max(seen_in_worker(i)) FROM big'), qr/Workers Planned/, 'parallel workers look, too');
is($agent->run('SELECT max(seen_in_worker(i)) FROM big'), '1', 'parallel workers have no rows');
$agent->quit;
$boss->run('ALTER ROLE agent RESET ALL');
$boss->quit;

# where the library is not preloaded for the server
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
for my $case ([ 'loaded for nobody' ], [ 'loaded for the session', "LOAD '\$libdir/plugins/pg_session_readonly'" ],
	[ 'locked', "LOAD '\$libdir/plugins/pg_session_readonly'", 'SET pg_session_readonly.mode = locked' ])
{
	my ($name, @statements) = @$case;
	for my $user ('boss', 'agent')
	{
		my $session = session($user);
		$session->run(@statements);
		my $result = $session->query('SELECT * FROM pg_session_readonly_sessions()');
		is($result->{code}, '55000', "$name, $user: an error");
		is($result->{message}, 'pg_session_readonly must be loaded via "shared_preload_libraries"', "$name, $user: says so");
		like($result->{hint}, qr/preloaded for the server/, "$name, $user: HINT");
		is($session->query('CREATE TEMP TABLE mine (i int)')->{code}, '', "$name, $user: to ask changes nothing")
		  if !@statements;
		is($session->query('NOTIFY x')->{code}, @statements ? '25006' : '', "$name, $user: as guarded as before");
		$session->quit;
	}
}

# --- denied_functions = 'unreviewed' ---
$node->safe_psql('postgres', qq(
	CREATE FUNCTION stable_f(int) RETURNS int AS '$writer', 'unreviewed_echo' LANGUAGE C STABLE;
	CREATE FUNCTION immutable_f(int) RETURNS int AS '$writer', 'unreviewed_echo' LANGUAGE C IMMUTABLE STRICT;
	CREATE FUNCTION volatile_f(int) RETURNS int AS '$writer', 'unreviewed_echo' LANGUAGE C VOLATILE;
	CREATE FUNCTION definer_f(int) RETURNS int AS '$writer', 'unreviewed_echo' LANGUAGE C STABLE SECURITY DEFINER;
	CREATE FUNCTION set_f(int) RETURNS int AS '$writer', 'unreviewed_echo' LANGUAGE C STABLE SET work_mem = '4MB';
	CREATE FUNCTION calls() RETURNS int AS '$writer', 'unreviewed_calls' LANGUAGE C STABLE;
	CREATE FUNCTION unreviewed() RETURNS int LANGUAGE sql AS 'SELECT 42';
	CREATE FUNCTION wraps(int) RETURNS int LANGUAGE plpgsql STABLE AS 'DECLARE x int; BEGIN x := stable_f(\$1); RETURN x; END';
	CREATE FUNCTION inlined(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT stable_f(\$1)';
	CREATE FUNCTION lower_it(text) RETURNS text LANGUAGE internal STABLE AS 'lower';
	CREATE OPERATOR ## (RIGHTARG = int, FUNCTION = stable_f);
	CREATE DOMAIN checked AS int CHECK (immutable_f(VALUE) > 0);
	CREATE VIEW through_view AS SELECT stable_f(1);
	CREATE SCHEMA other;
	CREATE FUNCTION other.stable_f(int) RETURNS int AS '$writer', 'unreviewed_echo' LANGUAGE C STABLE;
	CREATE EXTENSION hstore;
	CREATE EXTENSION tablefunc;));
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

# A session locked with these lists.
sub locked_with
{
	my ($denied, $allowed, @first) = @_;
	my $session = session('boss');
	$session->run(@first, "SET pg_session_readonly.denied_functions = '$denied'",
		"SET pg_session_readonly.allowed_functions = '" . ($allowed // '') . "'", @lock);
	return $session;
}

my @calls = ('SELECT stable_f(1)', 'SELECT immutable_f(1)', 'SELECT definer_f(1)', 'SELECT set_f(1)',
	'SELECT wraps(1)', 'SELECT inlined(1)', 'SELECT ## 1', 'SELECT 1::checked', 'SELECT * FROM through_view',
	'SELECT other.stable_f(1)', 'EXECUTE p', 'DO $$ BEGIN PERFORM stable_f(1); END $$',
	'SELECT i FROM generate_series(1, 2) i ORDER BY stable_f(i)');
my @before = ('PREPARE p AS SELECT stable_f(1)', 'EXECUTE p', 'SELECT wraps(1)', 'SELECT ## 1', 'SELECT 1::checked');

# without the word they run, but for the volatile one
{
	my $session = locked_with('', '', @before);
	is($session->query($_)->{code}, '', "not denied, $_: runs") for @calls;
	is($session->query('SELECT volatile_f(1)')->{code}, '25006', 'not denied, volatile: refused');
	$session->quit;
}
for my $denied ('unreviewed', ' Unreviewed ', 'pg_sleep, unreviewed', 'UNREVIEWED, extension:hstore')
{
	for my $first ([], \@before)
	{
		my $name = "'$denied'" . (@$first ? ', called before the lock' : '');
		my $session = locked_with($denied, '', @$first, 'SELECT calls()', 'PREPARE q AS SELECT 1');
		$session->run('PREPARE p AS SELECT stable_f(1)') if !@$first;
		for my $call (@calls, 'SELECT volatile_f(1)')
		{
			my $result = $session->query($call);
			is($result->{code}, '25006', "$name, $call: refused");
			like($result->{detail}, qr/^Refused by pg_session_readonly: It is a (volatile )?C function, and nobody has reviewed what it does/,
				"$name, $call: says why");
			$session->query('ROLLBACK') if $result->{status} ne 'I';
		}
		is($session->fastpath($session->run("SELECT 'stable_f(int)'::regprocedure::oid"), '1')->{code}, '25006',
			"$name, fastpath: refused");
		is($session->query('SELECT calls()')->{code}, '25006', "$name, what asks for calls: refused itself");

		# what has a row, and what is not C
		is($session->query($_)->{code}, '', "$name, $_: runs")
		  for ('SELECT unreviewed()', "SELECT lower_it('A')", 'SELECT count(*) FROM pg_class', 'SELECT now(), random()', q(SELECT convert('a', 'UTF8', 'LATIN1')), 'SET client_encoding = LATIN1', 'RESET client_encoding',
			'DO $$ BEGIN PERFORM 1; END $$', 'SELECT * FROM pg_session_readonly_status()',
			'SELECT count(*) FROM pg_session_readonly_denied_functions()', 'SHOW pg_session_readonly.mode',
			'SELECT normal_rand(1, 1, 1)');
		is($session->query('SELECT pid FROM pg_session_readonly_sessions()')->{code}, '55000', "$name, sessions(): runs");
		$session->quit;
	}
}

# The functions do not run before they are refused.
{
	my $session = locked_with('unreviewed', 'public.calls');
	$session->query($_) for @calls, 'SELECT volatile_f(1)';
	is($session->run('SELECT calls()'), '0', 'allowed_functions wins over the word');
	is($session->query('SELECT stable_f(1)')->{code}, '25006', 'allowed_functions: no other one');
	$session->quit;

	# an extension is allowed as a whole
	$session = locked_with('unreviewed', 'extension:hstore');
	is($session->run(q(SELECT 'a => 1'::hstore -> 'a')), '1', 'allowed_functions: an extension');
	is($session->query('SELECT stable_f(1)')->{code}, '25006', 'allowed_functions: no other one than those of the extension');
	$session->quit;
	$session = locked_with('unreviewed');
	is($session->query(q(SELECT 'a => 1'::hstore -> 'a'))->{code}, '25006', 'an extension whose functions have no rows');
	$session->quit;

	# which is not so for one that is denied by name
	$session = locked_with('unreviewed, calls', 'public.calls');
	is($session->query('SELECT calls()')->{code}, '25006', 'denied by name: allowed_functions does not help');
	$session->quit;
}

# A function of that name
for my $denied ('"unreviewed"', 'public.unreviewed', 'public."unreviewed"')
{
	my $session = locked_with($denied);
	is($session->query('SELECT unreviewed()')->{code}, '25006', "$denied: the function of this name is refused");
	is($session->query('SELECT stable_f(1)')->{code}, '', "$denied: no other one is");
	$session->quit;
}
{
	my $session = locked_with('"unreviewed", unreviewed');
	is($session->query('SELECT unreviewed()')->{code}, '25006', 'both: the function of this name is refused');
	is($session->query('SELECT stable_f(1)')->{code}, '25006', 'both: others are');
	$session->quit;
}

# Nor is what is no function, and in the other list it is no word.
for my $lists ([ 'extension:unreviewed, language:unreviewed' ], [ '', 'public.unreviewed' ])
{
	my $session = locked_with(@$lists);
	is($session->query('SELECT stable_f(1)')->{code}, '', "@$lists: a stable function runs");
	is($session->query('SELECT volatile_f(1)')->{code}, '25006', "@$lists: a volatile one is refused");
	$session->quit;
}

# An administrator looks before he decides.
{
	my $session = session('boss');
	my $listed = sub {
		return $session->run(q(SELECT function, reason FROM pg_session_readonly_denied_functions() d
			JOIN pg_proc p ON p.oid = d.function WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e
				WHERE e.objid = p.oid AND e.deptype = 'e' AND refobjid IN
					(SELECT oid FROM pg_extension WHERE extname IN ('hstore', 'tablefunc')))
			ORDER BY function::text COLLATE "C"));
	};
	is($listed->(), 'volatile_f(integer)|unreviewed', 'listed by default');
	$session->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = off',
		"SET pg_session_readonly.denied_functions = 'unreviewed'");
	is($listed->(), join("\n", map { "$_|unreviewed" } ('calls()', 'definer_f(integer)', 'immutable_f(integer)',
			'other.stable_f(integer)', 'set_f(integer)', 'stable_f(integer)', 'volatile_f(integer)')),
		'listed with the word');
	is($session->run(q(SELECT string_agg(DISTINCT proname, ' ') FROM pg_session_readonly_denied_functions() d
			JOIN pg_proc p ON p.oid = d.function WHERE proname IN ('hstore_in', 'normal_rand'))), 'hstore_in',
		'listed with the word: what has a row is not');
	like($session->run(q(SELECT detail FROM pg_session_readonly_denied_functions() WHERE function = 'stable_f(int)'::regprocedure)),
		qr/^It is a C function, and nobody has reviewed what it does/, 'listed with the word: why');
	is($session->query('SELECT stable_f(1)')->{code}, '', 'nothing is refused yet');
	$session->run("SET pg_session_readonly.denied_functions = '\"unreviewed\"'");
	is($listed->(), "unreviewed()|setting\nvolatile_f(integer)|unreviewed", 'listed with the word in quotes');
	$session->quit;
}

# Another library that wants shared memory gets it, beside ours.
SKIP:
{
	skip 'no contrib/pg_stat_statements', 2
	  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'") eq '0';
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_session_readonly, pg_stat_statements'");
	$node->restart;
	my $session = session('boss', 'locked');
	is($session->query('SELECT count(*) FROM pg_session_readonly_sessions()')->{rows}[0], '1', 'two libraries: ours');
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements');
	is($session->query('SELECT count(*) > 0 FROM pg_stat_statements')->{code}, '', 'two libraries: the other one');
	$session->quit;
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
