# Switched off, a session is as if it had never been on, but for what RESET brings back
# of default_transaction_read_only and track_counts: who may SET what, where values come
# from, and what the end of a transaction brings back.  Nothing else can switch it off.

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
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
my $force = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
my $off = 'SET pg_session_readonly.mode = off';
my $on = 'SET pg_session_readonly.mode = on';
my $loaded = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off';
my @reset = ('RESET default_transaction_read_only', 'RESET track_counts');

# All there is to see of all settings, but for the mode's own row; and what only code in
# C sees, given().
my $all = q(SELECT name, setting, reset_val, source, context, boot_val, sourcefile, sourceline, pending_restart, given(name)
	FROM pg_settings WHERE name <> 'pg_session_readonly.mode' ORDER BY name COLLATE "C");

# The settings that differ, each as "name: before -> after".
sub differences
{
	my ($before, $after) = @_;
	my %before = map { (split /\|/, $_, 2) } @{ $before->{rows} };
	my %after = map { (split /\|/, $_, 2) } @{ $after->{rows} };

	return join("\n", map { "$_: " . ($before{$_} // 'none') . ' -> ' . ($after{$_} // 'none') }
		grep { ($before{$_} // '') ne ($after{$_} // '') } sort keys %{ { %before, %after } });
}

$node->safe_psql('postgres', qq(
	CREATE FUNCTION given(text) RETURNS text AS '$writer', 'writer_given' LANGUAGE C STABLE;
	CREATE ROLE setter;
	GRANT SET ON PARAMETER track_counts TO setter;
	CREATE ROLE dba LOGIN SUPERUSER;
	ALTER ROLE dba SET track_counts = off;
	ALTER ROLE dba SET default_transaction_read_only = on;
	ALTER ROLE dba SET another.command = 'stored';
	ALTER ROLE dba SET pg_session_readonly.denied_functions = 'stored';
	ALTER ROLE dba SET pg_session_readonly.denied_commands = 'default, LISTEN';
	ALTER ROLE dba SET pg_session_readonly.pinned_settings = 'work_mem';));
my @policy = ("SET pg_session_readonly.denied_functions = 'given'",
	"SET pg_session_readonly.allowed_functions = 'public.given'",
	"SET pg_session_readonly.denied_commands = 'default, -ANALYZE'",
	"SET pg_session_readonly.pinned_settings = 'superuser, search_path'");
my $client = '-c track_counts=off -c default_transaction_read_only=on -c pg_session_readonly.denied_functions=client';
for my $case (
	[ 'as it comes', {}, [] ],
	[ 'given by SET', {}, [ 'SET track_counts = off', 'SET default_transaction_read_only = on', @policy ] ],
	[ 'given by SET and not', {}, [ 'SET track_counts = on', 'SET default_transaction_read_only = off', $policy[0] ] ],
	[ 'given by SET, as another role', {},
		[ 'SET ROLE setter', 'SET track_counts = off', 'SET default_transaction_read_only = on', 'RESET ROLE' ] ],
	[ 'given in the connection string', { options => "$loaded $client" }, [] ],
	[ 'given in the connection string and by SET', { options => "$loaded $client" },
		[ 'SET track_counts = on', 'SET default_transaction_read_only = off', @policy ] ],
	[ 'stored', { user => 'dba' }, [] ],
	[ 'stored, and given by SET', { user => 'dba' },
		[ 'SET track_counts = on', 'SET default_transaction_read_only = off', @policy ] ],
	[ 'by SET LOCAL', { user => 'dba' }, [ 'BEGIN', map({ s/^SET/SET LOCAL/r } @policy), 'SET LOCAL track_counts = on', 'COMMIT' ] ])
{
	my ($name, $connection, $before) = @$case;
	my $session = Wire->new($node, options => $loaded, %$connection);
	my $reference = Wire->new($node, options => $loaded, %$connection);

	# plpgsql, which is used below, has settings of its own
	$_->run(@$before, 'DO $$ BEGIN END $$') for ($session, $reference);
	cmp_ok(scalar @{ $session->query($all)->{rows} }, '>', 300, "off again, $name: settings are there");
	$session->run($on);
	is($session->run('SHOW track_counts') . $session->run('SHOW default_transaction_read_only'), 'onon',
		"off again, $name: read-only in between");
	is($session->{parameters}{default_transaction_read_only}, 'on', "off again, $name: the client is told");
	$session->run($off);
	$reference->run(@reset);
	is(differences($reference->query($all), $session->query($all)), '', "off again, $name: all settings as before");
	is($session->run('SHOW pg_session_readonly.mode'), 'off', "off again, $name: it is off");
	is($session->{parameters}{default_transaction_read_only}, $session->run('SHOW default_transaction_read_only'),
		"off again, $name: the client is told, again");

	# and again, by other words
	$session->run("SELECT set_config('pg_session_readonly.mode', 'on', false)", 'SELECT 1', $off);
	is(differences($reference->query($all), $session->query($all)), '', "off again, $name: twice");

	# what RESET brings back is what it would have brought back before
	for my $sql ('RESET track_counts', 'RESET default_transaction_read_only',
		'RESET pg_session_readonly.denied_functions', 'RESET pg_session_readonly.mode', 'RESET ALL')
	{
		$_->run($sql) for ($session, $reference);
		is(differences($reference->query($all), $session->query($all)), '', "off again, $name: $sql");
		is($session->run('SHOW pg_session_readonly.mode'), 'off', "off again, $name: $sql: it is off");
	}
	$session->quit;
	$reference->quit;
}

# --- on in a transaction, whose end brings nothing back ---
# The policy keeps the value that it had as the mode went up.
for my $end ('COMMIT', 'ROLLBACK')
{
	for my $setting ([ 'denied_commands', 'default, LISTEN' ], [ 'denied_functions', 'one' ], [ 'allowed_functions', 'public.one' ],
		[ 'pinned_settings', 'work_mem' ])
	{
		my ($name, $value) = @$setting;
		for my $way (
			[ 'SET', "SET pg_session_readonly.$name = '$value'" ],
			[ 'SET LOCAL', "SET LOCAL pg_session_readonly.$name = '$value'" ],
			[ 'SET, then SET LOCAL', "SET pg_session_readonly.$name = DEFAULT", "SET LOCAL pg_session_readonly.$name = '$value'" ],
			[ 'SET in a subtransaction', 'SAVEPOINT a', "SET pg_session_readonly.$name = '$value'", 'RELEASE a' ])
		{
			my ($how, @statements) = @$way;
			my $session = Wire->new($node, options => $loaded);
			my $what = "on in a transaction, $name by $how, $end";

			$session->run('BEGIN', @statements, $on, 'SAVEPOINT b', 'RELEASE b', $end);
			is($session->run('SHOW pg_session_readonly.mode'), 'on', "$what: on");
			is($session->run("SHOW pg_session_readonly.$name"), $value, "$what: its value");
			is($session->query('CREATE TABLE written (i int)')->{code}, '25006', "$what: read-only");
			$session->run($off);
			is($session->run("SHOW pg_session_readonly.$name"), $value, "$what: its value, when it is off");
			$session->quit;
		}
	}
}

# --- while it is on ---
# The client is told of core's setting, whatever brings another value back.
{
	my $session = Wire->new($node, options => $loaded);
	$session->run('BEGIN', $on, 'ROLLBACK', 'SELECT 1');
	is($session->{parameters}{default_transaction_read_only}, 'on', 'on, rolled back: the client is told');
	for my $sql ('RESET default_transaction_read_only', 'RESET ALL', 'DISCARD ALL', 'SET default_transaction_read_only = off',
		'BEGIN; SET LOCAL default_transaction_read_only = off; COMMIT')
	{
		$session->query($sql);
		$session->run('SELECT 1');
		is($session->{parameters}{default_transaction_read_only}, 'on', "on, $sql: the client is told");
		is($session->run('SHOW default_transaction_read_only') . $session->run('SHOW transaction_read_only'), 'onon', "on, $sql: on");
	}
	$session->quit;
}

# RESET ALL by anyone does not undo a superuser's policy; a superuser's RESET does.
{
	my $session = Wire->new($node, options => $loaded);
	$session->run($on, "SET pg_session_readonly.denied_functions = 'given'", 'SET ROLE setter', 'RESET ALL');
	is($session->run('SHOW pg_session_readonly.denied_functions'), 'given', 'RESET ALL while on: the policy stays');
	$session->run('SET ROLE setter');
	is($session->query('RESET pg_session_readonly.denied_functions')->{code}, '42501', 'RESET while on: not by anyone');
	is($session->query($off)->{code}, '25006', 'off: not by anyone');
	$session->run('RESET ROLE', 'RESET pg_session_readonly.denied_functions');
	is($session->run('SHOW pg_session_readonly.denied_functions'), '', 'RESET while on: by a superuser');
	$session->quit;
}

# Parallel workers are told, whatever has been brought back in between.
$node->safe_psql('postgres', q(
	CREATE FUNCTION mode_there() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN
		RETURN current_setting('pg_session_readonly.mode') || ' ' || current_setting('pg_session_readonly.denied_functions')
			|| ' ' || current_setting('default_transaction_read_only') || ' ' || pg_backend_pid(); END $$;));
for my $case (
	[ 'RESET', $on, 'RESET pg_session_readonly.mode', 'RESET default_transaction_read_only' ],
	[ 'ROLLBACK', 'BEGIN', $on, 'ROLLBACK' ],
	[ 'ROLLBACK of the second', 'BEGIN', $on, 'SET pg_session_readonly.mode = on', 'ROLLBACK' ],
	[ 'end of SET LOCAL', 'BEGIN', 'SET LOCAL pg_session_readonly.mode = on', 'COMMIT' ])
{
	my ($name, @statements) = @$case;
	my $session = Wire->new($node, options => $loaded);
	$session->run("SET pg_session_readonly.denied_functions = 'given'", @statements, "SET $force = on");
	my ($there, $pid) = $session->run('SELECT mode_there()') =~ /^(.*) (\d+)$/;
	isnt($pid, $session->run('SELECT pg_backend_pid()'), "brought back by $name: there is a worker");
	is($there, 'on given on', "brought back by $name: a worker is told");
	$session->quit;
}

# --- by LOAD: it makes the session read-only, and off gives back what was there ---
{
	my ($session, $reference) = map { Wire->new($node, user => 'dba') } 1, 2;
	$session->run("LOAD 'pg_session_readonly'", 'SELECT 1', $off);
	$reference->run(@reset);
	my $after = $session->query($all);
	@{ $after->{rows} } = grep { !/^pg_session_readonly/ } @{ $after->{rows} };
	is(differences($reference->query($all), $after), '', 'off again, after LOAD: all settings as before');
	$session->run('SET default_transaction_read_only = off', 'CREATE TABLE written (i int)', 'DROP TABLE written');
	is($session->run('SELECT count(*) FROM pg_class WHERE relname = \'written\''), '0', 'off again: it writes');
	$_->quit for ($session, $reference);
}

# --- off and on again, many times ---
# After each round all is as in a session that never was read-only, and its memory too.
{
	my ($session, $reference) = map { Wire->new($node, options => $loaded, user => 'dba') } 1, 2;
	my @sets = ('SET track_counts = on', 'SET default_transaction_read_only = off', "SET work_mem = '5MB'", @policy);
	my @all = ((map { [ $_ ] } @sets), (map { /^SET (\S+)/; [ "RESET $1" ] } @sets), \@sets, [ 'RESET ALL' ]);
	my @different;

	$_->run('DO $$ BEGIN END $$') for ($session, $reference);
	for my $round (1 .. 50)
	{
		my @statements = @{ $all[$round * 5 % @all] };
		# a superuser's to set while it is on
		my $policy = "SET pg_session_readonly.denied_functions = 'round$round'";

		$session->run(@statements, $on, $policy, 'RESET default_transaction_read_only', $off);
		$reference->run(@statements, $policy, @reset);
		my $difference = differences($reference->query($all), $session->query($all));
		push @different, "round $round: $difference" if $difference;
	}
	is(join("\n", @different), '', 'off and on 50 times: each time all settings as they should be');
	$_->run('RESET ALL') for ($session, $reference);
	is(differences($reference->query($all), $session->query($all)), '', 'off and on 50 times: RESET ALL');
	$session->run('SET default_transaction_read_only = off', 'CREATE TABLE written (i int)', 'DROP TABLE written');

	my $memory = q(SELECT sum(total_bytes) FROM pg_backend_memory_contexts);
	my @round = ('BEGIN', "SET LOCAL pg_session_readonly.denied_functions = '" . join(', ', map { "f$_" } 1 .. 100) . "'", $on, 'COMMIT', $off);
	$session->run(@round) for 1 .. 20;
	my $before = $session->run($memory);
	$session->run(@round) for 1 .. 200;
	cmp_ok($session->run($memory), '<', $before + 65536, 'off and on 200 times, a list SET LOCAL in between: memory does not grow');
	$_->quit for ($session, $reference);
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
