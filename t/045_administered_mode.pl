# The mode that an administrator stored, or wrote into the configuration file, holds
# against the connection string of an ordinary role; and what is no session of a client,
# or no setting of that role.

use strict;
use warnings;
use Administered;
use File::Basename;
use File::Copy;
use File::Spec;
use PostgreSQL::Test::Utils;
use Test::More;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

start_cluster();

# --- a mode in the configuration file, which preloads for sessions ---
my $libdir = $node->config_data('--pkglibdir');
my ($suffix) = $writer =~ /(\.\w+)$/;
for my $list ('pg_session_readonly', "pg_session_readonly$suffix", '$libdir/pg_session_readonly',
	'$libdir/plugins/pg_session_readonly', "$libdir/pg_session_readonly$suffix",
	'auto_explain, "pg_session_readonly"')
{
	for my $mode ('locked', undef)
	{
		restart_with('session_preload_libraries' => $list, 'pg_session_readonly.mode' => $mode,
			'pg_session_readonly.pinned_settings' => 'statement_timeout');
		my $name = "file, $list, mode " . ($mode // 'not given');
		is(mode_of('agent'), $mode // 'on', "$name: as the file says");
		for my $options ($off, $on, "$on $off", $locked)
		{
			my $log = -s $node->logfile;
			is(mode_of('agent', $options), 'locked', "$name, against $options: locked");
			my $weaker = $options ne $locked;
			is(() = slurp_file($node->logfile, $log)
					=~ /LOG:  connection string cannot set "pg_session_readonly\.mode" to/g,
				$weaker ? 1 : 0, "$name, $options: " . ($weaker ? 'one line' : 'no line') . ' in the log');
		}
		no_session('agent', "$off -c statement_timeout=0", 'statement_timeout', "$name: pins hold");
		is(mode_of('boss', $off), 'off', "$name: a superuser's connection string may");
	}
}
as_dba('ALTER ROLE app SET pg_session_readonly.mode = off');
is(mode_of('app', $off), 'off', 'file, a role that an administrator exempted');
is(mode_of('app', $on), 'on', 'file, a role that an administrator exempted, and goes up');
reset_stored();

# A library that is called nearly like ours is not ours.
my $other = File::Spec->rel2abs($node->basedir . "/my_pg_session_readonly_x$suffix");
copy($writer, $other) or die "cannot copy $writer: $!";
chmod(0755, $other);
for my $list ($other, "$other, auto_explain")
{
	restart_with('session_preload_libraries' => $list);
	is(connection('agent')->query("SELECT count(*) FROM pg_settings WHERE name = 'writer.note'")->{rows}[0], 1,
		basename($other) . ' is loaded');
	is(mode_of('agent', "$local $off"), 'off', 'a library called nearly like ours: nobody locks, and off is off');
	is(mode_of('agent', "$local $on"), 'on', 'a library called nearly like ours: nobody locks, and on is on');
	is(mode_of('agent', "$local -c pg_session_readonly.denied_commands=LISTEN"), 'on',
		'a library called nearly like ours: the client sets up its own session');
}

# --- the host's block, once more ---
restart_with('shared_preload_libraries' => '');
as_dba(q(
	ALTER ROLE agent SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'statement_timeout';
	ALTER ROLE agent SET statement_timeout = '30s';
	ALTER ROLE boss SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE boss SET pg_session_readonly.mode = on;));
$node->safe_psql('shop', q(
	CREATE FUNCTION load(text) RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN EXECUTE format('LOAD %L', $1); END $$;
	CREATE PROCEDURE load_p(text) LANGUAGE plpgsql AS
		$$ BEGIN COMMIT; EXECUTE format('LOAD %L', $1); END $$;));
for my $user ('agent', 'boss')
{
	my $session = connection($user);
	my $mode = mode_in($session);
	is($mode, $user eq 'agent' ? 'locked' : 'on', "$user is $mode");
	for my $path ('pg_session_readonly', '$libdir/pg_session_readonly', '$libdir/plugins/pg_session_readonly')
	{
		my $result = $session->query("LOAD '$path'");
		is("$result->{code} @{ $result->{tags} }", ' LOAD', "$user, LOAD '$path': does nothing");
		is($session->extended("LOAD '$path'")->{code}, '', "$user, LOAD '$path': extended protocol");
		is($session->query("DO \$\$ BEGIN EXECUTE 'LOAD ''$path'''; END \$\$")->{code}, '',
			"$user, LOAD '$path': inside DO");
		is($session->query("SELECT load('$path')")->{code}, '', "$user, LOAD '$path': inside a function");
		is($session->query("CALL load_p('$path')")->{code}, '', "$user, LOAD '$path': inside a procedure");
		is($session->query("BEGIN; DECLARE c CURSOR FOR SELECT 1; LOAD '$path'; COMMIT")->{code}, '',
			"$user, LOAD '$path': with an open cursor");
		$session->query('ROLLBACK');
	}
	for my $path ("$libdir/pg_session_readonly$suffix", "$libdir/pg_session_readonly",
		"$libdir/plugins/pg_session_readonly$suffix", "pg_session_readonly$suffix",
		"\$libdir/pg_session_readonly$suffix", '$libdir//pg_session_readonly',
		'$libdir/plugins/../pg_session_readonly', 'PG_SESSION_READONLY', 'pg_session_readonly ',
		'./pg_session_readonly', 'auto_explain', '$libdir/auto_explain', '$libdir/plugins/auto_explain', $other, '')
	{
		my $result = $session->query("LOAD '$path'");
		is($result->{code}, '25006', "$user, LOAD '$path': refused");
		like($result->{detail}, qr/^Refused by pg_session_readonly: /, "$user, LOAD '$path': says by whom");
		is($session->query("DO \$\$ BEGIN EXECUTE 'LOAD ''$path'''; END \$\$")->{code}, '25006',
			"$user, LOAD '$path': refused inside DO");
	}
	is(mode_in($session), $mode, "$user is still $mode");
	$session->quit;
}
{
	my $session = connection('agent');
	for my $time (1, 2)
	{
		for my $sql ("LOAD '\$libdir/plugins/pg_session_readonly'", 'SET pg_session_readonly.mode = locked',
			"SELECT set_config('pg_session_readonly.mode', 'locked', false)",
			'BEGIN; SET LOCAL pg_session_readonly.mode = locked; ROLLBACK')
		{
			is($session->query($sql)->{code}, '', "$sql, in a locked session, time $time: no error");
		}
		is(mode_in($session), 'locked', "time $time: locked");
		is($session->query('SHOW statement_timeout')->{rows}[0], '30s', "time $time: pinned value");
		is($session->query('SET statement_timeout = 0')->{code}, '55P02', "time $time: pinned");
		is($session->query('CREATE TABLE t (i int)')->{code}, '25006', "time $time: refuses");
	}
	$session->quit;

	# in a session that its host locked itself, twice
	$session = connection('app');
	$session->run("LOAD '\$libdir/plugins/pg_session_readonly'", 'SET pg_session_readonly.mode = locked') for (1, 2);
	is($session->query('CREATE TABLE t (i int)')->{code}, '25006', 'a host that locks twice: refuses');
	$session->quit;
}
reset_stored();

# --- who owns a database, or alters himself, stores nothing for the library ---
restart_with('shared_preload_libraries' => 'pg_session_readonly');
as_dba('CREATE DATABASE owned OWNER app');
for my $of ('DATABASE owned', 'ROLE app')
{
	my $session = connection('app');
	for my $setting ('mode = off', q(denied_commands = ''), q(pinned_settings = ''))
	{
		is($session->query("ALTER $of SET pg_session_readonly.$setting")->{code}, '42501', "ALTER $of SET $setting by its owner: refused");
	}
	is($session->query("ALTER $of SET work_mem = '5MB'")->{code}, '', "ALTER $of SET work_mem by its owner: stored");
	is($session->query("ALTER $of RESET ALL")->{code}, '', "ALTER $of RESET ALL by its owner: done");
	$session->quit;
}
as_dba('DROP DATABASE owned');

# --- an administrator who only has the library preloaded, and leaves the mode to the client ---
restart_with('session_preload_libraries' => 'pg_session_readonly', 'pg_session_readonly.mode' => 'off');
{
	my $session = connection('app', '-c pg_session_readonly.denied_commands=default,LISTEN');
	is($session->{startup}{code}, '', 'off in the file, a policy setting by the client: a session');
	$session->run('SET pg_session_readonly.mode = locked');
	is($session->query('LISTEN somebody')->{code}, '25006', 'off in the file, a policy setting by the client: it counts');
	$session->quit;
}

# --- a client that speaks twice ---
restart_with('shared_preload_libraries' => 'pg_session_readonly', 'pg_session_readonly.mode' => 'locked');
is(mode_of('app', "$on $off"), 'locked', "locked in the file, against $on $off: locked");
is(mode_of('app', "$off $on"), 'locked', "locked in the file, against $off $on: locked");

# --- on by an administrator, locked by the client: its own settings are its own ---
restart_with('shared_preload_libraries' => 'pg_session_readonly');
as_dba(q(ALTER ROLE app SET pg_session_readonly.mode = on;
	ALTER ROLE app SET pg_session_readonly.pinned_settings = 'statement_timeout'));
{
	my $session = connection('app', "$locked -c statement_timeout=5s");
	is($session->{startup}{code}, '', 'on by an administrator, locked by the client, statement_timeout: a session');
	is($session->run('SHOW statement_timeout'), '5s', 'on by an administrator, locked by the client: its own value');
	is($session->query('SET statement_timeout = 0')->{code}, '55P02', 'on by an administrator, locked by the client: pinned');
	$session->quit;
}
reset_stored();

# --- replication ---
restart_with('shared_preload_libraries' => 'pg_session_readonly');

# Open a replication connection; returns what is seen.
sub replicates
{
	my ($user, $replication, $options, $sql) = @_;
	local $ENV{PGOPTIONS} = $options // '';
	my ($rc, $stdout, $stderr) = $node->psql('shop', undef,
		replication => $replication, extra_params => [ '-U', $user, '-c', $sql // 'IDENTIFY_SYSTEM' ]);
	return $stdout =~ /^\d+\|\d+\|/ ? 'streams' : $stderr =~ /(?:FATAL|ERROR):  (.*)/ ? $1 : $stdout;
}
my $refused = 'cannot make a replication connection read-only';

as_dba('ALTER DATABASE shop SET pg_session_readonly.mode = locked');
is(replicates('repl', 'database'), $refused, 'walsender of a locked database: no session');
is(replicates('repl', 'true'), 'streams', 'walsender without a database: streams');
is(replicates('repl', 'true', $off), 'streams', "walsender without a database, $off: streams");
is(replicates('repl', 'true', $locked), $refused, "walsender without a database, $locked: no session");
as_dba('ALTER ROLE repl SET pg_session_readonly.mode = off');
is(mode_of('repl'), 'off', 'role exempted from its database: off');
is(replicates('repl', 'database'), 'streams', 'walsender of a role exempted from its database: streams');
is(replicates('repl', 'database', $locked), $refused, "walsender of a role exempted from its database, $locked: no session");
as_dba('ALTER ROLE repl IN DATABASE shop SET pg_session_readonly.mode = on');
is(replicates('repl', 'database'), $refused, 'walsender, on for the role in the database: no session');
as_dba('ALTER ROLE repl SET pg_session_readonly.mode = locked;
	ALTER ROLE repl IN DATABASE shop SET pg_session_readonly.mode = off');
is(replicates('repl', 'database'), 'streams', 'walsender, exempted in the database: streams');
is(replicates('spy', 'database'), $refused, 'walsender of another role: no session');
for my $slot ('repl', 'spy')
{
	my ($stdout, $stderr) = run_command([ 'pg_recvlogical', '-d', $node->connstr('shop') . " user=$slot", '-S', $slot,
			'--create-slot', '-P', 'test_decoding' ]);
	like($stderr, $slot eq 'repl' ? qr/^$/ : qr/$refused/, "pg_recvlogical as $slot: " .
		($slot eq 'repl' ? 'creates its slot' : 'no session'));
}
{
	local $ENV{PGOPTIONS} = $off;
	$node->safe_psql('shop', "CREATE TABLE moved (i int); INSERT INTO moved VALUES (42)");
	my $until = $node->lsn('insert');
	delete $ENV{PGOPTIONS};
	my ($stdout, $stderr) = run_command([ 'pg_recvlogical', '-d', $node->connstr('shop') . ' user=repl', '-S', 'repl',
			'--start', '-f', '-', '--no-loop', '--endpos', $until ]);
	like($stdout, qr/moved: INSERT: i\[integer\]:42/, 'pg_recvlogical of the exempted role: rows come');
	is($stderr, '', 'pg_recvlogical of the exempted role: no error');
	as_dba("SELECT pg_drop_replication_slot('repl')");
}

# What is stored holds against the connection string here, too: an ordinary user's
# walsender for a database runs any SQL.
for my $options ($off, "$on $off")
{
	is(replicates('spy', 'database', $options), $refused, "walsender of a locked database, against $options: no session");
	is(replicates('spy', 'database', $options, 'CREATE TEMP TABLE t (i int)'), $refused,
		"walsender of a locked database, against $options: no SQL");
}
as_dba('ALTER DATABASE shop RESET pg_session_readonly.mode;
	ALTER ROLE spy SET pg_session_readonly.mode = locked');
is(replicates('spy', 'database'), $refused, 'walsender of a locked role: no session');
is(replicates('spy', 'database', $off), $refused, "walsender of a locked role, against $off: no session");
is(replicates('boss', 'database', $off), 'streams', "walsender of a superuser, $off: streams");
as_dba('ALTER ROLE boss SET pg_session_readonly.mode = locked');
is(replicates('boss', 'database', $off), 'streams', "walsender of a locked superuser, $off: streams");
as_dba('ALTER ROLE boss RESET ALL');
is(replicates('boss', 'database', $locked), $refused, 'walsender locked by its client: no session');
reset_stored();

# The file's mode is not meant for them.
restart_with('shared_preload_libraries' => 'pg_session_readonly', 'pg_session_readonly.mode' => 'locked');
is(mode_of('repl'), 'locked', 'file: locked');
is(replicates('repl', 'true'), 'streams', 'file: a walsender without a database streams');
is(replicates('repl', 'database'), 'streams', 'file: a walsender of a database streams');

# --- limits, and how far they go (docs/threat-model.md) ---
# Whoever may set session_preload_libraries can start a session without the library,
# unless it is preloaded for the server.
for my $preload ('', 'pg_session_readonly')
{
	restart_with('shared_preload_libraries' => $preload);
	as_dba(q(
		GRANT SET ON PARAMETER session_preload_libraries TO app;
		GRANT boss TO agent;
		ALTER ROLE app SET session_preload_libraries = pg_session_readonly;
		ALTER ROLE app SET pg_session_readonly.mode = locked;
		ALTER ROLE agent SET session_preload_libraries = pg_session_readonly;
		ALTER ROLE agent SET pg_session_readonly.mode = locked;));
	for my $user ('app', 'agent')
	{
		is(mode_of($user), 'locked', "preload '$preload', $user: locked");
		is(mode_of($user, ($user eq 'agent' ? '-c role=boss ' : '') . '-c session_preload_libraries='),
			$preload ? 'locked' : 'not loaded', "preload '$preload', $user may set session_preload_libraries: "
			. ($preload ? 'locked all the same' : 'a session without the library'));
	}
	# local_preload_libraries is anyone's to set
	as_dba(q(ALTER ROLE app RESET session_preload_libraries;
		ALTER ROLE app SET local_preload_libraries = pg_session_readonly));
	is(mode_of('app'), 'locked', "preload '$preload', local_preload_libraries stored: locked");
	is(mode_of('app', '-c local_preload_libraries='), $preload ? 'locked' : 'not loaded',
		"preload '$preload', local_preload_libraries stored, and another in the connection string: "
		. ($preload ? 'locked all the same' : 'a session without the library'));
	as_dba('REVOKE SET ON PARAMETER session_preload_libraries FROM app; REVOKE boss FROM agent');
	reset_stored();
}

# Settings are of the role that logs in: not of its members, nor of a role that a
# session takes.
as_dba(q(GRANT agent TO app; ALTER ROLE agent SET pg_session_readonly.mode = locked));
is(mode_of('agent'), 'locked', 'the role that is locked: locked');
is(mode_of('app'), 'off', 'a member of a locked role: off');
{
	my $session = connection('boss');
	$session->run('SET SESSION AUTHORIZATION agent');
	is(mode_in($session), 'off', 'a session that takes a locked role: off');
	$session->quit;
}
as_dba('REVOKE agent FROM app');
reset_stored();

# LOAD inside a function that a query calls
restart_with();
{
	my $session = connection('boss');
	$session->run(q(SELECT load('pg_session_readonly')));
	is(mode_in($session), 'off', 'LOAD inside a function: off');
	$session->run('SET pg_session_readonly.mode = locked');
	is($session->query('CREATE TABLE t (i int)')->{code}, '25006', 'LOAD inside a function, then SET: locked');
	$session->quit;
}

# A foreign table does what its administrator made of it: postgres_fdw before 19 reads
# in a remote transaction that may write.
{
	my $port = $node->port;
	my $host = $node->host;
	$node->safe_psql('shop', qq(
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'shop');
		CREATE USER MAPPING FOR PUBLIC SERVER itself OPTIONS (user 'boss');
		CREATE SEQUENCE there;
		CREATE VIEW draws AS SELECT nextval('there') AS n;
		CREATE FOREIGN TABLE remote_draws (n bigint) SERVER itself OPTIONS (table_name 'draws');));
	# a beta's version is less than 19
	my $writes = $node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int < 190000)) eq 't';
	my $session = connection('boss');
	$session->run(q(LOAD 'pg_session_readonly'), 'SET pg_session_readonly.mode = locked');
	is($session->query('SELECT * FROM draws')->{code}, '25006', 'a view that writes: refused');
	is($session->query('SELECT * FROM remote_draws')->{code}, $writes ? '' : '25006',
		'a foreign table whose remote view writes: ' . ($writes ? 'it does' : 'refused'));
	is($session->run('SELECT is_called FROM there'), $writes ? 't' : 'f', 'what the remote side has done');
	$session->quit;
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
