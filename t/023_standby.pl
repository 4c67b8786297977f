# A standby that is promoted.  While a server recovers, core itself makes every
# transaction read-only; what held a locked session until then must not have been
# that.  Sessions that were locked on the standby, in all ways, are still locked on
# the new primary and refuse writes, in the transaction that the promotion came in
# the midst of as well as in later ones; those that are not locked may write.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
# enough for all sessions, and nothing in their way
$primary->append_conf('postgresql.conf', "max_connections = 40\nautovacuum = off\n");
$primary->start;
$primary->safe_psql('postgres', q(
	CREATE TABLE t (who text DEFAULT session_user, what text);
	CREATE SEQUENCE s;
	CREATE FUNCTION write(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN INSERT INTO t (what) VALUES ($1); RETURN $1; END';
	CREATE ROLE boss LOGIN SUPERUSER;
	CREATE ROLE agent LOGIN SUPERUSER;
	CREATE ROLE app LOGIN;
	GRANT ALL ON t, s TO app;
	GRANT CREATE ON SCHEMA public TO app;
	ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;));
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

# --- on the standby ---
my $by_client = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked';
my $load = q(LOAD 'pg_session_readonly');
my $lock = 'SET pg_session_readonly.mode = locked';
my @locked = (
	# how it came to be locked, user, connection string, statements before the promotion
	[ 'by what is stored for the role', 'agent', '' ],
	[ 'by its connection string', 'boss', $by_client ],
	[ 'by statements', 'boss', '', $load, $lock ],
	[ 'by statements, as an ordinary user', 'app', '', q(LOAD '$libdir/plugins/pg_session_readonly'), $lock ],
	[ 'in a transaction that is over', 'boss', '', $load, 'BEGIN', $lock, 'ROLLBACK' ],
	[ 'in a transaction that goes on', 'boss', '', $load, 'BEGIN', $lock ],
	[ 'in a savepoint of one that goes on', 'boss', '', $load, 'BEGIN', $lock, 'SAVEPOINT a', 'ROLLBACK TO a' ],
	[ 'before a transaction that goes on', 'agent', '', 'BEGIN', 'SELECT count(*) FROM t' ],
	[ 'before one that goes on and wants to write', 'agent', '', 'BEGIN READ WRITE', 'SET transaction_read_only = off' ],
	[ 'before a snapshot that is kept', 'agent', '', 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM t' ],
	[ 'with settings that say otherwise', 'agent', '', 'SET default_transaction_read_only = off', 'RESET ALL' ],
	[ 'and discarded', 'agent', '', 'DISCARD ALL' ]);
my @sessions;
for (@locked)
{
	my ($name, $user, $options, @before) = @$_;
	my $session = Wire->new($standby, user => $user, options => $options);
	# what a locked session may do on a standby; writes prepared in it are for later
	$session->run(q(PREPARE p AS INSERT INTO t (what) VALUES ('prepared')), @before);
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', "standby: locked $name");
	push @sessions, [ $name, $session ];
}

# What only looked locked because its server recovered: mode "on" can be taken back,
# and a session without the library never had it.
my $on = Wire->new($standby, user => 'boss');
$on->run($load);
my $was_on = Wire->new($standby, user => 'boss');
$was_on->run($load, 'SET pg_session_readonly.mode = off');
my $free = Wire->new($standby, user => 'app');

# A locked session is refused on a standby as it would be on a primary, and does
# not promote it.
my $agent = Wire->new($standby, user => 'agent');
my %refused = (
	'INSERT' => 'INSERT INTO t VALUES (session_user)',
	'pg_promote()' => 'SELECT pg_promote()',
	'pg_wal_replay_pause()' => 'SELECT pg_wal_replay_pause()',
	'CHECKPOINT' => 'CHECKPOINT',
	'pg_terminate_backend()' => 'SELECT pg_terminate_backend(pg_backend_pid())');
for my $what (sort keys %refused)
{
	my $result = $agent->query($refused{$what});
	is($result->{code}, '25006', "standby: $what: refused");
	like($result->{detail}, qr/^Refused by pg_session_readonly:/, "standby: $what: by us");
}
{
	# what recovery refuses is no refusal of ours
	my $result = $agent->query('LISTEN x');
	is("$result->{code} $result->{detail}", '25006 ', 'standby: LISTEN: by core, as in any session');
}
for my $list ('default', 'default, -TEMPORARY TABLES')
{
	# where no list would help, none is spoken of
	my $session = Wire->new($standby);
	$session->run("SET pg_session_readonly.denied_commands = '$list'", "LOAD 'pg_session_readonly'", $lock);
	my $result = $session->query('CREATE TEMP TABLE x (i int)');
	is("$result->{code} $result->{message}", '25006 cannot execute CREATE TABLE in a read-only transaction', "standby: a temporary table, $list");
	unlike($result->{hint}, qr/temporary tables/i, "standby: a temporary table, $list: hint");
	$session->quit;
}
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery(), pg_get_wal_replay_pause_state()'),
	't|not paused', 'standby: it still recovers');

# --- promoted ---
$standby->promote;
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 'f', 'the standby is promoted');

# The transactions that go on began in recovery: core keeps them read-only.  Those
# after them are ours to keep.
my @writes = (
	[ 'INSERT', q(INSERT INTO t (what) VALUES ('plain')) ],
	[ 'a prepared INSERT', 'EXECUTE p' ],
	[ 'INSERT in a function', q(SELECT write('function')) ],
	[ 'INSERT in DO', q(DO $$ BEGIN COMMIT; INSERT INTO t (what) VALUES ('do'); END $$) ],
	[ 'INSERT after BEGIN READ WRITE', 'BEGIN READ WRITE', q(INSERT INTO t (what) VALUES ('read write')), 'COMMIT' ],
	[ 'INSERT with the setting off', 'BEGIN', 'SET transaction_read_only = off', 'SET LOCAL default_transaction_read_only = off',
		q(INSERT INTO t (what) VALUES ('setting')), 'COMMIT' ],
	[ 'nextval()', q(SELECT nextval('s')) ],
	[ 'nextval() in an expression', q(DO $$ DECLARE x bigint; BEGIN x := nextval('s'); END $$) ],
	[ 'CREATE TABLE', 'CREATE TABLE x (i int)' ],
	[ 'lo_create()', 'SELECT lo_create(4711)' ],
	[ 'pg_switch_wal()', 'SELECT pg_switch_wal()' ],
	[ 'NOTIFY', 'NOTIFY x' ],
	[ 'unlocking', 'SET pg_session_readonly.mode = off' ]);

# What fails for another reason: core asks for a privilege first, or the prepared
# statement is gone.
my %otherwise = (
	'by statements, as an ordinary user' => { 'pg_switch_wal()' => '42501' },
	'and discarded' => { 'a prepared INSERT' => '26000' });

# Send statements; returns the SQLSTATE of the last error, other than that the
# transaction has failed already.
sub outcome
{
	my ($session, @statements) = @_;
	my $code = '';
	for my $sql (@statements)
	{
		my $result = $session->query($sql);
		$code = $result->{code} if $result->{code} && $result->{code} ne '25P02';
	}
	return $code;
}

for (@sessions)
{
	my ($name, $session) = @$_;
	if ($session->query('SELECT 1')->{status} eq 'T')
	{
		is($session->query(q(INSERT INTO t (what) VALUES ('old transaction')))->{code}, '25006',
			"promoted, locked $name: the transaction that went on is refused a write");
		$session->query('ROLLBACK');
	}
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', "promoted, locked $name: still locked");
	is($session->{parameters}{'pg_session_readonly.mode'}, 'locked', "promoted, locked $name: as the client was told");
	$session->query('SELECT 1');
	is($session->{parameters}{'in_hot_standby'}, 'off', "promoted, locked $name: the client knows of the promotion");
	my @got = map { my ($what, @statements) = @$_; "$what: " . outcome($session, @statements) } @writes;
	my @expected = map { "$_->[0]: " . ($otherwise{$name}{ $_->[0] } // '25006') } @writes;
	is_deeply(\@got, \@expected, "promoted, locked $name: refused");
	is($session->query('SELECT count(*) FROM t')->{code}, '', "promoted, locked $name: reads");
}
is($standby->safe_psql('postgres', 'SELECT count(*) FROM t'), '0', 'nothing was written');
is($standby->safe_psql('postgres', 'SELECT last_value, is_called FROM s'), '1|f', 'the sequence stands');

# Who may write, does.
is($on->query('INSERT INTO t VALUES (session_user)')->{code}, '25006', 'promoted, on: refused');
$on->run('SET pg_session_readonly.mode = off', q(INSERT INTO t (what) VALUES ('was on')));
$was_on->run(q(INSERT INTO t (what) VALUES ('was on in recovery')));
$free->run(q(INSERT INTO t (what) VALUES ('never on')), q(SELECT nextval('s')));
is($standby->safe_psql('postgres', q(SELECT string_agg(what, ', ' ORDER BY what) FROM t)),
	'never on, was on, was on in recovery', 'promoted: the others write');

# New sessions are locked as on any primary.
my $new = Wire->new($standby, user => 'agent');
is($new->run('SHOW pg_session_readonly.mode'), 'locked', 'promoted: a new session is locked');
is($new->query('INSERT INTO t VALUES (session_user)')->{code}, '25006', 'promoted: a new session is refused');

$standby->stop;
$primary->stop;
done_testing();
