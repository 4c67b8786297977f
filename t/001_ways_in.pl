# The ways into a locked session: preload settings, connection strings, roles,
# the configuration file; and the sessions that must not be locked.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum_naptime = 1s\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE TABLE witness (who text);
	CREATE ROLE agent LOGIN SUPERUSER;
	CREATE ROLE analyst LOGIN;
	CREATE ROLE app LOGIN;
	GRANT ALL ON witness TO analyst, app;));

# Connect with these options as that user and try to write.  Returns the mode,
# what became of the write, and the error.  The statements are arguments of psql:
# where no session comes about, psql may be gone before its input is written.
sub try_to_write
{
	my ($user, $options, %more) = @_;
	local $ENV{PGOPTIONS} = $options;
	my ($rc, $stdout, $stderr) = ($more{node} // $node)->psql('postgres', undef,
		extra_params => [ '-U', $user,
			'-c', q(SELECT current_setting('pg_session_readonly.mode', true)),
			'-c', q(INSERT INTO witness VALUES (session_user) RETURNING 'wrote') ],
		on_error_stop => 0);
	$stdout =~ s/\n/ /g;
	return ($stdout, $stderr);
}

sub writes
{
	my ($user, $options, $name) = @_;
	my ($stdout, $stderr) = try_to_write($user, $options);
	like($stdout, qr/wrote$/, "$name: writes");
	is($stderr, '', "$name: no error");
}

sub refused
{
	my ($user, $options, $mode, $name) = @_;
	my ($stdout, $stderr) = try_to_write($user, $options);
	is($stdout, $mode, "$name: mode is $mode");
	like($stderr, qr/ERROR:  cannot execute INSERT in a read-only transaction/,
		"$name: refused");
}

# A superuser's session that may write whatever is stored.
sub as_dba
{
	local $ENV{PGOPTIONS} = '-c pg_session_readonly.mode=off';
	return $node->safe_psql('postgres', $_[0]);
}

sub no_session
{
	my ($user, $options, $error, $name) = @_;
	my ($stdout, $stderr) = try_to_write($user, $options);
	is($stdout, '', "$name: no session");
	like($stderr, $error, "$name: clear error");
}

my $preload = '-c session_preload_libraries=pg_session_readonly';
my $local = '-c local_preload_libraries=pg_session_readonly';
my $locked = '-c pg_session_readonly.mode=locked';

# --- nothing preloaded ---
writes('app', '', 'untouched session');
refused('agent', "$preload $locked", 'locked', 'superuser, connection string');
refused('agent', $preload, 'on', 'superuser, preload alone');
refused('analyst', "$local $locked", 'locked', 'ordinary user, connection string');
refused('analyst', $local, 'on', 'ordinary user, local preload alone');
no_session('analyst', "$preload $locked",
	qr/FATAL:  permission denied to set parameter "session_preload_libraries"/,
	'ordinary user, the wrong preload setting');
no_session('agent', "$preload -c pg_session_readonly.mode=lokced",
	qr/FATAL:  invalid value for parameter "pg_session_readonly.mode": "lokced"/,
	'misspelt mode');
no_session('agent', "$preload $locked -c pg_session_readonly.denied_commands=VACUMM",
	qr/FATAL:  invalid value for parameter "pg_session_readonly.denied_commands": "VACUMM"/,
	'misspelt command');

no_session('agent', "$preload -c pg_session_readonly.moode=locked",
	qr/FATAL:  unrecognized configuration parameter "pg_session_readonly.moode"/,
	'misspelt setting');
{
	local $ENV{PGOPTIONS} = "$preload -c pg_session_readonly.mode=off";
	my ($rc, $stdout, $stderr) = $node->psql('postgres', "SET pg_session_readonly.moode = 'locked'", extra_params => [ '-U', 'agent' ]);
	like($stderr, qr/ERROR:  (invalid configuration parameter name|unrecognized configuration parameter) "pg_session_readonly.moode"/,
		'misspelt setting, by SET in a session that preloads the library: error');
}
no_session('analyst', "$local -c pg_session_readonly.denied_comands=default,LISTEN",
	qr/FATAL:  unrecognized configuration parameter "pg_session_readonly.denied_comands"/,
	'ordinary user, misspelt setting');

# Settings of the connection string count, in whatever order they come.
{
	local $ENV{PGOPTIONS} =
	  "$locked -c pg_session_readonly.denied_commands=default,LISTEN $preload";
	my ($rc, $stdout, $stderr) = $node->psql('postgres',
		'LISTEN x; VACUUM; SELECT denied_commands FROM pg_settings, LATERAL (SELECT setting) s (denied_commands) WHERE name ~ \'denied_commands\'',
		on_error_stop => 0);
	like($stderr, qr/cannot execute LISTEN in a read-only session/,
		'the list of the connection string counts');
	like($stderr, qr/cannot execute VACUUM in a read-only session/,
		'the built-in list counts with it');
}

# ALTER ROLE reaches every client.
$node->safe_psql('postgres', q(
	ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;));
refused('agent', '', 'locked', 'role');
writes('app', '', 'another role');
$node->safe_psql('postgres', q(ALTER ROLE agent RESET ALL));

# stored before the library is there to say how it is spelt
$node->safe_psql('postgres', q(
	CREATE ROLE typist LOGIN;
	ALTER ROLE typist SET "PG_Session_Readonly.Mode" = locked;));

# --- preloaded for the server: off unless somebody says otherwise ---
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_session_readonly'\n");
$node->restart;
writes('app', '', 'shared preload');
is($node->safe_psql('postgres', 'SHOW pg_session_readonly.mode'),
	'off', 'shared preload: off');
refused('analyst', $locked, 'locked', 'shared preload, connection string');
refused('typist', '-c pg_session_readonly.mode=off', 'locked', 'shared preload, stored in capitals, against off');
no_session('analyst', '-c pg_session_readonly.mode=lokced',
	qr/FATAL:  invalid value for parameter "pg_session_readonly.mode": "lokced"/,
	'shared preload, misspelt mode');
no_session('analyst', '-c pg_session_readonly.moode=locked',
	qr/FATAL:  invalid configuration parameter name "pg_session_readonly.moode"/,
	'shared preload, misspelt setting');
$node->safe_psql('postgres', q(
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE analyst SET pg_session_readonly.mode = on;
	ALTER ROLE analyst IN DATABASE postgres SET pg_session_readonly.mode = locked;));
refused('agent', '', 'locked', 'shared preload, role');
refused('analyst', '', 'locked', 'shared preload, role in database');
writes('app', '', 'shared preload, another role');
$node->safe_psql('postgres', q(
	ALTER ROLE analyst IN DATABASE postgres RESET ALL;
	ALTER ROLE analyst RESET ALL));

# Two sessions side by side: one locked, one writing.
{
	local $ENV{PGUSER} = 'agent';
	my $agent = $node->background_psql('postgres', on_error_stop => 0);
	is($agent->query('SHOW pg_session_readonly.mode'), 'locked', 'side by side: locked');
	my $before = $agent->query('SELECT count(*) FROM witness');
	delete $ENV{PGUSER};
	writes('app', '', 'side by side: the other');
	is($agent->query('SELECT count(*) FROM witness'), $before + 1,
		'side by side: the locked session sees the write');

	# The configuration file is reloaded with a weaker mode in it.
	$node->append_conf('postgresql.conf', "pg_session_readonly.mode = off\n");
	$node->append_conf('postgresql.conf', "pg_session_readonly.denied_commands = ''\n");
	$node->append_conf('postgresql.conf', "default_transaction_read_only = off\n");
	$node->append_conf('postgresql.conf', "work_mem = '5MB'\n");
	$node->reload;
	$agent->query('SELECT pg_sleep(0.1)')
	  until $agent->query('SHOW work_mem') eq '5MB';
	is($agent->query('SHOW pg_session_readonly.mode'), 'locked',
		'reload: still locked');
	is($agent->query('SHOW pg_session_readonly.denied_commands'), 'default',
		'reload: same list');
	is($agent->query('SHOW default_transaction_read_only'), 'on',
		'reload: still read-only');
	is($agent->query("SELECT setting FROM pg_settings WHERE name = 'transaction_read_only'"),
		'on', 'reload: this transaction, too');
	$agent->quit;
}

# Nor does a reload bring the mode of a session up that is off by default.
{
	local $ENV{PGUSER} = 'app';
	my $app = $node->background_psql('postgres', on_error_stop => 0);
	is($app->query('SHOW pg_session_readonly.mode'), 'off', 'reload: off');
	$node->adjust_conf('postgresql.conf', 'pg_session_readonly.mode', 'locked');
	$node->adjust_conf('postgresql.conf', 'work_mem', '7MB');
	$node->reload;
	$app->query('SELECT pg_sleep(0.1)') until $app->query('SHOW work_mem') eq '7MB';
	is($app->query('SHOW pg_session_readonly.mode'), 'off', 'reload: off as before');
	is($app->query("INSERT INTO witness VALUES ('app') RETURNING 'wrote'"), 'wrote', 'reload: writes');
	$app->quit;
	$node->adjust_conf('postgresql.conf', 'pg_session_readonly.mode', 'off');
	$node->adjust_conf('postgresql.conf', 'work_mem', '5MB');
	$node->reload;
}

# A parallel worker reads the role's settings as it starts: they may have changed
# since its leader did.
{
	$node->safe_psql('postgres', q(
		CREATE TABLE few AS SELECT generate_series(1, 10) i;
		CREATE FUNCTION mode_of_worker(int) RETURNS text LANGUAGE sql PARALLEL SAFE VOLATILE AS
			$$ SELECT current_setting('pg_session_readonly.mode') $$;
		GRANT SELECT ON few TO app;));
	local $ENV{PGUSER} = 'app';
	my $app = $node->background_psql('postgres', on_error_stop => 0);
	is($app->query('SHOW pg_session_readonly.mode'), 'off', 'worker: its leader is off');
	delete $ENV{PGUSER};
	$node->safe_psql('postgres', 'ALTER ROLE app SET pg_session_readonly.mode = locked');
	my $force = $app->query(
		"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
	$app->query("SET $force = on");
	is($app->query('SELECT DISTINCT mode_of_worker(i) FROM few'), 'off', 'worker: and so is it');
	$app->quit;
	$node->safe_psql('postgres', 'ALTER ROLE app RESET ALL');
}

# --- a mode for the whole server ---
$node->append_conf('postgresql.conf', "pg_session_readonly.mode = on\n");
$node->append_conf('postgresql.conf', "pg_session_readonly.denied_commands = 'default'\n");
$node->safe_psql('postgres', q(
	ALTER ROLE app SET pg_session_readonly.mode = off;
	CREATE TABLE vacuum_me (i int) WITH (autovacuum_vacuum_threshold = 1,
		autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 1,
		autovacuum_analyze_scale_factor = 0);
	INSERT INTO vacuum_me SELECT generate_series(1, 100);
	DELETE FROM vacuum_me WHERE i > 10;));
$node->restart;
refused('analyst', '', 'on', 'configuration file');
refused('agent', '', 'locked', 'configuration file and role');
writes('app', '', 'configuration file, a role exempted by the DBA');
ok( $node->poll_query_until('postgres',
		"SELECT autovacuum_count > 0 AND autoanalyze_count > 0
		FROM pg_stat_user_tables WHERE relname = 'vacuum_me'"),
	'autovacuum goes on');

# A reload does not move the mode of a session that is there.
{
	local $ENV{PGUSER} = 'app';
	my $app = $node->background_psql('postgres', on_error_stop => 0);
	$node->append_conf('postgresql.conf', "pg_session_readonly.mode = locked\n");
	$node->append_conf('postgresql.conf', "work_mem = '6MB'\n");
	$node->reload;
	$app->query('SELECT pg_sleep(0.1)') until $app->query('SHOW work_mem') eq '6MB';
	is($app->query("INSERT INTO witness VALUES ('app') RETURNING 'wrote'"),
		'wrote', 'reload: a writing session goes on writing');
	$app->quit;
}
refused('analyst', '', 'locked', 'reload: new sessions follow it');

# --- a DBA's word holds against the connection string of an ordinary user ---
$node->adjust_conf('postgresql.conf', 'pg_session_readonly.mode', 'off');
for my $how ('shared_preload_libraries', 'session_preload_libraries')
{
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries',
		$how =~ /shared/ ? "'pg_session_readonly'" : "''");
	$node->restart;
	for my $role ('analyst', 'agent')
	{
		as_dba(
			"ALTER ROLE $role SET session_preload_libraries = 'pg_session_readonly'")
		  if $how =~ /session/;
	}
	as_dba(q(ALTER ROLE analyst SET pg_session_readonly.mode = locked));
	refused('analyst', '', 'locked', "$how, stored");
	refused('analyst', "-c pg_session_readonly.mode=$_", 'locked', "$how, stored, against $_")
	  for ('off', 'on', 'locked');
	refused('analyst', '-c pg_session_readonly.mode=locked -c pg_session_readonly.mode=off',
		'locked', "$how, stored, against two");
	no_session('analyst', "-c pg_session_readonly.$_",
		qr/FATAL:  permission denied to set parameter "pg_session_readonly\.\w+" in the connection string/,
		"$how, stored, against $_")
	  for ('denied_commands=', 'allowed_functions=pg_catalog.pg_reload_conf', 'denied_functions=', 'pinned_settings=');
	# the stored mode of a database, and one that is stronger
	as_dba(q(
		ALTER ROLE analyst RESET pg_session_readonly.mode;
		ALTER DATABASE postgres SET pg_session_readonly.mode = on;));
	refused('analyst', '-c pg_session_readonly.mode=off', 'on', "$how, stored for the database");
	refused('analyst', '-c pg_session_readonly.mode=locked', 'locked', "$how, strengthened by the client");
	# a superuser's connection string may choose
	as_dba(q(ALTER ROLE agent SET pg_session_readonly.mode = locked));
	writes('agent', '-c pg_session_readonly.mode=off', "$how, a superuser's connection string");
	refused('agent', '', 'locked', "$how, a superuser without one");
	# a role exempted from the database's mode
	as_dba(q(ALTER ROLE analyst SET pg_session_readonly.mode = off));
	writes('analyst', '', "$how, exempted");
	as_dba(q(
		ALTER DATABASE postgres RESET pg_session_readonly.mode;
		ALTER ROLE analyst RESET ALL; ALTER ROLE agent RESET ALL));
	if ($how =~ /session/)
	{
		# a DBA has the library loaded, and what the configuration file said of the
		# mode is not known any more where the client speaks
		as_dba(q(ALTER ROLE analyst SET session_preload_libraries = 'pg_session_readonly'));
		refused('analyst', '-c pg_session_readonly.mode=off', 'locked', "$how, preloaded by a DBA, the client speaks");
		as_dba(q(ALTER ROLE analyst RESET ALL));
	}
}
# A role may alter itself, but not what is stored here; also where it has loaded
# the library itself.
{
	local $ENV{PGOPTIONS} = "$local -c pg_session_readonly.mode=off";
	for my $sql ('SET pg_session_readonly.mode = off',
		'IN DATABASE postgres SET pg_session_readonly.mode = off',
		'RESET pg_session_readonly.mode',
		"SET pg_session_readonly.allowed_functions = 'pg_catalog.pg_reload_conf'")
	{
		my ($rc, $out, $err) = $node->psql('postgres', "ALTER ROLE app $sql",
			extra_params => [ '-U', 'app' ]);
		like($err, qr/permission denied to set parameter/, "ALTER ROLE app $sql: refused");
	}
	as_dba('ALTER ROLE app SET pg_session_readonly.mode = off');
	$node->psql('postgres', 'ALTER ROLE app RESET ALL', extra_params => [ '-U', 'app' ]);
	is(as_dba(q(SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'app'::regrole)),
		'{pg_session_readonly.mode=off}', 'ALTER ROLE app RESET ALL: stays stored');
	$node->psql('postgres', "ALTER ROLE app SET work_mem = '4MB'", extra_params => [ '-U', 'app' ]);
	is(as_dba(q(SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'app'::regrole)),
		'{pg_session_readonly.mode=off,work_mem=4MB}', 'ALTER ROLE app SET of another: stored');
	as_dba('ALTER ROLE app RESET ALL');
}
# Values that were stored before the library was there to look at them
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
as_dba(q(ALTER ROLE app SET pg_session_readonly.mode = lokced));
as_dba(q(ALTER ROLE analyst SET pg_session_readonly.moode = locked));
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_session_readonly'");
$node->restart;
no_session('app', '', qr/FATAL:  invalid value for parameter "pg_session_readonly.mode": "lokced"/,
	'stored before preloading, misspelt mode');
no_session('analyst', '', qr/FATAL:  (invalid|unrecognized) configuration parameter/,
	'stored before preloading, misspelt setting');
as_dba('ALTER ROLE app RESET ALL; ALTER ROLE analyst RESET ALL;
	ALTER ROLE app SET pg_session_readonly.mode = off');
# and so does the configuration file
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_session_readonly'");
$node->adjust_conf('postgresql.conf', 'pg_session_readonly.mode', 'locked');
$node->restart;
refused('analyst', '-c pg_session_readonly.mode=off', 'locked', 'configuration file, against off');
as_dba(q(ALTER ROLE agent SET pg_session_readonly.mode = locked));

# --- sessions that must stay writable ---
$node->adjust_conf('postgresql.conf', 'pg_session_readonly.mode', undef);
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
$node->safe_psql('postgres', 'ALTER ROLE agent RESET ALL; ALTER ROLE app RESET ALL');

# pg_dump and restore of a database that has the extension
$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', 'CREATE EXTENSION pg_session_readonly;
	CREATE TABLE data AS SELECT 1 AS i;
	SELECT mode FROM pg_session_readonly_status()');
my $dump = $node->data_dir . '/../dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('source') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE target');
$node->command_ok([ 'psql', '-v', 'ON_ERROR_STOP=1', '-qf', $dump, $node->connstr('target') ],
	'restore in one session');
is($node->safe_psql('target', 'SELECT * FROM data; SELECT mode, loaded FROM pg_session_readonly_status()'),
	"1\noff|f", 'restored');
# A locked session can be dumped, and gives the same dump.
{
	local $ENV{PGOPTIONS} = "$preload $locked";
	$node->command_ok([ 'pg_dump', '-f', "$dump.locked", $node->connstr('source') ],
		'pg_dump in a locked session');
	# 15.14 and later write a random \restrict key into the dump
	my @dumps = map { my $text = slurp_file($_); $text =~ s/^\\(un)?restrict .*$//mg; $text }
	  ($dump, "$dump.locked");
	is($dumps[1], $dumps[0], 'dump of a locked session is identical');
}
# An ordinary user may create the extension where he may create objects, and lock.
is($node->safe_psql('postgres', 'GRANT CREATE ON DATABASE target TO analyst'), '', 'grant');
is( $node->safe_psql('target',
		'DROP EXTENSION pg_session_readonly; SET SESSION AUTHORIZATION analyst;
		CREATE SCHEMA s CREATE TABLE t (i int); CREATE EXTENSION pg_session_readonly SCHEMA s;
		INSERT INTO s.t VALUES (1);
		SELECT s.pg_session_readonly_lock()'),
	'locked', 'trusted extension');

# --- whose hooks are asked first, and the status loads nothing to tell ---
{
	my $status = 'SELECT loaded, overtaken FROM pg_session_readonly_status();';

	$node->safe_psql('postgres', 'CREATE DATABASE asked');
	$node->safe_psql('asked', 'CREATE EXTENSION pg_session_readonly');
	is($node->safe_psql('asked', "$status $status CREATE TABLE t (i int);",
			extra_params => [ "-U", "agent" ]), "f|\nf|", "status: nothing is loaded");
	is($node->safe_psql('asked', "SET pg_session_readonly.denied_commands = 'default, -LOAD';
		LOAD 'pg_session_readonly'; SET pg_session_readonly.mode = locked; $status LOAD 'auto_explain'; $status",
			extra_params => [ '-U', 'agent' ]), "t|f\nt|t", 'status: a library that is loaded after the lock stands before ours');
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=pg_session_readonly,auto_explain -c pg_session_readonly.mode=locked';
	is($node->safe_psql('asked', $status, extra_params => [ '-U', 'agent' ]), 't|f',
		'status: one that is loaded before the lock does not, wherever it is in the list');
}

# --- a call by fastpath loads the library, and asks for nothing ---
{
	my $session = Wire->new($node, dbname => 'asked', user => 'agent');
	my $function = $session->run("SELECT 'pg_session_readonly_overtaken'::regproc::oid");
	is($session->fastpath($function)->{code}, '', 'fastpath: loads the library');
	is($session->run('SHOW pg_session_readonly.mode'), 'off', 'fastpath: leaves the session as it was');
	$session->quit;
}

# --- a library that was there before is still asked, at each hook ---
{
	my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";
	my $asked = sub {
		my ($session) = @_;
		return join(' ', sort(split(' ', $session->run('SELECT watched()'))));
	};

	$node->safe_psql('asked', qq(
		CREATE FUNCTION watch(text) RETURNS bool AS '$writer', 'writer_watch' LANGUAGE C STABLE;
		CREATE FUNCTION watched() RETURNS text AS '$writer', 'writer_watched' LANGUAGE C STABLE;
		CREATE FUNCTION definer() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';));
	my $session = Wire->new($node, dbname => 'asked', user => 'agent',
		options => '-c log_min_messages=error');
	$session->run('SELECT watch(NULL)', 'SET pg_session_readonly.mode = off', "LOAD 'pg_session_readonly'");
	for my $case (
		[ 'a utility statement', 'CREATE TEMP TABLE mine (i int)' ],
		[ 'a definition', 'CREATE FUNCTION pg_temp.one() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$' ],
		[ 'a stored setting', 'ALTER ROLE agent SET work_mem = DEFAULT' ])
	{
		my ($name, $sql) = @$case;
		$session->run('SELECT watched()', $sql);
		like($asked->($session), qr/\bProcessUtility\b/, "asked before us, off: $name");
	}
	$session->run('SET pg_session_readonly.mode = locked', 'SELECT watched()', 'SELECT definer()', 'RESET work_mem');
	is($session->query('SELECT 1/0')->{code}, '22012', 'asked before us, locked: an error');
	is($asked->($session),
		'ExecutorFinish ExecutorRun ExecutorStart FMGR ProcessUtility emit_log fmgr needs_fmgr object_access post_parse_analyze',
		'asked before us, locked: every hook, and the answer of needs_fmgr_hook counts');
	$session->quit;

	# one that comes later stands before ours, and the status says so
	for my $hook (qw(post_parse_analyze ExecutorStart ExecutorRun ExecutorFinish ProcessUtility
		object_access needs_fmgr fmgr))
	{
		$session = Wire->new($node, dbname => 'asked', user => 'agent');
		$session->run("LOAD 'pg_session_readonly'");
		is($session->run('SELECT overtaken FROM pg_session_readonly_status()'), 'f', "$hook: not overtaken");
		$session->run("SELECT watch('$hook')");
		is($session->run('SELECT overtaken FROM pg_session_readonly_status()'), 't', "$hook: overtaken");
		$session->quit;
	}
}

$node->stop;
done_testing();
