# The SQL objects go from 1.0 to 1.1, by way of 1.0.1, by ALTER EXTENSION, and to those of a release after
# this one, made up; the library is replaced while sessions run.  All of it in a private
# copy of the server's installation.

use strict;
use warnings;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
my $extension = 'pg_session_readonly';

# --- the private copy: programs find their files by where they are themselves ---
sub config
{
	my ($what) = @_;
	chomp(my $got = `"$pg_config" --$what`);
	die "$pg_config --$what: nothing" unless length $got;
	return $got;
}
my ($bin, $lib, $share) = map { config($_) } qw(bindir pkglibdir sharedir);
my $copy = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir());
for my $dir ($bin, $lib, $share)
{
	system_or_bail('mkdir', '-p', "$copy$dir");
	# the programs themselves, links to all else
	system_or_bail('cp', $dir eq $bin ? '-RL' : '-RLs', "$dir/.", "$copy$dir");
}
my $dir = "$copy$share/extension";
my $library = "$copy$lib/$extension.so";
die 'this is not the private copy' unless `"$copy$bin/pg_config" --pkglibdir` eq "$copy$lib\n";

# Put a file into place as an installation does: a new one, by renaming.
sub put_file
{
	my ($path, $content) = @_;
	open(my $out, '>:raw', "$path.new") or die "$path.new: $!";
	print $out $content;
	close($out) or die "$path.new: $!";
	rename("$path.new", $path) or die "$path: $!";
}

# The library in the copy, and the link to it, where links led into the original.
my $library_before = slurp_file($library);
put_file($library, $library_before);
system_or_bail('ln', '-sfn', "../$extension.so", "$copy$lib/plugins/$extension.so");

# A 1.2 as docs/packaging.md has it: a new function, a new body, a function whose
# columns change, over the C symbol of before.
my $difference = q(
CREATE FUNCTION pg_session_readonly_sql_version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '1.2';

CREATE OR REPLACE FUNCTION pg_session_readonly_ask_overtaken() RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT coalesce(pg_session_readonly_overtaken(), false);
END;

DROP FUNCTION pg_session_readonly_denied_functions();
CREATE FUNCTION pg_session_readonly_denied_functions_1_0(OUT function regprocedure,
	OUT reason text, OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_session_readonly_denied_functions'
LANGUAGE C STABLE PARALLEL RESTRICTED;
CREATE FUNCTION pg_session_readonly_denied_functions(OUT function regprocedure,
	OUT reason text, OUT detail text, OUT owner regrole)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT d.*, p.proowner FROM pg_session_readonly_denied_functions_1_0() d
	JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) d.function;
END;
);
my $quit = q(\echo Use "ALTER EXTENSION pg_session_readonly UPDATE" to load this file. \quit);
my $control = slurp_file("$dir/$extension.control");

# The extension's SQL objects of 1.2 come into the installation.
sub release_sql
{
	put_file("$dir/$extension--1.1--1.2.sql", "$quit\n$difference");
	(my $new = $control) =~ s/^default_version = '1\.1'$/default_version = '1.2'/m or die $control;
	put_file("$dir/$extension.control", $new);
}

# A library that can be told from this one: what it says as it refuses.
sub release_library
{
	(my $new = $library_before) =~ s/Refused by pg_session_readonly:/Refused by PG_SESSION_READONLY:/g
	  or die 'nothing to replace';
	put_file($library, $new);
}

my $node = PostgreSQL::Test::Cluster->new('main', install_path => "$copy$bin/..");
$node->init;
$node->start;
$node->safe_psql('postgres', q(
	CREATE ROLE boss LOGIN SUPERUSER;
	CREATE ROLE agent LOGIN;
	ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	CREATE ROLE guest LOGIN;
	CREATE TABLE t (i int);
	GRANT ALL ON t TO PUBLIC;
	CREATE DATABASE template_1_1;
	CREATE DATABASE template_1_0;));
for my $version ('1.0', '1.1')
{
	(my $database = "template_$version") =~ s/\./_/g;
	$node->safe_psql($database, qq(
		CREATE EXTENSION pg_session_readonly VERSION '$version';
		CREATE VIEW mine AS SELECT mode, loaded FROM pg_session_readonly_status();
		CREATE TABLE t (i int);
		GRANT ALL ON t, mine TO PUBLIC;));
}
# a database for each case
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template_1_1")
  for qw(locked_ one_of_each off_ old);
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template_1_0")
  for qw(oldest oldest_locked oldest_two_steps);

# What there is of the extension: its version, and its functions as they are defined.
my $objects_sql = q(
	SELECT extversion FROM pg_extension WHERE extname = 'pg_session_readonly'
	UNION ALL
	(SELECT pg_get_functiondef(objid) FROM pg_depend
	WHERE deptype = 'e' AND classid = 'pg_proc'::regclass AND refobjid =
		(SELECT oid FROM pg_extension WHERE extname = 'pg_session_readonly')
	ORDER BY objid::regprocedure::text COLLATE "C"));
sub objects { return $node->safe_psql($_[0], $objects_sql) }

sub session
{
	my ($user, $database, $mode, %more) = @_;
	my $session = Wire->new($node, user => $user, dbname => $database, %more);
	$session->run('LOAD \'$libdir/plugins/pg_session_readonly\'') if $mode;
	$session->run("SET pg_session_readonly.mode = $mode") if $mode;
	return $session;
}

# A session is locked, refuses a write and cannot be unlocked.
sub still_locked
{
	my ($session, $name, $detail) = @_;
	$detail ||= qr/^Refused by pg_session_readonly:/;
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', "$name: locked");
	my $insert = $session->query('INSERT INTO t VALUES (1)');
	is($insert->{code}, '25006', "$name: refuses an INSERT");
	like($insert->{detail}, $detail, "$name: and says who refuses");
	is($session->query('SET pg_session_readonly.mode = off')->{code}, '25006', "$name: cannot be unlocked");
	is($session->query('NOTIFY x')->{code}, '25006', "$name: refuses a command that core lets through");
}

my $update = 'ALTER EXTENSION pg_session_readonly UPDATE';
my $before = objects('old');
like($before, qr/\A1\.1\n/, 'the databases have 1.1');
my $oldest = objects('oldest');
like($oldest, qr/\A1\.0\n/, 'or 1.0');

# --- from 1.0: its functions work with the library of 1.1 ---
{
	my $agent = session('agent', 'oldest_locked');
	my $guest = session('guest', 'oldest_locked', 'locked');
	my $status = 'SELECT mode, loaded, overtaken FROM pg_session_readonly_status()';
	my $plain = session('boss', 'oldest_locked');
	is($plain->run($status), 'off|f|', '1.0: the status function, in a session without the library');
	is($_->run($status), 'locked|t|f', '1.0: the status function, in a locked session') for ($agent, $guest);
	is($_->query('SELECT loaded_before FROM pg_session_readonly_status()')->{code}, '42703', '1.0: has not the new column')
	  for ($agent, $plain);
	is($agent->query($update)->{code}, '25006', '1.0: a locked session may not update');

	# A function's columns cannot change while a view uses it.
	my $result = $plain->query($update);
	is($result->{code}, '2BP01', 'a view over the status function of 1.0: stops the update');
	like($result->{detail}, qr/^view mine depends on function pg_session_readonly_status\(\)$/, 'a view over the status function: is named');
	is(objects('oldest_locked'), $oldest, 'a view over the status function of 1.0: nothing has changed');
	$plain->run('DROP VIEW mine');
	is($plain->query($update)->{code}, '', 'without the view: it is updated while others are locked');
	is(objects('oldest_locked'), $before, 'to what CREATE EXTENSION of 1.1 makes');
	for my $session ($agent, $guest)
	{
		is($session->run($status), 'locked|t|f', 'a session that was locked before: the new status function');
		is($session->run('SELECT loaded_before, mode_source FROM pg_session_readonly_status()'),
			$session == $agent ? '|user' : '|session', 'with its new columns');
		still_locked($session, 'a session that was locked before the update from 1.0');
		$session->quit;
	}
	$plain->quit;
}
release_sql();
$node->safe_psql('oldest_two_steps', "DROP VIEW mine; $update");

# --- a guarded session may not update ---
for my $case ([ 'locked', 'boss' ], [ 'on', 'boss' ])
{
	my ($mode, $user) = @$case;
	my $session = session($user, 'locked_', $mode);
	my $result = $session->query($update);
	is($result->{code}, '25006', "$mode: ALTER EXTENSION UPDATE is refused, also a superuser's");
	like($result->{detail}, qr/^Refused by pg_session_readonly:/, "$mode: by us");
	is($session->query("$update TO '1.2'")->{code}, '25006', "$mode: also to a version by name");
	is($session->query("DO \$\$ BEGIN EXECUTE '$update'; END \$\$")->{code}, '25006', "$mode: also in DO");
	is(objects('locked_'), $before, "$mode: and nothing has changed");
	$session->quit;
}

# --- one that may write updates, whatever other sessions are ---
my $locked = session('boss', 'one_of_each', 'locked');
my $agent = session('agent', 'one_of_each');
my $guest = session('guest', 'one_of_each', 'locked');
my $on = session('boss', 'one_of_each', 'on');
my $off = session('boss', 'one_of_each', 'off');
$_->run('SELECT count(*) FROM pg_session_readonly_denied_functions()') for ($locked, $agent, $guest, $on, $off);
is($locked->run('SELECT * FROM mine'), 'locked|t', 'a view over 1.1');
my $plain = session('boss', 'one_of_each');
is($plain->query($update)->{code}, '', 'a session without the library updates while others are locked');
my $upgraded = objects('one_of_each');
like($upgraded, qr/\A1\.2\n.*pg_session_readonly_sql_version/s, 'it is 1.2');
is(objects('oldest_two_steps'), $upgraded, '1.0 is updated to the same, by way of 1.1');
is($plain->run('SELECT * FROM mine'), 'off|t', 'which has loaded the library, as C functions were made, and is off');
is($plain->query('INSERT INTO t VALUES (0)')->{code}, '', 'and writes');
for my $case ([ $locked, "a superuser's locked session" ], [ $agent, 'the session of a locked role' ],
	[ $guest, "an ordinary role's locked session" ])
{
	my ($session, $name) = @$case;
	still_locked($session, "$name, after the update");
	is($session->run('SELECT pg_session_readonly_sql_version()'), '1.2', "$name: a new function works");
	is($session->run('SELECT * FROM mine'), 'locked|t', "$name: so does the view of before");
	is($session->run('SELECT count(DISTINCT owner) FROM pg_session_readonly_denied_functions()'), '1',
		"$name: and the function with one more column");
	is($session->run('SELECT overtaken FROM pg_session_readonly_status()'), 'f', "$name: and the new body");
}
is($on->query('INSERT INTO t VALUES (1)')->{code}, '25006', 'a session that is on refuses an INSERT');
$on->run('SET pg_session_readonly.mode = off');
is($on->query('INSERT INTO t VALUES (1)')->{code}, '', 'and goes off again');
is($off->query('INSERT INTO t VALUES (1)')->{code}, '', 'a session that was off writes');
is($off->run('SELECT pg_session_readonly_lock()'), 'locked', 'and locks by the function');
still_locked($off, 'locked after the update');
like($plain->query($update)->{notices}[0], qr/version "1\.2" .* is already installed/, 'a second update has nothing to do');
$_->quit for ($locked, $agent, $guest, $on, $off, $plain);

# --- a session with the library that is off updates as any other ---
$off = session('boss', 'off_', 'off');
is($off->query($update)->{code}, '', 'off, with the library: the update goes through');
is($off->run('SHOW pg_session_readonly.mode'), 'off', 'the session stays off');
is($off->query('INSERT INTO t VALUES (1)')->{code}, '', 'and writes');
is(objects('off_'), $upgraded, 'with the same outcome');
$off->quit;

# --- an upgraded database is like a fresh one, and like its dump ---
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION pg_session_readonly');
is(objects('fresh'), $upgraded, 'CREATE EXTENSION of 1.2 makes what the update of 1.1 makes');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('one_of_each') ], 'an upgraded database is dumped');
unlike(slurp_file($dump), qr/CREATE FUNCTION/, 'without the functions of the extension');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ],
	'and restored');
is(objects('restored'), $upgraded, 'with the same objects');
is($node->safe_psql('restored', 'SELECT * FROM mine'), 'off|f', 'and the view over them');
is($node->safe_psql('restored', 'SELECT i, count(*) FROM t GROUP BY 1 ORDER BY 1'), "0|1\n1|2", 'and the rows');

# --- one library serves them all ---
is(objects('old'), $before, 'a database that nobody updated has 1.1');
is(objects('oldest'), $oldest, 'or 1.0');
for my $database ('oldest', 'old', 'fresh')
{
	my $session = session('agent', $database);
	is($session->run('SELECT mode FROM pg_session_readonly_status()'), 'locked', "$database: status");
	is($session->run('SELECT pg_session_readonly_lock()'), 'locked', "$database: lock");
	is($session->run('SELECT count(*) > 0 FROM pg_session_readonly_denied_functions()'), 't',
		"$database: denied functions");
	$session->quit;
}

# --- a new library under sessions that run ---
# Each has the library of before, which the file system keeps as long as it is mapped.
# To core the new file is another library, but for a name that it has seen.
my %of_before = (
	'loaded for a role' => session('agent', 'old'),
	'loaded by a superuser' => session('boss', 'old'),
	'loaded from plugins' => session('guest', 'old', 'locked'));
$of_before{'loaded by a superuser'}->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
my $off_before = session('boss', 'old', 'off');
$plain = session('boss', 'old');
release_library();
my $newer = qr/^Refused by PG_SESSION_READONLY:/;
for my $name (sort keys %of_before)
{
	my $session = $of_before{$name};
	my $other = $name eq 'loaded from plugins' ? '55000' : '';
	still_locked($session, "$name, after the library was replaced");
	for my $case ([ 'SELECT * FROM pg_session_readonly_status()', $other ],
		[ 'SELECT pg_session_readonly_lock()', $other ],
		[ 'LOAD \'$libdir/plugins/pg_session_readonly\'', '' ],
		[ "LOAD 'pg_session_readonly'", '' ])
	{
		my ($sql, $code) = @$case;
		my $result = $session->query($sql);
		is($result->{code}, $code, "$name: $sql: " . ($code ? 'refused' : 'works'));
		is($result->{message}, 'pg_session_readonly is already loaded from another file',
			"$name: it says that there is another file")
		  if $code;
		still_locked($session, "$name: after $sql");
	}
}
is($off_before->query('SELECT * FROM pg_session_readonly_status()')->{code}, '55000',
	'off, with the library of before: it does not load a second one');
is($off_before->query('INSERT INTO t VALUES (1)')->{code}, '', 'it goes on writing');
is($off_before->query('SET pg_session_readonly.mode = locked')->{code}, '', 'and can be locked');
still_locked($off_before, 'locked with the library of before');
$agent = session('agent', 'old');
still_locked($agent, 'a new session of the role', $newer);
is($plain->run('SELECT pg_session_readonly_lock()'), 'locked', 'a session without the library takes the new one up');
still_locked($plain, 'it', $newer);
$_->quit for (values %of_before, $off_before, $agent, $plain);

# --- preloaded for the server: the library of before until the restart ---
put_file($library, $library_before);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'\n");
$node->restart;
$agent = session('agent', 'old');
release_library();
for my $case ([ $agent, 'a session of before' ], [ session('agent', 'old'), 'a new session' ])
{
	my ($session, $name) = @$case;
	still_locked($session, "preloaded, $name");
	is($session->run('SELECT mode FROM pg_session_readonly_status()'), 'locked', "preloaded, $name: the status function works");
	$session->quit;
}
$guest = session('guest', 'old');
is($guest->query('LOAD \'$libdir/plugins/pg_session_readonly\'')->{code}, '55000',
	'preloaded, a new session: LOAD by the other path is refused');
is($guest->query('SET pg_session_readonly.mode = locked')->{code}, '', 'it can be locked without');
still_locked($guest, 'it');
$guest->quit;
$guest = Wire->new($node, user => 'guest', dbname => 'old', options => '-c local_preload_libraries=pg_session_readonly');
is($guest->{startup}{code}, '55000', 'preloaded, a new session with local_preload_libraries: there is none');
like($guest->{startup}{hint}, qr/restart the server/, 'and it says what to do');
$node->restart;
$agent = session('agent', 'old');
still_locked($agent, 'preloaded, after the restart', $newer);
$agent->quit;
$guest = session('guest', 'old', 'locked');
still_locked($guest, 'after the restart, by the other path', $newer);
$guest->quit;

is($node->safe_psql('old', 'SELECT count(*) FROM t'), '1', 'what was refused was not written');
$node->stop;

done_testing();
