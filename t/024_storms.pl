# Interrupts at every moment: storms of pg_cancel_backend(), statement_timeout,
# idle_in_transaction_session_timeout and pg_terminate_backend(), the SIGKILL of a locked
# backend and an immediate shutdown, beside sessions that write.  A locked session is
# locked afterwards, or gone; the next one is locked; what writers have committed is
# there, and nothing of a locked session's.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q(
shared_preload_libraries = 'pg_session_readonly'
restart_after_crash = on
autovacuum = off
max_connections = 60
max_prepared_transactions = 5
));
$node->start;
$node->safe_psql('postgres', q(
	CREATE EXTENSION pg_session_readonly;
	CREATE ROLE boss LOGIN SUPERUSER;
	CREATE ROLE agent LOGIN SUPERUSER;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	CREATE TABLE t (who text DEFAULT session_user, what text);
	CREATE SEQUENCE s;
	CREATE TABLE ledger (entry bigint, amount int, who text DEFAULT session_user);
	CREATE FUNCTION insists(text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			PERFORM pg_sleep(0.002);
			INSERT INTO t (what) VALUES ($1);
			RETURN 'wrote';
		EXCEPTION
			WHEN query_canceled OR read_only_sql_transaction THEN
				PERFORM pg_sleep(0.002);
				INSERT INTO t (what) VALUES ($1 || ', in the handler');
		END;
		RETURN 'wrote';
	END $$;));

# What an agent sends in a storm: reads, attempts, and all that pushes and pops
# something that an interrupt could leave as it is.
my @attempts = (
	[ 'SELECT count(*) FROM pg_class, pg_sleep(0.002)' ],
	[ q(INSERT INTO t (what) VALUES ('plain')) ],
	[ q(SELECT insists('function')) ],
	[ q(DO $$ DECLARE x bigint; BEGIN PERFORM pg_sleep(0.002); x := nextval('s'); END $$) ],
	[ q(DO $$ BEGIN PERFORM pg_sleep(0.002); COMMIT; INSERT INTO t (what) VALUES ('do'); END $$) ],
	[ 'BEGIN READ WRITE', 'SAVEPOINT a', 'SELECT pg_sleep(0.002)', 'ROLLBACK TO a', q(INSERT INTO t (what) VALUES ('savepoint')),
		'COMMIT' ],
	[ 'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT i, pg_sleep(0.001) FROM generate_series(1, 3) i', 'FETCH c', 'COMMIT',
		'FETCH c', 'CLOSE ALL', 'ROLLBACK' ],
	[ 'PREPARE p AS INSERT INTO t (what) SELECT $$prepared$$ FROM pg_sleep(0.001)', 'EXECUTE p', 'DEALLOCATE ALL' ],
	[ 'SET default_transaction_read_only = off', q(SELECT set_config('transaction_read_only', 'off', false), pg_sleep(0.001)),
		q(INSERT INTO t (what) VALUES ('setting')) ],
	[ 'DISCARD ALL', 'RESET ALL' ],
	[ q(LOAD 'pg_session_readonly'), 'SET pg_session_readonly.mode = locked', 'SET pg_session_readonly.mode = off' ],
	[ 'EXPLAIN ANALYZE CREATE TABLE x AS SELECT pg_sleep(0.002)' ],
	[ 'SELECT pg_current_xact_id(), pg_sleep(0.002)', 'SELECT lo_create(0)' ],
	[ 'VACUUM t', 'CHECKPOINT', 'NOTIFY x' ]);

# Errors that belong to a storm: refusals, cancelled statements, statements of a failed
# transaction; a savepoint, cursor or prepared statement that did not come about, or is
# there still.
my %expected = map { $_ => 1 } ('', '25006', '57014', '25P02', '3B001', '26000', '34000', '42P05', '42P03', '25P01');

sub locked_still
{
	my ($session, $name) = @_;
	$session->query('ROLLBACK');
	for (1 .. 100)
	{
		last if $session->query('SET statement_timeout = 0')->{code} eq '';
	}
	my $mode = $session->query('SHOW pg_session_readonly.mode');
	my @got = ($mode->{code} || $mode->{rows}[0],
		map { $session->query($_)->{code} } q(INSERT INTO t (what) VALUES ('afterwards')), q(SELECT nextval('s')),
			'SET pg_session_readonly.mode = off', 'BEGIN READ WRITE', q(INSERT INTO t (what) VALUES ('afterwards')));
	$session->query('ROLLBACK');
	my $counted = $session->query('SELECT count(*) FROM pg_class, generate_series(1, 3)')->{code};
	is_deeply([ @got, $counted ], [ 'locked', '25006', '25006', '25006', '', '25006', '' ], $name);
}

# Have the sessions send their attempts in turn, each after a statement of its own if
# there is one to make, until there have been so many interrupts with this code.
# Returns their number, and what else came that does not belong here.
sub go_through
{
	my ($sessions, $code, $enough, $before) = @_;
	my ($seen, $rounds, %strange) = (0, 0);
	my $deadline = time + 120;

	while (($seen < $enough || $rounds < 3) && time < $deadline)
	{
		for my $session (@$sessions)
		{
			for (@attempts)
			{
				$session->query($before->()) if $before;
				for my $sql (@$_)
				{
					my $result = $session->query($sql);
					$seen++ if $result->{code} eq $code;
					next if $expected{ $result->{code} } || $result->{code} eq $code;
					$strange{"$sql: $result->{code} $result->{message}"} = 1;
				}
			}
		}
		$rounds++;
	}
	return ($seen, join("\n", sort keys %strange));
}

# A session that sends one statement after the other to these backends until its
# statement is cancelled.
sub storm
{
	my ($function, @sessions) = @_;
	my $storm = Wire->new($node, user => 'boss');
	my $pids = join(', ', map { $_->query('SELECT pg_backend_pid()')->{rows}[0] } @sessions);
	$storm->{pid} = $storm->query('SELECT pg_backend_pid()')->{rows}[0];
	$storm->message('Q', "DO \$\$ BEGIN LOOP
		PERFORM $function(pid) FROM unnest(ARRAY[$pids]) pid;
		PERFORM pg_sleep(random() * 0.006);
		END LOOP; END \$\$\0");
	return $storm;
}

sub end_storm
{
	my ($storm) = @_;
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($storm->{pid})");
	my $result = $storm->result;
	is($result->{code}, '57014', 'the storm went on until here');
	$storm->quit;
}

sub agents { return map { Wire->new($node, user => 'agent') } 1 .. $_[0] }

# --- pg_cancel_backend() ---
{
	my @agents = agents(4);
	my $storm = storm('pg_cancel_backend', @agents);
	my ($seen, $strange) = go_through(\@agents, '57014', 100);
	end_storm($storm);
	cmp_ok($seen, '>=', 100, 'pg_cancel_backend(): statements were cancelled');
	is($strange, '', 'pg_cancel_backend(): no other errors');
	# one that came too late for its statement may meet the next
	$_->query('SELECT pg_sleep(0.01)') for @agents;
	locked_still($_, 'pg_cancel_backend(): locked still') for @agents;
	$_->quit for @agents;
}

# The lock itself, cancelled: where the host was told that it holds, it does.  Where
# the client has been told a mode, that is the mode.
{
	my ($told, $untold, %wrong) = (0, 0);
	for (1 .. 150)
	{
		my $host = Wire->new($node, user => 'boss');
		my $pid = $host->query('SELECT pg_backend_pid()')->{rows}[0];
		my $storm = $_ == 1 ? undef : Wire->new($node, user => 'boss');
		if ($storm)
		{
			$storm->message('Q', "SELECT pg_cancel_backend($pid), pg_sleep(random() * 0.001) FROM generate_series(1, 5)\0");
		}
		# at some length, so that it can be cancelled in the midst
		my $result = $host->query("SELECT count(*) FROM generate_series(1, 1000); SET pg_session_readonly.mode = locked");
		if ($storm) { $storm->result; $storm->quit; }
		$host->query('SELECT pg_sleep(0.001)') for 1 .. 2;
		my $mode = $host->{parameters}{'pg_session_readonly.mode'};
		my $write = $host->query(q(BEGIN; SELECT nextval('s'); ROLLBACK))->{code};
		$result->{code} ? $untold++ : $told++;
		$wrong{"it succeeded, and the mode is $mode"} = 1 if !$result->{code} && $mode ne 'locked';
		$wrong{"$mode, and the write gave \"$write\""} = 1 if ($mode eq 'locked') != ($write eq '25006');
		$host->query('ROLLBACK');
		$host->quit;
	}
	is(join("\n", sort keys %wrong), '', 'the lock, cancelled: it holds, or the host was told that it does not');
	note("lock: $told succeeded, $untold were cancelled");
	cmp_ok($told, '>', 0, 'the lock, cancelled: some succeeded');
	# the attempts of those that were not locked took numbers; what follows counts anew
	$node->safe_psql('postgres', 'ALTER SEQUENCE s RESTART');
}

# --- statement_timeout ---
{
	my @agents = agents(4);
	my $n = 0;
	my ($seen, $strange) = go_through(\@agents, '57014', 100, sub { 'SET statement_timeout = ' . (1 + $n++ % 4) });
	is($strange, '', 'statement_timeout: no other errors');
	cmp_ok($seen, '>=', 100, 'statement_timeout: statements were cancelled');
	locked_still($_, 'statement_timeout: locked still') for @agents;
	$_->quit for @agents;
}

# --- lock_timeout ---
{
	my $writer = Wire->new($node, user => 'boss');
	$writer->run('BEGIN', 'LOCK TABLE t');
	my @agents = agents(2);
	for (@agents)
	{
		$_->run('SET lock_timeout = 10');
		is($_->query('SELECT count(*) FROM t')->{code}, '55P03', 'lock_timeout: cancelled');
	}
	$writer->run('ROLLBACK');
	locked_still($_, 'lock_timeout: locked still') for @agents;
	$_->quit for @agents, $writer;
}

# --- sessions that end ---
# The statements go as one message: on a slow machine the time would be up between two.
my %endings = (
	idle_in_transaction_session_timeout => [ '25P03', 'BEGIN; SELECT 1' ],
	idle_session_timeout => [ '57P05', 'SELECT 1' ]);
$endings{transaction_timeout} = [ '25P04', 'BEGIN; SELECT 1' ] if $node->pg_version >= 17;
for my $setting (sort keys %endings)
{
	my ($code, $statements) = @{ $endings{$setting} };
	my @agents = agents(10);
	my @results = map { $_->query("SET $setting = 20; $statements") } @agents;
	# what the server says when the time is up
	my %codes = map { ($results[$_]{code} || $agents[$_]->result->{code}) => 1 } 0 .. $#agents;
	$codes{ $_->query(q(INSERT INTO t (what) VALUES ('gone')))->{status} } = 1 for @agents;
	is_deeply([ sort keys %codes ], [ sort $code, 'closed' ], "$setting: the sessions are gone");
	locked_still($_, "$setting: the next one is locked") for agents(1);
}

{
	my @agents = agents(10);
	my $storm = storm('pg_terminate_backend', @agents);
	my %codes;
	for my $agent (@agents)
	{
		for (1 .. 1000)
		{
			my $result = $agent->query(q(SELECT insists('terminated')));
			$codes{ $result->{code} } = 1;
			last if $result->{status} eq 'closed';
		}
	}
	end_storm($storm);
	ok($codes{'57P01'}, 'pg_terminate_backend(): sessions ended');
	is_deeply([ grep { $_ ne '57P01' && $_ ne '25006' && $_ ne 'closed' } sort keys %codes ], [],
		'pg_terminate_backend(): nothing else happened');
	locked_still($_, 'pg_terminate_backend(): the next one is locked') for agents(2);
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '0', 'storms: nothing was written');
is($node->safe_psql('postgres', 'SELECT last_value, is_called FROM s'), '1|f', 'storms: the sequence stands');
$node->poll_query_until('postgres', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'agent'));
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_session_readonly_sessions()'), '0',
	'storms: no session is left in the list');

# --- crashes ---
#
# Writers enter pairs of amounts whose sum is nought, each pair in a transaction of
# its own; locked sessions try to, and to enter just one.  All go on by themselves.
sub set_going
{
	my @going = map { Wire->new($node, user => $_) } qw(boss boss boss agent agent agent agent);
	for (0 .. $#going)
	{
		my $handled = $_ < 3 ? '' : 'EXCEPTION WHEN read_only_sql_transaction THEN PERFORM pg_sleep(0.001);';
		my $commit = $_ < 3 ? 'COMMIT;' : '';
		$going[$_]->message('Q', qq(DO \$\$ DECLARE i bigint := 0; BEGIN LOOP
				i := i + 1;
				BEGIN
					INSERT INTO ledger VALUES (i, i % 100);
					INSERT INTO ledger VALUES (i, - (i % 100));
				$handled
				END;
				$commit
			END LOOP; END \$\$\0));
	}
	return @going;
}

sub check_ledger
{
	my ($name, $least) = @_;
	is($node->safe_psql('postgres', q(SELECT coalesce(sum(amount), 0), count(*) % 2, count(*) FILTER (WHERE who <> 'boss'),
		count(*) >= ) . $least . q( FROM ledger)), '0|0|0|t', "$name: what the writers committed is whole, and all theirs");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM (SELECT FROM ledger WHERE entry > 0
		GROUP BY who, entry HAVING sum(amount) <> 0) unequal)), '0', "$name: every entry has both sides");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '0', "$name: nothing of the others'");
	locked_still($_, "$name: they come back locked") for agents(2);
}

# How many rows are committed at least: asked before the crash.
sub wait_for_rows
{
	my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM ledger') + 500;
	$node->poll_query_until('postgres', "SELECT count(*) >= $rows FROM ledger");
	return $node->safe_psql('postgres', 'CHECKPOINT; SELECT count(*) FROM ledger') ;
}

my @going = set_going();
my $rows = wait_for_rows();
$node->stop('immediate');
is($_->result->{status}, 'closed', 'immediate shutdown: connections are closed') for @going;
$node->start;
check_ledger('immediate shutdown', $rows);

@going = set_going();
my $victim = Wire->new($node, user => 'agent');
my $pid = $victim->query('SELECT pg_backend_pid()')->{rows}[0];
$rows = wait_for_rows();
my $since = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
$victim->message('Q', "SELECT insists('killed') FROM generate_series(1, 1000000)\0");
kill 'KILL', $pid;
is($_->result->{status}, 'closed', 'SIGKILL: connections are closed') for @going, $victim;
# no query: while the server recovers psql is gone before it reads one, and writing that fails
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if system('pg_isready', '-q', '-h', $node->host, '-p', $node->port) == 0;
	select(undef, undef, undef, 0.1);
}
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $since, 'SIGKILL: the server recovered by itself');
check_ledger('SIGKILL', $rows);
# their last rows went with the shared memory that held them
$node->poll_query_until('postgres', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'agent'));
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_session_readonly_sessions()'), '0',
	'SIGKILL: no session is left in the list');

$node->stop;
done_testing();
