# A library that lies outside $libdir and is found through dynamic_library_path, or by
# whatever name: a locked session finds it where a plain one does, or not at all where
# that does not, and its settings are looked after before its code runs.  From 18 on
# core finds '$libdir/NAME' there as well (extension_control_path, image volumes).

use strict;
use warnings;
use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";
my ($suffix) = $writer =~ /([.]\w+)$/;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

my ($libdir, $share) = split /\n/, $node->safe_psql('postgres',
	"SELECT setting FROM pg_config WHERE name IN ('PKGLIBDIR', 'SHAREDIR') ORDER BY name");
my $extensions = "$share/extension";
plan skip_all => 'no hstore' unless -e "$libdir/hstore$suffix" && -e "$extensions/hstore--1.4.sql";

# hstore and the tests' own library, under names that $libdir does not have
my $dir = PostgreSQL::Test::Utils::tempdir();
my $ours = PostgreSQL::Test::Utils::tempdir();
sub copy_to
{
	my ($from, $to) = @_;
	copy($from, $to) or die "cannot copy $from to $to: $!";
}
copy_to("$libdir/hstore$suffix", "$dir/far_hstore$suffix");
copy_to($writer, "$dir/far_writer$suffix");
symlink("far_hstore$suffix", "$dir/link_hstore$suffix") or die "cannot link: $!";
symlink("far_writer$suffix", "$dir/link_writer$suffix") or die "cannot link: $!";
$node->append_conf('postgresql.conf', "dynamic_library_path = '\$libdir:$dir'");
$node->reload;

my $script = slurp_file("$extensions/hstore--1.4.sql");
$script =~ s/^\\echo.*$//m;
$node->safe_psql('postgres', $script =~ s/MODULE_PATHNAME/$dir\/far_hstore/gr . qq(;
	CREATE TABLE far (h hstore);
	INSERT INTO far SELECT hstore('k' || i, i::text) FROM generate_series(1, 1000) i;
	CREATE INDEX ON far USING gin (h);
	CREATE FUNCTION told() RETURNS text AS '$dir/far_writer', 'writer_told' LANGUAGE C STABLE;
	CREATE FUNCTION settings() RETURNS text AS '$dir/far_writer', 'writer_settings' LANGUAGE C STABLE;));

my %setup = (
	plain => [],
	on => [ "LOAD 'pg_session_readonly'" ],
	locked => [ "LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked' ]);

# What a session answers: SQLSTATE, message, rows.
sub answer
{
	my ($session, $sql) = @_;
	my $result = $session->query($sql);

	return join("\n", $result->{code}, $result->{message}, @{ $result->{rows} });
}

# --- every name under which a library can be called ---
my @ways = (
	[ 'function', q(SELECT hstore('a', '1') -> 'a') ],
	[ 'operator', q(SELECT count(*) FROM far WHERE h ? 'k7') ],
	[ 'index', q(SET enable_seqscan = off; SELECT count(*) FROM far WHERE h ? 'k7') ],
	[ 'type output', 'SELECT * FROM far LIMIT 3' ],
	[ 'COPY', 'COPY far TO STDOUT' ]);
my @names = (
	'far_NAME', "far_NAME$suffix", '$libdir/far_NAME', "\$libdir/far_NAME$suffix",
	"$dir/far_NAME", "$dir/far_NAME$suffix", "$dir//far_NAME", "$dir/link_NAME", 'link_NAME',
	'plugins/far_NAME', '$libdir/plugins/far_NAME', 'nowhere');
for my $name (@names)
{
	# CREATE FUNCTION would look for the library
	(my $shown = $name) =~ s/\Q$dir\E/DIR/;
	my ($hstore, $far_writer) = map { $name =~ s/NAME/$_/r } ('hstore', 'writer');
	$node->safe_psql('postgres', qq(
		SET allow_system_table_mods = on;
		UPDATE pg_proc SET probin = '$hstore' WHERE probin ~ 'hstore|nowhere' AND prosrc !~ 'writer';
		UPDATE pg_proc SET probin = '$far_writer' WHERE prosrc ~ 'writer'));

	my $runs = $name =~ /nowhere|plugins/ || ($name =~ /^.libdir/ && $node->pg_version < 18) ? 0 : 1;
	for my $way (@ways)
	{
		my ($how, $sql) = @$way;
		my $plain = Wire->new($node);
		my $expected = answer($plain, $sql);
		like($expected, $runs ? qr/^\n\n[^\n]/ : qr/^58P01\n/, "$shown, $how, plain: " . ($runs ? 'runs' : 'no such file'));
		$plain->quit;
		for my $mode ('on', 'locked')
		{
			my $session = Wire->new($node);
			$session->run(@{ $setup{$mode} });
			is(answer($session, $sql), $expected, "$shown, $how, $mode: as in a plain session");
			is(answer($session, $sql), $expected, "$shown, $how, $mode: again");
			$session->quit;
		}

		# used before the lock, by a session that may write and by one that is on
		for my $mode ('plain', 'on')
		{
			my $session = Wire->new($node);
			$session->run(@{ $setup{$mode} });
			$session->query($sql);
			$session->run(@{ $setup{locked} });
			is(answer($session, $sql), $expected, "$shown, $how, locked after use while $mode: as in a plain session");
			$session->quit;
		}
	}

	# what the untrusted side has given to the library's settings
	my $session = Wire->new($node);
	$session->run(@{ $setup{locked} }, "SET writer.command = 'agent'", "SET writer.note = 'agent'");
	if ($runs)
	{
		is($session->run('SELECT told()'), 'none ', "$shown: a superuser's setting: the library's hook is not told");
		is($session->run('SELECT settings()'), 'none agent', "$shown: and anyone's is SET");
		is($session->query("SET writer.command = 'agent'")->{code}, '55P02', "$shown: pinned then");
	}
	else
	{
		is($session->query('SELECT told()')->{code}, '58P01', "$shown: no such file");
		is($session->run('SHOW writer.command'), 'agent', "$shown: nothing is loaded");
	}
	$session->quit;
}

# --- what core says of a symbol that is missing ---
$node->safe_psql('postgres', qq(
	SET allow_system_table_mods = on;
	UPDATE pg_proc SET probin = 'far_hstore' WHERE probin = 'nowhere' AND prosrc !~ 'writer';
	UPDATE pg_proc SET probin = 'far_writer' WHERE prosrc ~ 'writer';
	UPDATE pg_proc SET prosrc = 'writer_is_not_there' WHERE proname = 'told'));
for my $mode ('plain', 'on', 'locked')
{
	my $session = Wire->new($node);
	$session->run(@{ $setup{$mode} });
	my $result = $session->query('SELECT told()');
	is($result->{code}, '42883', "symbol missing, $mode: SQLSTATE");
	is($result->{message}, qq(could not find function "writer_is_not_there" in file "$dir/far_writer$suffix"),
		"symbol missing, $mode: message");
	$session->quit;
}

# Nor does such an error leave memory behind that the transaction keeps.
{
	my $session = Wire->new($node);
	$session->run(@{ $setup{locked} });
	my $result = $session->query(q(DO $$
		DECLARE
			t text;
		BEGIN
			FOR i IN 1 .. 100 LOOP
				BEGIN
					t := told();
				EXCEPTION WHEN undefined_function THEN NULL;
				END;
			END LOOP;
			RAISE NOTICE '%', (SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'pg_session_readonly%');
		END $$));
	is("$result->{message} @{ $result->{notices} }", ' 0', 'symbol missing, again and again: no memory context is left');
	$session->quit;
}

# --- pg_dump ---
sub dump_of
{
	my ($database, $options) = @_;
	local $ENV{PGOPTIONS} = $options;
	my ($out, $err) = run_command([ 'pg_dump', '-d', $node->connstr($database), '-t', 'far' ]);

	is($err, '', "pg_dump $options: no error");
	return $out =~ s/^\\(un)?restrict.*\n//mgr;
}
my $locked = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked';
like(dump_of('postgres', ''), qr/"k7"=>"7"/, 'pg_dump, plain');
is(dump_of('postgres', $locked), dump_of('postgres', ''), 'pg_dump, locked: as in a plain session');

# --- an extension outside the server's directories (18) ---
SKIP:
{
	skip 'extension_control_path came with 18', 10 if $node->pg_version < 18;
	mkdir "$dir/extension" or die "cannot make a directory: $!";
	append_to_file("$dir/extension/far_hstore.control",
		"default_version = '1.4'\nmodule_pathname = '\$libdir/far_hstore'\n");
	copy_to("$extensions/hstore--1.4.sql", "$dir/extension/far_hstore--1.4.sql");
	$node->append_conf('postgresql.conf', "extension_control_path = '\$system:$dir'");
	$node->reload;
	$node->safe_psql('postgres', 'CREATE DATABASE extended');
	$node->safe_psql('extended', q(
		CREATE EXTENSION far_hstore;
		CREATE TABLE far AS SELECT hstore('k' || i, i::text) AS h FROM generate_series(1, 1000) i;
		CREATE INDEX ON far USING gin (h)));
	for my $way (@ways)
	{
		my ($how, $sql) = @$way;
		my ($plain, $session) = map { Wire->new($node, dbname => 'extended') } (1, 2);
		$session->run(@{ $setup{locked} });
		my $expected = answer($plain, $sql);
		like($expected, qr/^\n\n[^\n]/, "extension_control_path, $how, plain: runs");
		is(answer($session, $sql), $expected, "extension_control_path, $how, locked: as in a plain session");
		$_->quit for ($plain, $session);
	}
	is(dump_of('extended', $locked), dump_of('extended', ''), 'extension_control_path, pg_dump, locked: as in a plain session');
}

# --- our own library there ---
copy_to("$libdir/pg_session_readonly$suffix", "$ours/pg_session_readonly$suffix");
$node->append_conf('postgresql.conf', "dynamic_library_path = '$ours:\$libdir:$dir'");
$node->reload;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_session_readonly');
for my $case (
	[ 'by its name', "LOAD 'pg_session_readonly'" ],
	[ 'by its path', "LOAD '$ours/pg_session_readonly'" ],
	[ 'by session_preload_libraries', 'SELECT 1', '-c session_preload_libraries=pg_session_readonly' ],
	[ 'by session_preload_libraries, its path', 'SELECT 1', "-c session_preload_libraries=$ours/pg_session_readonly" ])
{
	my ($how, $load, $options) = @$case;
	my $session = Wire->new($node, options => $options);
	$session->run($load);
	is($session->run('SHOW pg_session_readonly.mode'), 'on', "our library outside \$libdir, $how: on");
	my $lock = answer($session, 'SELECT pg_session_readonly_lock()');
	$session->run('SET pg_session_readonly.mode = locked');
	is($session->query('CREATE TABLE t (i int)')->{code}, '25006', "our library outside \$libdir, $how: locked");
	for my $name ('pg_session_readonly', '$libdir/pg_session_readonly', '$libdir/plugins/pg_session_readonly')
	{
		is(answer($session, "LOAD '$name'"), "\n", "our library outside \$libdir, $how, LOAD '$name': does nothing");
	}
	for my $name ("pg_session_readonly$suffix", "\$libdir/pg_session_readonly$suffix",
		"$ours/pg_session_readonly", "$libdir/pg_session_readonly")
	{
		is($session->query("LOAD '$name'")->{code}, '25006',
			"our library outside \$libdir, $how, another path (" . ($name =~ s/.*(?=\/pg_)/.../r) . '): refused');
	}
	# before 18, '$libdir/' is another file for core as well
	is(answer($session, 'SELECT pg_session_readonly_lock()'), $lock,
		"our library outside \$libdir, $how, its functions: as before the lock");
	$session->quit;
}

$node->stop;
done_testing();
