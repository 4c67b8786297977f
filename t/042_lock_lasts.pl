# The lock, once it has fallen, lasts: through statements that end their own transaction
# (CALL of a procedure that commits or rolls back), through the end of the transaction in
# which it fell, through a reload; and parallel workers and the client are told.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', qq(
	CREATE EXTENSION pg_session_readonly;
	CREATE SEQUENCE s;
	CREATE TABLE victim (i int);
	CREATE FUNCTION sneak(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C STABLE;));

# Nothing of this may change between two tests.
my $state_query = q(SELECT (SELECT count(*) FROM victim), (SELECT last_value || ' ' || is_called FROM s),
	(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace));
my $state = $node->safe_psql('postgres', $state_query);

sub unchanged
{
	my ($name) = @_;
	my $now = $node->safe_psql('postgres', $state_query);
	is($now, $state, "$name: nothing changed");
	$state = $now;
}

my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

# --- CALL of a procedure that ends its transaction ---
# By the extended protocol core frees the statement with the transaction.  With each
# block of memory mapped by itself (glibc's malloc does so, told by its environment),
# and enough others of its kind freed after it, a look at the statement then
# kills the backend.
$node->stop;
{
	local $ENV{GLIBC_TUNABLES} = 'glibc.malloc.mmap_threshold=1024';
	$node->start;
}
$node->safe_psql('postgres', q(
	CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN
		FOR j IN 1 .. 300 LOOP EXECUTE format('PREPARE q%s AS SELECT 1', j); END LOOP;
		FOR j IN 1 .. 300 LOOP EXECUTE format('DEALLOCATE q%s', j); END LOOP;
	END $$;
	CREATE PROCEDURE rolls_back(INOUT i int) LANGUAGE plpgsql AS 'BEGIN ROLLBACK; CALL fill(); i := i + 1; END';
	CREATE PROCEDURE commits(INOUT i int) LANGUAGE plpgsql AS 'BEGIN COMMIT; CALL fill(); i := i + 1; COMMIT; END';
	CREATE PROCEDURE commits_and_writes(i int) LANGUAGE plpgsql AS 'BEGIN COMMIT; INSERT INTO victim VALUES (i); END';
	CREATE PROCEDURE rolls_back_and_writes(i int) LANGUAGE plpgsql AS 'BEGIN ROLLBACK; PERFORM setval(''s'', i); END';));
$state = $node->safe_psql('postgres', $state_query);
for my $mode ('off', 'on', 'locked')
{
	for my $allowed ('', 'public.sneak')
	{
		my $session = Wire->new($node);
		$session->run("SET pg_session_readonly.allowed_functions = '$allowed'", $lock[0], "SET pg_session_readonly.mode = $mode");
		for my $i (1 .. 7)
		{
			for my $procedure ('rolls_back', 'commits')
			{
				# longer each time, so that it lies elsewhere
				my $result = $session->extended("CALL $procedure(\$1) --" . 'x' x (100 * $i), $i);
				is("$result->{code} @{ $result->{rows} }", ' ' . ($i + 1), "CALL $procedure($i), $mode");
			}
		}
		# a prepared statement, run again and again
		$session->parse('call', 'CALL rolls_back($1)');
		for my $i (1 .. 7)
		{
			$session->bind('', 'call', $i);
			$session->execute('');
			my $result = $session->sync;
			is("$result->{code} @{ $result->{rows} }", ' ' . ($i + 1), "prepared CALL rolls_back($i), $mode");
		}
		is($session->query('SHOW pg_session_readonly.mode')->{rows}[0], $mode, "CALL: the session is $mode");
		next if $mode eq 'off';
		is($session->extended('CALL commits_and_writes($1)', 1)->{code}, '25006', "CALL with COMMIT and a write, $mode");
		is($session->extended('CALL rolls_back_and_writes($1)', 4711)->{code}, '25006', "CALL with ROLLBACK and a write, $mode");
		unchanged("CALL, $mode");
		$session->quit;
	}
}

# --- the lock outlasts the transaction, and so does what parallel workers are told ---
{
	my $parallel = $node->safe_psql('postgres', q(
		SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')));
	$node->safe_psql('postgres', q(
		CREATE FUNCTION mode_of_worker() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS
			$$ BEGIN RETURN current_setting('pg_session_readonly.mode') || pg_backend_pid(); END $$;
		CREATE FUNCTION locks_by_clause() RETURNS void LANGUAGE sql SET pg_session_readonly.mode = locked AS 'SELECT';));
	for my $way (
		[ 'in a transaction', 'BEGIN', 'SET pg_session_readonly.mode = locked', 'COMMIT' ],
		[ 'rolled back', 'BEGIN', 'SET pg_session_readonly.mode = locked', 'ROLLBACK' ],
		[ 'SET LOCAL', 'BEGIN', 'SET LOCAL pg_session_readonly.mode = locked', 'COMMIT' ],
		[ 'with a savepoint rolled back', 'BEGIN', 'SET pg_session_readonly.mode = locked', 'SAVEPOINT a', 'ROLLBACK TO a', 'COMMIT' ],
		[ 'a function, rolled back', 'BEGIN', 'SELECT pg_session_readonly_lock()', 'ROLLBACK' ],
		[ 'SET clause', 'SELECT locks_by_clause()' ],
		[ 'set_config() for the transaction', q(SELECT set_config('pg_session_readonly.mode', 'locked', true)) ])
	{
		my ($name, @statements) = @$way;
		my $session = Wire->new($node,
			options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');

		$session->run(@statements);
		is($session->run('SHOW pg_session_readonly.mode'), 'locked', "$name: locked");
		$session->run("SET $parallel = on");
		my ($mode, $pid) = $session->run('SELECT mode_of_worker()') =~ /^([a-z]+)([0-9]+)$/;
		isnt($pid, $session->run('SELECT pg_backend_pid()'), "$name: there is a worker");
		is($mode, 'locked', "$name: the worker is locked");
		$session->quit;
	}
}

# --- a function's SET clause does not switch a parallel worker off ---
# In the leader it is refused to an ordinary user; a worker takes values from its
# leader only.
for my $preload ('session_preload_libraries', 'shared_preload_libraries')
{
	my $parallel = $node->safe_psql('postgres', q(
		SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')));

	if ($preload eq 'session_preload_libraries')
	{
		$node->safe_psql('postgres', q(
			CREATE ROLE app LOGIN;
			ALTER ROLE app SET session_preload_libraries = pg_session_readonly;
			ALTER ROLE app SET pg_session_readonly.mode = off;
			CREATE FUNCTION switches_off() RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET pg_session_readonly.mode = off AS
				$$ BEGIN RETURN current_setting('pg_session_readonly.mode') || ' ' || pg_backend_pid(); END $$;
			CREATE FUNCTION switches_off_and_cancels() RETURNS bool LANGUAGE plpgsql PARALLEL SAFE SET pg_session_readonly.mode = off AS
				$$ BEGIN RETURN pg_cancel_backend(0); END $$;));
	}
	else
	{
		$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'");
		$node->restart;
		$node->safe_psql('postgres', 'ALTER ROLE app RESET ALL');
	}
	for my $mode ('on', 'locked')
	{
		my $name = "$preload, $mode, SET clause in a worker";
		my $session = Wire->new($node, user => 'app');

		$session->run("SET pg_session_readonly.mode = $mode");
		is($session->query('SELECT switches_off()')->{code}, '25006', "$name: refused in the leader");
		$session->run("SET $parallel = on");
		my ($there, $pid) = split / /, $session->run('SELECT switches_off()');
		isnt($pid, $session->run('SELECT pg_backend_pid()'), "$name: there is a worker");
		is($there, $mode, "$name: it stays");
		is($session->query('SELECT switches_off_and_cancels()')->{code}, '25006', "$name: and holds");
		$session->quit;
	}
}
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;

# --- not switched off in the midst of a transaction ---
{
	my $session = Wire->new($node);

	$node->safe_psql('postgres', 'CREATE TABLE analyzed AS SELECT generate_series(1, 9) i');
	$session->run("SET pg_session_readonly.denied_commands = 'default, -ANALYZE'", "LOAD 'pg_session_readonly'",
		'BEGIN', 'ANALYZE analyzed');
	is($session->query('SET pg_session_readonly.mode = off')->{code}, '25001', 'off after an allowed ANALYZE: refused');
	is($session->query('COMMIT')->{tags}[0], 'ROLLBACK', 'off after an allowed ANALYZE: the transaction is gone');
	is($session->run('SET pg_session_readonly.mode = off', 'BEGIN', 'SAVEPOINT a', 'SELECT 1', 'ROLLBACK TO a', 'COMMIT', 'SELECT 2'), '2',
		'off after an ANALYZE that was rolled back: nothing is left of the guard');
	$session->quit;
}

# --- the client is told with the statement that moves the mode, not with the next ---
{
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
	for my $case ([ 'on', 'on' ], [ 'off', 'off' ], [ 'on', 'on' ], [ 'locked', 'on' ])
	{
		my ($mode, $told) = @$case;
		$session->run("SET pg_session_readonly.mode = $mode");
		is($session->{parameters}{'pg_session_readonly.mode'}, $mode, "told of $mode");
		is($session->{parameters}{default_transaction_read_only}, $told, "told of $mode: default_transaction_read_only");
	}
	$session->quit;
}

# --- the configuration file is read anew ---
{
	$node->append_conf('postgresql.conf', "default_transaction_read_only = on\n");
	$node->reload;
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked');
	$node->append_conf('postgresql.conf', "default_transaction_read_only = off\nseq_page_cost = 7\n");
	$node->reload;
	my @notices;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $result = $session->query('SHOW seq_page_cost');
		push @notices, @{ $result->{notices} };
		last if $result->{rows}[0] eq '7';
		select(undef, undef, undef, 0.1);
	}
	is($session->run('SHOW seq_page_cost'), '7', 'reload: read');
	is("@notices", '', 'reload: no warning');
	is($session->run('SHOW default_transaction_read_only'), 'on', 'reload: stays read-only');
	$session->quit;
	$node->append_conf('postgresql.conf', "seq_page_cost = 1\n");
	$node->reload;
}

# --- the statement that locks is not at its end, and the next is an error: what is pinned is ---
$node->safe_psql('postgres', 'CREATE ROLE low; GRANT USAGE ON SCHEMA public TO low');
for my $case (
	[ 'a suspended portal', sub {
		my ($session) = @_;
		$session->parse('', 'SELECT pg_session_readonly_lock()');
		$session->bind('', '');
		$session->execute('', 1);
		return $session->sync;
	} ],
	[ 'fastpath', sub { $_[0]->fastpath($node->safe_psql('postgres', q(SELECT 'pg_session_readonly_lock()'::regprocedure::oid))) } ],
	[ 'SET', sub { $_[0]->query('SET pg_session_readonly.mode = locked') } ])
{
	my ($name, $locks) = @$case;
	for my $error ('selec', 'SELECT 1 / 0', 'fastpath', 'ROLLBACK')
	{
		my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
		$session->run("SET pg_session_readonly.pinned_settings = 'superuser, statement_timeout, role'", 'BEGIN',
			"SET LOCAL statement_timeout = '50s'", 'SET LOCAL log_min_error_statement = panic', 'SET LOCAL ROLE low');
		is($locks->($session)->{code}, '', "lock by $name, then $error: locked");
		$error eq 'fastpath' ? $session->fastpath(1) : $session->query($error);
		$session->query('ROLLBACK');
		is(join(' ', map { $session->run($_) } 'SELECT current_user', 'SHOW statement_timeout', 'SHOW log_min_error_statement',
				'SHOW pg_session_readonly.mode'), 'low 50s panic locked', "lock by $name, then $error: what was SET in the transaction stays");
		is($session->query('SET statement_timeout = 0')->{code}, '55P02', "lock by $name, then $error: pinned");
		$session->quit;
	}
}

# --- RESET does not raise the mode where SET would not ---
$node->safe_psql('postgres', 'CREATE ROLE stored LOGIN SUPERUSER; ALTER ROLE stored SET pg_session_readonly.mode = locked');
for my $sql ('RESET pg_session_readonly.mode', 'RESET ALL')
{
	my $session = Wire->new($node, user => 'stored');
	$session->run('SET pg_session_readonly.mode = off', "LOAD 'pg_session_readonly'", 'BEGIN', 'DECLARE c CURSOR FOR SELECT nextval(\'s\')', $sql);
	is($session->run('SHOW pg_session_readonly.mode'), 'off', "$sql, with an open cursor: the mode does not go up");
	$session->run('CLOSE c', 'RESET pg_session_readonly.mode');
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', "$sql, then RESET without one: it does");
	$session->quit;
}

# --- a pinned name that no setting can have ---
for my $name ('plpgsql.nothing', '"a-b".c', '"a b".c', 'pg_session_readonly.nothing')
{
	my $session = Wire->new($node);
	$session->run('DO $$ BEGIN END $$', "LOAD 'pg_session_readonly'", "SET pg_session_readonly.pinned_settings = '$name, work_mem'");
	is($session->query('SET pg_session_readonly.mode = locked')->{code}, '', "pinned_settings = $name: locked");
	is($session->query('SET work_mem = 100')->{code}, '55P02', "pinned_settings = $name: the others are pinned");
	$session->quit;
}

# --- a function whose SET clause core takes back as it ends, and that has locked ---
# The rest of the host's statement is read-only as well.
SKIP:
{
	my ($rc) = $node->psql('postgres', q(
		CREATE FUNCTION locks() RETURNS text LANGUAGE plpgsql SET transaction_read_only = on AS
			'BEGIN RETURN set_config(''pg_session_readonly.mode'', ''locked'', false); END'));
	skip 'no such SET clause', 3 if $rc;
	$state = $node->safe_psql('postgres', $state_query);
	my $session = Wire->new($node);
	$session->run($lock[0], 'SET pg_session_readonly.mode = off');
	is($session->query(q(SELECT locks(), nextval('s')))->{code}, '25006', 'a SET clause that ends: the rest of the statement');
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', 'a SET clause that ends: locked');
	unchanged('a SET clause that ends');
	$session->quit;
}

# --- a lock that is asked for where none can fall is an error ---
# While CREATE FUNCTION runs, what its SET clause says is only tried.
{
	my $session = Wire->new($node);
	$session->run(q(CREATE FUNCTION asks() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_session_readonly_lock(); END'),
		$lock[0], 'SET pg_session_readonly.mode = off',
		'CREATE EVENT TRIGGER e ON ddl_command_start WHEN TAG IN (\'CREATE FUNCTION\') EXECUTE FUNCTION asks()');
	is($session->query(q(CREATE FUNCTION new() RETURNS int LANGUAGE sql AS 'SELECT 1'))->{code}, '55000',
		'pg_session_readonly_lock() in an event trigger on CREATE FUNCTION: an error');
	$session->run('DROP EVENT TRIGGER e');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
