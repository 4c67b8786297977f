# The switch and what follows it, by every statement that gives settings, takes them back
# or ends a transaction: as a superuser and as an ordinary user, while the session is "on"
# and while it is locked.

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
my $force = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
my $off = 'SET pg_session_readonly.mode = off';
my $on = 'SET pg_session_readonly.mode = on';
my $lock = 'SET pg_session_readonly.mode = locked';
my $loaded = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off';
my %options = (root => $loaded, plain => $loaded =~ s/session_preload/local_preload/r);

$node->safe_psql('postgres', qq(
	CREATE ROLE root LOGIN SUPERUSER;
	CREATE ROLE plain LOGIN;
	CREATE ROLE keeper;
	GRANT keeper TO plain;
	CREATE TABLE victim (i int);
	GRANT ALL ON victim TO PUBLIC;
	CREATE FUNCTION sneak(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C STABLE;
	CREATE FUNCTION clause_off() RETURNS text LANGUAGE plpgsql SET pg_session_readonly.mode = off AS
		'BEGIN RETURN current_setting(''pg_session_readonly.mode''); END';
	CREATE FUNCTION clause_on() RETURNS text LANGUAGE plpgsql SET pg_session_readonly.mode = on AS
		'BEGIN RETURN current_setting(''pg_session_readonly.mode''); END';
	CREATE FUNCTION clause_writable() RETURNS text LANGUAGE plpgsql SET default_transaction_read_only = off AS
		'BEGIN INSERT INTO victim VALUES (1); RETURN 1; END';
	CREATE FUNCTION there() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS \$\$ BEGIN
		RETURN current_setting('pg_session_readonly.mode') || ' ' || current_setting('default_transaction_read_only')
			|| ' ' || pg_backend_pid(); END \$\$;
	CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';));

# The session is in that mode, does as it should, its client is told, and its parallel
# workers are.
sub is_in_mode
{
	my ($session, $mode, $name) = @_;
	my $read_only = $mode eq 'off' ? 'off' : 'on';

	is(join(' ', map { $session->run("SHOW $_") } 'pg_session_readonly.mode', 'default_transaction_read_only', 'transaction_read_only'),
		"$mode $read_only $read_only", "$name: $mode");
	is($session->query('INSERT INTO victim VALUES (1)')->{code}, $mode eq 'off' ? '' : '25006',
		"$name: " . ($mode eq 'off' ? 'writes' : 'a write is refused'));
	is(join(' ', map { $session->{parameters}{$_} } 'pg_session_readonly.mode', 'default_transaction_read_only'), "$mode $read_only",
		"$name: the client is told");
	my ($there, $pid) = $session->run("SET $force = on", 'SELECT there()') =~ /^(.*) (\d+)$/;
	isnt($pid, $session->run("SET $force = off", 'SELECT pg_backend_pid()'), "$name: there is a worker");
	is($there, "$mode $read_only", "$name: the worker too");
}

# --- none of these moves the switch down ---
for my $user ('root', 'plain')
{
	for my $mode ('on', 'locked')
	{
		for my $case (
			[ 'RESET', 'RESET pg_session_readonly.mode' ],
			[ 'SET TO DEFAULT', 'SET pg_session_readonly.mode TO DEFAULT' ],
			[ 'SET LOCAL TO DEFAULT', 'BEGIN', 'SET LOCAL pg_session_readonly.mode TO DEFAULT', 'COMMIT' ],
			[ 'RESET ALL', 'RESET ALL' ],
			[ 'RESET ALL, rolled back', 'BEGIN', 'RESET ALL', 'ROLLBACK' ],
			[ 'DISCARD ALL', 'DISCARD ALL' ],
			[ 'SET LOCAL', 'BEGIN', '?SET LOCAL pg_session_readonly.mode = off', 'COMMIT' ],
			[ 'SET LOCAL outside a block', '?SET LOCAL pg_session_readonly.mode = off' ],
			[ 'SET in a block', 'BEGIN', "?$off", 'COMMIT' ],
			[ 'SET in a savepoint', 'BEGIN', 'SAVEPOINT a', "?$off", 'ROLLBACK TO a', 'RELEASE a', 'COMMIT' ],
			[ 'SET in a block that has failed', 'BEGIN', '?SELECT 1/0', "?$off", 'ROLLBACK' ],
			[ 'SET and another statement in one message', "?$off; SELECT 1" ],
			[ 'SET and a mistake in one message', "?$off; SELECT 1/0" ],
			[ 'SET in DO', "?DO \$\$ BEGIN $off; END \$\$" ],
			[ 'SET in a block with a handler', "DO \$\$ BEGIN $off; EXCEPTION WHEN OTHERS THEN NULL; END \$\$" ],
			[ 'set_config()', q(?SELECT set_config('pg_session_readonly.mode', 'off', false)) ],
			[ "a function's SET clause", '?SELECT clause_off()' ],
			[ "a function's SET clause, and a savepoint", 'BEGIN', 'SAVEPOINT a', '?SELECT clause_off()', 'ROLLBACK TO a', 'COMMIT' ],
			[ "a function's SET clause of core's settings", '?SELECT clause_writable()' ],
			[ 'SET clause of the mode that is', $mode eq 'on' ? 'SELECT clause_on()' : '?SELECT clause_on()' ],
			[ 'a savepoint', 'BEGIN', 'SAVEPOINT a', 'SELECT 1', 'ROLLBACK TO a', 'RELEASE a', 'COMMIT' ],
			[ 'a savepoint and core\'s settings', 'BEGIN', 'SAVEPOINT a', 'SET default_transaction_read_only = off',
				'SET LOCAL default_transaction_read_only = off', 'RESET default_transaction_read_only', 'ROLLBACK TO a', 'COMMIT' ],
			[ "core's settings, rolled back", 'BEGIN', 'SET default_transaction_read_only = off', 'ROLLBACK' ],
			[ "core's setting by default, rolled back", 'BEGIN', 'RESET default_transaction_read_only', 'ROLLBACK' ])
		{
			my ($name, @statements) = @$case;
			my $session = Wire->new($node, user => $user, options => $options{$user});
			$session->run("SET pg_session_readonly.mode = $mode");
			# what begins with "?" is refused
			for my $sql (@statements)
			{
				$sql =~ /^\?(.*)/s ? isnt($session->query($1)->{code}, '', "$user, $mode, $name: $1: refused") : $session->run($sql);
			}
			is_in_mode($session, $mode, "$user, $mode, $name");
			$session->quit;
		}
	}
}

# --- however it went up ---
for my $user ('root', 'plain')
{
	for my $mode ('on', 'locked')
	{
		my $set = "SET pg_session_readonly.mode = $mode";
		for my $case (
			[ 'ROLLBACK', 'BEGIN', $set, 'ROLLBACK' ],
			[ 'ROLLBACK of SET LOCAL', 'BEGIN', "SET LOCAL pg_session_readonly.mode = $mode", 'ROLLBACK' ],
			[ 'end of SET LOCAL', 'BEGIN', "SET LOCAL pg_session_readonly.mode = $mode", 'COMMIT' ],
			[ 'SET LOCAL outside a block', "SET LOCAL pg_session_readonly.mode = $mode" ],
			[ 'ROLLBACK after an error', 'BEGIN', $set, '?SELECT 1/0', 'ROLLBACK' ],
			[ 'an error in the same message', "?$set; SELECT 1/0" ],
			[ 'an error in the same statement', "?SELECT 1 / (set_config('pg_session_readonly.mode', '$mode', false) = '')::int" ],
			[ 'ROLLBACK TO a later savepoint', 'BEGIN', $set, 'SAVEPOINT a', 'SET default_transaction_read_only = off', 'ROLLBACK TO a', 'ROLLBACK' ],
			[ 'first on, both rolled back', 'BEGIN', $on, $set, 'ROLLBACK' ],
			[ 'first on, this one rolled back', $on, 'BEGIN', $set, 'ROLLBACK' ],
			[ 'first on by SET LOCAL', 'BEGIN', 'SET LOCAL pg_session_readonly.mode = on', $set, 'ROLLBACK' ],
			[ 'twice', 'BEGIN', $set, $set, 'ROLLBACK', $set ],
			[ "a default that was SET", 'SET default_transaction_read_only = off', 'BEGIN', 'SET default_transaction_read_only = off', $set, 'ROLLBACK' ],
			[ "a default that was SET, ended by an error", 'BEGIN', 'SET default_transaction_read_only = off', $set, 'SELECT 1', '?SELECT 1/0', 'ROLLBACK' ],
			[ "a default that was SET LOCAL", 'BEGIN', 'SET LOCAL default_transaction_read_only = off', $set, 'COMMIT' ],
			($mode eq 'on' ? [ "a function's SET clause", 'SELECT clause_on()' ] : ()))
		{
			my ($name, @statements) = @$case;
			my $session = Wire->new($node, user => $user, options => $options{$user});
			for my $sql (@statements)
			{
				$sql =~ /^\?(.*)/s ? isnt($session->query($1)->{code}, '', "$user, $mode by $name: $1: an error") : $session->run($sql);
			}
			is_in_mode($session, $mode, "$user, $mode by $name");
			is($session->query($off)->{code}, '25006', "$user, $mode by $name: not to be undone") if "$user $mode" ne 'root on';
			if ("$user $mode" eq 'root on')
			{
				$session->run($off);
				is_in_mode($session, 'off', "$user, $mode by $name, then off");
			}
			$session->quit;
		}
	}
}

# --- off, and an error after it in the same transaction ---
# The extended protocol has statements in one transaction that are in no block.
for my $statements ([ $off, 'SELECT 1/0' ], [ 'SELECT 1', $off, 'SELECT 1/0' ], [ $off, 'INSERT INTO victim VALUES (1)' ])
{
	my $name = join('; ', @$statements) . ', before one Sync';
	my $session = Wire->new($node, user => 'root', options => $loaded);
	$session->run($on);
	for my $sql (@$statements)
	{
		$session->parse('', $sql);
		$session->bind('', '');
		$session->execute('');
	}
	isnt($session->sync->{code}, '', "$name: an error");
	is_in_mode($session, 'on', $name);
	$session->run($off, $on);
	is_in_mode($session, 'on', "$name, then on");
	$session->run($off);
	is_in_mode($session, 'off', "$name, then off");
	$session->quit;
}

# --- the policy: as it is when the lock falls, whatever becomes of its transaction ---
# What it says is in force, not only shown.
my %tightened = (
	denied_commands => [ 'default, LISTEN', 'default', 'LISTEN somebody' ],
	denied_functions => [ 'one', '', 'SELECT one()' ],
	allowed_functions => [ '', 'pg_catalog.pg_reload_conf', 'SELECT pg_reload_conf()' ],
	pinned_settings => [ 'work_mem', 'superuser', "SET work_mem = '5MB'" ]);
for my $setting (sort keys %tightened)
{
	my $name = "pg_session_readonly.$setting";
	my ($strict, $lax, $refused) = @{ $tightened{$setting} };
	# each way ends with the value that is to stay
	for my $case ([ $strict, $lax, 1 ], [ $lax, $strict, 0 ])
	{
		my ($here, $before, $expected) = @$case;
		$node->safe_psql('postgres', qq(
			CREATE OR REPLACE FUNCTION clauses() RETURNS int LANGUAGE plpgsql
				SET $name = '$here' SET pg_session_readonly.mode = locked AS 'BEGIN RETURN 1; END';));
		for my $way (
			[ 'SET', 'BEGIN', "SET $name = '$here'", $lock ],
			[ 'SET LOCAL', 'BEGIN', "SET LOCAL $name = '$here'", $lock ],
			[ 'SET, over SET LOCAL', 'BEGIN', "SET LOCAL $name = '$before'", "SET $name = '$here'", $lock ],
			[ 'SET LOCAL, over SET', 'BEGIN', "SET $name = '$before'", "SET LOCAL $name = '$here'", $lock ],
			[ 'SET in a savepoint', 'BEGIN', 'SAVEPOINT a', "SET $name = '$here'", 'RELEASE a', $lock ],
			[ 'SET LOCAL in a savepoint', 'BEGIN', "SET LOCAL $name = '$before'", 'SAVEPOINT a', "SET LOCAL $name = '$here'", 'RELEASE a', $lock ],
			[ 'SET, in a savepoint that was rolled back', 'BEGIN', "SET $name = '$here'", 'SAVEPOINT a', "SET $name = '$before'", 'ROLLBACK TO a', 'RELEASE a', $lock ],
			[ 'SET, while on', $on, 'BEGIN', "SET $name = '$here'", $lock ],
			[ 'SET LOCAL, then on', 'BEGIN', "SET LOCAL $name = '$here'", $on, $lock ],
			[ 'SET, then a savepoint', 'BEGIN', "SET $name = '$here'", $lock, 'SAVEPOINT a', 'ROLLBACK TO a' ],
			[ "a function's SET clauses", 'BEGIN', 'SELECT clauses()' ])
		{
			my ($how, @statements) = @$way;
			for my $end ('COMMIT', 'ROLLBACK', 'PREPARE TRANSACTION', 'an error')
			{
				my $what = "$setting '$before', then '$here' by $how, $end";
				my $session = Wire->new($node, user => 'root', options => $loaded);
				$session->run("SET $name = '$before'", @statements);
				$session->query($end eq 'an error' ? 'SELECT 1/0' : $end =~ /^PREPARE/ ? "PREPARE TRANSACTION 'p'" : $end);
				$session->query('ROLLBACK');
				is($session->run("SHOW $name"), $here, "$what: stays");
				$session->run('RESET ALL', 'BEGIN', 'SELECT 1', 'ROLLBACK');
				is($session->query($refused)->{code} ? 1 : 0, $expected, "$what: is in force");
				is($session->query("SET $name = '$before'")->{code}, '55P02', "$what: frozen");
				$session->quit;
			}
		}
	}
}

# While it is on, a superuser's own changes are taken back as usual.
{
	my $session = Wire->new($node, user => 'root', options => $loaded);
	my $policy = 'pg_session_readonly.denied_functions';
	$session->run("SET $policy = 'first'", $on, 'BEGIN', "SET $policy = 'one'");
	is($session->query('SELECT one()')->{code}, '25006', 'on, the policy SET in a transaction: in force');
	$session->run('ROLLBACK');
	is($session->run("SHOW $policy", 'SELECT one()'), '1', 'on, the policy SET in a transaction, rolled back: no more in force');
	$session->run('BEGIN', "SET LOCAL $policy = 'one'", 'SAVEPOINT a', "SET $policy = 'two'", 'ROLLBACK TO a');
	is($session->query('SELECT one()')->{code}, '25006', 'on, rolled back to a savepoint: in force again');
	$session->run('ROLLBACK');
	is($session->run("SHOW $policy"), 'first', 'on, rolled back: as it was');
	$session->run($off, "SET $policy = 'third'", 'RESET ALL');
	is($session->run("SHOW $policy"), '', 'off again: RESET ALL is for the policy too');
	$session->quit;
}

# --- track_counts, on which the write guard counts ---
$node->safe_psql('postgres', 'TRUNCATE victim');
for my $case (
	[ 'SET LOCAL off, in the same transaction', 'BEGIN', 'SET LOCAL track_counts = off', $lock ],
	[ 'SET LOCAL off, COMMIT', 'BEGIN', 'SET LOCAL track_counts = off', $lock, 'COMMIT' ],
	[ 'SET LOCAL off, ROLLBACK', 'BEGIN', 'SET LOCAL track_counts = off', $lock, 'ROLLBACK' ],
	[ 'off before, SET LOCAL on, ROLLBACK', 'SET track_counts = off', 'BEGIN', 'SET LOCAL track_counts = on', $lock, 'ROLLBACK' ],
	[ 'off before, SET LOCAL off, ROLLBACK', 'SET track_counts = off', 'BEGIN', 'SET LOCAL track_counts = off', $lock, 'ROLLBACK' ],
	[ 'off before, RESET, ROLLBACK', 'SET track_counts = off', 'BEGIN', 'RESET track_counts', $lock, 'ROLLBACK' ],
	[ 'off in a savepoint, ROLLBACK', 'BEGIN', 'SAVEPOINT a', 'SET track_counts = off', 'RELEASE a', $lock, 'ROLLBACK' ],
	[ 'off, on, off, on', 'SET track_counts = off', $on, $off, 'SET track_counts = off', $on ],
	[ 'off in a transaction, on and rolled back', 'BEGIN', 'SET track_counts = off', $on, 'ROLLBACK' ])
{
	my ($name, @statements) = @$case;
	my $session = Wire->new($node, user => 'root', options => $loaded);
	# the relation has been in use, and not counted
	$session->run('CREATE TEMP TABLE mine (i int)', 'SET track_counts = off', 'SELECT * FROM victim', 'RESET track_counts', @statements);
	# an id is expected here, so only the rows can tell
	is($session->query(q(INSERT INTO mine SELECT sneak('victim', 1)))->{code}, '25006', "track_counts $name: a row is counted");
	$session->query('ROLLBACK');
	$session->query($_) for ('SET track_counts = off', 'SET LOCAL track_counts = off', 'RESET track_counts', 'RESET ALL');
	is($session->query(q(INSERT INTO mine SELECT sneak('victim', 1)))->{code}, '25006', "track_counts $name: whatever is tried");
	$session->quit;
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM victim'), '0', 'track_counts: nothing written');

# --- who it is, pinned ---
# 16.4 drops the role with the session's authorization, past the setting: DISCARD ALL
# does so in any session.
my $session = Wire->new($node, user => 'root', options => '-c role=keeper');
$session->run('DISCARD ALL');
my $core_keeps_role = $session->run('SELECT current_user') eq 'keeper';
$session->quit;
for my $case (
	[ 'role', 'root keeper', 'SET ROLE plain', 'SET ROLE keeper', $lock ],
	[ 'role, by SET LOCAL', 'root keeper', 'BEGIN', 'SET LOCAL ROLE keeper', $lock, 'COMMIT' ],
	# core has taken the user back before it comes to the settings
	[ 'role, rolled back', 'root keeper', 'BEGIN', 'SET ROLE keeper', $lock, 'ROLLBACK' ],
	[ 'role by SET LOCAL, rolled back', 'root keeper', 'SET ROLE plain', 'BEGIN', 'SET LOCAL ROLE keeper', $lock, 'ROLLBACK' ],
	[ 'role, ended by an error', 'root keeper', 'SET ROLE plain', 'BEGIN', 'SET ROLE keeper', $lock, '?SELECT 1/0', 'COMMIT' ],
	[ 'role, in a savepoint, rolled back', 'root keeper', 'BEGIN', 'SAVEPOINT a', 'SET ROLE keeper', 'RELEASE a', $lock,
		'SAVEPOINT a', 'ROLLBACK TO a', 'ROLLBACK' ],
	[ 'no role', 'root root', $lock ],
	[ 'no role any more, rolled back', 'root root', 'SET ROLE keeper', 'BEGIN', 'RESET ROLE', $lock, 'ROLLBACK' ],
	[ 'session authorization', 'plain plain', 'SET SESSION AUTHORIZATION plain', $lock ],
	[ 'session authorization, rolled back', 'plain plain', 'BEGIN', 'SET SESSION AUTHORIZATION plain', $lock, 'ROLLBACK' ],
	[ 'both', 'plain keeper', 'SET SESSION AUTHORIZATION plain', 'SET ROLE keeper', $lock ],
	[ 'both, rolled back', 'plain keeper', 'BEGIN', 'SET SESSION AUTHORIZATION plain', 'SET ROLE keeper', $lock, 'ROLLBACK' ])
{
	my ($name, $expected, @statements) = @$case;
	my $shows = q(SELECT session_user || ' ' || current_user);
	my $session = Wire->new($node, user => 'root', options => $loaded);
	$session->run("SET pg_session_readonly.pinned_settings = 'role, session_authorization'");
	$_ =~ /^\?(.*)/ ? $session->query($1) : $session->run($_) for @statements;
	next if !$core_keeps_role && $name eq 'both, rolled back';
	is($session->run($shows), $expected, "pinned, $name: as the lock found it");
	for my $sql ('DISCARD ALL', 'BEGIN; DISCARD ALL', 'SELECT 1; DISCARD ALL', 'RESET ALL', 'RESET ROLE', 'SET ROLE NONE', 'SET ROLE plain',
		'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION DEFAULT', 'SET SESSION AUTHORIZATION root', 'BEGIN; SET LOCAL ROLE plain',
		q(SELECT set_config('role', 'plain', false)), 'DISCARD TEMP', 'BEGIN; SELECT 1/0', 'DISCARD ALL')
	{
		next if $sql eq 'DISCARD ALL' && !$core_keeps_role;
		$session->query($sql);
		$session->query('ROLLBACK');
		is($session->run($shows), $expected, "pinned, $name: $sql");
		is(join(' ', map { $session->query($_)->{code} } 'SET ROLE plain', 'SET SESSION AUTHORIZATION root'), '55P02 55P02', "pinned, $name: and after it");
	}
	$session->quit;
}
# Not pinned, they are reset as ever.
{
	my $session = Wire->new($node, user => 'root', options => $loaded);
	$session->run('SET ROLE keeper', $lock, 'DISCARD ALL');
	is($session->run('SELECT current_user'), 'root', 'role, not pinned: DISCARD ALL resets it');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
