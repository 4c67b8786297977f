# psycopg2, unmodified, in a locked session of a superuser: fastpath calls, parameter
# status, and cursors that are there before the lock.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
plan skip_all => 'no psycopg2' if system("$python -c 'import psycopg2' 2>/dev/null") != 0;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q(
	CREATE TABLE users (i int);
	INSERT INTO users VALUES (1), (2), (3);
	CREATE SEQUENCE seq;));
my $oid = $node->safe_psql('postgres', "SELECT lo_from_bytea(0, 'large')");
my $state_query = qq(SELECT (SELECT count(*) FROM users), (SELECT is_called FROM seq), lo_get($oid),
	(SELECT count(*) FROM pg_largeobject_metadata),
	(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace));
my $state = $node->safe_psql('postgres', $state_query);

my ($stdout, $stderr) = ('', '');
IPC::Run::run [ $python, 't/clients/driver.py', $node->connstr('postgres'), $oid ],
  '>', \$stdout, '2>', \$stderr;
is($stderr, '', 'driver: no exception');
like($stdout, qr/^done$/m, 'driver: ran to its end');
for my $line (split /\n/, $stdout)
{
	like($line, qr/^ok /, "driver: $line") unless $line eq 'done';
}
is($node->safe_psql('postgres', $state_query), $state, 'driver: nothing changed');

$node->stop;
done_testing();
