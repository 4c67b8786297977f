# Drivers of Node.js, unmodified: node-postgres and postgres.js, locked in each
# way that reaches them.  What they do is in t/clients; to install them:
#
#     npm ci --omit=optional --ignore-scripts --prefix t/clients

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionReadonly qw(clients_or_skip);
use Test::More;

my ($js, $clients) = clients_or_skip('pg', 'pg-cursor', 'postgres');

# The clients speak TCP, to the loopback interface only.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
$node->start;

my $setup = q(
	CREATE TABLE users (i int);
	INSERT INTO users VALUES (1), (2), (3);
	CREATE SEQUENCE seq;
	GRANT ALL ON users, seq TO PUBLIC;);
$node->safe_psql('postgres', q(
	CREATE ROLE agent LOGIN SUPERUSER;
	ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	CREATE ROLE analyst LOGIN;
	CREATE ROLE stored LOGIN IN ROLE pg_execute_server_program;
	ALTER ROLE stored SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE stored SET pg_session_readonly.mode = locked;
	CREATE ROLE maker LOGIN SUPERUSER;
	ALTER ROLE maker SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE maker SET pg_session_readonly.denied_commands = 'default, -TEMPORARY TABLES';
	ALTER ROLE maker SET pg_session_readonly.mode = locked;
	CREATE ROLE app LOGIN SUPERUSER;
	GRANT pg_execute_server_program TO analyst;) . $setup);
$node->safe_psql('postgres', 'CREATE DATABASE scratch');
$node->safe_psql('scratch', $setup);

my $state_query = q(SELECT (SELECT array_agg(i ORDER BY i) FROM users),
	(SELECT is_called FROM seq), (SELECT count(*) FROM pg_largeobject_metadata),
	(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace));
my $state = $node->safe_psql('postgres', $state_query);

sub url
{
	my ($user, $query, $database) = @_;
	return sprintf('postgres://%s@127.0.0.1:%d/%s%s',
		$user, $node->port, $database // 'postgres', $query ? "?$query" : '');
}

# Run a script of t/clients; returns the lines of its checks.
sub run_client
{
	my ($script, @arguments) = @_;
	my ($stdout, $stderr);
	# what is in the environment for psql is not for them
	local @ENV{qw(PGHOST PGPORT PGDATABASE)};
	delete @ENV{qw(PGHOST PGPORT PGDATABASE)};
	IPC::Run::run [ $js, "$clients/$script", @arguments ],
	  '<', \undef, '>', \$stdout, '2>', \$stderr, IPC::Run::timeout(120);
	return ($stdout, $stderr);
}

sub passes
{
	my ($name, $script, @arguments) = @_;
	my ($stdout, $stderr) = run_client($script, @arguments);
	is($stderr, '', "$name: no exception");
	like($stdout, qr/^done$/m, "$name: ran to its end");
	for my $line (split /\n/, $stdout)
	{
		like($line, qr/^ok /, "$name: $line") unless $line eq 'done';
	}
	is($node->safe_psql('postgres', $state_query), $state, "$name: nothing changed");
}

my $preload = 'session_preload_libraries=pg_session_readonly';
my $locked = 'pg_session_readonly.mode=locked';
my $escape = sub { my $text = shift; $text =~ s/([^\w.])/sprintf('%%%02X', ord $1)/ge; $text };
my $options = 'options=' . $escape->("-c $preload -c $locked");
my $local_options = 'options=' . $escape->("-c local_preload_libraries=pg_session_readonly -c $locked");

for my $client ('node_postgres', 'postgres_js')
{
	passes("$client, role", "$client.mjs", url('agent'));
	passes("$client, options", "$client.mjs", url('app', $options));
	passes("$client, options of an ordinary user", "$client.mjs", url('analyst', $local_options));
}

# node-postgres reads PGOPTIONS, and its URL goes before it; postgres.js does not
# read it: whoever counts on it has no lock, and no mode is reported.
{
	local $ENV{PGOPTIONS} = "-c $preload -c $locked";
	passes('node_postgres, PGOPTIONS', 'node_postgres.mjs', url('app'));
	passes('node_postgres, PGOPTIONS under the options of the URL', 'node_postgres.mjs',
		url('app', 'options=' . $escape->('-c work_mem=5MB')), 'none');
	passes('postgres_js, PGOPTIONS', 'postgres_js.mjs', url('app'), 'none');
}

# postgres.js has parameters of the startup message for what others have options.
my $json = q({"session_preload_libraries": "pg_session_readonly", "pg_session_readonly.mode": "locked"});
passes('node_postgres, temporary tables', 'node_postgres.mjs', url('maker'), 'temporary');
passes('postgres_js, startup parameters', 'postgres_js.mjs', url('app'), 'locked', $json);
passes('postgres_js, startup parameters of the URL', 'postgres_js.mjs', url('app', "$preload&$locked"));
passes('postgres_js, startup parameters of an ordinary user', 'postgres_js.mjs',
	url('analyst', "local_preload_libraries=pg_session_readonly&$locked"));

# What is stored for an ordinary user holds against options and parameters,
# however they are written.
for my $off ('pg_session_readonly.mode=off', 'PG_Session_ReadOnly.MODE=off')
{
	passes("$_, stored, against the option $off", "$_.mjs", url('stored', 'options=' . $escape->("-c $off")))
	  for ('node_postgres', 'postgres_js');
	passes("postgres_js, stored, against the startup parameter $off", 'postgres_js.mjs', url('stored', $off));
}

# The same checks fail without a lock: each write is done.
for my $client ('node_postgres', 'postgres_js')
{
	my ($stdout, $stderr) = run_client("$client.mjs", url('app', '', 'scratch'));
	like($stdout, qr/^not ok mode is reported/m, "$client, unlocked: no mode is reported");
	like($stdout, qr/^not ok $_, simple \("no error"\)/m, "$client, unlocked: $_")
	  for ('INSERT', 'nextval', 'EXPLAIN ANALYZE');
	$node->safe_psql('postgres', 'DROP DATABASE scratch WITH (FORCE)');
	$node->safe_psql('postgres', 'CREATE DATABASE scratch');
	$node->safe_psql('scratch', $setup);
}

$node->stop;
done_testing();
