# What does not come as one simple query: several statements in one message, the
# extended protocol, fastpath calls, every other message that a client may send; and
# what was prepared before the lock.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q(
	CREATE TABLE users (i int);
	INSERT INTO users VALUES (1), (2), (3);
	CREATE SEQUENCE seq;));

# Nothing of this may change between two tests.
my $state_query = q(SELECT (SELECT count(*) FROM users),
	(SELECT is_called FROM seq), (SELECT count(*) FROM pg_largeobject_metadata),
	(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace));
my $state = $node->safe_psql('postgres', $state_query);

sub unchanged
{
	my ($name) = @_;
	is($node->safe_psql('postgres', $state_query), $state, "$name: nothing changed");
}

my $lock = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked';

# --- several statements in one message ---
{
	local $ENV{PGOPTIONS} = $lock;
	for my $sql (
		'COMMIT; DROP TABLE users; --',
		'SELECT 1; COMMIT; BEGIN READ WRITE; DELETE FROM users; COMMIT',
		'ROLLBACK; SET default_transaction_read_only = off; COMMIT; DELETE FROM users',
		'SET pg_session_readonly.mode = off; DELETE FROM users',
		"BEGIN; SAVEPOINT a; RELEASE a; SELECT nextval('seq'); COMMIT",
		"DO \$\$ BEGIN COMMIT; DROP TABLE users; END \$\$; DROP TABLE users")
	{
		my ($rc, $stdout, $stderr) = $node->psql('postgres', undef,
			extra_params => [ '-c', $sql ]);
		isnt($rc, 0, "one message: $sql");
		unchanged($sql);
	}
}

# --- extended protocol, by pgbench ---
for my $protocol ('extended', 'prepared')
{
	for my $sql (
		'INSERT INTO users VALUES (4);',
		"SELECT nextval('seq');",
		'VACUUM users;',
		'EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1;',
		'BEGIN READ WRITE; DELETE FROM users; COMMIT;',
		"COPY users TO PROGRAM 'true';")
	{
		local $ENV{PGOPTIONS} = $lock;
		my $file = $node->basedir . '/script.sql';
		unlink $file;
		append_to_file($file, join("\n", split(/(?<=;)/, $sql)) . "\n");
		$node->command_checks_all(
			[ 'pgbench', '-n', '-t', '1', '-M', $protocol, '-f', $file, 'postgres' ],
			2, [qr//], [qr/in a read-only (session|transaction)/],
			"$protocol protocol: $sql");
		delete $ENV{PGOPTIONS};
		unchanged("$protocol protocol: $sql");
	}
	local $ENV{PGOPTIONS} = $lock;
	my $file = $node->basedir . '/read.sql';
	append_to_file($file, "SELECT * FROM users WHERE i = 1;\nSELECT 1;\n");
	$node->command_ok([ 'pgbench', '-n', '-t', '5', '-M', $protocol, '-f', $file, 'postgres' ],
		"$protocol protocol: reads");
}

# --- each message of the protocol, by hand ---
# What the server may be sent: Query, Parse, Bind, Describe, Execute, Close, Flush, Sync,
# FunctionCall, CopyData, CopyDone, CopyFail and Terminate; and on another connection,
# CancelRequest.
my $insert = 'INSERT INTO users VALUES (4)';

sub is_locked
{
	my ($session, $name) = @_;
	is($session->query($insert)->{code}, '25006', "$name: refuses afterwards");
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', "$name: locked afterwards");
	unchanged($name);
}

my @parse = ([ 'P', pack('Z*Z*n', 's', $insert, 0) ]);
my @bind = ([ 'B', pack('Z*Z*nnn', 'p', 's', 0, 0, 0) ]);
my @execute = ([ 'E', pack('Z*N', 'p', 0) ]);

# One statement by unnamed Parse, Bind and Execute.
sub pipelined
{
	return ([ 'P', pack('Z*Z*n', '', $_[0], 0) ], [ 'B', pack('Z*Z*nnn', '', '', 0, 0, 0) ], [ 'E', pack('Z*N', '', 0) ]);
}

# A call of a function with one argument in binary.
sub call
{
	my ($oid, $argument) = @_;
	return [ 'F', pack('NnnnNNn', $oid, 1, 1, 1, 4, $argument, 1) ];
}

# A portal that is described, closed or never run does nothing, and none is left behind
# that could run unchecked.
for my $case (
	# a name, what is expected of the whole, the messages
	[ 'Parse and Describe', '', @parse, [ 'D', "Ss\0" ] ],
	[ 'Bind and Describe', '', @parse, @bind, [ 'D', "Pp\0" ] ],
	[ 'Execute after Describe', '25006', @parse, @bind, [ 'D', "Pp\0" ], @execute ],
	[ 'Execute with a row limit', '25006', @parse, @bind, [ 'E', pack('Z*N', 'p', 1) ] ],
	[ 'Execute after Flush', '25006', @parse, [ 'H', '' ], @bind, [ 'H', '' ], @execute ],
	[ 'Execute after Close of the statement', '25006', @parse, @bind, [ 'C', "Ss\0" ], @execute ],
	[ 'Execute after Close of the portal', '34000', @parse, @bind, [ 'C', "Pp\0" ], @execute ],
	[ 'Query between Bind and Execute', '34000', @parse, @bind, [ 'Q', "COMMIT\0" ], @execute ],
	[ 'transaction control in a pipeline', '25006',
		pipelined('BEGIN READ WRITE'), pipelined('SAVEPOINT a'), pipelined('RELEASE a'), pipelined($insert), pipelined('COMMIT') ],
	[ 'COMMIT in a pipeline without BEGIN', '25006', pipelined('SELECT 1'), pipelined('COMMIT'), pipelined($insert) ],
	[ 'CopyData, CopyDone and CopyFail where nobody copies', '', [ 'd', "4\n" ], [ 'c', '' ], [ 'f', "no\0" ] ],
	[ 'FunctionCall of lo_creat(), binary', '25006', call(957, 0xffffffff) ],
	[ 'FunctionCall of lo_unlink(), binary', '25006', call(964, 1) ],
	[ 'FunctionCall of nextval(), binary', '25006', call(1574, $node->safe_psql('postgres', q(SELECT 'seq'::regclass::oid))) ])
{
	my ($name, $code, @messages) = @$case;
	my $session = Wire->new($node, options => $lock);
	$session->message(@$_) for @messages;
	# FunctionCall and Query say when the server is ready, like Sync
	$session->result for grep { $_->[0] eq 'Q' } @messages;
	my $result = $messages[-1][0] eq 'F' ? $session->result : $session->sync;
	is($result->{code}, $code, "$name: " . ($code eq '25006' ? 'refused' : 'nothing happens'));
	$session->query('ROLLBACK') if $result->{status} ne 'I';
	is_locked($session, $name);
	$session->quit;
}

# A lock whose transaction is rolled back, where core brings back what was SET before it.
{
	my $session = Wire->new($node);
	$session->run("LOAD 'pg_session_readonly'", map({ "SET pg_session_readonly.mode = $_" } 'on', 'off'),
		'BEGIN', 'SET pg_session_readonly.mode = locked', 'ROLLBACK');
	is($session->{parameters}{'pg_session_readonly.mode'}, 'locked', 'a lock that is rolled back: the client is told');
	is_locked($session, 'a lock that is rolled back');
	$session->quit;
}

# A portal that locks the session, by a function at whose end core takes the flag back, and
# goes on.  16 and later have no such SET clause.
if ($node->pg_version < 16)
{
	my $session = Wire->new($node);
	$session->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = off',
		q(CREATE FUNCTION pg_temp.locks() RETURNS text LANGUAGE plpgsql SET transaction_read_only = on
			AS $$ BEGIN RETURN set_config('pg_session_readonly.mode', 'locked', false); END $$));
	$session->parse('', q(SELECT CASE i WHEN 1 THEN pg_temp.locks() ELSE nextval('seq')::text END FROM generate_series(1, 2) i));
	$session->bind('p', '');
	$session->execute('p', 1);
	$session->execute('p', 1);
	my $result = $session->sync;
	is(join(',', @{ $result->{rows} }), 'locked', 'a portal that locks and goes on: locks');
	is($result->{code}, '25006', 'a portal that locks and goes on: refused');
	is_locked($session, 'a portal that locks and goes on');
	$session->quit;
}

# COPY FROM STDIN of a temporary table, given up by the client; and one whose client goes
# away, or ends the session, in the midst of a transaction.
for my $end ('CopyFail', 'Terminate', 'a lost connection')
{
	my $session = Wire->new($node);
	$session->run('CREATE TEMP TABLE mine (i int)',
		'CREATE FUNCTION pg_temp.sneak() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO users VALUES (NEW.i); RETURN NEW; END $$',
		'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.sneak()',
		"LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked', 'BEGIN', 'INSERT INTO mine VALUES (5)');
	if ($end eq 'CopyFail')
	{
		$session->message('Q', "COPY mine FROM STDIN\0");
		my ($type) = $session->receive;
		is($type, 'G', 'CopyFail: the server waits for data');
		$session->message('d', "6\n");
		$session->message('f', "no\0");
		is($session->result->{code}, '57014', 'CopyFail: the COPY is given up');
		$session->query('ROLLBACK');
		is_locked($session, 'CopyFail');
		$session->run('BEGIN', 'INSERT INTO mine VALUES (7)');
		is($session->query('COMMIT')->{code}, '25006', 'CopyFail: the trigger is refused at COMMIT');
	}
	my $pid = $session->query('SELECT pg_backend_pid()')->{rows}[0];
	if ($end eq 'a lost connection') { close $session->{socket}; }
	else { $session->quit; }
	ok($node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)"), "$end: the backend ends");
	ok($node->poll_query_until('postgres', q(SELECT NOT EXISTS (SELECT FROM pg_class WHERE relname = 'mine'))),
		"$end: its temporary table is gone");
	unchanged($end);
}

# A message that there is not ends the session, and nothing else.
{
	my $session = Wire->new($node, options => $lock);
	$session->message('y', "x\0");
	is($session->result->{code}, '08P01', 'a message that there is not: refused');
	is($session->query('SELECT 1')->{code}, 'closed', 'a message that there is not: the session has ended');
	unchanged('a message that there is not');
}

# CancelRequest, in the midst of a statement and of a transaction.
{
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $session = Wire->new($node, options => $lock);
	like($session->{parameters}{'pg_session_readonly.mode'}, qr/^locked$/, 'CancelRequest: the session is locked');
	for my $sql ('SELECT pg_sleep(600)', 'BEGIN; SELECT pg_sleep(600)', "DO \$\$ BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN $insert; END \$\$")
	{
		$session->message('Q', "$sql\0");
		$node->poll_query_until('postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $session->{pid}");
		my $socket = IO::Socket::UNIX->new(Peer => $path) or die "cannot connect to $path: $!";
		syswrite($socket, pack('NNNN', 16, 80877102, $session->{pid}, $session->{key}));
		close $socket;
		like($session->result->{code}, qr/^(57014|25006)$/, "CancelRequest, $sql: cancelled");
		$session->query('ROLLBACK');
		is_locked($session, "CancelRequest, $sql");
	}
	$session->quit;
}

$node->stop;
done_testing();
