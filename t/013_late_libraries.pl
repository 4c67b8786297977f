# Settings that come with a library: what the untrusted side gave them before the
# library was loaded must not reach its code with a superuser's privilege, and what the
# host gave them must.

use strict;
use warnings;
use File::Spec;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

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
	skip 'no plperl', 32 if $plperl ne '2';
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
			"SET pg_session_readonly.allowed_functions = 'public.f, public.definer_f, public.immutable_f, public.p, public.tr, language:plperlu'",
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

	# a function that was looked at before the lock, and whose library was not loaded
	$session = Wire->new($node);
	$session->run("SET pg_session_readonly.allowed_functions = 'public.definer_f'", $lock[0],
		'EXPLAIN SELECT definer_f()', $lock[1], "SET plperl.on_plperlu_init = $attack");
	is($session->run('SELECT definer_f()'), '42', 'plperlu: explained before the lock: runs');
	ok(!-e $file, 'plperlu: explained before the lock: without the setting');
	unlink $file;
	$session->quit;

	# one that an allowed function calls, and that is refused by itself
	for my $first ([], [ 'SELECT f()' ])
	{
		my $name = 'plperlu: called by an allowed function' . (@$first ? ', and refused before' : '');

		$session = Wire->new($node);
		$session->run(q(CREATE OR REPLACE FUNCTION warm() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'),
			"SET pg_session_readonly.allowed_functions = 'public.outer_f'", @lock, 'SELECT warm()', "SET plperl.on_plperlu_init = $attack");
		is($session->query($_)->{code}, '25006', "$name: refused by itself") for @$first;
		is($session->run('SELECT outer_f()'), '42', "$name: runs");
		ok(!-e $file, "$name: without the setting");
		unlink $file;
		$session->quit;
	}
	for my $sql ("LOAD 'plperl'", 'SELECT f()')
	{
		$session = Wire->new($node);
		$session->run(q(CREATE OR REPLACE FUNCTION executes(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; RETURN 1; END'),
			"SET pg_session_readonly.allowed_functions = 'public.executes'", @lock, "SET plperl.on_plperlu_init = $attack");
		is($session->query('SELECT executes(' . "'" . ($sql =~ s/'/''/gr) . "')")->{code}, '', "plperlu: $sql in an allowed function: runs");
		$session->query('SELECT executes(\'SELECT f()\')');
		ok(!-e $file, "plperlu: $sql in an allowed function: without the setting");
		unlink $file;
		$session->quit;
	}

	# what the host gave is the host's
	$session = Wire->new($node);
	$session->run("SET plperl.on_plperlu_init = $attack", "SET pg_session_readonly.allowed_functions = 'public.f'", @lock,
		'SELECT f()');
	ok(unlink($file), "plperlu: the host's own value applies");
	$session->quit;
}

# --- a library in C ---
$node->safe_psql('postgres', qq(
	CREATE FUNCTION settings() RETURNS text AS '$writer', 'writer_settings' LANGUAGE C STABLE;
	CREATE FUNCTION hooks_told() RETURNS text AS '$writer', 'writer_told' LANGUAGE C STABLE;
	CREATE FUNCTION volatile_settings() RETURNS text AS '$writer', 'writer_settings' LANGUAGE C VOLATILE;
	CREATE FUNCTION definer_settings() RETURNS text AS '$writer', 'writer_settings' LANGUAGE C STABLE SECURITY DEFINER;
	CREATE FUNCTION outer_settings() RETURNS text LANGUAGE plpgsql AS 'DECLARE t text; BEGIN t := settings(); RETURN t; END';));
my $command = "SET writer.command = 'agent'";
my $note = "SET writer.note = 'agent'";
my $allow = "SET pg_session_readonly.allowed_functions = 'public.volatile_settings'";
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
			'BEGIN', "SET LOCAL writer.command = 'host'", 'SAVEPOINT a', "SET writer.note = 'host'", 'RELEASE a' ],
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
		is("@{ $result->{notices} }", '', "$call: $name: not a word") unless @$agent;
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

# What an ordinary host gives to a superuser's setting is what that user may give.
$node->safe_psql('postgres', q(
	CREATE ROLE host LOGIN;
	CREATE ROLE granted LOGIN;
	GRANT SET ON PARAMETER writer.command TO granted;));
for my $case ([ 'host', 'none' ], [ 'granted', 'host' ])
{
	my ($user, $expected) = @$case;
	my $session = Wire->new($node, user => $user, options => '-c local_preload_libraries=pg_session_readonly');
	$session->run("SET writer.command = 'host'", $lock[1]);
	is($session->run('SELECT settings()'), "$expected none", "an ordinary host's, $user");
	$session->quit;
}

# The library's hooks are not told either what the agent gave, nor as it is brought back.
$node->safe_psql('postgres', q(
	CREATE FUNCTION clause_told() RETURNS text LANGUAGE plpgsql SET writer.command = 'clause' AS
		'BEGIN RETURN hooks_told(); END';));
for my $case (
	[ 'SET', $command ],
	[ 'SET LOCAL', 'BEGIN', "SET LOCAL writer.command = 'agent'" ],
	[ 'SET, then SET LOCAL', 'BEGIN', $command, "SET LOCAL writer.command = 'local'" ],
	[ 'SET twice', $command, 'BEGIN', "SET writer.command = 'again'" ],
	[ 'SET, then RESET', $command, 'BEGIN', 'RESET writer.command' ],
	[ 'SET, then RESET in a subtransaction', 'BEGIN', $command, 'SAVEPOINT a', 'RESET writer.command' ],
	[ 'SET, then SET LOCAL in subtransactions', $command, 'BEGIN', 'SAVEPOINT a', "SET LOCAL writer.command = 'local'",
		'SAVEPOINT b', "SET writer.command = 'again'", "SET LOCAL writer.command = 'local'" ],
	[ 'set_config()', q(SELECT set_config('writer.' || 'command', 'agent', false)) ],
	[ 'set_config() for the transaction', $command, 'BEGIN', q(SELECT set_config('writer.command', 'local', true)) ],
	[ "a function's SET clause", $command, 'BEGIN', 'SELECT clause_told()' ])
{
	my ($name, @agent) = @$case;
	for my $pinned ('superuser', '')
	{
		for my $end ("SELECT 1", $agent[-1] =~ /clause/ || grep({ /BEGIN/ } @agent) ? ('COMMIT', 'ROLLBACK') : ())
		{
			my $session = Wire->new($node);
			$session->run("SET pg_session_readonly.pinned_settings = '$pinned'", @lock, @agent);
			unlike($session->run('SELECT hooks_told()'), qr/agent|local|again|clause/, "what hooks are told, '$pinned': $name");
			$session->run($end);
			unlike($session->run('SELECT hooks_told()'), qr/agent|local|again|clause/, "what hooks are told, '$pinned': $name, $end");
			is($session->run('SHOW writer.command'), 'none', "what hooks are told, '$pinned': $name, $end: what is in force");
			$session->quit;
		}
	}
}
{
	my $session = Wire->new($node);
	is($session->run(@lock, 'SELECT hooks_told()'), 'none ', 'what hooks are told: nothing given');
	$session->quit;
}

# A superuser's setting that is not pinned does not get it either, and anyone's does.
{
	my $session = Wire->new($node);
	$session->run("SET pg_session_readonly.pinned_settings = ''", @lock, $command, $note);
	is($session->run('SELECT settings()'), 'none agent', "the agent's, nothing pinned");
	$session->quit;
}

# What was SET before the transaction in which the library is loaded outlives that.
for my $end ('COMMIT', 'ROLLBACK')
{
	my $session = Wire->new($node);
	$session->run(@lock, $note, 'BEGIN', 'SELECT settings()', $end);
	is($session->run('SELECT settings()'), 'none agent', "the agent's, loaded in a transaction, $end");
	$session->quit;
}

# What is no setting of the library is thrown away.
{
	my $session = Wire->new($node);
	$session->run(@lock, "SET plpgsql.nothing = 'agent'");
	is($session->query('DO $$ BEGIN END $$')->{code}, '', 'no setting of the library: it is loaded');
	is($session->query('SHOW plpgsql.nothing')->{code}, '42704', 'no setting of the library: thrown away');
	$session->quit;
}

# A library that fails in the midst of its start has its settings pinned as well.
for my $case ([ "as the host has it", [ "SET writer.note = 'fail'" ], [] ], [ 'as the agent has it', [], [ "SET writer.note = 'fail'" ] ])
{
	my ($name, $host, $agent) = @$case;
	my $session = Wire->new($node);
	$session->run(@$host, @lock, @$agent, $command, "SET another.note = 'agent'");
	is($session->query('SELECT settings()')->{message}, 'writer does not start', "a library that fails, $name: fails");
	is($session->run('SHOW writer.command'), 'none', "a library that fails, $name: a superuser's setting is not the agent's");
	is($session->query($command)->{code}, '55P02', "a library that fails, $name: pinned then");
	is($session->run('SHOW another.note'), 'agent', "a library that fails, $name: another library's setting is as it was");
	$session->quit;
}

# What is pinned by name holds before its library is there, from the beginning on.
{
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked '
		. '-c pg_session_readonly.pinned_settings=work_mem,writer.command,writer.note');
	is(join(' ', map { $session->query($_)->{code} } $command, $note), '55P02 55P02', 'pinned by name as the session begins: neither can be SET');
	is($session->run('SELECT settings()'), 'none none', 'pinned by name as the session begins: nothing was given');
	$session->quit;
}

# What acts may be SET by anyone: what the agent gave is thrown away as the library
# comes, and what the host gave is not.
{
	my $rows = slurp_file("$FindBin::RealBin/../src/acting_settings.h");
	my @acting = $rows =~ /^ACTING_SETTING\("([^"]+)"/mg;
	cmp_ok(scalar @acting, '>', 10, 'settings that act: the rows are read');
	my $session = Wire->new($node);
	$session->run("SET $acting[0] = 'host'", "SET $acting[1] = 'host'", @lock);
	is($session->query("SET $acting[0] = 'agent'")->{code}, '55P02', 'settings that act, before their library is there: pinned, if the host gave a value');
	$session->run((map { "SET $_ = 'agent'" } @acting[2 .. $#acting]), 'BEGIN', (map { "SET LOCAL $_ = 'local'" } @acting[2 .. $#acting]),
		'SAVEPOINT a', (map { "SELECT set_config('$_', 'again', false)" } @acting[2 .. $#acting]), 'SELECT settings()');
	for my $end ('SELECT 1', 'RELEASE a', 'COMMIT', 'RESET ALL')
	{
		$session->run($end);
		is(join(' ', grep { $_ } map { $session->run("SHOW $_") } @acting), 'host host',
			"settings that act: as a library has come, $end: what the agent gave is gone");
	}
	$session->quit;
}

# Likewise, a setting that acts and that the library defines: core gets the value of before
# the lock, and RESET ALL goes through its lists.
for my $case (
	[ 'nothing given', '', '' ],
	[ "the agent's", '', "SET pljs.start_proc = 'agent'" ],
	[ "the agent's, in a transaction", '', 'BEGIN', "SET LOCAL pljs.start_proc = 'agent'", 'SAVEPOINT a', "SET pljs.start_proc = 'agent'" ],
	[ "the agent's, twice", '', "SET pljs.start_proc = 'agent'", 'BEGIN', "SET pljs.start_proc = 'agent'" ])
{
	my ($name, @statements) = @$case;
	for my $end ('RESET ALL', 'DISCARD ALL')
	{
		my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked');
		$session->run(grep { $_ } @statements, "SET writer.note = 'acts'", 'SELECT settings()');
		unlike($session->run('SELECT hooks_told()'), qr/agent/, "a setting that acts, $name: the library is not told");
		is($session->run('SHOW pljs.start_proc'), 'none', "a setting that acts, $name: what is in force");
		$session->query('COMMIT') if grep { /BEGIN/ } @statements;
		$session->run($end, $end, 'DO $$ BEGIN END $$');
		is($session->query("SET pljs.start_proc = 'agent'")->{code}, '55P02', "a setting that acts, $name, $end: pinned then");
		$session->quit;
	}
}

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

	# one that comes up in a worker alone
	$session = Wire->new($node);
	$session->run(@lock, "SET $force = on", 'SET parallel_leader_participation = off', $command);
	$node->safe_psql('postgres', q(
		ALTER FUNCTION hooks_told() PARALLEL SAFE;
		CREATE FUNCTION outer_told() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN hooks_told(); END'));
	is($session->run('SELECT DISTINCT outer_told() FROM big'), 'none ', "a worker's own library: its hooks are not told");
	is($session->run('SHOW writer.command'), 'agent', "a worker's own library: the leader has not loaded it");
	$session->quit;
}

# --- a function that is refused: its library is not even loaded ---
{
	my $session = Wire->new($node);
	$session->run(@lock);
	is($session->query('SELECT volatile_settings()')->{code}, '25006', 'a refused function: refused');
	is($session->query('SHOW writer.command')->{code}, '42704', 'a refused function: its library is not loaded');
	is($session->run('SELECT settings()'), 'none none', 'a function that runs');
	is($session->run('SHOW writer.command'), 'none', 'a function that runs: its library is loaded');
	$session->quit;
}

# --- a LOAD that an administrator has allowed, by an ordinary user ---
{
	$node->safe_psql('postgres', q(CREATE ROLE loader LOGIN));
	my $session = Wire->new($node, user => 'loader', options => '-c local_preload_libraries=pg_session_readonly');
	$session->run("SET pg_session_readonly.mode = locked");
	is($session->query("LOAD 'auto_explain'")->{code}, '25006', 'LOAD by an ordinary user: refused');
	$session->quit;
	$session = Wire->new($node, user => 'loader',
		options => q(-c local_preload_libraries=pg_session_readonly -c pg_session_readonly.denied_commands=default,-LOAD));
	$session->run("SET pg_session_readonly.mode = locked");
	is($session->query("LOAD 'auto_explain'")->{code}, '42501', 'allowed LOAD by an ordinary user: from plugins only');
	is($session->query('SHOW auto_explain.log_min_duration')->{code}, '42704', 'allowed LOAD by an ordinary user: nothing loaded');
	$session->quit;
}

# --- and by a superuser: the library does not get what the session has said before ---
{
	my $session = Wire->new($node);
	$session->run(q(SET pg_session_readonly.denied_commands = 'default, -LOAD'), @lock, q(SET auto_explain.log_min_duration = 0));
	is($session->query("LOAD 'auto_explain'")->{code}, '', 'allowed LOAD: loads');
	is($session->run('SHOW auto_explain.log_min_duration'), '-1', "allowed LOAD: the agent's value is thrown away");
	is($session->query('SET auto_explain.log_min_duration = 0')->{code}, '55P02', 'allowed LOAD: pinned then');
	$session->quit;
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
