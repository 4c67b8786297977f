# Other processes than a client's backend: standbys and replication connections, and the
# workers of a parallel query.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'\npg_session_readonly.mode = locked\n");
$node->start;
my $preload = '-c session_preload_libraries=pg_session_readonly';
my $locked = '-c pg_session_readonly.mode=locked';
{
	local $ENV{PGOPTIONS} = '-c pg_session_readonly.mode=off';
	$node->safe_psql('postgres', q(
		CREATE TABLE witness (who text);
		CREATE ROLE agent LOGIN SUPERUSER;
		CREATE ROLE app LOGIN;
		GRANT ALL ON witness TO app;
		ALTER ROLE app SET pg_session_readonly.mode = off;
		ALTER ROLE agent SET pg_session_readonly.mode = locked;));
}

# --- replication ---
# The mode of the file does not stop it; one that is meant for the connection
# ends it.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
{
	local $ENV{PGUSER} = 'app';
	$node->safe_psql('postgres', "INSERT INTO witness VALUES ('streamed')");
}
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my ($rc, $out, $stderr) = $standby->psql('postgres', q(SHOW pg_session_readonly.mode; INSERT INTO witness VALUES ('agent')),
	extra_params => [ '-U', 'agent' ], on_error_stop => 0);
is($out, 'locked', 'standby: locked');
like($stderr, qr/cannot execute INSERT in a read-only transaction/, 'standby: refused');
is($standby->safe_psql('postgres', "SELECT who FROM witness WHERE who = 'streamed'"),
	'streamed', 'standby: reads');
($rc, $out, $stderr) = $standby->psql('postgres',
	'VACUUM; SELECT txid_current(); SET default_transaction_read_only = off; BEGIN READ WRITE; COMMIT;
	SELECT pg_is_in_recovery()', on_error_stop => 0);
is($out, 't', 'standby: usable');
like($stderr, qr/cannot execute VACUUM in a read-only session/, 'standby: VACUUM refused');
$standby->stop;

for my $replication ('database', 'true')
{
	($rc, $out, $stderr) = $node->psql('postgres', undef,
		replication => $replication, extra_params => [ '-U', 'agent', '-c', 'IDENTIFY_SYSTEM' ]);
	if ($replication eq 'database')
	{
		like($stderr, qr/FATAL:  cannot make a replication connection read-only/,
			'walsender with a locked role: no session');
	}
	local $ENV{PGOPTIONS} = $locked;
	($rc, $out, $stderr) = $node->psql('postgres', undef,
		replication => $replication, extra_params => [ '-c', 'IDENTIFY_SYSTEM' ]);
	like($stderr, qr/FATAL:  cannot make a replication connection read-only/,
		"walsender ($replication) locked by its client: no session");
}
($rc, $out, $stderr) = $node->psql('postgres',
	'SET pg_session_readonly.mode = locked', replication => 'database');
like($stderr, qr/ERROR:  cannot make a replication connection read-only/,
	'walsender told to lock: error');

# LOAD in a walsender, where the library is not preloaded
$node->adjust_conf('postgresql.conf', 'pg_session_readonly.mode', undef);
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
($rc, $out, $stderr) = $node->psql('postgres', "LOAD 'pg_session_readonly'",
	replication => 'database');
like($stderr, qr/ERROR:  cannot make a replication connection read-only/,
	'LOAD in a walsender: error');

# --- parallel query: same results, same mode in the workers ---
$node->safe_psql('postgres', q(
	ALTER ROLE agent RESET ALL;
	ALTER ROLE app RESET ALL;
	CREATE TABLE big AS SELECT i, i % 7 AS j FROM generate_series(1, 20000) i;
	ANALYZE big;
	CREATE FUNCTION mode_here(int) RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS
		$$ BEGIN RETURN current_setting('pg_session_readonly.mode') || ' '
			|| current_setting('transaction_read_only'); END $$;));
my $parallel = q(
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;);
# from 16 on debug_parallel_query
my $force = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
my $query = 'SELECT j, count(*), sum(i) FROM big GROUP BY j ORDER BY j;';
my $unlocked = $node->safe_psql('postgres', $parallel . $query);
for my $way ('connection string', 'LOAD', 'after RESET ALL', 'policy set while on', 'role')
{
	$node->safe_psql('postgres', $way eq 'role'
		? "ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
		ALTER ROLE agent SET pg_session_readonly.mode = locked"
		: 'ALTER ROLE agent RESET ALL');
	local $ENV{PGUSER} = 'agent';
	local $ENV{PGOPTIONS} = $way eq 'connection string' ? "$preload $locked" : '';
	my $lock = $way =~ /string|role/
	  ? '' : "LOAD 'pg_session_readonly'; SET pg_session_readonly.mode = locked;";
	$lock =~ s/SET/SET pg_session_readonly.denied_commands = 'default, -ANALYZE'; SET/
	  if $way eq 'policy set while on';
	$lock .= 'RESET ALL;' if $way eq 'after RESET ALL';
	is($node->safe_psql('postgres', $lock . $parallel . $query),
		$unlocked, "parallel query ($way): same result");
	like($node->safe_psql('postgres', $lock . $parallel . "EXPLAIN $query"),
		qr/Parallel Seq Scan/, "parallel query ($way): same plan");
	is( $node->safe_psql('postgres', $lock . $parallel .
			"SET $force = on; SELECT DISTINCT mode_here(i) FROM big WHERE i < 10"),
		'locked on', "parallel query ($way): same mode in a worker");
}
$node->safe_psql('postgres', 'ALTER ROLE agent RESET ALL');

$node->stop;
done_testing();
