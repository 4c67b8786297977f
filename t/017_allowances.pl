# What an administrator has allowed works, in every kind of transaction, and lets
# nothing else through: an allowed command or function is not undone by an error
# elsewhere, and its allowance ends with its transaction at the latest.  Verdicts
# follow the membership of extensions.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', qq(
	CREATE EXTENSION pg_session_readonly;
	CREATE TABLE t (i int PRIMARY KEY);
	INSERT INTO t SELECT generate_series(1, 10);
	CREATE TABLE u (i int, j int);
	INSERT INTO u SELECT i, i FROM generate_series(1, 1000) i;
	CREATE INDEX u_i ON u (i);
	CLUSTER u USING u_i;
	CREATE TABLE victim (i int);
	CREATE FUNCTION sneak(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C STABLE;
	CREATE FUNCTION allowed(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C;
	CREATE FUNCTION harmless() RETURNS int AS '$writer', 'unreviewed_calls' LANGUAGE C;
	CREATE FUNCTION expression(int) RETURNS int LANGUAGE plpgsql AS
		'DECLARE x int; BEGIN x := allowed(''victim'', \$1); RETURN x; END';
	CREATE FUNCTION handles(int) RETURNS int LANGUAGE plpgsql AS
		'DECLARE x int; BEGIN
			x := allowed(''victim'', \$1);
			BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END;
			RETURN x;
		END';
	CREATE PROCEDURE ends(int) LANGUAGE plpgsql AS
		'BEGIN PERFORM harmless(); COMMIT; PERFORM sneak(''victim'', \$1); END';));

my $repack = $node->pg_version->major >= 19 ? ', -REPACK' : '';

sub locked
{
	my $session = Wire->new($node);
	$session->run('CREATE TEMP TABLE mine (i int PRIMARY KEY)',
		"SET pg_session_readonly.denied_commands = 'default, -ANALYZE, -VACUUM, -REINDEX, -CLUSTER, -LOCK TABLE$repack'",
		q(SET pg_session_readonly.allowed_functions = 'public.allowed, public.harmless'),
		"LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
	return $session;
}

sub codes
{
	my ($session, @statements) = @_;
	return join(' ', map { $session->query($_)->{code} || 'ok' } @statements);
}

# What there is to see of the allowed work, and a way to undo it.
my $statistics = q(SELECT count(*) FROM pg_stats WHERE tablename = 't');
my $rows = q(SELECT string_agg(i::text, ' ' ORDER BY i) FROM victim);
sub clear
{
	$node->safe_psql('postgres', q(TRUNCATE victim; DELETE FROM pg_statistic WHERE starelid = 't'::regclass));
}

# --- the statement that writes is refused, not only the commit ---
{
	my $session = locked();
	for my $sql (q(SELECT sneak('victim', 1)), q(DO $$ DECLARE x int; BEGIN x := sneak('victim', 1); END $$))
	{
		is(codes($session, 'BEGIN', $sql, 'ROLLBACK'), 'ok 25006 ok', "$sql: refused at once");
	}
	# and what was written before an allowed statement or call is not allowed with it
	for my $sql ('ANALYZE t', q(x := allowed('victim', 2)), 'PERFORM txid_current()', 'INSERT INTO mine VALUES (1)')
	{
		is(codes($session, "DO \$\$ DECLARE x int; BEGIN x := sneak('victim', 1); $sql; END \$\$"), '25006',
			"a write, then $sql: refused");
	}
	# what is granted is granted once, and gone with its subtransaction
	for my $case (
		[ 'one in the transaction before', 'ok ok ok 25006 ok', 'ANALYZE t', 'BEGIN', 'INSERT INTO mine VALUES (1)' ],
		[ 'two allowed commands', 'ok ok ok 25006 ok', 'BEGIN', 'ANALYZE t', 'ANALYZE t' ],
		[ 'two in subtransactions that are rolled back together', 'ok ok ok ok ok ok ok 25006 ok',
			'BEGIN', 'SAVEPOINT a', 'ANALYZE t', 'SAVEPOINT b', 'ANALYZE u', 'RELEASE b', 'ROLLBACK TO a' ])
	{
		my ($name, $codes, @statements) = @$case;
		is(codes($session, @statements, q(SELECT sneak('victim', 1)), 'ROLLBACK'), $codes, "after $name: refused");
	}
	# one that is not at its end yet can be rolled back
	$session->run('BEGIN');
	$session->parse('', q(SELECT sneak('victim', i) FROM generate_series(1, 3) i));
	$session->bind('p', '');
	$session->execute('p', 1);
	$session->message('H', '');
	is($session->sync->{suspended}, 1, 'a portal that writes: suspended');
	is(codes($session, 'ROLLBACK'), 'ok', 'a portal that writes: rolled back');
	$session->quit;
}

# --- an allowed command, and an error beside it ---
for my $case (
	# a name, the codes that are to come, whether the table is analyzed then, and the statements
	[ 'alone', 'ok', 1, 'ANALYZE t' ],
	[ 'before a subtransaction that aborts', 'ok ok ok 22012 ok ok ok', 1,
		'BEGIN', 'ANALYZE t', 'SAVEPOINT a', 'SELECT 1/0', 'ROLLBACK TO a', 'SELECT 1', 'COMMIT' ],
	[ 'in a subtransaction, before one that aborts', 'ok ok ok ok 22012 ok ok ok ok', 1,
		'BEGIN', 'SAVEPOINT a', 'ANALYZE t', 'SAVEPOINT b', 'SELECT 1/0', 'ROLLBACK TO b', 'RELEASE a', 'SELECT 1', 'COMMIT' ],
	[ 'in a subtransaction that aborts, and again', 'ok ok ok ok ok ok ok', 1,
		'BEGIN', 'SAVEPOINT a', 'ANALYZE t', 'ROLLBACK TO a', 'SELECT 1', 'ANALYZE t', 'COMMIT' ],
	[ 'in a subtransaction that aborts', 'ok ok ok ok ok ok', 0,
		'BEGIN', 'SAVEPOINT a', 'ANALYZE t', 'ROLLBACK TO a', 'SELECT 1', 'COMMIT' ],
	[ 'in a subtransaction whose parent aborts', 'ok ok ok ok ok ok ok', 0,
		'BEGIN', 'SAVEPOINT a', 'SAVEPOINT b', 'ANALYZE t', 'RELEASE b', 'ROLLBACK TO a', 'COMMIT' ],
	[ 'in two subtransactions, one of which aborts', 'ok ok ok ok ok ok ok ok ok', 1,
		'BEGIN', 'SAVEPOINT a', 'ANALYZE t', 'RELEASE a', 'SAVEPOINT a', 'ANALYZE u', 'ROLLBACK TO a', 'SELECT 1', 'COMMIT' ],
	[ 'before a failed temporary write', 'ok ok ok ok 23505 ok ok ok', 1,
		'BEGIN', 'INSERT INTO mine VALUES (1)', 'ANALYZE t', 'SAVEPOINT a', 'INSERT INTO mine VALUES (1)', 'ROLLBACK TO a',
		'INSERT INTO mine VALUES (2)', 'COMMIT' ],
	[ 'before a refusal', 'ok ok ok 25006 ok ok ok', 1,
		'BEGIN', 'ANALYZE t', 'SAVEPOINT a', 'INSERT INTO victim VALUES (1)', 'ROLLBACK TO a', 'SELECT 1', 'COMMIT' ],
	[ 'in DO, before a block that fails', 'ok', 1,
		'DO $$ BEGIN ANALYZE t; BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END; PERFORM 1; END $$' ],
	[ 'in DO, in the handler', 'ok', 1,
		'DO $$ BEGIN BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN ANALYZE t; END; PERFORM 1; END $$' ],
	[ 'in DO, in a block that fails', 'ok', 0,
		'DO $$ BEGIN BEGIN ANALYZE t; PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END; PERFORM 1; END $$' ],
	[ 'in DO, in a loop of blocks', 'ok', 1,
		'DO $$ BEGIN FOR i IN 0 .. 5 LOOP
			BEGIN ANALYZE t; PERFORM 1 / (i % 2); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$' ],
	[ 'in DO, with COMMIT', 'ok', 1,
		'DO $$ BEGIN ANALYZE t; COMMIT; BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END; ANALYZE t; END $$' ],
	[ 'in several statements of one message', 'ok', 1, 'ANALYZE t; SELECT 1; ANALYZE u' ],
	[ 'other commands', 'ok ok ok 22012 ok ok ok ok ok', 0,
		'BEGIN', 'LOCK TABLE t IN ACCESS EXCLUSIVE MODE', 'SAVEPOINT a', 'SELECT 1/0', 'ROLLBACK TO a', 'REINDEX TABLE t',
		'CLUSTER u', 'ANALYZE u', 'COMMIT' ],
	[ 'commands with transactions of their own', 'ok ok ok ok ok ok ok ok', 1,
		'VACUUM t', 'VACUUM (ANALYZE) t', 'VACUUM FULL t', 'REINDEX TABLE CONCURRENTLY t', 'REINDEX INDEX u_i',
		'REINDEX SCHEMA public', 'CLUSTER', 'ANALYZE t, u' ],
	$repack ? [ 'REPACK', 'ok ok', 1, 'REPACK t', 'ANALYZE t' ] : ())
{
	my ($name, $codes, $analyzed, @statements) = @$case;
	my $session = locked();

	clear();
	is(codes($session, @statements), $codes, "allowed command, $name: statements");
	is($node->safe_psql('postgres', $statistics), $analyzed, "allowed command, $name: effect");
	is(codes($session, q(SELECT sneak('victim', 1))), '25006', "allowed command, $name: nothing else");
	is($node->safe_psql('postgres', $rows), '', "allowed command, $name: nothing written");
	$session->quit;
}

# psql takes back what failed, and goes on.
clear();
my ($rc, $stdout, $stderr) = $node->psql('postgres', q(
	SET pg_session_readonly.denied_commands = 'default, -ANALYZE';
	LOAD 'pg_session_readonly';
	SET pg_session_readonly.mode = locked;
	\set ON_ERROR_ROLLBACK on
	\set VERBOSITY sqlstate
	BEGIN;
	ANALYZE t;
	SELECT 1/0;
	SELECT 'goes on';
	ANALYZE t;
	COMMIT;), on_error_stop => 0);
is($stdout, 'goes on', "psql's ON_ERROR_ROLLBACK: goes on");
like($stderr, qr/^(\S+ )?ERROR:  22012$/, "psql's ON_ERROR_ROLLBACK: no other error");
is($node->safe_psql('postgres', $statistics), '1', "psql's ON_ERROR_ROLLBACK: effect");

# --- an allowed function ---
for my $case (
	[ 'alone', 'ok', '1', q(SELECT allowed('victim', 1)) ],
	[ 'twice', 'ok ok ok ok', '1 2', 'BEGIN', q(SELECT allowed('victim', 1)), q(SELECT allowed('victim', 2)), 'COMMIT' ],
	[ 'in an expression', 'ok', '1', 'SELECT expression(1)' ],
	[ 'in an expression, in later statements', 'ok ok ok ok ok', '1 2 3', 'BEGIN', 'SELECT expression(1)',
		'SELECT expression(2)', 'SELECT expression(3)', 'COMMIT' ],
	[ 'in an expression, in one statement', 'ok', '1 2 3', 'SELECT expression(i) FROM generate_series(1, 3) i' ],
	[ 'in an expression, with a read between', 'ok ok ok ok ok', '1 2', 'BEGIN', 'SELECT expression(1)', 'SELECT 1',
		'SELECT expression(2)', 'COMMIT' ],
	[ 'in an expression of a DO', 'ok', '1 2',
		q(DO $$ DECLARE x int; BEGIN FOR i IN 1 .. 2 LOOP x := allowed('victim', i); PERFORM 1; END LOOP; END $$) ],
	[ 'in an expression of a DO, with COMMIT', 'ok', '1 2',
		q(DO $$ DECLARE x int; BEGIN FOR i IN 1 .. 2 LOOP x := allowed('victim', i); COMMIT; END LOOP; END $$) ],
	[ 'before a block that fails', 'ok', '1', 'SELECT handles(1)' ],
	[ 'before blocks that fail', 'ok ok ok ok', '1 2', 'BEGIN', 'SELECT handles(1)', 'SELECT handles(2)', 'COMMIT' ],
	[ 'before a subtransaction that aborts', 'ok ok ok 22012 ok ok ok', '1', 'BEGIN', q(SELECT allowed('victim', 1)),
		'SAVEPOINT a', 'SELECT 1/0', 'ROLLBACK TO a', 'SELECT 1', 'COMMIT' ],
	[ 'in a subtransaction that aborts, and again', 'ok ok ok ok ok ok ok', '2', 'BEGIN', 'SAVEPOINT a',
		q(SELECT allowed('victim', 1)), 'ROLLBACK TO a', 'SELECT 1', 'SELECT expression(2)', 'COMMIT' ],
	[ 'in a subtransaction', 'ok ok ok ok ok ok', '1 2', 'BEGIN', 'SAVEPOINT a', 'SELECT expression(1)', 'RELEASE a',
		'SELECT expression(2)', 'COMMIT' ],
	[ 'in a temporary write', 'ok', '1', q(INSERT INTO mine SELECT allowed('victim', 1)) ],
	[ 'in a cursor', 'ok ok ok ok ok ok', '1 2', 'BEGIN', q(DECLARE c CURSOR FOR SELECT allowed('victim', i) FROM generate_series(1, 9) i),
		'FETCH c', 'SELECT 1', 'FETCH c', 'COMMIT' ],
	[ 'in a held cursor', 'ok ok ok', '1', 'BEGIN', q(DECLARE c CURSOR WITH HOLD FOR SELECT allowed('victim', 1)), 'COMMIT' ],
	[ 'prepared', 'ok ok ok ok ok', '1 2', q(PREPARE p AS SELECT allowed('victim', $1)), 'BEGIN', 'EXECUTE p(1)', 'EXECUTE p(2)', 'COMMIT' ],
	[ 'beside an allowed command', 'ok ok ok ok', '1', 'BEGIN', 'ANALYZE t', q(SELECT allowed('victim', 1)), 'COMMIT' ])
{
	my ($name, $codes, $expected, @statements) = @$case;
	my $session = locked();

	clear();
	is(codes($session, @statements), $codes, "allowed function, $name: statements");
	is($node->safe_psql('postgres', $rows), $expected, "allowed function, $name: effect");
	$session->quit;
}

# --- an allowance goes no further than its transaction ---
clear();
for my $case (
	[ 'the next statement', 'SELECT harmless()', q(SELECT sneak('victim', 1)) ],
	[ 'the next transaction', 'BEGIN', 'SELECT harmless()', 'COMMIT', 'BEGIN', q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'a chained transaction', 'BEGIN', 'SELECT harmless()', 'COMMIT AND CHAIN', q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'a chained transaction, after ROLLBACK', 'BEGIN', 'SELECT harmless()', 'ROLLBACK AND CHAIN', q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'a failed transaction', 'BEGIN', 'SELECT harmless()', 'SELECT 1/0', 'COMMIT', q(SELECT sneak('victim', 1)) ],
	[ 'a message', q(SELECT harmless(); COMMIT; SELECT sneak('victim', 1)) ],
	[ 'a DO block', 'DO $$ BEGIN PERFORM harmless(); END $$', q(SELECT sneak('victim', 1)) ],
	[ 'two DO blocks', 'DO $$ BEGIN PERFORM harmless(); END $$', q(DO $$ BEGIN PERFORM sneak('victim', 1); END $$) ],
	[ 'COMMIT in a DO block', q(DO $$ BEGIN PERFORM harmless(); COMMIT; PERFORM sneak('victim', 1); END $$) ],
	[ 'COMMIT in a DO block, in expressions',
		q(DO $$ DECLARE x int; BEGIN x := harmless(); COMMIT; x := sneak('victim', 1); COMMIT; END $$) ],
	[ 'ROLLBACK in a DO block', q(DO $$ BEGIN PERFORM harmless(); ROLLBACK; PERFORM sneak('victim', 1); END $$) ],
	[ 'a later COMMIT in a DO block',
		q(DO $$ BEGIN FOR i IN 1 .. 3 LOOP
			IF i = 1 THEN PERFORM harmless(); ELSE PERFORM sneak('victim', 1); END IF; COMMIT; END LOOP; END $$) ],
	[ 'COMMIT in a procedure', 'CALL ends(1)' ],
	[ 'COMMIT in a procedure in a DO block', 'DO $$ BEGIN CALL ends(1); END $$' ],
	[ 'a prepared statement', 'PREPARE p AS SELECT harmless()', 'EXECUTE p', 'EXECUTE p', q(SELECT sneak('victim', 1)) ],
	[ 'a held cursor', 'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT harmless()', 'COMMIT', 'FETCH c', q(SELECT sneak('victim', 1)) ],
	[ 'a plan set up and not run', 'EXPLAIN SELECT harmless()', q(SELECT sneak('victim', 1)) ],
	[ 'an error in the function', q(SELECT allowed('nothing', 1)), q(SELECT sneak('victim', 1)) ],
	[ 'DISCARD ALL', 'SELECT harmless()', 'DISCARD ALL', q(SELECT sneak('victim', 1)) ],
	[ 'an allowed command', 'ANALYZE u', q(SELECT sneak('victim', 1)) ],
	[ 'an allowed command, in its transaction', 'BEGIN', 'ANALYZE u', q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'an allowed command that was taken back', 'BEGIN', 'SAVEPOINT a', 'ANALYZE u', 'ROLLBACK TO a',
		q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'an allowed command that was taken back in part', 'BEGIN', 'ANALYZE u', 'SAVEPOINT a', 'ANALYZE u', 'ROLLBACK TO a',
		q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'an allowed command under a parent that was taken back', 'BEGIN', 'SAVEPOINT a', 'SAVEPOINT b', 'ANALYZE u',
		'RELEASE b', 'ROLLBACK TO a', q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'an allowed command that failed', 'BEGIN', 'SAVEPOINT a', 'ANALYZE u, nothing', 'ROLLBACK TO a',
		q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'an allowed command that takes an id', 'BEGIN', 'LOCK TABLE u IN ACCESS EXCLUSIVE MODE', q(SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'VACUUM', 'VACUUM u', q(SELECT sneak('victim', 1)) ],
	[ 'REINDEX', 'REINDEX TABLE CONCURRENTLY u', q(SELECT sneak('victim', 1)) ])
{
	my ($name, @statements) = @$case;
	my $session = locked();

	like(codes($session, @statements), qr/25006/, "allowance, $name: refused");
	$session->query('COMMIT');
	is($node->safe_psql('postgres', $rows), '', "allowance, $name: nothing written");
	clear();
	$session->quit;
}

# --- a function's SET clause allows nothing, in a parallel worker neither ---
# Nobody may set the list in a locked session, and only a superuser while it is on.
{
	my $parallel = $node->safe_psql('postgres', q(
		SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')));
	my $loaded = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off';

	$node->safe_psql('postgres', q(
		CREATE ROLE app LOGIN;
		ALTER ROLE app SET session_preload_libraries = pg_session_readonly;
		ALTER ROLE app SET pg_session_readonly.mode = off;
		ALTER FUNCTION harmless() PARALLEL SAFE;
		CREATE FUNCTION where_it_runs() RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN pg_backend_pid(); END';
		CREATE FUNCTION by_clause() RETURNS int LANGUAGE plpgsql PARALLEL SAFE SET pg_session_readonly.allowed_functions = 'public.harmless' AS
			'BEGIN RETURN harmless(); END';
		CREATE FUNCTION undenies() RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET pg_session_readonly.denied_functions = '' AS
			'BEGIN RETURN upper(''x''); END';));
	for my $case (
		# a user, the mode, and what is to come of it
		[ 'app', 'on', '42501' ],
		[ 'app', 'locked', '55P02' ],
		[ undef, 'locked', '55P02' ],
		[ undef, 'on', 'ok' ])
	{
		my ($user, $mode, $code) = @$case;
		my $session = Wire->new($node, $user ? (user => $user) : (options => $loaded));

		my $pid = $session->run('SELECT pg_backend_pid()');

		$session->run(q(SET pg_session_readonly.denied_functions = 'upper'), "SET pg_session_readonly.mode = $mode");
		for my $how ('off', 'on')
		{
			my $name = 'allowance by a SET clause, ' . ($user // 'superuser') . ", $mode, "
			  . ($how eq 'on' ? 'in a worker' : 'in the leader');

			is(codes($session, "SET $parallel = $how", 'SELECT harmless()', q(SELECT upper('x'))), 'ok 25006 25006', "$name: denied");
			is($session->run('SELECT where_it_runs()') eq $pid ? 'off' : 'on', $how, "$name: where it runs");
			is(codes($session, 'SELECT by_clause()', 'SELECT undenies()'), "$code $code", "$name: what the clause does");
			is(codes($session, 'SELECT harmless()', q(SELECT upper('x'))), '25006 25006', "$name: and afterwards");
		}
		$session->quit;
	}
}

# --- verdicts follow ALTER EXTENSION ... ADD and DROP by another session ---
$node->safe_psql('postgres', q(
	CREATE FUNCTION member() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
	CREATE FUNCTION body() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN member(); END';));
for my $case (
	[ 'denied', q(SET pg_session_readonly.denied_functions = 'extension:pg_session_readonly'), 'member()', 'ok', '25006' ],
	[ 'allowed', q(SET pg_session_readonly.allowed_functions = 'extension:pg_session_readonly'), 'harmless()', '25006', 'ok' ])
{
	my ($list, $setting, $call, $outside, $inside) = @$case;
	for my $isolation ('', 'BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ')
	{
		next if $isolation && $list eq 'allowed';
		my $name = "extension: in the list of $list functions" . ($isolation ? " ($isolation)" : '');
		my $session = Wire->new($node);
		$session->run($setting, "LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
		for my $round (1, 2)
		{
			my @begin = $isolation ? ($isolation) : ();
			my @end = $isolation ? ('ROLLBACK') : ();
			my @ok = ('ok') x @begin;
			is(codes($session, @begin, "SELECT $call", @end), join(' ', @ok, $outside, @ok), "$name: not yet a member, $round");
			$session->query($_) for @begin;
			is(codes($session, "SELECT $call"), $outside, "$name: still none, $round");
			$node->safe_psql('postgres', "ALTER EXTENSION pg_session_readonly ADD FUNCTION $call");
			is(codes($session, "SELECT $call"), $inside, "$name: a member, $round");
			$session->query($_) for @end;
			$session->query($_) for @begin;
			is(codes($session, "SELECT $call"), $inside, "$name: still one, $round") if !$isolation;
			$node->safe_psql('postgres', "ALTER EXTENSION pg_session_readonly DROP FUNCTION $call");
			is(codes($session, "SELECT $call"), $outside, "$name: no member any more, $round");
			$session->query($_) for @end;
		}
		$session->quit;
	}
}
# also where it is not in the statement's own text
{
	my $session = Wire->new($node);
	$session->run(q(SET pg_session_readonly.denied_functions = 'extension:pg_session_readonly'),
		"LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked', 'PREPARE p AS SELECT body()', 'EXECUTE p');
	$node->safe_psql('postgres', 'ALTER EXTENSION pg_session_readonly ADD FUNCTION member()');
	is(codes($session, 'EXECUTE p'), '25006', 'extension: a function called by another');
	$node->safe_psql('postgres', 'ALTER EXTENSION pg_session_readonly DROP FUNCTION member()');
	is(codes($session, 'EXECUTE p'), 'ok', 'extension: a function called by another, no member any more');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
