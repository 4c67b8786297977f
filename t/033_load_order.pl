# In which order libraries are loaded.  Transaction callbacks are called latest first:
# what a library that was loaded before ours writes as a transaction commits comes after
# the write guard's last look, and is committed.  One that was loaded after ours is
# caught.  The first is a limit of docs/threat-model.md; it is shown as it is, so that
# the page stays true.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";
(my $library = $writer) =~ s/\.\w+$//;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->start;
$node->safe_psql('postgres', qq(
	CREATE ROLE agent LOGIN;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.denied_commands = 'default, -PREPARE TRANSACTION';
	CREATE TABLE victim (i int);
	CREATE TABLE big AS SELECT generate_series(1, 10) AS i;
	GRANT SELECT ON victim, big TO agent;
	CREATE EXTENSION pg_session_readonly;
	CREATE FUNCTION insert_late(regclass, int) RETURNS int AS '$writer', 'writer_insert_late' LANGUAGE C STABLE;));
my $watcher = Wire->new($node);

# What a new session of the agent can do, with a list of libraries and whatever else
# the server has preloaded: nothing, or have its row committed.
my @attacks = (
	[ 'alone', q(SELECT insert_late('victim', 1)) ],
	[ 'in a transaction', 'BEGIN', q(SELECT insert_late('victim', 1)), 'COMMIT' ],
	[ 'after txid_current()', 'BEGIN', 'SELECT txid_current()', q(SELECT insert_late('victim', 1)), 'COMMIT' ],
	[ 'in a subtransaction', 'BEGIN', 'SAVEPOINT a', q(SELECT insert_late('victim', 1)), 'RELEASE a', 'COMMIT' ],
	[ 'in DO', q(DO $$ BEGIN PERFORM insert_late('victim', 1); COMMIT; END $$) ],
	[ 'prepared for another session', 'BEGIN', q(SELECT insert_late('victim', 1)), q(PREPARE TRANSACTION 'theirs') ]);

sub attack
{
	my ($name, $commits, $loaded_before) = @_;

	for my $attack (@attacks)
	{
		my ($how, @statements) = @$attack;
		my $session = Wire->new($node, user => 'agent');
		is($session->run('SHOW pg_session_readonly.mode'), 'locked', "$name, $how: the session is locked");
		my ($code) = grep { $_ } map { $session->query($_)->{code} } @statements;
		is($code // '', $commits ? '' : '25006', "$name, $how: " . ($commits ? 'the commit succeeds' : 'the commit is refused'));
		$watcher->query(q(COMMIT PREPARED 'theirs'));
		is($watcher->run('SELECT count(*) FROM victim'), $commits ? 1 : 0, "$name, $how: the row");
		$watcher->run('TRUNCATE victim');
		is($session->query('SELECT count(*) FROM big')->{code}, '', "$name, $how: the session is usable");
		is($session->run('SELECT loaded_before FROM pg_session_readonly_status()'), $loaded_before,
			"$name, $how: the status tells what was loaded before");
		$session->quit;
	}
}

my $late = 'writer';
$node->safe_psql('postgres', "ALTER ROLE agent SET session_preload_libraries = pg_session_readonly, '$library'");
attack('session_preload_libraries, ours first', 0, '');
$node->safe_psql('postgres', "ALTER ROLE agent SET session_preload_libraries = '$library', pg_session_readonly");
attack('session_preload_libraries, ours last', 1, $late);
$node->safe_psql('postgres', "ALTER ROLE agent SET session_preload_libraries = pg_session_readonly");
attack('a library that is loaded as its function first runs', 0, '');

$node->safe_psql('postgres', "ALTER ROLE agent SET session_preload_libraries = '$library'");
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'");
$node->restart;
$watcher = Wire->new($node);
attack('ours preloaded for the server, the other for the session', 0, '');
$node->safe_psql('postgres', 'ALTER ROLE agent RESET session_preload_libraries');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly,$library'");
$node->restart;
$watcher = Wire->new($node);
attack('shared_preload_libraries, ours first', 0, '');
$node->append_conf('postgresql.conf', "shared_preload_libraries = '$library,pg_session_readonly'");
$node->restart;
$watcher = Wire->new($node);
attack('shared_preload_libraries, ours last', 1, $late);
$node->append_conf('postgresql.conf', "shared_preload_libraries = '$library'");
$node->safe_psql('postgres', 'ALTER ROLE agent SET session_preload_libraries = pg_session_readonly');
$node->restart;
$watcher = Wire->new($node);
attack('the other preloaded for the server, ours for the session', 1, $late);

# --- the status, in sessions that did not preload it ---
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
{
	my $status = 'SELECT loaded, loaded_before FROM pg_session_readonly_status()';
	my $session = Wire->new($node);
	is($session->run($status), 'f|', 'the library is not loaded: the status tells nothing');
	is($session->run($status), 'f|', 'and does not load it');
	$session->run('DO $$ BEGIN END $$', "SELECT insert_late('victim', 1) WHERE false", "LOAD 'pg_session_readonly'");
	is($session->run($status), 't|plpgsql, writer', 'LOAD in the midst: the libraries that were there, in their order');
	$session->run('SET pg_session_readonly.mode = locked');
	is($session->run($status), 't|plpgsql, writer', 'also once it is locked');
	my $force = $session->run("SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
	$session->run("SET $force = on");
	is($session->run($status), 't|plpgsql, writer', 'also where workers are started');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
