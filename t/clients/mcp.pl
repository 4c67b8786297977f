# Published MCP servers, unmodified, between an agent and a database: what they
# promise to keep read-only is, when their role is locked.  The role is a
# superuser.  The agent is t/clients/mcp.mjs; to install the servers:
#
#     npm ci --omit=optional --ignore-scripts --prefix t/clients

use strict;
use warnings;
use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionReadonly qw(clients_or_skip);
use Test::More;

my @servers = ('@modelcontextprotocol/server-postgres', '@bytebase/dbhub');
my ($js, $clients) = clients_or_skip(@servers);

# The servers speak TCP, to the loopback interface only.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE ROLE owner LOGIN;
	CREATE ROLE witness LOGIN;
	CREATE ROLE agent LOGIN SUPERUSER;
	ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	CREATE ROLE unlocked LOGIN SUPERUSER;));

sub create
{
	my ($database) = @_;
	$node->safe_psql('postgres', "DROP DATABASE IF EXISTS $database");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, q(
		GRANT ALL ON SCHEMA public TO owner;
		SET ROLE owner;
		CREATE TABLE users (id int PRIMARY KEY, name text, password text);
		INSERT INTO users VALUES (1, 'ann', 'a'), (2, 'bob', 'b'), (3, 'eve', 'c');
		CREATE SEQUENCE seq;
		SELECT lo_from_bytea(1000, 'large');));
}
create('shop');

my $file = abs_path($node->basedir) . '/stolen';

sub url
{
	my ($user, $query, $database) = @_;
	return sprintf('postgres://%s@127.0.0.1:%d/%s%s',
		$user, $node->port, $database // 'shop', $query ? "?$query" : '');
}

# All that an attack could have changed: the database, the roles, files, the
# configuration, the advisory locks.
my $dump_file = $node->basedir . '/dump.sql';
sub state
{
	my $state = '';
	for my $command ([ 'pg_dump', '--blobs', $node->connstr('shop') ], [ 'pg_dumpall', '--globals-only' ])
	{
		unlink $dump_file;
		local @ENV{qw(PGHOST PGPORT)} = ($node->host, $node->port);
		PostgreSQL::Test::Utils::system_or_bail(@$command, '-f', $dump_file);
		$state .= slurp_file($dump_file);
	}
	# 15.14 and later write a random \restrict key into the dump
	$state =~ s/^\\(un)?restrict .*$//mg;
	$state .= slurp_file($node->data_dir . '/postgresql.auto.conf');
	$state .= $node->safe_psql('shop', q(SELECT pg_conf_load_time(),
		(SELECT relfrozenxid FROM pg_class WHERE relname = 'users'),
		(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')));
	return $state;
}

# Run the agent with these arguments, and PGOPTIONS if it is set here.
my $pgoptions = '';

sub run_agent
{
	my (@arguments) = @_;
	my ($stdout, $stderr);
	local $ENV{PGOPTIONS} = $pgoptions;
	# what is in the environment for psql is not for them
	local @ENV{qw(PGHOST PGPORT PGDATABASE)};
	delete @ENV{qw(PGHOST PGPORT PGDATABASE)};
	IPC::Run::run [ $js, "$clients/mcp.mjs", @arguments ],
	  '<', \undef, '>', \$stdout, '2>', \$stderr, IPC::Run::timeout(120);
	return ($stdout, $stderr);
}

sub holds
{
	my ($name, @arguments) = @_;
	my $witness = $node->background_psql('shop', extra_params => [ '-U', 'witness' ]);
	my $pid = $witness->query('SELECT pg_backend_pid()');
	my $before = state();
	my ($stdout, $stderr) = run_agent(@arguments);
	is($stderr, '', "$name: no exception");
	like($stdout, qr/^done$/m, "$name: ran to its end");
	for my $line (split /\n/, $stdout)
	{
		like($line, qr/^ok /, "$name: $line") unless $line eq 'done';
	}
	ok(state() eq $before, "$name: dump, roles, configuration are as they were");
	ok(!-e $file, "$name: no file");
	is($witness->query('SELECT pg_backend_pid()'), $pid, "$name: another session lives");
	$witness->quit;
}

holds($_, $_, url('agent'), $file) for @servers;

# Where the role is not locked, the connection may be; but how depends on the
# server.  server-postgres hands on the options of its URL; dbhub does not, but
# PGOPTIONS reaches both.
my $options = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked';
(my $escaped = $options) =~ s/([^\w.])/sprintf('%%%02X', ord $1)/ge;
holds("$servers[0], options", $servers[0], url('unlocked', "options=$escaped"), $file);
$pgoptions = $options;
holds("$_, PGOPTIONS", $_, url('unlocked'), $file) for @servers;
$pgoptions = '';

# dbhub has a read-only mode of its own, which lets through what begins with
# SELECT; and of search_path it makes options of its own.
sub config
{
	my ($url) = @_;
	my $config = $node->basedir . '/dbhub.toml';
	unlink $config;
	append_to_file($config, qq([[sources]]
id = "default"
dsn = "$url"
search_path = "public"
[[tools]]
name = "execute_sql"
source = "default"
readonly = true
[[tools]]
name = "search_objects"
source = "default"
));
	return $config;
}
holds("$servers[1], read-only, role", $servers[1], 'none', $file, config(url('agent')));

# --- the same agent where nothing is locked ---
sub falls
{
	my ($name, @arguments) = @_;
	my ($stdout, $stderr) = run_agent(@arguments);
	like($stdout, qr/^done$/m, "$name: ran to its end");
	like($stdout, qr/^not ok mode is locked/m, "$name: no lock");
	is($node->safe_psql('scratch', "SELECT count(*) FROM pg_namespace WHERE nspname = 'public'"),
		$name =~ /read-only/ ? '1' : '0', "$name: what became of the schema");
	ok(-e $file, "$name: the file is there");
	unlink $file;
	create('scratch');
}
create('scratch');
falls("$_, unlocked", $_, url('unlocked', '', 'scratch'), $file) for @servers;
falls("$servers[1], options of the URL, which it drops",
	$servers[1], url('unlocked', "options=$escaped", 'scratch'), $file);
# its own options go before PGOPTIONS, and its read-only mode runs lo_export()
$pgoptions = $options;
falls("$servers[1], read-only, search_path over PGOPTIONS",
	$servers[1], 'none', $file, config(url('unlocked', '', 'scratch')));

$node->stop;
done_testing();
