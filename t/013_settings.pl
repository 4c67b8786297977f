# Settings that come with a library: what the untrusted side gave them before the
# library was loaded must not reach its code, and what the host gave them must.
# And: switched off, the session has all its settings back, whatever happened in
# between; a pinned setting is pinned in parallel workers as well, and when its line is
# taken out of the configuration file; what is no session cannot be made read-only.

use strict;
use warnings;
use File::Basename;
use File::Spec;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

# Put these lines into the configuration file, and have the sessions read it.
my $include = $node->data_dir . '/lines.conf';
my $marker = 1;
append_to_file($include, '');
$node->append_conf('postgresql.conf', "include = 'lines.conf'");

sub configure
{
	my ($lines, @sessions) = @_;

	$marker++;
	unlink $include;
	append_to_file($include, join('', map { "$_ = $lines->{$_}\n" } sort keys %$lines) . "seq_page_cost = $marker\n");
	$node->reload;
	for my $session (@sessions)
	{
		my $tries = 10 * $PostgreSQL::Test::Utils::timeout_default;
		while ($session->run('SHOW seq_page_cost') ne $marker)
		{
			die 'the file is not read' if --$tries < 0;
			select(undef, undef, undef, 0.1);
		}
	}
}

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

	# a function that was looked at before the lock, and whose library was not loaded
	$session = Wire->new($node);
	$session->run("SET pg_session_readonly.allowed_functions = 'definer_f'", $lock[0],
		'EXPLAIN SELECT definer_f()', $lock[1], "SET plperl.on_plperlu_init = $attack");
	is($session->run('SELECT definer_f()'), '42', 'plperlu: explained before the lock: runs');
	ok(!-e $file, 'plperlu: explained before the lock: without the setting');
	unlink $file;
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
	CREATE FUNCTION hooks_told() RETURNS text AS '$writer', 'writer_told' LANGUAGE C STABLE;
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

# So does what acts, whoever may set it: it is not even given a value.
{
	my $rows = slurp_file("$FindBin::RealBin/../src/acting_settings.h");
	my @acting = $rows =~ /^ACTING_SETTING\("([^"]+)"/mg;
	my $session = Wire->new($node);
	cmp_ok(scalar @acting, '>', 10, 'settings that act: the rows are read');
	$session->run("SET $acting[0] = 'host'", @lock);
	is(join(' ', grep { $session->query("SET $_ = 'agent'")->{code} ne '55P02' } @acting), '', 'settings that act, before their library is there: none can be SET');
	is(join(' ', grep { $session->query("SELECT set_config('$_', 'agent', true)")->{code} ne '55P02' } @acting), '', 'settings that act, before their library is there: nor by set_config()');
	is($session->run("SHOW $acting[0]"), 'host', "settings that act, before their library is there: the host's value stays");
	$session->quit;
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

# --- a library that somebody else loads ---
# Core loads the library of a function that is SECURITY DEFINER or has a SET clause
# before it asks any hook, and where no expression calls the function nobody has seen
# it before.  What was given to the library's settings is taken back, and they are
# pinned, before the function's own code.
$node->safe_psql('postgres', q(
	CREATE FUNCTION plpgsql_compare(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
		'BEGIN RETURN $1 - $2; END';
	CREATE FUNCTION plpgsql_clause_compare(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS
		'BEGIN RETURN $1 - $2; END';
	CREATE FUNCTION plpgsql_trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';));
# Two ways to have a function called by none of a query's expressions: a sort by an
# operator of its class, and a temporary table's trigger.
sub define_order
{
	my ($function, $less, $greater) = @_;
	$node->safe_psql('postgres', qq(
		CREATE OPERATOR $less (LEFTARG = int, RIGHTARG = int, PROCEDURE = int4lt, COMMUTATOR = $greater);
		CREATE OPERATOR $greater (LEFTARG = int, RIGHTARG = int, PROCEDURE = int4gt, COMMUTATOR = $less);
		CREATE OPERATOR CLASS ${function}_ops FOR TYPE int USING btree AS
			OPERATOR 1 $less, OPERATOR 3 =, OPERATOR 5 $greater, FUNCTION 1 $function(int, int)));
	return "SELECT i FROM generate_series(1, 2) i ORDER BY i USING $less";
}
my %calls = (
	'SECURITY DEFINER' => define_order('plpgsql_compare', '<%', '%>'),
	'SET clause' => define_order('plpgsql_clause_compare', '<%%', '%%>'),
	'trigger' => 'INSERT INTO mine VALUES (1)');
for my $way (sort keys %calls)
{
	my $extra = "SET plpgsql.extra_errors = 'all'";
	for my $pinned ('superuser, plpgsql.extra_errors', 'superuser')
	{
		my $session = Wire->new($node);
		my $name = "loaded by core, $way, " . ($pinned eq 'superuser' ? 'not pinned' : 'pinned by name');
		my $expected = $pinned eq 'superuser' ? '' : '55P02';

		$session->run('CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION plpgsql_trigger()',
			"SET pg_session_readonly.pinned_settings = '$pinned'", @lock);
		is($session->query($extra)->{code}, $expected, "$name: SET");
		$session->run($calls{$way});
		is($session->run('SHOW plpgsql.extra_errors'), $expected ? 'none' : 'all', "$name: SET before");
		is($session->query($extra)->{code}, $expected, "$name: SET after");
		is($session->run('SHOW plpgsql.extra_errors'), $expected ? 'none' : 'all', "$name: what is in force then");
		$session->quit;

		# what was given to another library's settings is still the agent's
		$session = Wire->new($node);
		$session->run('CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION plpgsql_trigger()',
			"SET pg_session_readonly.pinned_settings = '$pinned'", @lock, $command, $calls{$way});
		is($session->run('SELECT settings()'), 'none none', "$name: another library's, later");
		$session->quit;

		# what the host gave stays
		$session = Wire->new($node);
		$session->run('CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION plpgsql_trigger()',
			"SET plpgsql.extra_errors = 'too_many_rows'",
			"SET pg_session_readonly.pinned_settings = '$pinned'", @lock, $calls{$way});
		is($session->run('SHOW plpgsql.extra_errors'), 'too_many_rows', "$name: the host's");
		$session->quit;
	}
}
# Likewise in the midst of a parallel query, of which a leader without workers runs all.
my @alone = ("SET $force = on", 'SET max_parallel_workers = 0');
$node->safe_psql('postgres', qq(
	CREATE FUNCTION load(text) RETURNS bool AS '$writer', 'writer_load' LANGUAGE C STABLE;
	CREATE FUNCTION plpgsql_plain_compare(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN RETURN \$1 - \$2; END';));
{
	# another library that another function has loaded in the meantime
	my $session = Wire->new($node);
	$session->run(@lock, 'SET auto_explain.log_min_duration = 0', "SELECT load('auto_explain')", @alone, $calls{'SECURITY DEFINER'});
	is($session->run('SHOW auto_explain.log_min_duration'), '-1', "loaded before a parallel query: the agent's value is thrown away");
	is($session->query('SET auto_explain.log_min_duration = 0')->{code}, '55P02', 'loaded before a parallel query: pinned then');
	$session->quit;

	# seen as the next function is, though that one's library has been loaded
	$session = Wire->new($node);
	$session->run(@lock, 'SET auto_explain.log_min_duration = 0', "SELECT load('auto_explain')", 'SELECT hooks_told()');
	is($session->run('SHOW auto_explain.log_min_duration'), '-1', "loaded by a function of a library: the agent's value is thrown away");
	is($session->query('SET auto_explain.log_min_duration = 0')->{code}, '55P02', 'loaded by a function of a library: pinned then');
	$session->quit;

	# core says of a setting that it cannot be set then; that is enough
	my $order = define_order('plpgsql_plain_compare', '<%-', '-%>');
	$session = Wire->new($node);
	$session->run(@lock, 'SET plpgsql.check_asserts = off', @alone);
	my $notices = $session->query($order)->{notices};
	cmp_ok(scalar @$notices, '<=', 1, 'loaded in a parallel query: no more than one notice') or diag "@$notices";
	$session->quit;
}
SKIP:
{
	skip 'no plperl', 18 if $plperl ne '2';
	$node->safe_psql('postgres', q(
		CREATE FUNCTION perl_compare(int, int) RETURNS int LANGUAGE plperl IMMUTABLE SECURITY DEFINER AS
			'return $_[0] <=> $_[1]';
		CREATE FUNCTION perl_clause_compare(int, int) RETURNS int LANGUAGE plperl IMMUTABLE SET search_path = pg_catalog AS
			'return $_[0] <=> $_[1]';
		CREATE FUNCTION perl_trigger() RETURNS trigger LANGUAGE plperl SECURITY DEFINER AS 'return;';));
	%calls = (
		'SECURITY DEFINER' => define_order('perl_compare', '<#%', '%#>'),
		'SET clause' => define_order('perl_clause_compare', '<##%', '%##>'),
		'trigger' => 'INSERT INTO mine VALUES (1)');
	for my $way (sort keys %calls)
	{
		my $init = qq(SET plperl.on_plperlu_init = 'system("touch $file")');
		for my $order ([ 'SET before', $init, $calls{$way} ], [ 'SET after', $calls{$way}, $init ])
		{
			my ($name, @statements) = @$order;
			my $session = Wire->new($node);

			$name = "plperl loaded by core, $way, $name";
			$session->run('CREATE TEMP TABLE mine (i int)',
				'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION perl_trigger()',
				"SET pg_session_readonly.allowed_functions = 'f'", @lock);
			$session->query($_) for @statements;
			is($session->run('SELECT f()'), '42', "$name: runs");
			ok(!-e $file, "$name: without the setting");
			unlink $file;
			is($session->query($init)->{code}, '55P02', "$name: pinned");
			$session->quit;
		}
	}
}

# --- old names ---
# Core knows some settings by a former name as well.  Up to 15 a list takes only the
# present one.
{
	my $session = Wire->new($node);
	$session->run("LOAD 'pg_session_readonly'");
	if ($node->pg_version < 16)
	{
		is($session->query("SET pg_session_readonly.pinned_settings = 'sort_mem'")->{code}, '22023', 'old name: refused');
		$session->run("SET pg_session_readonly.pinned_settings = 'work_mem'");
	}
	else
	{
		$session->run("SET pg_session_readonly.pinned_settings = 'sort_mem'");
	}
	$session->run($lock[1]);
	is($session->query("SET $_ = '5MB'")->{code}, '55P02', "old name: SET $_") for ('work_mem', 'sort_mem');
	is($session->run('SHOW work_mem'), '4MB', 'old name: pinned');
	$session->quit;
}

# --- on, and off again ---
# All there is to see of all settings, but for the mode's own row; and what only code in
# C sees, given().
my $all = q(SELECT name, setting, reset_val, source, context, boot_val, sourcefile, sourceline, pending_restart, given(name)
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
	"SET pg_session_readonly.allowed_functions = 'given'",
	"SET pg_session_readonly.denied_commands = 'default, -ANALYZE'",
	"SET pg_session_readonly.pinned_settings = 'superuser, search_path'");
for my $case (
	[ 'as it comes', {}, [] ],
	[ 'given by SET', {}, [ 'SET track_counts = off', 'SET default_transaction_read_only = on', @policy ] ],
	[ 'given by SET and not', {}, [ 'SET track_counts = on', 'SET default_transaction_read_only = off', $policy[0] ] ],
	[ 'given by SET, as another role', {},
		[ 'SET ROLE setter', 'SET track_counts = off', 'SET default_transaction_read_only = on', 'RESET ROLE' ] ],
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
	is($session->run(q(SELECT string_agg(reset_val, '') FROM pg_settings WHERE name IN ('track_counts', 'default_transaction_read_only'))),
		'onon', "off again, $name: reset values in between");
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
	[ 'off in one, then SET, rolled back', $on, 'BEGIN', $off, 'SET track_counts = on', 'SET default_transaction_read_only = off',
		'ROLLBACK', $off ],
	[ 'off in one, then SET and SET LOCAL, rolled back', $on, 'BEGIN', $off, 'SET track_counts = on', 'SET LOCAL track_counts = off',
		'SET default_transaction_read_only = off', 'SET LOCAL default_transaction_read_only = on', 'ROLLBACK', $off ],
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

# What the transaction would have left if it had committed is what off gives back,
# and what stays, also if the transaction is rolled back after all.
my $read_only = 'default_transaction_read_only =';
my $denied = 'pg_session_readonly.denied_functions =';
for my $case (
	[ 'SET LOCAL', 'SET LOCAL track_counts = on', "SET LOCAL $read_only off" ],
	[ 'SET', 'SET track_counts = on', "SET $read_only off" ],
	[ 'SET, then SET LOCAL', 'SET track_counts = on', 'SET LOCAL track_counts = off', "SET $read_only off", "SET LOCAL $read_only on" ],
	[ 'SET as another role, then SET LOCAL', 'SET ROLE setter', 'SET track_counts = on', "SET $read_only off", 'RESET ROLE',
		'SET LOCAL track_counts TO DEFAULT', "SET LOCAL default_transaction_read_only TO DEFAULT" ],
	[ 'SET LOCAL, then SET', 'SET LOCAL track_counts = on', 'SET track_counts = on', "SET LOCAL $read_only on", "SET $read_only off" ],
	[ 'SET in a subtransaction', 'SAVEPOINT a', 'SET track_counts = on', "SET $read_only off" ],
	[ 'SET LOCAL in a subtransaction', 'SAVEPOINT a', 'SET LOCAL track_counts = on', "SET LOCAL $read_only off" ],
	[ 'SET in a subtransaction that has been rolled back', 'SAVEPOINT a', 'SET track_counts = on', "SET $read_only off", 'ROLLBACK TO a' ],
	[ 'SET, then SET LOCAL in a subtransaction', 'SET track_counts = on', "SET $read_only off",
		'SAVEPOINT a', 'SET LOCAL track_counts = off', "SET LOCAL $read_only on" ],
	[ 'SET LOCAL, then SET in a subtransaction', 'SET LOCAL track_counts = on', "SET LOCAL $read_only off",
		'SAVEPOINT a', 'SET track_counts = on', "SET $read_only off" ],
	[ 'SET LOCAL, then both in a subtransaction', 'SET LOCAL track_counts = on', "SET LOCAL $read_only off",
		'SAVEPOINT a', 'SAVEPOINT b', 'SET track_counts = on', "SET $read_only off", 'SET LOCAL track_counts = off', "SET LOCAL $read_only on" ],
	[ 'RESET', 'RESET track_counts', "RESET default_transaction_read_only" ],
	[ 'policy: SET', "SET $denied 'here'" ])
{
	my ($name, @statements) = @$case;

	for my $earlier ([ '' ], [ ', SET before', 'SET track_counts = on', "SET $read_only off", @policy ],
		[ ', SET before as another role', 'SET ROLE setter', 'SET track_counts = on', "SET $read_only off", 'RESET ROLE' ])
	{
		my ($when, @before) = @$earlier;

		for my $end ('COMMIT', 'ROLLBACK')
		{
			my $what = "off in one transaction, $name$when, $end";
			# one given by the client, one stored: by SET it is in another context, and by another role
			my ($session, $reference) = map { Wire->new($node, options => "$loaded -c default_transaction_read_only=on", user => 'dba') } 1, 2;

			$_->run(@before, 'BEGIN', @statements) for ($session, $reference);
			$session->run($on, $off, $end);
			# the transaction's own end, and mode, are not what this is about
			$session->run($off);
			$reference->run('COMMIT');
			is(differences($reference->query($all), $session->query($all)), '', "$what: as if it had committed")
			  unless $end eq 'ROLLBACK' && $name =~ /policy/;
			$_->run('RESET ALL') for ($session, $reference);
			is(differences($reference->query($all), $session->query($all)), '', "$what: RESET ALL");
			$_->quit for ($session, $reference);
		}
	}
}

# Core brings the mode back, at the end of a transaction, subtransaction or function, and
# with it other settings: each is held at the value that it has after that, and given
# back later.  Every one of the policy settings, as the order in which core comes to them
# is not the same in all versions.
for my $case (
	[ 'denied_commands', "'default, LISTEN'", "'default, NOTIFY'", "'default, CHECKPOINT'" ],
	[ 'denied_functions', "'one'", "'two'", "'three'" ],
	[ 'allowed_functions', "'one'", "'two'", "'three'" ],
	[ 'pinned_settings', "'work_mem'", "'work_mem, search_path'", "'search_path'" ])
{
	my ($short, $one, $two, $three) = @$case;
	my $policy = "pg_session_readonly.$short";
	my $untouched = Wire->new($node, options => $loaded);
	my $default = $untouched->run("SHOW $policy");
	$untouched->quit;

	$node->safe_psql('postgres', qq(
		CREATE OR REPLACE FUNCTION off_in_clause() RETURNS text LANGUAGE plpgsql
			SET $policy = $two SET pg_session_readonly.mode = off AS \$\$ BEGIN RETURN 1; END \$\$;
		CREATE OR REPLACE FUNCTION clause_off() RETURNS text LANGUAGE plpgsql
			SET pg_session_readonly.mode = off SET $policy = $two AS \$\$ BEGIN RETURN 1; END \$\$;
		CREATE OR REPLACE FUNCTION off_in_block() RETURNS void LANGUAGE plpgsql SET work_mem = '4MB' AS \$\$ BEGIN
			SET $policy = $two;
			BEGIN
				SET pg_session_readonly.mode = off;
				SET $policy = $three;
				RAISE EXCEPTION 'back';
			EXCEPTION WHEN raise_exception THEN NULL;
			END;
		END \$\$;));
	for my $way (
		# a name, which value lasts, statements
		[ 'SET LOCAL, COMMIT', $two, 'BEGIN', "SET $policy = $two", 'SET LOCAL pg_session_readonly.mode = off', 'COMMIT' ],
		[ 'SET LOCAL, before the policy, COMMIT', $two, 'BEGIN', 'SET LOCAL pg_session_readonly.mode = off',
			"SET $policy = $two", "SET LOCAL $policy = $three", 'COMMIT' ],
		[ 'ROLLBACK', $one, 'BEGIN', 'SET pg_session_readonly.mode = off', "SET $policy = $two", 'ROLLBACK' ],
		[ 'ROLLBACK TO', $two, 'BEGIN', "SET $policy = $two", 'SAVEPOINT a', 'SET pg_session_readonly.mode = off',
			"SET $policy = $three", "SET LOCAL $policy = DEFAULT", 'ROLLBACK TO a', 'COMMIT' ],
		[ "a function's SET clauses", $one, 'SELECT off_in_clause()' ],
		[ "a function's SET clauses, the mode's first", $one, 'SELECT clause_off()' ],
		[ 'a block in a function with a SET clause', $two, 'SELECT off_in_block()' ])
	{
		my ($name, $lasts, @statements) = @$way;
		my $session = Wire->new($node);
		my $what = "brought back by $name, $short";

		$session->run("LOAD 'pg_session_readonly'", "SET $policy = $one", @statements);
		is($session->run('SHOW pg_session_readonly.mode'), 'on', "$what: on");
		is("'" . $session->run("SHOW $policy") . "'", $lasts, "$what: its value");
		$session->run($off);
		is("'" . $session->run("SHOW $policy") . "'", $lasts, "$what: its value, when it is off");
		$session->run("RESET $policy");
		is($session->run("SHOW $policy"), $default, "$what: its reset value");
		$session->quit;
	}

	# what the configuration file says meanwhile is not what was there before
	my $session = Wire->new($node);
	$session->run("LOAD 'pg_session_readonly'");
	configure({ $policy => $one }, $session);
	$session->run($off, "RESET $policy");
	is($session->run("SHOW $policy"), $default, "reload while it is on, $short: its reset value");
	$session->quit;
	configure({});
}
{
	my $session = Wire->new($node);
	$session->run("LOAD 'pg_session_readonly'", 'BEGIN', 'SET default_transaction_read_only = on',
		'SET LOCAL pg_session_readonly.mode = off', 'SET default_transaction_read_only = on', 'COMMIT', $off);
	is($session->run('SHOW default_transaction_read_only'), 'on', 'brought back by COMMIT: what was SET is given back later');
	$session->quit;
}

# An entry of a setting's stack is freed as its subtransaction is rolled back, and
# another may come to lie at its place: nothing may be kept by the address.
for my $between (0 .. 8)
{
	for my $setting ([ 'default_transaction_read_only', 'on', 'off' ],
		[ 'pg_session_readonly.denied_functions', "'first, and_a_longer_name'", "'second'" ],
		[ 'pg_session_readonly.pinned_settings', "'work_mem'", "'superuser'" ])
	{
		my ($name, $one, $other) = @$setting;
		my $what = "a stack's entry, $name, $between between";
		my $session = Wire->new($node);
		my @others = map { "SET LOCAL $_" } ("work_mem = '4MB'", 'enable_seqscan = on', 'enable_hashjoin = on', 'enable_sort = on',
			'enable_nestloop = on', "DateStyle = 'ISO'", 'enable_material = on', 'enable_memoize = on');

		$session->run("LOAD 'pg_session_readonly'", $off);
		my $settings = $session->query($all);
		$session->run('BEGIN', 'SAVEPOINT a', 'SAVEPOINT b', 'SAVEPOINT c', "SET LOCAL $name = $one");
		my @steps = ($on, 'ROLLBACK TO a', @others[0 .. $between - 1], "SET LOCAL $name = $one", $off, "SET $name = $other", 'SAVEPOINT d',
			"SET LOCAL $name = $one", 'RELEASE d', 'RELEASE a', 'COMMIT', "RESET $name", $off);
		my $codes = join(' ', map { $session->query($_)->{code} || 'ok' } @steps);
		is($codes, join(' ', ('ok') x @steps), "$what: goes on");
		is(differences($settings, $session->query($all)), '', "$what: all settings as before");
		$session->quit;
	}
}

# A value that SET LOCAL hides does not come back in a session that is locked meanwhile.
{
	my $session = Wire->new($node, options => $loaded);
	my (@statements, @seen);

	for my $setting ([ 'track_counts', 'off', 'on' ], [ 'default_transaction_read_only', 'off', 'on' ],
		[ 'pg_session_readonly.denied_functions', 'hidden', 'local' ], [ 'statement_timeout', '2h', '1h' ])
	{
		my ($name, $hidden, $local) = @$setting;
		push @statements, "SET $name = '$hidden'", "SET LOCAL $name = '$local'";
		push @seen, "SHOW $name";
	}
	$session->run("SET pg_session_readonly.pinned_settings = 'statement_timeout'", 'BEGIN', @statements, $lock[1], 'COMMIT');
	is(join(' ', map { $session->run($_) } @seen), 'on on local 1h', 'locked after SET LOCAL, COMMIT');
	$session->quit;
}

# A transaction that is rolled back brings the mode back, and the policy with it.
for my $setting ('denied_commands', 'denied_functions', 'allowed_functions', 'pinned_settings')
{
	my $policy = "SET pg_session_readonly.$setting = ''";
	my $local = "SET LOCAL pg_session_readonly.$setting = DEFAULT";

	for my $statements ([ $off, $policy ], [ $policy, $off ], [ $off, $policy, $local ], [ $policy, $local, $off ])
	{
		my $session = Wire->new($node);
		my $name = "$setting, " . join('; ', @$statements);

		$session->run("LOAD 'pg_session_readonly'");
		my $before = $session->run("SHOW pg_session_readonly.$setting");
		$session->run('BEGIN', @$statements, 'ROLLBACK');
		is($session->run('SHOW pg_session_readonly.mode'), 'on', "off rolled back, $name: on");
		is($session->run("SHOW pg_session_readonly.$setting"), $before, "off rolled back, $name: the policy as it was");
		$session->run($off);
		is($session->run("SHOW pg_session_readonly.$setting"), $before, "off rolled back, $name: and after off");
		$session->quit;

		# the policy may have been set in the same transaction before
		my $here = $setting eq 'pinned_settings' ? 'work_mem' : 'default, ANALYZE';
		$session = Wire->new($node);
		$session->run("LOAD 'pg_session_readonly'", 'BEGIN', "SET pg_session_readonly.$setting = '$here'", 'SAVEPOINT a',
			@$statements, 'ROLLBACK TO a');
		is($session->run('SHOW pg_session_readonly.mode'), 'on', "off rolled back to a savepoint, $name: on");
		is($session->run("SHOW pg_session_readonly.$setting"), $here, "off rolled back to a savepoint, $name: the policy as it was");
		$session->run('COMMIT');
		is($session->run("SHOW pg_session_readonly.$setting"), $here, "off rolled back to a savepoint, $name: and after COMMIT");
		$session->quit;
	}
}

# What RESET does to a held setting leaves it what it was when it was held.
{
	my $session = Wire->new($node, options => $loaded);
	$session->run('SET default_transaction_read_only = on', $on, 'RESET default_transaction_read_only', $off);
	my $row = q(SELECT setting, source FROM pg_settings WHERE name = 'default_transaction_read_only');
	is($session->run($row), 'on|session', 'RESET while held: given back as it was');
	$node->safe_psql('postgres', q(
		CREATE FUNCTION read_only_there() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS
			$$ BEGIN RETURN current_setting('default_transaction_read_only') || pg_backend_pid(); END $$;));
	my ($there, $pid) = $session->run("SET $force = on", 'SELECT read_only_there()') =~ /^([a-z]+)(\d+)$/;
	isnt($pid, $session->run('SELECT pg_backend_pid()'), 'RESET while held: there is a worker');
	is($there, 'on', 'RESET while held: a worker is told');
	$session->run('RESET ALL');
	is($session->run($row), 'off|default', 'RESET while held: RESET ALL afterwards');
	$session->quit;
}

# What is brought back while it is held is what parallel workers are told.
$node->safe_psql('postgres', q(
	CREATE FUNCTION mode_there() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN
		RETURN current_setting('pg_session_readonly.mode') || ' ' || current_setting('pg_session_readonly.denied_functions')
			|| ' ' || pg_backend_pid(); END $$;));
for my $case (
	[ 'RESET', $on, 'RESET pg_session_readonly.mode', 'RESET pg_session_readonly.denied_functions' ],
	[ 'ROLLBACK', 'BEGIN', $on, 'ROLLBACK' ],
	[ 'end of SET LOCAL', 'BEGIN', 'SET LOCAL pg_session_readonly.mode = on', 'COMMIT' ])
{
	my ($name, @statements) = @$case;
	my $session = Wire->new($node, options => $loaded);
	$session->run("SET $denied 'given'", @statements, "SET $force = on");
	my ($there, $pid) = $session->run('SELECT mode_there()') =~ /^(.*) (\d+)$/;
	isnt($pid, $session->run('SELECT pg_backend_pid()'), "brought back by $name: there is a worker");
	is($there, 'on given', "brought back by $name: a worker is told");
	$session->quit;
}

# RESET ALL by anyone does not undo a superuser's policy.
{
	my $session = Wire->new($node, options => $loaded);
	$session->run($on, "SET $denied 'given'", 'SET ROLE setter', 'RESET ALL');
	is($session->run('SHOW pg_session_readonly.denied_functions'), 'given', 'RESET ALL while held: the policy stays');
	$session->quit;
}

# By LOAD: it makes the session read-only, and off gives back what was there.
{
	my $session = Wire->new($node, user => 'dba');
	my $settings = $session->query($all);
	$session->run("LOAD 'pg_session_readonly'", 'SELECT 1', $off);
	my $after = $session->query($all);
	@{ $after->{rows} } = grep { !/^pg_session_readonly/ } @{ $after->{rows} };
	is(differences($settings, $after), '', 'off again, after LOAD: all settings as before');
	$session->run('SET default_transaction_read_only = off', 'CREATE TABLE written (i int)', 'DROP TABLE written');
	is($session->run('SELECT count(*) FROM pg_class WHERE relname = \'written\''), '0', 'off again: it writes');
	$session->quit;
}

# --- off and on again, many times ---
# After each round all is as in a session that never was read-only.
{
	my ($session, $reference) = map { Wire->new($node, options => $loaded, user => 'dba') } 1, 2;
	my @sets = ('SET track_counts = on', 'SET default_transaction_read_only = off', "SET work_mem = '5MB'", @policy);
	my @all = ((map { [ $_ ] } @sets), (map { /^SET (\S+)/; [ "RESET $1" ] } @sets), \@sets, [ 'RESET ALL' ]);
	my @different;

	$_->run('DO $$ BEGIN END $$') for ($session, $reference);
	my $settings = $session->query($all);
	for my $round (1 .. 50)
	{
		my $in_one = $round % 3 == 0;
		my @statements = (($in_one ? 'BEGIN' : ()), @{ $all[$round * 5 % @all] });
		my @end = $in_one ? 'COMMIT' : ();
		# a superuser's to set while it is on
		my $policy = "SET pg_session_readonly.denied_functions = 'round$round'";

		$session->run(@statements, $on, $policy, 'RESET default_transaction_read_only', $off, @end);
		$reference->run(@statements, $policy, @end);
		my $difference = differences($reference->query($all), $session->query($all));
		push @different, "round $round: $difference" if $difference;
	}
	is(join("\n", @different), '', 'off and on 50 times: each time all settings as they should be');
	$_->run('RESET ALL') for ($session, $reference);
	is(differences($settings, $session->query($all)), '', 'off and on 50 times: RESET ALL');
	$session->run('SET default_transaction_read_only = off', 'CREATE TABLE written (i int)', 'DROP TABLE written');
	$_->quit for ($session, $reference);
}

# --- a function's SET clause in a parallel worker ---
# What the leader refuses is refused there too: the pins are the same.
for my $preload ('session_preload_libraries', 'shared_preload_libraries')
{
	my @options = (options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');

	if ($preload eq 'shared_preload_libraries')
	{
		$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'");
		$node->restart;
		@options = ();
	}
	else
	{
		$node->safe_psql('postgres', q(
			CREATE FUNCTION pinned_clause() RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET statement_timeout = 0 AS
				$$ BEGIN RETURN current_setting('statement_timeout'); END $$;
			CREATE FUNCTION superuser_clause() RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET log_min_messages = panic AS
				$$ BEGIN RETURN current_setting('log_min_messages'); END $$;
			CREATE FUNCTION free_clause() RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET work_mem = '5MB' AS
				$$ BEGIN RETURN current_setting('work_mem') || ' ' || current_setting('statement_timeout') || ' ' || pg_backend_pid(); END $$;));
	}
	my $session = Wire->new($node, @options);
	my $pid = $session->run('SELECT pg_backend_pid()');
	$session->run("SET statement_timeout = '1h'", "SET pg_session_readonly.pinned_settings = 'superuser, statement_timeout'", $lock[1]);
	for my $parallel ('off', 'on')
	{
		my $name = "$preload, SET clause, " . ($parallel eq 'on' ? 'in a worker' : 'in the leader');

		$session->run("SET $force = $parallel");
		my ($here) = (my $free = $session->run('SELECT free_clause()')) =~ /(\d+)$/;
		is($here eq $pid ? 'off' : 'on', $parallel, "$name: where it runs");
		like($free, qr/^5MB 1h /, "$name: of a free setting");
		is($session->query('SELECT pinned_clause()')->{code}, '55P02', "$name: of a pinned setting");
		is($session->query('SELECT superuser_clause()')->{code}, '55P02', "$name: of a superuser's setting");
	}
	$session->quit;
}
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;

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

# --- a library that was not loaded to guard, in a parallel worker ---
{
	my $force = $node->safe_psql('postgres',
		"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
	my $session = Wire->new($node);
	$session->run(q(CREATE FUNCTION pg_temp.lock_it() RETURNS text AS '$libdir/pg_session_readonly', 'pg_session_readonly_lock' LANGUAGE C),
		"SET $force = on");
	is($session->run(q(SELECT current_setting('pg_session_readonly.mode') FROM pg_class LIMIT 1)), 'off',
		'loaded by CREATE FUNCTION: off, in a parallel worker too');
	$session->quit;
}

# --- a value of the configuration file, whose line is taken out ---
# A session that holds the value keeps it, and so do its parallel workers; one that
# is switched off follows the file again.
{
	my %lines = ('work_mem' => "'11MB'", 'pg_session_readonly.denied_functions' => "'told'",
		'default_transaction_read_only' => 'on', 'track_counts' => 'off');
	my $row = q(SELECT name, setting, source FROM pg_settings WHERE name IN ('work_mem', 'pg_session_readonly.denied_functions',
		'default_transaction_read_only', 'track_counts') ORDER BY name COLLATE "C");

	$node->safe_psql('postgres', q(
		CREATE FUNCTION told() RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN 1; END';
		CREATE FUNCTION in_worker() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN
			RETURN current_setting('work_mem') || ' ' || current_setting('pg_session_readonly.denied_functions')
				|| ' ' || pg_backend_pid(); END $$;));
	for my $preload ('shared_preload_libraries', 'session_preload_libraries')
	{
		my $name = "line taken out, $preload";

		$node->append_conf('postgresql.conf', "shared_preload_libraries = '"
			. ($preload eq 'shared_preload_libraries' ? 'pg_session_readonly' : '') . "'");
		$node->restart;
		configure(\%lines);
		my ($locked, $switched) = map { Wire->new($node, options => $loaded) } 1, 2;
		# the end of a transaction brings it back as well
		$locked->run("SET pg_session_readonly.pinned_settings = 'work_mem'", 'BEGIN', "SET work_mem = '1MB'", 'RESET work_mem',
			$lock[1], 'ROLLBACK');
		my $before = $switched->run('DO $$ BEGIN END $$', $row);
		like($before, qr/work_mem\|11264\|configuration file/, "$name: from the file");
		$switched->run($on);
		my $pid = $locked->run('SELECT pg_backend_pid()');

		configure({ %lines, 'pg_session_readonly.denied_functions' => "'changed'" }, $locked, $switched);
		is($_->run('SHOW pg_session_readonly.denied_functions'), 'told', "$name: it is changed first") for ($locked, $switched);
		configure({}, $locked, $switched);
		$switched->run('RESET pg_session_readonly.denied_functions');
		for my $parallel ('off', 'on')
		{
			my $where = $parallel eq 'on' ? 'in a worker' : 'in the leader';

			$locked->run("SET $force = $parallel");
			my ($answer, $here) = $locked->run('SELECT in_worker()') =~ /^(.*) (\d+)$/;
			is($here eq $pid ? 'off' : 'on', $parallel, "$name: runs $where");
			is($answer, '11MB told', "$name: $where");
			is($locked->query('SELECT told()')->{code}, '25006', "$name: what is denied $where");

			# not pinned, the session being "on"
			$switched->run("SET $force = $parallel");
			($answer, $here) = $switched->run('SELECT in_worker()') =~ /^(.*) (\d+)$/;
			is($answer, '4MB told', "$name: mode on, $where");
			is($switched->query('SELECT told()')->{code}, '25006', "$name: mode on, what is denied $where");
		}
		is($switched->run('SHOW default_transaction_read_only') . $switched->run('SHOW track_counts'), 'onon',
			"$name: mode on, read-only");

		# the file's next reading is that of any other session
		$switched->run($off, "SET $force = off");
		my $fresh = Wire->new($node, options => $loaded);
		configure({}, $switched, $fresh);
		is($switched->run($row), $fresh->run($row), "$name: off again, follows the file");
		configure(\%lines, $switched, $fresh);
		is($switched->run($row), $fresh->run($row), "$name: off again, follows the file's lines as they come back");
		is($switched->run($row), $before, "$name: off again, as it was");
		$switched->run($on, $off);
		is($switched->run($row), $before, "$name: on and off");
		configure({}, $switched, $fresh);
		is($switched->run($row), $fresh->run($row), "$name: and follows the file again");
		$_->quit for ($locked, $switched, $fresh);
	}
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	configure({});
	$node->restart;
}

# --- a background worker, which is nobody's session ---
# It cannot be made read-only, and says so where it is asked to; what is stored for
# a database or a role is not meant for it.
{
	my $load = q(LOAD 'pg_session_readonly');
	my $set = 'SET pg_session_readonly.mode = locked';
	my $set_config = q(SELECT set_config('pg_session_readonly.mode', 'locked', false));
	my $call = 'SELECT pg_session_readonly_lock()';
	my $write = 'CREATE TABLE written (); DROP TABLE written';

	# the worker's library is looked for by its name
	$node->append_conf('postgresql.conf', "dynamic_library_path = '\$libdir:" . dirname($writer) . "'");
	$node->reload;
	$node->safe_psql('postgres', 'CREATE DATABASE jobs');
	$node->safe_psql('jobs', qq(
		CREATE EXTENSION pg_session_readonly;
		CREATE FUNCTION background(text) RETURNS bool AS '$writer', 'writer_background' LANGUAGE C;
		CREATE TABLE todo (n serial, statement text);
		CREATE TABLE done (n serial, code text);
		CREATE PROCEDURE job() LANGUAGE plpgsql AS
			'DECLARE
				statements text[] := (SELECT array_agg(t.statement ORDER BY t.n) FROM todo t);
				statement text;
				codes text[];
			BEGIN
				FOREACH statement IN ARRAY statements LOOP
					BEGIN
						EXECUTE statement;
						codes := codes || ''ok''::text;
					EXCEPTION WHEN OTHERS THEN
						codes := codes || SQLSTATE::text;
					END;
				END LOOP;
				INSERT INTO done (code) SELECT unnest(codes)
					UNION ALL SELECT current_setting(''pg_session_readonly.mode'', true);
			END';));

	# The SQLSTATE of each statement that a worker has run, and the mode at the end.
	my $job = sub {
		my (@statements) = @_;
		my $session = Wire->new($node, dbname => 'jobs', options => '-c pg_session_readonly.mode=off');

		$session->run('TRUNCATE todo, done',
			(map { "INSERT INTO todo (statement) VALUES (\$\$$_\$\$)" } @statements),
			"SELECT background('CALL job()')");
		my $codes = $session->run(q(SELECT string_agg(code, ' ' ORDER BY n) FROM done));
		$session->quit;
		return $codes;
	};

	is($job->($load, $write), 'ok ok off', 'background worker: LOAD');
	is($job->($load, $set, $on, $set_config, $off, $write), 'ok 0A000 0A000 0A000 ok ok off', 'background worker: LOAD, then SET');
	is($job->($call, $set, $write), '0A000 0A000 ok off', 'background worker: pg_session_readonly_lock()');
	like($job->($set, $load), qr/0A000/, 'background worker: SET, then LOAD');
	for my $stored ('ALTER DATABASE jobs', 'ALTER ROLE CURRENT_USER')
	{
		$node->safe_psql('postgres', "$stored SET pg_session_readonly.mode = locked");
		is($job->($load, $call, $write), 'ok 0A000 ok off', "background worker: $stored, LOAD");
		is($job->($write, $load, $call, $write), 'ok ok 0A000 ok off', "background worker: $stored, LOAD after a write");
		$node->safe_psql('postgres', "$stored RESET pg_session_readonly.mode");
	}

	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'");
	$node->restart;
	is($job->($call, $set, $write), '0A000 0A000 ok off', 'background worker: preloaded');
	for my $stored ('ALTER DATABASE jobs', 'ALTER ROLE CURRENT_USER', 'ALTER SYSTEM')
	{
		my $dba = Wire->new($node, options => '-c pg_session_readonly.mode=off');

		$dba->run("$stored SET pg_session_readonly.mode = locked", 'SELECT pg_reload_conf()');
		$node->poll_query_until('jobs', q(SELECT current_setting('pg_session_readonly.mode') = 'locked'))
		  or die 'the mode is not stored';
		is($job->($write, $call, $set, $write), 'ok 0A000 0A000 ok off', "background worker: preloaded, $stored");
		$dba->run("$stored RESET pg_session_readonly.mode", 'SELECT pg_reload_conf()');
		$node->poll_query_until('jobs', q(SELECT current_setting('pg_session_readonly.mode') = 'off'))
		  or die 'the mode is still stored';
		$dba->quit;
	}
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	$node->restart;
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
