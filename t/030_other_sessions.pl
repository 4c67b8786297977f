# Sessions that begin otherwise: those of a single-user server, which has no
# connection string but a command line, and those of a server in the midst of
# pg_upgrade, which restores roles and databases that are to be locked.  And what is
# no session, and reads the configuration file while it runs: logical replication.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
$node->start;
$node->safe_psql('postgres', q(
	CREATE ROLE boss LOGIN SUPERUSER;
	CREATE ROLE agent LOGIN SUPERUSER;
	CREATE DATABASE shop;
	CREATE DATABASE misspelt;));
$node->safe_psql('shop', 'CREATE TABLE t (i int)');
# stored while nobody knows the setting
$node->safe_psql('postgres', "ALTER DATABASE misspelt SET pg_session_readonly.mode = 'lokced'");
$node->stop;

# Run statements, one a line, in a single-user server.  Returns all it says.
sub single_user
{
	my ($database, $options, @statements) = @_;
	my $said = '';
	IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, @$options, $database ],
		'<', \join('', map { "$_\n" } @statements), '>&', \$said);
	return $said;
}

# --- a single-user server ---
my @preload = ('-c', 'shared_preload_libraries=pg_session_readonly');
my @tries = ('SHOW pg_session_readonly.mode', 'INSERT INTO t VALUES (1)', 'SELECT count(*) AS rows FROM t');
my $refused = qr/cannot execute INSERT in a read-only transaction/;

my $said = single_user('shop', \@preload, @tries);
like($said, qr/mode = "off"/, 'single user, preloaded: off');
unlike($said, $refused, 'single user, preloaded: may write');
like($said, qr/rows = "1"/, 'single user, preloaded: has written');

$said = single_user('shop', [ @preload, '-c', 'pg_session_readonly.mode=locked' ], @tries,
	'SET pg_session_readonly.mode = off', 'INSERT INTO t VALUES (1)');
like($said, qr/mode = "locked"/, 'single user, locked by the command line: locked');
like($said, qr/$refused.*cannot unlock.*$refused/s, 'single user, locked by the command line: refused');
like($said, qr/rows = "1"/, 'single user, locked by the command line: nothing written');

$said = single_user('shop', [], "LOAD 'pg_session_readonly'", @tries);
like($said, qr/mode = "on".*$refused/s, 'single user, LOAD: read-only');

# the administrator comes in here to mend what keeps others out
$said = single_user('misspelt', \@preload, 'SHOW pg_session_readonly.mode', 'CREATE TABLE mended (i int)',
	'ALTER DATABASE misspelt RESET pg_session_readonly.mode', q(SELECT 'mended'::regclass AS made));
like($said, qr/mode = "off".*made = "mended"/s, 'single user, a misspelt mode stored for the database: may mend it');

# --- a server in the midst of pg_upgrade ---
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'\n");
$node->start;
$node->safe_psql('postgres', q(
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER DATABASE shop SET pg_session_readonly.mode = locked;));
$node->stop;
for my $preload ('shared_preload_libraries', 'session_preload_libraries')
{
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\nsession_preload_libraries = ''\n");
	$node->append_conf('postgresql.conf', "$preload = 'pg_session_readonly'\npg_session_readonly.mode = locked\n");
	system_or_bail('pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-b', '-w', 'start');

	for my $user ('boss', 'agent')
	{
		my ($rc, $stdout, $stderr) = $node->psql('shop', qq(
				SHOW pg_session_readonly.mode;
				INSERT INTO t VALUES (2);
				DELETE FROM t WHERE i = 2;
				ALTER DATABASE misspelt SET pg_session_readonly.mode = locked;
				ALTER DATABASE misspelt RESET pg_session_readonly.mode;
				CREATE FUNCTION lock_it() RETURNS text AS '\$libdir/pg_session_readonly', 'pg_session_readonly_lock' LANGUAGE C;
				DROP FUNCTION lock_it();
				DO \$\$ BEGIN LOAD 'pg_session_readonly'; END \$\$;
				SET pg_session_readonly.mode = locked;
				SHOW pg_session_readonly.mode;
				INSERT INTO t VALUES (3);
				DELETE FROM t WHERE i = 3 RETURNING i),
			extra_params => [ '-U', $user ]);
		is($stderr, '', "pg_upgrade, $preload, $user: no error");
		is($stdout, "off\noff\n3", "pg_upgrade, $preload, $user: off, whatever is stored or set, and may write");
	}
	# loaded by LOAD alone
	my ($rc, $stdout, $stderr) = $node->psql('shop', q(
			SET pg_session_readonly.mode = locked;
			BEGIN;
			INSERT INTO t VALUES (4);
			LOAD 'pg_session_readonly';
			SHOW pg_session_readonly.mode;
			ROLLBACK;),
		connstr => $node->connstr('shop') . " user=boss options='-c session_preload_libraries='");
	is($stderr, '', "pg_upgrade, $preload, LOAD in a transaction that has written: no error");
	is($stdout, 'off', "pg_upgrade, $preload, LOAD: off");
	system_or_bail('pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-w', 'stop');
}
# and it was the same role and database that are locked otherwise
$node->append_conf('postgresql.conf', "pg_session_readonly.mode = off\n");
$node->start;
is($node->safe_psql('shop', 'SHOW pg_session_readonly.mode', extra_params => [ '-U', 'agent' ]), 'locked',
	'after pg_upgrade: locked');
$node->stop;

# --- the processes of logical replication, while the file is read anew ---
$node->append_conf('postgresql.conf', q(
	shared_preload_libraries = 'pg_session_readonly'
	session_preload_libraries = ''
	pg_session_readonly.mode = off
));
$node->start;
{
	local $ENV{PGOPTIONS} = '-c pg_session_readonly.mode=off';
	$node->safe_psql('postgres', 'CREATE DATABASE source; CREATE DATABASE copy');
	$node->safe_psql($_, 'CREATE TABLE t (i int PRIMARY KEY)') for ('source', 'copy');
	$node->safe_psql('source', q(
		CREATE PUBLICATION p FOR TABLE t;
		SELECT pg_create_logical_replication_slot('s', 'pgoutput');));
	my $connection = $node->connstr . ' dbname=source';
	$node->safe_psql('copy', qq(CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p
		WITH (create_slot = false, slot_name = s, copy_data = false)));
	my $workers = q(SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity
		WHERE backend_type IN ('walsender', 'logical replication worker', 'logical replication apply worker'));

	$node->safe_psql('source', 'INSERT INTO t VALUES (1)');
	ok($node->poll_query_until('copy', 'SELECT count(*) = 1 FROM t'), 'replication: a row arrives');
	my $before = $node->safe_psql('postgres', $workers);
	like($before, qr/^\d+ \d+$/, 'replication: the processes are there');
	$node->append_conf('postgresql.conf', "pg_session_readonly.mode = locked\n");
	$node->reload;
	# each of them has read the file when the next row is there
	$node->safe_psql('source', "INSERT INTO t VALUES ($_)") for (2, 3);
	ok($node->poll_query_until('copy', 'SELECT count(*) = 3 FROM t'), 'replication, the file says locked: rows arrive');
	is($node->safe_psql('postgres', $workers), $before, 'replication, the file says locked: by the same processes');
}
is($node->safe_psql('postgres', 'SHOW pg_session_readonly.mode'), 'locked', 'replication, the file says locked: sessions are');
$node->stop;

done_testing();
