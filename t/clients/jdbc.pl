# JDBC, unmodified: options, setReadOnly() both ways, prepared statements, batches.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $jar = '/usr/share/java/postgresql.jar';
plan skip_all => "no JDBC driver ($jar)" unless -e $jar;
plan skip_all => 'no Java compiler' if system('javac -J-XX:-UsePerfData -version >/dev/null 2>&1') != 0;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => ['--encoding=UTF8']);
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
unlink $node->data_dir . '/pg_hba.conf';
append_to_file($node->data_dir . '/pg_hba.conf', "local all all trust\nhost all all 127.0.0.1/32 trust\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE TABLE users (id int PRIMARY KEY, name text);
	INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 100) i;
	CREATE ROLE host LOGIN SUPERUSER;
	CREATE ROLE agent LOGIN SUPERUSER;
	ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	CREATE ROLE maker LOGIN SUPERUSER;
	ALTER ROLE maker SET session_preload_libraries = 'pg_session_readonly';
	ALTER ROLE maker SET pg_session_readonly.denied_commands = 'default, -TEMPORARY TABLES';
	ALTER ROLE maker SET pg_session_readonly.mode = locked;));

my $classes = PostgreSQL::Test::Utils::tempdir();
system_or_bail('javac', '-J-XX:-UsePerfData', '-d', $classes, 't/clients/Jdbc.java');
my ($stdout, $stderr) = ('', '');
IPC::Run::run [ 'java', '-XX:-UsePerfData', '-cp', "$classes:$jar", 'Jdbc', $node->port ],
  '>', \$stdout, '2>', \$stderr;
is($stderr, '', 'no exception');
like($stdout, qr/^done$/m, 'ran to its end');
for my $line (split /\n/, $stdout)
{
	like($line, qr/^ok /, $line) unless $line eq 'done';
}
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT name) FROM users'),
	'100|100', 'nothing changed');

$node->stop;
done_testing();
