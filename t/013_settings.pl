# Settings that come with a library: what the untrusted side gave them before the
# library was loaded must not reach its code, and what the host gave them must.
# And: switched off, the session has all its settings back.

use strict;
use warnings;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

# --- plperlu: a setting that is code, in a session that may call one function ---
my $file = File::Spec->rel2abs($node->basedir . '/ran');
my $plperl = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name IN ('plperl', 'plperlu')");
SKIP:
{
	skip 'no plperl', 30 if $plperl ne '2';
	$node->safe_psql('postgres', q(
		CREATE EXTENSION plperl;
		CREATE EXTENSION plperlu;
		CREATE FUNCTION f() RETURNS int LANGUAGE plperlu AS 'return 42';
		CREATE FUNCTION immutable_f(int) RETURNS int LANGUAGE plperlu IMMUTABLE AS 'return 42';
		CREATE FUNCTION definer_f() RETURNS int LANGUAGE plperlu SECURITY DEFINER AS 'return 42';
		CREATE PROCEDURE p() LANGUAGE plperlu AS 'return;';
		CREATE FUNCTION tr() RETURNS trigger LANGUAGE plperlu AS 'return;';
		CREATE FUNCTION trusted() RETURNS int LANGUAGE plperl AS 'return 43';
		CREATE FUNCTION outer_f() RETURNS int LANGUAGE plpgsql AS 'DECLARE x int; BEGIN x := f(); RETURN x; END';));
	my $function = $node->safe_psql('postgres', "SELECT 'f'::regproc::oid");
	my $attack = qq('system("touch $file")');

	# the attack is one
	my $session = Wire->new($node);
	$session->run("SET plperl.on_plperlu_init = $attack", 'SELECT f()');
	ok(unlink($file), 'plperlu: the setting is run as code where nobody guards');
	$session->quit;

	my @ways = (
		[ 'SET', "SET plperl.on_plperlu_init = $attack" ],
		[ 'set_config()', "SELECT set_config('plperl.on_plperlu_' || 'init', $attack, false)" ],
		[ 'SET LOCAL', 'BEGIN', "SET LOCAL plperl.on_plperlu_init = $attack" ],
		[ 'SET in a subtransaction', 'BEGIN', 'SAVEPOINT a', "SET plperl.on_plperlu_init = $attack", 'RELEASE a' ],
		[ 'SET twice', "SET plperl.on_plperlu_init = ''", 'BEGIN', "SET plperl.on_plperlu_init = $attack" ]);
	my @calls = ('SELECT f()', 'SELECT definer_f()', 'SELECT outer_f()', 'SELECT immutable_f(1)', 'CALL p()',
		'INSERT INTO mine VALUES (1)', "DO 'return;' LANGUAGE plperlu", 'DO $$ BEGIN CALL p(); END $$', 'fastpath');
	for my $case ((map { [ $ways[0], $_ ] } @calls), (map { [ $_, $calls[0] ] } @ways[1 .. $#ways]))
	{
		my ($way, $call) = @$case;
		my ($how, @statements) = @$way;
		$session = Wire->new($node);
		# none of this loads plperl
		$session->run('CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION tr()',
			"SET pg_session_readonly.allowed_functions = 'f, definer_f, immutable_f, p, tr, language:plperlu'",
			@lock, @statements);
		my $result = $call eq 'fastpath' ? $session->fastpath($function) : $session->query($call);
		is($result->{code}, '', "plperlu: $how, $call: runs");
		ok(!-e $file, "plperlu: $how, $call: without the setting");
		unlink $file;
		is($session->run('SHOW plperl.on_plperlu_init'), '', "plperlu: $how, $call: value is thrown away");
		$session->run('ROLLBACK') if $result->{status} ne 'I';
		is($session->run('SHOW plperl.on_plperlu_init'), '', "plperlu: $how, $call: and does not come back");
		is($session->query("SET plperl.on_plperlu_init = $attack")->{code}, '55P02', "plperlu: $how, $call: pinned then");
		$session->quit;
	}

	# plperl, trusted: a superuser's setting is code there as well
	$session = Wire->new($node);
	$session->run(@lock, q(SET plperl.on_plperl_init = 'die "agent"'));
	is($session->query('SELECT trusted()')->{message}, '', 'plperl: on_plperl_init is thrown away');
	is($session->run('SELECT trusted()'), '43', 'plperl: runs');
	is($session->query(q(SET plperl.on_plperl_init = 'die "agent"'))->{code}, '55P02', 'plperl: pinned then');
	$session->quit;

	# one of the server's own cannot be set at all, and one of anyone's can
	$session = Wire->new($node);
	$session->run(@lock, q(SET plperl.on_init = 'die "agent"'), 'SET plperl.use_strict = on');
	is($session->run('SELECT trusted()'), '43', 'plperl: on_init does not apply');
	is($session->run('SHOW plperl.on_init'), '', 'plperl: on_init is thrown away');
	is($session->run('SHOW plperl.use_strict'), 'on', "plperl: anyone's setting keeps its value");
	is($session->query('SET plperl.use_strict = off')->{code}, '', "plperl: anyone's setting stays free");
	$session->quit;

	# what the host gave is the host's
	$session = Wire->new($node);
	$session->run("SET plperl.on_plperlu_init = $attack", "SET pg_session_readonly.allowed_functions = 'f'", @lock,
		'SELECT f()');
	ok(unlink($file), "plperlu: the host's own value applies");
	$session->quit;
}

# --- a library in C ---
$node->safe_psql('postgres', qq(
	CREATE FUNCTION settings() RETURNS text AS '$writer', 'writer_settings' LANGUAGE C STABLE;
	CREATE FUNCTION volatile_settings() RETURNS text AS '$writer', 'writer_settings' LANGUAGE C VOLATILE;
	CREATE FUNCTION definer_settings() RETURNS text AS '$writer', 'writer_settings' LANGUAGE C STABLE SECURITY DEFINER;
	CREATE FUNCTION outer_settings() RETURNS text LANGUAGE plpgsql AS 'DECLARE t text; BEGIN t := settings(); RETURN t; END';));
my $command = "SET writer.command = 'agent'";
my $note = "SET writer.note = 'agent'";
my $allow = "SET pg_session_readonly.allowed_functions = 'volatile_settings'";
for my $case (
	# a name, the host's statements, the agent's, what the library's code sees
	[ 'nothing given', [], [], 'none none' ],
	[ "the agent's", [], [ $command, $note ], 'none agent' ],
	[ "the agent's, in a transaction", [], [ 'BEGIN', $command, $note ], 'none agent' ],
	[ "the agent's, in a subtransaction", [],
		[ 'BEGIN', 'SAVEPOINT a', $command, $note, 'RELEASE a' ], 'none agent' ],
	[ "the host's", [ "SET writer.command = 'host'", "SET writer.note = 'host'" ], [], 'host host' ],
	[ "the host's, then the agent's", [ "SET writer.command = 'host'", "SET writer.note = 'host'" ],
		[ $command, $note ], 'host agent' ],
	[ "the host's, then the agent's in a transaction", [ "SET writer.command = 'host'", "SET writer.note = 'host'" ],
		[ 'BEGIN', "SET LOCAL writer.command = 'agent'", 'SAVEPOINT a', $command ], 'host host' ],
	[ "the host's, then RESET", [ "SET writer.command = 'host'", "SET writer.note = 'host'" ],
		[ 'RESET writer.command' ], 'host host' ],
	[ "the host's, then RESET ALL", [ "SET writer.command = 'host'", "SET writer.note = 'host'" ],
		[ 'RESET ALL' ], qr/^host / ],
	[ 'pinned by name', [ "SET writer.note = 'host'", "SET pg_session_readonly.pinned_settings = 'superuser, writer.note'" ],
		[], 'none host', 'pinned' ],
	[ 'pinned by name, after LOAD', [ "LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = off',
		"SET writer.note = 'host'", "SET pg_session_readonly.pinned_settings = 'writer.note'" ],
		[], 'none host', 'pinned' ],
	[ 'pinned by name in a transaction',
		[ "SET pg_session_readonly.pinned_settings = 'superuser, writer.note, writer.command'",
			'BEGIN', "SET LOCAL writer.command = 'host'", 'SAVEPOINT a', "SET writer.note = 'host'" ],
		[], 'host host', 'pinned' ],
	[ 'pinned by name, without a value', [ "SET pg_session_readonly.pinned_settings = 'superuser, writer.note'" ],
		[], 'none none', 'pinned' ],
	[ "pinned by name, without a value, and the agent's",
		[ "SET pg_session_readonly.pinned_settings = 'superuser, writer.note'" ],
		[ $command, '?' . $note ], 'none none', 'pinned' ],
	[ "pinned by name, and the agent's",
		[ "SET writer.note = 'host'", "SET pg_session_readonly.pinned_settings = 'superuser, writer.note'" ],
		[ '?' . $note, "?SELECT set_config('writer.note', 'agent', false)", 'RESET ALL', 'DISCARD ALL' ],
		'none host', 'pinned' ])
{
	my ($name, $host, $agent, $expected, $pinned) = @$case;
	for my $call ('settings()', 'volatile_settings()', 'definer_settings()', 'outer_settings()')
	{
		my $session = Wire->new($node);
		my ($failed) = grep { $_->{code} } map { $session->query($_) } ($allow, @$host, @lock);
		if ($failed)
		{
			fail("$call: $name: the host can set it up: $failed->{message}");
			next;
		}
		for my $sql (@$agent)
		{
			# what begins with "?" may be refused
			$sql =~ /^\?(.*)/ ? $session->query($1) : $session->run($sql);
		}
		my $result = $session->query("SELECT $call");
		my $seen = $result->{code} . join('', @{ $result->{rows} });
		$expected = qr/^\Q$expected\E$/ unless ref $expected;
		like($seen, $expected, "$call: $name");
		# and so it stays
		$session->query('ROLLBACK') if ($result->{status} // '') ne 'I';
		is($session->query($command)->{code}, '55P02', "$call: $name: a superuser's setting is pinned")
		  unless $name eq 'pinned by name, after LOAD';
		is($session->query($note)->{code}, $pinned ? '55P02' : '', "$call: $name: anyone's setting "
			. ($pinned ? 'is pinned' : 'is free'));
		# anyone's setting has just been set, unless it is pinned
		$seen =~ s/ .*/ agent/ unless $pinned;
		is($session->run("SELECT $call"), $seen, "$call: $name: it stays") unless grep { /BEGIN/ } @$agent;
		$session->quit;
	}
}

# the connection string and what is stored count as the host's
$node->safe_psql('postgres', "ALTER ROLE CURRENT_USER SET writer.command = 'stored'");
{
	my $session = Wire->new($node,
		options => '-c writer.note=host -c pg_session_readonly.pinned_settings=superuser,writer.note');
	$session->run(@lock);
	$session->query($_) for ($command, $note);
	is($session->run('SELECT settings()'), 'stored host', 'stored and in the connection string');
	is($session->query($note)->{code}, '55P02', 'pinned in the connection string');
	$session->quit;
}
$node->safe_psql('postgres', 'ALTER ROLE CURRENT_USER RESET writer.command');

# --- an error in a parallel query does not lose the pins ---
$node->safe_psql('postgres', q(
	CREATE FUNCTION pf(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN $1 + 1; END';
	CREATE TABLE big AS SELECT i FROM generate_series(1, 10000) i;
	ANALYZE big;));
my $force = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
{
	my $session = Wire->new($node);
	$session->run(@lock, 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0',
		'SET min_parallel_table_scan_size = 0',
		'SET plpgsql.variable_conflict = use_column');
	# the leader takes part, and loads the library as the query starts
	my $result = $session->query('SELECT pf(i) FROM big');
	is("$result->{message} @{ $result->{tags} }", ' SELECT 10000', 'parallel query: runs');
	is($session->run('SHOW plpgsql.variable_conflict'), 'error', "parallel query: the agent's value is thrown away");
	is($session->query('SET plpgsql.variable_conflict = use_column')->{code}, '55P02', 'parallel query: pinned then');
	is($session->query('SET log_statement = none')->{code}, '55P02', 'parallel query: others stay pinned');
	is($session->run('SELECT sum(pf(i)) FROM big'), '50015000', 'parallel query: runs again');
	$session->quit;

	# a library that comes up in the midst of the workers' query
	$session = Wire->new($node);
	$session->run(@lock, "SET $force = on", $command);
	$node->safe_psql('postgres', 'ALTER FUNCTION settings() PARALLEL SAFE');
	is($session->run('SELECT DISTINCT settings() FROM big'), 'none none', 'parallel query, C library');
	is($session->query($command)->{code}, '55P02', 'parallel query, C library: pinned then');
	$session->quit;
}

# --- on, and off again ---
# All there is to see of all settings, but for the mode's own row.
my $all = q(SELECT name, setting, reset_val, source, context, boot_val, sourcefile, sourceline, pending_restart
	FROM pg_settings WHERE name <> 'pg_session_readonly.mode' ORDER BY name COLLATE "C");
my $off = 'SET pg_session_readonly.mode = off';
my $on = 'SET pg_session_readonly.mode = on';
my $loaded = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off';

# The settings that differ, each as "name: before -> after".
sub differences
{
	my ($before, $after) = @_;
	my %before = map { (split /\|/, $_, 2) } @{ $before->{rows} };
	my %after = map { (split /\|/, $_, 2) } @{ $after->{rows} };

	return join("\n", map { "$_: " . ($before{$_} // 'none') . ' -> ' . ($after{$_} // 'none') }
		grep { ($before{$_} // '') ne ($after{$_} // '') } sort keys %{ { %before, %after } });
}

$node->safe_psql('postgres', q(
	CREATE ROLE dba LOGIN SUPERUSER;
	ALTER ROLE dba SET track_counts = off;
	ALTER ROLE dba SET default_transaction_read_only = on;
	ALTER ROLE dba SET writer.command = 'stored';
	ALTER ROLE dba SET pg_session_readonly.denied_functions = 'stored';
	ALTER ROLE dba SET pg_session_readonly.denied_commands = 'default, LISTEN';
	ALTER ROLE dba SET pg_session_readonly.pinned_settings = 'work_mem';));
my @policy = ("SET pg_session_readonly.denied_functions = 'given'",
	"SET pg_session_readonly.allowed_functions = 'given'",
	"SET pg_session_readonly.denied_commands = 'default, -ANALYZE'",
	"SET pg_session_readonly.pinned_settings = 'superuser, search_path'");
for my $case (
	[ 'as it comes', {}, [] ],
	[ 'given by SET', {}, [ 'SET track_counts = off', 'SET default_transaction_read_only = on', @policy ] ],
	[ 'given by SET and not', {}, [ 'SET track_counts = on', 'SET default_transaction_read_only = off', $policy[0] ] ],
	[ 'given in the connection string',
		{ options => "$loaded -c track_counts=off -c default_transaction_read_only=on -c pg_session_readonly.denied_functions=client" }, [] ],
	[ 'given in the connection string and by SET',
		{ options => "$loaded -c track_counts=off -c default_transaction_read_only=on -c pg_session_readonly.denied_functions=client" },
		[ 'SET track_counts = on', 'SET default_transaction_read_only = off', @policy ] ],
	[ 'stored', { user => 'dba' }, [] ],
	[ 'stored, and given by SET', { user => 'dba' },
		[ 'SET track_counts = on', 'SET default_transaction_read_only = off', @policy ] ])
{
	my ($name, $connection, $before) = @$case;
	my $session = Wire->new($node, options => $loaded, %$connection);
	my $reset = Wire->new($node, options => $loaded, %$connection);

	# plpgsql, which is used below, has settings of its own
	$_->run(@$before, 'DO $$ BEGIN END $$') for ($session, $reset);
	my $settings = $session->query($all);
	cmp_ok(scalar @{ $settings->{rows} }, '>', 300, "off again, $name: settings are there");
	$session->run($on);
	is($session->run('SHOW track_counts') . $session->run('SHOW default_transaction_read_only'), 'onon',
		"off again, $name: read-only in between");
	$session->run($off);
	is(differences($settings, $session->query($all)), '', "off again, $name: all settings as before");
	is($session->run('SHOW pg_session_readonly.mode'), 'off', "off again, $name: it is off");

	# and again, by other words
	$session->run("SELECT set_config('pg_session_readonly.mode', 'on', false)", 'SELECT 1',
		q(DO $$ BEGIN SET pg_session_readonly.mode = off; END $$));
	is(differences($settings, $session->query($all)), '', "off again, $name: twice");

	# what RESET brings back is what it would have brought back before
	for my $sql ('RESET track_counts', 'RESET default_transaction_read_only',
		'RESET pg_session_readonly.denied_functions', 'RESET ALL')
	{
		$_->run($sql) for ($session, $reset);
		is(differences($reset->query($all), $session->query($all)), '', "off again, $name: $sql");
	}
	$session->quit;
	$reset->quit;
}

# In the midst of transactions: what SET LOCAL took is given back at the end.
for my $case (
	[ 'on and off in one', 'BEGIN', 'SET LOCAL track_counts = on', 'SET LOCAL default_transaction_read_only = off',
		$on, $off, 'COMMIT' ],
	[ 'on and off in one, rolled back', 'BEGIN', 'SET LOCAL track_counts = on', $on, $off, 'ROLLBACK', $off ],
	[ 'on in one', 'BEGIN', 'SET LOCAL track_counts = on', 'SET LOCAL default_transaction_read_only = off', $on, 'COMMIT', $off ],
	[ 'off in one', $on, 'BEGIN', $off, 'COMMIT' ],
	[ 'on in a subtransaction', 'BEGIN', 'SAVEPOINT a', $on, 'RELEASE a', 'COMMIT', $off ])
{
	my ($name, @statements) = @$case;
	my $session = Wire->new($node, options => $loaded, user => 'dba');
	my $settings = $session->query($all);

	$session->run(@statements);
	is($session->run('SHOW pg_session_readonly.mode'), 'off', "off again, $name: it is off");
	is(differences($settings, $session->query($all)), '', "off again, $name: all settings as before");
	$session->quit;
}

# By LOAD: it makes the session read-only, and off gives back what was there.
{
	my $session = Wire->new($node, user => 'dba');
	my $settings = $session->query(q(SELECT name, setting, reset_val, source, context, boot_val, sourcefile, sourceline, pending_restart
		FROM pg_settings WHERE name NOT LIKE 'pg_session_readonly.%' ORDER BY name COLLATE "C"));
	$session->run("LOAD 'pg_session_readonly'", 'SELECT 1', $off);
	my $after = $session->query($all);
	@{ $after->{rows} } = grep { !/^pg_session_readonly/ } @{ $after->{rows} };
	is(differences($settings, $after), '', 'off again, after LOAD: all settings as before');
	$session->run('SET default_transaction_read_only = off', 'CREATE TABLE written (i int)', 'DROP TABLE written');
	is($session->run('SELECT count(*) FROM pg_class WHERE relname = \'written\''), '0', 'off again: it writes');
	$session->quit;
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
