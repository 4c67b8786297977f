# What the host did before the lock, and a locked session can then move; and what a
# reader can do to others without any of it.  What is a limit of docs/threat-model.md is
# shown as it is, so that the page stays true.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
# the work list of autovacuum stays as it is
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', q(
	CREATE ROLE agent LOGIN;
	CREATE TABLE victim (i int);
	CREATE TABLE secret (i int);
	INSERT INTO victim SELECT generate_series(1, 5);
	SELECT pg_replication_origin_create('upstream');));

my $load = "LOAD 'pg_session_readonly'";
my $lock = 'SET pg_session_readonly.mode = locked';
my $watcher = Wire->new($node);

# A locked session of a superuser, after what the host did.
sub locked
{
	my ($user, @before) = @_;
	my $session = Wire->new($node, $user ? (user => $user) : ());
	$session->run(@before, $user ? q(LOAD '$libdir/plugins/pg_session_readonly') : $load, $lock);
	return $session;
}

# --- a replication origin: whatever commits with an id would advance it ---
my $progress = 'SELECT count(*) FROM pg_replication_origin_status WHERE local_lsn > \'0/0\'';
for my $case (
	[ 'LOAD', $load ],
	[ 'LOAD, with a mode set before', $load, $lock ],
	[ 'SET, the library being loaded', $lock, $load, 'SET pg_session_readonly.mode = off' ],
	[ 'SET to on', 'SET pg_session_readonly.mode = on', $load, 'SET pg_session_readonly.mode = off' ],
	[ 'set_config()', "SELECT set_config('pg_session_readonly.mode', 'locked', false)", $load,
		'SET pg_session_readonly.mode = off' ])
{
	my ($name, $going_up, @before) = @$case;
	my $session = Wire->new($node);
	$session->run(@before, q(SELECT pg_replication_origin_session_setup('upstream')));
	my $result = $session->query($going_up);
	is($result->{code}, '25001', "a replication origin is set up: $name is refused");
	is($result->{detail}, 'A replication origin is set up in this session.', "$name: and says why");
	is($result->{hint}, 'Call pg_replication_origin_session_reset() first.', "$name: and what to do");
	if ($result->{code} eq '')
	{
		$session->run('SELECT txid_current()');
		is($watcher->run($progress), 0, "$name: the origin has not moved");
	}
	$session->query('SELECT pg_replication_origin_session_reset()');
	is($session->query($load)->{code} . $session->query($lock)->{code}, '', "$name: once it is reset, the session is locked");
	$session->run('SELECT txid_current()');
	is($session->query(q(SELECT pg_replication_origin_session_setup('upstream')))->{code}, '25006',
		"$name: and cannot set it up");
	$session->quit;
}
is($watcher->run($progress), 0, 'the origin has not moved');

# --- a temporary replication slot: core drops it at the session's next error ---
{
	my $slots = q(SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'mine');
	my $session = locked(undef, q(SELECT pg_create_physical_replication_slot('mine', true, true)));
	is($session->query(q(SELECT pg_drop_replication_slot('mine')))->{code}, '25006', 'a temporary slot: its drop is refused');
	is($watcher->run($slots), 0, 'a temporary slot: any error drops it, that refusal too');
	$session->quit;
}

# --- a temporary table with a BRIN index that asks autovacuum for work ---
{
	my $session = locked(undef, 'CREATE TEMP TABLE filling (i int, t char(4000))', 'ALTER TABLE filling ALTER t SET STORAGE PLAIN',
		'CREATE INDEX ON filling USING brin (i) WITH (pages_per_range = 1, autosummarize = on)');
	my $log = -s $node->logfile;
	is($session->query('INSERT INTO filling SELECT i, \'\' FROM generate_series(1, 1000) i')->{code}, '',
		'BRIN with autosummarize: the temporary table is written');
	like(slurp_file($node->logfile, $log), qr/request for BRIN range summarization for index "\w+" page \d+ was not recorded/,
		'BRIN with autosummarize: the work list of autovacuum is full');
	$session->quit;
}

# --- ids of multixacts, by row locks on a temporary table ---
{
	my $used = q(SELECT mxid_age('1'));
	my $session = locked(undef, 'CREATE TEMP TABLE mine AS SELECT 1 AS i');
	my $before = $watcher->run($used);
	is($session->query(q(DO $$ BEGIN
			FOR i IN 1 .. 50 LOOP
				PERFORM FROM mine FOR SHARE;
				BEGIN
					PERFORM FROM mine FOR UPDATE;
					RAISE EXCEPTION 'x';
				EXCEPTION WHEN raise_exception THEN NULL;
				END;
			END LOOP;
		END $$))->{code}, '', 'row locks on a temporary table: are let through');
	cmp_ok($watcher->run($used) - $before, '>=', 50, 'row locks on a temporary table: take ids of multixacts');
	is($session->query('SELECT FROM victim FOR SHARE')->{code}, '25006', 'row locks on a permanent table: are refused');
	$session->quit;
}

# --- the flag of a database that had a login event trigger, cleared by the login itself ---
SKIP:
{
	skip 'no login event triggers before 17', 4 if $node->pg_version < 17;
	my $flag = 'SELECT dathasloginevt FROM pg_database WHERE datname = current_database()';
	$node->safe_psql('postgres', q(
		ALTER ROLE agent SET session_preload_libraries = 'pg_session_readonly';
		ALTER ROLE agent SET pg_session_readonly.mode = locked;
		CREATE FUNCTION greet() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
		CREATE EVENT TRIGGER greet ON login EXECUTE FUNCTION greet();));
	is($watcher->run($flag), 't', 'a login event trigger: the database is marked');
	# whoever connects to the database clears the mark once the trigger is gone
	$watcher->run('DROP EVENT TRIGGER greet');
	is($watcher->run($flag), 't', 'a login event trigger that is gone: the mark is still there');
	my $session = Wire->new($node, user => 'agent');
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', 'a login event trigger that is gone: the role is locked');
	is($watcher->run($flag), 'f', 'a login event trigger that is gone: the login of a locked role clears the mark');
	$session->quit;
	$node->safe_psql('postgres', 'ALTER ROLE agent RESET ALL');
}

# --- locks without any privilege, kept past the error ---
for my $function ('currval', 'nextval', 'lastval')
{
	my $session = locked('agent');
	my $held = q(SELECT string_agg(mode, ' ') FROM pg_locks WHERE relation = 'secret'::regclass AND pid = ) . $session->{pid};
	my $call = $function eq 'lastval' ? 'lastval()' : "$function('secret')";
	is($session->query('SELECT FROM secret')->{code}, '42501', "$function(): the role has no privilege");
	$session->run('BEGIN', 'SAVEPOINT a');
	isnt($session->query("SELECT $call")->{code}, '', "$function(): an error");
	$session->run('ROLLBACK TO a');
	is($watcher->run($held), $function eq 'lastval' ? '' : 'RowExclusiveLock', "$function(): what it holds after the error");
	is($session->query('COMMIT')->{code}, '', "$function(): the transaction commits");
	is($watcher->run($held), '', "$function(): and holds nothing any more");
	$session->quit;
}

{
	my $session = locked('agent', q(SET pg_session_readonly.denied_functions = 'currval, nextval'));
	for my $function ('currval', 'nextval')
	{
		$session->run('BEGIN', 'SAVEPOINT a');
		is($session->query("SELECT $function('secret')")->{code}, '25006', "$function(), where it is denied: is refused");
		$session->run('ROLLBACK TO a');
		is($watcher->run(q(SELECT count(*) FROM pg_locks WHERE relation = 'secret'::regclass)), 0,
			"$function(), where it is denied: takes no lock");
		$session->run('COMMIT');
	}
	$session->quit;
}

# --- exported snapshots: a file each, to the end of the transaction ---
{
	my $files = q(SELECT count(*) FROM pg_ls_dir('pg_snapshots'));
	my $session = locked('agent');
	$session->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT pg_export_snapshot() FROM generate_series(1, 1000)');
	is($watcher->run($files), 1000, 'exported snapshots: a file each');
	$session->run('COMMIT');
	is($watcher->run($files), 0, 'exported snapshots: gone with the transaction');
	$session->quit;
}

# --- a refused built-in that a DBA made the hash function of an operator class ---
# Core looks it up by itself, and no hook of core is asked about a built-in then.
{
	$node->safe_psql('postgres', q(
		CREATE TABLE summed (i int);
		INSERT INTO summed SELECT generate_series(1, 1000);
		CREATE INDEX summed_i ON summed USING brin (i) WITH (pages_per_range = 1);
		INSERT INTO summed SELECT generate_series(1, 100000);
		CREATE FUNCTION same(regclass, regclass) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'oideq';
		CREATE OPERATOR === (LEFTARG = regclass, RIGHTARG = regclass, FUNCTION = same, HASHES);
		CREATE OPERATOR CLASS odd FOR TYPE regclass USING hash AS OPERATOR 1 ===, FUNCTION 1 brin_summarize_new_values(regclass);
		CREATE TABLE names AS SELECT 'summed_i'::regclass AS r FROM generate_series(1, 10);
		GRANT SELECT ON names TO agent;));
	my $session = locked(undef, 'SET enable_mergejoin = off', 'SET enable_nestloop = off');
	is($session->query(q(SELECT brin_summarize_new_values('summed_i')))->{code}, '25006', 'a refused built-in: refused in an expression');
	is($session->query('SELECT count(*) FROM names a JOIN names b ON a.r === b.r')->{code}, '',
		'a refused built-in as hash function: a hash join runs it');
	is($watcher->run(q(SELECT brin_summarize_new_values('summed_i'))), 0,
		'a refused built-in as hash function: the index was summarized, and nothing is left to do');
	$session->quit;

	$watcher->run('INSERT INTO summed SELECT generate_series(1, 100000)');
	$session = locked(undef);
	is($session->query('SELECT count(*) FROM names WHERE NOT r IN (SELECT r FROM names)')->{code}, '', 'the same by core\'s own operator');
	isnt($watcher->run(q(SELECT brin_summarize_new_values('summed_i'))), 0, 'the same by core\'s own operator: runs nothing');
	$watcher->run('INSERT INTO summed SELECT generate_series(1, 100000)');
	is($session->query('SELECT count(*) FROM names WHERE NOT r OPERATOR(public.===) ANY (SELECT r FROM names)')->{code}, '',
		'a refused built-in as hash function: a hashed subplan runs it');
	is($watcher->run(q(SELECT brin_summarize_new_values('summed_i'))), 0,
		'a refused built-in as hash function: the index was summarized by the subplan');
	$session->quit;
}

# --- planner advice: whoever looks first makes the shared memory ---
SKIP:
{
	skip 'no contrib/pg_stash_advice', 6
	  if $watcher->run("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stash_advice'") eq '0';
	my $memory = q(SELECT count(*) FROM pg_dsm_registry_allocations WHERE name ~ 'stash');
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_stash_advice');
	my $session = locked(undef, q(LOAD 'pg_stash_advice'), 'SET compute_query_id = on');
	is($watcher->run($memory), 0, 'planner advice: nobody has looked');
	for my $call ('pg_get_advice_stashes()', 'pg_get_advice_stash_contents(NULL)')
	{
		is($session->query("SELECT * FROM $call")->{code}, '25006', "planner advice: $call is refused");
	}
	is($session->query(q(SET pg_stash_advice.stash_name = 'mine'))->{code}, '55P02', 'planner advice: the name of a stash is pinned');
	is($session->query('SELECT count(*) FROM victim')->{code}, '', 'planner advice: a query is planned');
	is($watcher->run($memory), 0, 'planner advice: there is no shared memory');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$watcher->quit;
$node->stop;
done_testing();
