# Python's drivers and frameworks, unmodified, against a locked role: psycopg 3,
# SQLAlchemy's reflection, Django's inspectdb.  (psycopg2 is in psycopg2.pl.)

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionReadonly qw(create_postgres);
use Test::More;

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => ['--encoding=UTF8']);
$node->start;
create_postgres($node);
$node->safe_psql('postgres', q(
	CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
	INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 100) i;
	CREATE TABLE orders (id serial PRIMARY KEY, user_id int REFERENCES users, total numeric(10, 2) DEFAULT 0);
	CREATE INDEX ON orders (user_id);
	CREATE VIEW totals AS SELECT user_id, sum(total) FROM orders GROUP BY 1;
	COMMENT ON TABLE users IS 'people';
	CREATE ROLE agent LOGIN SUPERUSER;
	ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	CREATE ROLE maker LOGIN SUPERUSER;
	ALTER ROLE maker SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE maker SET pg_session_readonly.denied_commands = 'default, -TEMPORARY TABLES';
	ALTER ROLE maker SET pg_session_readonly.mode = locked;));
my $state_query = q(SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM orders),
	(SELECT is_called FROM orders_id_seq), (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace));
my $state = $node->safe_psql('postgres', $state_query);

for my $client ('psycopg', 'sqlalchemy', 'django')
{
	SKIP:
	{
		skip "no $client", 1 if system("$python -c 'import $client' 2>/dev/null") != 0;
		skip 'no psycopg2 for ' . $client, 1
		  if $client ne 'psycopg' && system("$python -c 'import psycopg2' 2>/dev/null") != 0;
		my ($stdout, $stderr) = ('', '');
		IPC::Run::run [ $python, 't/clients/clients.py', $client, $node->host, $node->port ],
		  '>', \$stdout, '2>', \$stderr;
		# psycopg 3 sometimes logs that its pipeline was aborted by the refusal
		$stderr =~ s/^error ignored terminating <psycopg\.Pipeline .*\n//mg;
		is($stderr, '', "$client: no exception");
		like($stdout, qr/^done$/m, "$client: ran to its end");
		for my $line (split /\n/, $stdout)
		{
			like($line, qr/^ok /, "$client: $line") unless $line eq 'done';
		}
		is($node->safe_psql('postgres', $state_query), $state, "$client: nothing changed");
	}
}

$node->stop;
done_testing();
