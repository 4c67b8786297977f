# What does not come as one simple query: several statements in one message, the
# extended protocol, fastpath calls; and what was prepared before the lock.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q(
	CREATE TABLE users (i int);
	INSERT INTO users VALUES (1), (2), (3);
	CREATE SEQUENCE seq;));

# Nothing of this may change between two tests.
my $state_query = q(SELECT (SELECT count(*) FROM users),
	(SELECT is_called FROM seq), (SELECT count(*) FROM pg_largeobject_metadata),
	(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace));
my $state = $node->safe_psql('postgres', $state_query);

sub unchanged
{
	my ($name) = @_;
	is($node->safe_psql('postgres', $state_query), $state, "$name: nothing changed");
}

my $lock = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked';

# --- several statements in one message ---
{
	local $ENV{PGOPTIONS} = $lock;
	for my $sql (
		'COMMIT; DROP TABLE users; --',
		'SELECT 1; COMMIT; BEGIN READ WRITE; DELETE FROM users; COMMIT',
		'ROLLBACK; SET default_transaction_read_only = off; COMMIT; DELETE FROM users',
		'SET pg_session_readonly.mode = off; DELETE FROM users',
		"BEGIN; SAVEPOINT a; RELEASE a; SELECT nextval('seq'); COMMIT",
		"DO \$\$ BEGIN COMMIT; DROP TABLE users; END \$\$; DROP TABLE users")
	{
		my ($rc, $stdout, $stderr) = $node->psql('postgres', undef,
			extra_params => [ '-c', $sql ]);
		isnt($rc, 0, "one message: $sql");
		unchanged($sql);
	}
}

# --- extended protocol, by pgbench ---
for my $protocol ('extended', 'prepared')
{
	for my $sql (
		'INSERT INTO users VALUES (4);',
		"SELECT nextval('seq');",
		'VACUUM users;',
		'EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1;',
		'BEGIN READ WRITE; DELETE FROM users; COMMIT;',
		"COPY users TO PROGRAM 'true';")
	{
		local $ENV{PGOPTIONS} = $lock;
		my $file = $node->basedir . '/script.sql';
		unlink $file;
		append_to_file($file, join("\n", split(/(?<=;)/, $sql)) . "\n");
		$node->command_checks_all(
			[ 'pgbench', '-n', '-t', '1', '-M', $protocol, '-f', $file, 'postgres' ],
			2, [qr//], [qr/in a read-only (session|transaction)/],
			"$protocol protocol: $sql");
		delete $ENV{PGOPTIONS};
		unchanged("$protocol protocol: $sql");
	}
	local $ENV{PGOPTIONS} = $lock;
	my $file = $node->basedir . '/read.sql';
	append_to_file($file, "SELECT * FROM users WHERE i = 1;\nSELECT 1;\n");
	$node->command_ok([ 'pgbench', '-n', '-t', '5', '-M', $protocol, '-f', $file, 'postgres' ],
		"$protocol protocol: reads");
}

# --- fastpath, parameter status, and cursors before the lock, by psycopg2 ---
SKIP:
{
	my $python = $ENV{PYTHON} || 'python3';
	skip 'no psycopg2', 1
	  if system("$python -c 'import psycopg2' 2>/dev/null") != 0;

	my ($stdout, $stderr);
	my $oid = $node->safe_psql('postgres', "SELECT lo_from_bytea(0, 'large')");
	$state = $node->safe_psql('postgres', $state_query);
	IPC::Run::run [ $python, 't/driver.py', $node->connstr('postgres'), $oid ],
	  '>', \$stdout, '2>', \$stderr;
	is($stderr, '', 'driver: no exception');
	like($stdout, qr/^done$/m, 'driver: ran to its end');
	for my $line (split /\n/, $stdout)
	{
		like($line, qr/^ok /, "driver: $line") unless $line eq 'done';
	}
	unchanged('driver');
	is($node->safe_psql('postgres', "SELECT lo_get($oid)"), '\x6c61726765',
		'large object is as it was');
}

$node->stop;
done_testing();
