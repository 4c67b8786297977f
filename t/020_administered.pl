# What an administrator stored, or wrote into the configuration file, holds against
# the connection string of an ordinary role that wants out.

use strict;
use warnings;
use File::Basename;
use File::Copy;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "log_statement = none\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE DATABASE shop;
	CREATE ROLE agent LOGIN;
	CREATE ROLE boss LOGIN SUPERUSER;
	CREATE ROLE app LOGIN;
	CREATE ROLE repl LOGIN REPLICATION;
	CREATE ROLE spy LOGIN REPLICATION;
	CREATE ROLE keeper;
	CREATE ROLE friend;
	GRANT keeper, friend TO agent, boss;
	GRANT SET ON PARAMETER log_min_duration_statement TO agent;
	GRANT SET ON PARAMETER auto_explain.log_min_duration TO agent;));

my $local = '-c local_preload_libraries=pg_session_readonly';
my $off = '-c pg_session_readonly.mode=off';
my $on = '-c pg_session_readonly.mode=on';
my $locked = '-c pg_session_readonly.mode=locked';

# A superuser's statements, in a session that may write whatever is stored.
sub as_dba
{
	local $ENV{PGOPTIONS} = $off;
	return $node->safe_psql('postgres', $_[0]);
}

# Give the configuration file these settings, and no others of ours, and restart.
sub restart_with
{
	my %settings = @_;
	for my $name ('shared_preload_libraries', 'session_preload_libraries',
		'pg_session_readonly.mode', 'pg_session_readonly.pinned_settings')
	{
		$node->adjust_conf('postgresql.conf', $name, undef);
		$node->append_conf('postgresql.conf', "$name = '$settings{$name}'\n")
		  if defined $settings{$name};
	}
	$node->restart;
}

# Forget all that is stored.
sub reset_stored
{
	as_dba("ALTER ROLE $_ RESET ALL; ALTER ROLE $_ IN DATABASE shop RESET ALL")
	  for ('agent', 'boss', 'app', 'repl', 'spy', 'ALL');
	as_dba("ALTER DATABASE $_ RESET ALL") for ('shop', 'postgres');
}

# A connection to database "shop".
sub connection
{
	my ($user, $options) = @_;
	return Wire->new($node, dbname => 'shop', user => $user, options => $options // '');
}

# What is in force in a session: SHOW would also show what was given to a setting that
# nothing has defined.
sub mode_in
{
	my ($session) = @_;
	return $session->query("SELECT setting FROM pg_settings WHERE name = 'pg_session_readonly.mode'")->{rows}[0]
	  // 'not loaded';
}

# What this connection's mode is, or why there is none.
sub mode_of
{
	my ($user, $options) = @_;
	my $session = connection($user, $options);
	return $session->{startup}{message} if $session->{startup}{code};
	my $mode = mode_in($session);
	$session->quit;
	return $mode;
}

# There is no session, for the client gave a pinned setting.
sub no_session
{
	my ($user, $options, $setting, $name) = @_;
	my $startup = connection($user, $options)->{startup};
	is($startup->{code}, '42501', "$name: no session");
	is($startup->{message}, qq(permission denied to set parameter "$setting" in the connection string),
		"$name: says which setting");
	like($startup->{hint}, qr/have an administrator store a value with ALTER ROLE \.\.\. SET\.$/,
		"$name: HINT says what to do");
}

# 16.4 drops the role with the session's authorization, past the setting: DISCARD ALL
# does so in any session.
my $core_keeps_role;
{
	my $session = connection('agent', '-c role=keeper');
	$session->query('DISCARD ALL');
	$core_keeps_role = $session->run('SELECT current_user') eq 'keeper' ? 1 : 0;
	note("DISCARD ALL keeps the role: $core_keeps_role");
	$session->quit;
}

# A session that has the stored value whatever it does.
sub stored_value_wins
{
	my ($user, $options, $setting, $shows, $value, $name) = @_;
	my $log = -s $node->logfile;
	my $session = connection($user, $options);
	is($session->{startup}{code}, '', "$name: a session");
	is(mode_in($session), 'locked', "$name: locked");
	is($session->query($shows)->{rows}[0], $value, "$name: stored value");
	like(slurp_file($node->logfile, $log), qr/LOG:  connection string cannot set pinned parameter "$setting"/,
		"$name: a line in the log");
	$session->query("RESET $setting");
	$session->query('DISCARD ALL') if $setting ne 'role' || $core_keeps_role;
	is($session->query($shows)->{rows}[0], $value, "$name: stored value after RESET and DISCARD ALL");
	$session->query('BEGIN');
	$session->query("SET LOCAL $setting TO DEFAULT");
	$session->query('ROLLBACK');
	is($session->query($shows)->{rows}[0], $value, "$name: stored value after ROLLBACK");
	$session->quit;
}

# --- pinned settings against the connection string ---
my $pins = 'superuser, statement_timeout, search_path, role, auto_explain.log_min_duration, pg_trgm.similarity_threshold, shop.tenant';
my @cases = (
	# setting, the client's value, the stored value, what shows it, and shows
	[ 'statement_timeout', '0', "'30s'", 'SHOW statement_timeout', '30s' ],
	[ 'search_path', 'evil', 'pg_catalog, public', 'SHOW search_path', 'pg_catalog, public' ],
	[ 'role', 'friend', 'keeper', 'SELECT current_user', 'keeper' ],
	# only a superuser's, which the role may set nevertheless
	[ 'log_min_duration_statement', '-1', '77777', 'SHOW log_min_duration_statement', '77777ms' ],
	# an extension's, a superuser's and anyone's, and one that no library defines
	[ 'auto_explain.log_min_duration', '-1', '77777', 'SHOW auto_explain.log_min_duration', '77777ms' ],
	[ 'pg_trgm.similarity_threshold', '0.1', '0.7', 'SHOW pg_trgm.similarity_threshold', '0.7' ],
	[ 'shop.tenant', '8', "'7'", 'SHOW shop.tenant', '7' ]);

my $libraries = 'pg_trgm, auto_explain, pg_session_readonly';
my %ways = (
	'role, session_preload_libraries' => [ {},
		"ALTER ROLE agent SET session_preload_libraries = pg_trgm, auto_explain, pg_session_readonly;
		ALTER ROLE agent SET pg_session_readonly.mode = locked;
		ALTER ROLE agent SET pg_session_readonly.pinned_settings = '$pins'" ],
	'role, shared_preload_libraries' => [ { 'shared_preload_libraries' => $libraries },
		"ALTER ROLE agent SET pg_session_readonly.mode = locked;
		ALTER ROLE agent SET pg_session_readonly.pinned_settings = '$pins'" ],
	'database, shared_preload_libraries' => [ { 'shared_preload_libraries' => $libraries },
		"ALTER DATABASE shop SET pg_session_readonly.mode = locked;
		ALTER DATABASE shop SET pg_session_readonly.pinned_settings = '$pins'" ],
	'file, session_preload_libraries' => [ { 'session_preload_libraries' => $libraries,
		'pg_session_readonly.mode' => 'locked', 'pg_session_readonly.pinned_settings' => $pins }, '' ],
	'file, shared_preload_libraries' => [ { 'shared_preload_libraries' => $libraries,
		'pg_session_readonly.mode' => 'locked', 'pg_session_readonly.pinned_settings' => $pins }, '' ]);
for my $way (sort keys %ways)
{
	my ($file, $stored) = @{ $ways{$way} };
	restart_with(%$file);
	as_dba($stored) if $stored;
	my $log = -s $node->logfile;
	is(mode_of('agent'), 'locked', "$way: locked");
	is(mode_of('agent', $locked), 'locked', "$way: locked as the client says so, too");
	unlike(slurp_file($node->logfile, $log), qr/connection string/, "$way: no line in the log for an honest client");
	for my $case (@cases)
	{
		my ($setting, $given, $value, $shows, $shown) = @$case;
		my $name = "$way, $setting";
		my $options = "-c $setting=$given";
		no_session('agent', $options, $setting, "$name, nothing stored");
		no_session('agent', "$off $options", $setting, "$name, nothing stored, and a weaker mode");
		as_dba("ALTER ROLE agent SET $setting = $value");
		stored_value_wins('agent', $options, $setting, $shows, $shown, "$name, stored");
		stored_value_wins('agent', "$on $options", $setting, $shows, $shown, "$name, stored, and a weaker mode");
		as_dba("ALTER ROLE agent RESET $setting");
	}
	reset_stored();
}

# Wherever the value is stored, as core has it: the more specific one wins.
restart_with('shared_preload_libraries' => 'pg_session_readonly');
as_dba(q(ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = statement_timeout));
for my $elsewhere ('ROLE app', 'DATABASE postgres', 'ROLE agent IN DATABASE postgres')
{
	as_dba("ALTER $elsewhere SET statement_timeout = '10s'");
	no_session('agent', '-c statement_timeout=0', 'statement_timeout', "stored for $elsewhere only");
	as_dba("ALTER $elsewhere RESET statement_timeout");
}
my $seconds = 20;
for my $scope ('ROLE ALL', 'DATABASE shop', 'ROLE agent', 'ROLE agent IN DATABASE shop')
{
	$seconds++;
	as_dba("ALTER $scope SET statement_timeout = '${seconds}s'");
	stored_value_wins('agent', '-c statement_timeout=0', 'statement_timeout', 'SHOW statement_timeout',
		"${seconds}s", "stored for $scope");
}
stored_value_wins('agent', '-c STATEMENT_TIMEOUT=1h --statement-timeout=0', 'statement_timeout',
	'SHOW statement_timeout', "${seconds}s", 'given twice, in other words');
reset_stored();

# The library that comes after ours in the list defines its settings anew.
restart_with();
as_dba(q(ALTER ROLE agent SET session_preload_libraries = pg_session_readonly, pg_trgm;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'pg_trgm.similarity_threshold';
	ALTER ROLE agent SET pg_trgm.similarity_threshold = 0.7));
for my $options ('', '-c pg_trgm.similarity_threshold=0.1')
{
	my $session = connection('agent', $options);
	is($session->query('SHOW pg_trgm.similarity_threshold')->{rows}[0], '0.7',
		"a library after ours, '$options': stored value");
	is($session->query('SET pg_trgm.similarity_threshold = 0.1')->{code}, '55P02',
		"a library after ours, '$options': pinned");
	$session->quit;
}
reset_stored();

# The library that comes before ours leaves a misspelt setting of ours, without a value.
(my $library = $writer) =~ s/\.\w+$//;
as_dba(qq(ALTER ROLE agent SET session_preload_libraries = '$library', pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'zoo.keeper';
	ALTER ROLE agent SET zoo.keeper = 'stored'));
{
	my $log = -s $node->logfile;
	my $session = connection('agent', '-c writer.note=misspell -c zoo.keeper=client');
	is($session->{startup}{code}, '', 'a misspelt setting without a value: a session');
	is($session->query('SHOW pg_session_readonly.misspelt')->{code}, '42704', 'a misspelt setting without a value: thrown away');
	is($session->query('SHOW zoo.keeper')->{rows}[0], 'stored', 'a misspelt setting without a value: others are pinned');
	$session->quit;
	my @lines = slurp_file($node->logfile, $log) =~ /connection string cannot set pinned parameter "zoo.keeper"/g;
	is(scalar @lines, 1, 'a misspelt setting without a value: the last of all settings is looked at once');
}
reset_stored();

# A library that is loaded in the midst of the session
as_dba(q(ALTER ROLE agent SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'plpgsql.extra_warnings';
	ALTER ROLE agent SET plpgsql.extra_warnings = 'shadowed_variables'));
{
	my $session = connection('agent', '-c plpgsql.extra_warnings=none');
	is($session->query('SHOW plpgsql.extra_warnings')->{rows}[0], 'shadowed_variables',
		'a library to be loaded: stored value');
	is($session->query('DO $$ BEGIN END $$')->{code}, '', 'a library to be loaded: is loaded');
	is($session->query('SHOW plpgsql.extra_warnings')->{rows}[0], 'shadowed_variables',
		'a library that has been loaded: stored value');
	is($session->query('SET plpgsql.extra_warnings = none')->{code}, '55P02',
		'a library that has been loaded: pinned');
	$session->quit;
}
reset_stored();

# One that only a connection's beginning can set, and nobody can store
as_dba(q(ALTER ROLE agent SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'superuser, ignore_system_indexes'));
{
	local $ENV{PGOPTIONS} = '-c ignore_system_indexes=on';
	my ($rc, $stdout, $stderr) = $node->psql('postgres', undef, extra_params => [ '-U', 'agent', '-c', 'SELECT 1' ]);
	like($stderr, qr/FATAL:  permission denied to set parameter "ignore_system_indexes"/,
		'a pinned setting of the connection: no session');
}
reset_stored();

# A pinned setting that nobody has given a value, and nothing defines: the row
# security of many applications goes by such
as_dba(q(ALTER ROLE agent SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'shop.tenant'));
{
	my $session = connection('agent');
	isnt($session->query("SET shop.tenant = '8'")->{code}, '', 'a pinned name without a value: cannot be SET');
	isnt($session->query("SELECT set_config('shop.tenant', '8', false)")->{code}, '',
		'a pinned name without a value: nor by set_config()');
	$session->quit;
}
reset_stored();

# A superuser's connection string may, and so may a client that locks itself.
restart_with('shared_preload_libraries' => 'pg_session_readonly');
as_dba(q(ALTER ROLE boss SET pg_session_readonly.mode = locked;
	ALTER ROLE boss SET pg_session_readonly.pinned_settings = 'statement_timeout, role';
	ALTER ROLE boss SET statement_timeout = '30s'));
for my $case ([ '-c statement_timeout=5s', '5s' ], [ '-c role=friend', '30s' ], [ '', '30s' ])
{
	my ($options, $timeout) = @$case;
	my $log = -s $node->logfile;
	my $session = connection('boss', $options);
	is($session->query('SHOW statement_timeout')->{rows}[0], $timeout, "superuser, '$options': keeps it");
	is(mode_in($session), 'locked', "superuser, '$options': locked");
	is($session->query('SET statement_timeout = 0')->{code}, '55P02', "superuser, '$options': pinned then");
	unlike(slurp_file($node->logfile, $log), qr/connection string/, "superuser, '$options': no line in the log");
	$session->quit;
}
for my $preload ('', 'pg_session_readonly')
{
	restart_with('shared_preload_libraries' => $preload);
	for my $case (
		[ 'by its connection string', "$local $locked -c pg_session_readonly.pinned_settings=statement_timeout" ],
		[ 'by LOAD and SET', '', $preload ? () : "LOAD '\$libdir/plugins/pg_session_readonly'",
			'SET pg_session_readonly.mode = on', 'SET pg_session_readonly.mode = locked' ])
	{
		my ($how, $options, @statements) = @$case;
		unshift @statements, "SET pg_session_readonly.pinned_settings = 'statement_timeout'" if @statements;
		my $session = connection('agent', "$options -c statement_timeout=5s");
		$session->run(@statements);
		my $name = "preload '$preload', locked $how";
		is(mode_in($session), 'locked', "$name: locked");
		is($session->query('SHOW statement_timeout')->{rows}[0], '5s', "$name: keeps what the client gave");
		is($session->query('SET statement_timeout = 0')->{code}, '55P02', "$name: pinned then");
		$session->quit;
	}
}
reset_stored();

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

# --- names that are not known ---
restart_with('shared_preload_libraries' => 'pg_session_readonly');
for my $case (
	[ 'auto_explain.log_min_duration', '' ],
	[ 'statement_timeout, nobody.knows', '' ],
	[ 'nobody.knows, "Nobody"."Knows", superuser', '' ],
	[ 'statement_timeout, statement_timout', 'statement_timout' ],
	[ 'auto_explain.log_min_duration, nobody', 'nobody' ],
	[ '"superuser "', '"superuser "' ],
	[ 'statement_timeout,', undef ],
	[ 'super user', undef ])
{
	my ($list, $item) = @$case;
	$list =~ s/'/''/g;
	for my $sql ("SET pg_session_readonly.pinned_settings = '$list'",
		"ALTER ROLE app SET pg_session_readonly.pinned_settings = '$list'")
	{
		my $result = connection('boss')->query($sql);
		is($result->{code}, defined $item && $item eq '' ? '' : '22023', "$sql: " .
			(defined $item && $item eq '' ? 'accepted' : 'refused'));
		is($result->{detail}, qq(Unrecognized configuration parameter: "$item".), "$sql: says which")
		  if $item;
	}
}
reset_stored();
for my $libraries ('auto_explain, pg_session_readonly', 'pg_session_readonly, auto_explain')
{
	restart_with('shared_preload_libraries' => $libraries, 'pg_session_readonly.mode' => 'locked',
		'pg_session_readonly.pinned_settings' => 'auto_explain.log_min_duration, nobody.knows');
	is(mode_of('agent'), 'locked', "$libraries: the server starts");
	is(connection('boss', $locked)->query('SET auto_explain.log_min_duration = 0')->{code}, '55P02',
		"$libraries: pinned");
}
$node->stop;
$node->append_conf('postgresql.conf', "pg_session_readonly.pinned_settings = 'nobody'\n");
my $log = -s $node->logfile;
is($node->start(fail_ok => 1), 0, 'a misspelt name in the configuration file: the server does not start');
like(slurp_file($node->logfile, $log), qr/Unrecognized configuration parameter: "nobody"/,
	'a misspelt name in the configuration file: says which');
$node->adjust_conf('postgresql.conf', 'pg_session_readonly.pinned_settings', undef);
$node->adjust_conf('postgresql.conf', 'pg_session_readonly.mode', undef);
$node->start;

# Stored where nobody knew them: a restore brings the list before the value, in a
# server without the library
restart_with('shared_preload_libraries' => '');
as_dba(q(ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'auto_explain.log_min_duration';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET auto_explain.log_min_duration = 77777;
	ALTER ROLE app SET pg_session_readonly.pinned_settings = 'nobody';
	ALTER ROLE app SET pg_session_readonly.mode = locked));
for my $libraries ('auto_explain, pg_session_readonly', 'pg_session_readonly, auto_explain')
{
	restart_with('shared_preload_libraries' => $libraries);
	stored_value_wins('agent', '-c auto_explain.log_min_duration=-1', 'auto_explain.log_min_duration',
		'SHOW auto_explain.log_min_duration', '77777ms', "stored before preload of $libraries");
	my $startup = connection('app')->{startup};
	is($startup->{code}, '22023', "a misspelt name stored before preload of $libraries: no session");
	like($startup->{message} . $startup->{detail}, qr/"nobody"/,
		"a misspelt name stored before preload of $libraries: says which");
}
reset_stored();

# libpq tries again where it takes an error for one about application_name, and
# psql then says it twice.
for my $preload ('', 'pg_session_readonly')
{
	restart_with('shared_preload_libraries' => $preload);
	for my $setting ('moode=locked', 'denied_comands=LISTEN')
	{
		local $ENV{PGOPTIONS} = "$local -c pg_session_readonly.$setting";
		my ($rc, $stdout, $stderr) = $node->psql('postgres', undef, extra_params => [ '-U', 'agent', '-c', 'SELECT 1' ]);
		is(() = $stderr =~ /FATAL:/g, 1, "preload '$preload', $setting: one FATAL");
		unlike($stdout, qr/1/, "preload '$preload', $setting: no session");
	}
}

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
