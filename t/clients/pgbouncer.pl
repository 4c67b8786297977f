# PgBouncer: an alias of a database whose server connections are a locked role's, and
# one whose server connections lock themselves, next to a plain one.

use strict;
use warnings;
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionReadonly qw(create_postgres);
use Test::More;

plan skip_all => 'no pgbouncer'
  if system('pgbouncer --version >/dev/null 2>&1') != 0 && !-x '/usr/sbin/pgbouncer';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
create_postgres($node);
$node->safe_psql('postgres', q(
	CREATE ROLE analyst LOGIN;
	CREATE ROLE agent LOGIN SUPERUSER;
	CREATE ROLE app LOGIN;
	ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'superuser, statement_timeout';
	ALTER ROLE agent SET statement_timeout = '30s';
	CREATE ROLE ai_agent LOGIN;
	ALTER ROLE ai_agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE ai_agent SET pg_session_readonly.mode = locked;
	CREATE TABLE users (i int);
	GRANT ALL ON users TO analyst, app, ai_agent;

	-- Those who had an unlocked session before, and stored something for themselves
	-- that gets in the way of a lock.
	CREATE ROLE liar LOGIN;
	CREATE ROLE slow LOGIN;
	CREATE ROLE asserts LOGIN;
	GRANT ALL ON users TO liar, slow, asserts;
	CREATE FUNCTION yes(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
	CREATE FUNCTION wait(text, text) RETURNS bool LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_sleep(10); RETURN true; END $$;
	CREATE FUNCTION fail(text, text) RETURNS bool LANGUAGE plpgsql AS
		$$ BEGIN ASSERT false; END $$;
	CREATE SCHEMA liar CREATE TABLE t ();
	CREATE SCHEMA slow CREATE TABLE t ();
	CREATE SCHEMA asserts CREATE TABLE t ();
	GRANT USAGE ON SCHEMA liar, slow, asserts TO PUBLIC;
	CREATE OPERATOR liar.= (LEFTARG = text, RIGHTARG = text, FUNCTION = yes);
	CREATE OPERATOR slow.= (LEFTARG = text, RIGHTARG = text, FUNCTION = wait);
	CREATE OPERATOR asserts.= (LEFTARG = text, RIGHTARG = text, FUNCTION = fail);
	ALTER ROLE liar SET search_path = liar, public, pg_catalog;
	ALTER ROLE slow SET search_path = slow, public, pg_catalog;
	ALTER ROLE slow SET statement_timeout = '200ms';
	ALTER ROLE asserts SET search_path = asserts, public, pg_catalog;));

# The aliases that the documentation shows, as they stand there.
my $top = dirname(__FILE__) . '/../..';
my $documented = slurp_file("$top/examples/pgbouncer.ini");
my ($connect_query) = $documented =~ /^agents_by_name = .* connect_query='(.*)'$/m
  or die 'no connect_query in examples/pgbouncer.ini';
my ($locked_role) = $documented =~ /^agents = .* (user=\w+)$/m
  or die 'no user in examples/pgbouncer.ini';
(my $broken = $connect_query) =~ s/plugins.pg_session_readonly/plugins\/missing/
  or die 'no library in the connect_query';

my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $server = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
my $ini = "$dir/pgbouncer.ini";
append_to_file("$dir/users.txt", qq("$_" ""\n))
  for ('postgres', 'analyst', 'agent', 'app', 'ai_agent', 'liar', 'slow', 'asserts');
append_to_file($ini, qq([databases]
plain = $server
agents = $server $locked_role
agents_by_name = $server connect_query='$connect_query'
agents_by_transaction = $server pool_mode=transaction connect_query='$connect_query'
plain_by_transaction = $server pool_mode=transaction
broken = $server connect_query='$broken'

[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $dir
auth_type = trust
auth_file = $dir/users.txt
logfile = $dir/pgbouncer.log
pidfile = $dir/pgbouncer.pid
pool_mode = session
server_reset_query = DISCARD ALL
server_reset_query_always = 1
default_pool_size = 1
server_login_retry = 1
query_wait_timeout = 5
));
my $bouncer = -x '/usr/sbin/pgbouncer' ? '/usr/sbin/pgbouncer' : 'pgbouncer';
system_or_bail($bouncer, '-q', '-d', $ini);
END { kill 'INT', slurp_file("$dir/pgbouncer.pid") if defined $dir && -e "$dir/pgbouncer.pid"; }
ok( $node->poll_query_until('postgres', 'SELECT true') && wait_for_bouncer(), 'PgBouncer runs');

sub wait_for_bouncer
{
	for (1 .. 50)
	{
		return 1 if -S "$dir/.s.PGSQL.$port";
		select undef, undef, undef, 0.1;
	}
	return 0;
}

sub by_bouncer
{
	my ($database, $user, $sql) = @_;
	my ($stdout, $stderr);
	# from a file: psql may be gone before its input is written
	my $file = "$dir/by_bouncer.sql";
	unlink $file;
	append_to_file($file, $sql);
	IPC::Run::run [ 'psql', '-XAtq', '-h', $dir, '-p', $port, '-U', $user, '-d', $database ],
	  '<', $file, '>', \$stdout, '2>', \$stderr;
	chomp $stdout;
	return ($stdout, $stderr);
}

my $attempt = q(SELECT coalesce(max(setting), 'off') FROM pg_settings WHERE name = 'pg_session_readonly.mode';
	INSERT INTO users VALUES (1) RETURNING 'wrote';);
for my $user ('analyst', 'postgres')
{
	for my $database ('agents', 'agents_by_name', 'agents_by_transaction')
	{
		# twice: the second client gets the server connection of the first, after DISCARD ALL
		for my $client (1, 2)
		{
			my ($stdout, $stderr) = by_bouncer($database, $user, $attempt);
			is($stdout, 'locked', "$database, $user, client $client: locked");
			like($stderr, qr/cannot execute INSERT in a read-only transaction/,
				"$database, $user, client $client: refused");
		}
		my ($stdout, $stderr) = by_bouncer($database, $user,
			"SET pg_session_readonly.mode = off; BEGIN READ WRITE; DELETE FROM users; COMMIT;
			RESET ALL; DISCARD ALL; COMMIT; DROP TABLE users; SELECT 'usable'");
		is($stdout, 'usable', "$database, $user: usable after attacks");
	}
	for my $database ('plain', 'plain_by_transaction')
	{
		my ($stdout, $stderr) = by_bouncer($database, $user, $attempt);
		is($stdout, "off\nwrote", "$database, $user: writes");
	}
}

# Without the library the connection is not handed out.
for my $user ('analyst', 'postgres')
{
	my ($stdout, $stderr) = by_bouncer('broken', $user, $attempt);
	is($stdout, '', "library missing, $user: no session");
	isnt($stderr, '', "library missing, $user: an error");
}

# What a user has stored for himself keeps no connection unlocked: it is locked, or it
# is not handed out.  (A timeout may also fire before the first statement of the query
# has run, which examples/pgbouncer.ini tells: hence no shorter ones here.)
for my $user ('liar', 'slow', 'asserts')
{
	for my $client (1, 2, 3)
	{
		my ($stdout, $stderr) = by_bouncer('agents_by_name', $user,
			'SET statement_timeout = 0; SET search_path = public, pg_catalog;' . $attempt);
		unlike($stdout, qr/off|wrote/, "$user, client $client: no unlocked connection");
		isnt($stderr, '', "$user, client $client: refused");
	}
}

# A role's settings reach the server whatever the pooler does.
for my $database ('plain', 'plain_by_transaction', 'agents_by_name')
{
	for my $client (1, 2)
	{
		my ($stdout, $stderr) = by_bouncer($database, 'agent', $attempt);
		is($stdout, 'locked', "role by $database, client $client: locked");
	}
	my ($stdout, $stderr) = by_bouncer($database, 'agent',
		'SET statement_timeout = 0; DISCARD ALL; SHOW statement_timeout;');
	like($stderr, qr/parameter "statement_timeout" cannot be set/, "role by $database: pinned");
	is($stdout, '30s', "role by $database: DISCARD ALL keeps the pinned setting");
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM users'), '4', 'only the plain aliases wrote');
$node->stop;
done_testing();
