# A function that an administrator has allowed writes while it runs, in whatever way
# it is called; and nothing else does, before it, after it or around it in the same
# statement.  Each case: what the agent sends, and what a second connection sees then.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->start;
$node->safe_psql('postgres', qq(
	CREATE EXTENSION pg_session_readonly;
	CREATE SCHEMA app;
	CREATE TABLE app.log (what text);
	CREATE TABLE app.victim (i int);
	CREATE TABLE app.parent (i int PRIMARY KEY);
	CREATE TABLE app.child (i int REFERENCES app.parent DEFERRABLE INITIALLY DEFERRED);
	CREATE SEQUENCE app.s;
	CREATE SEQUENCE app.own;
	CREATE FUNCTION app.seen() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (''deferred ''||NEW.i); RETURN NULL; END';
	CREATE TABLE app.watched (i int);
	CREATE CONSTRAINT TRIGGER seen AFTER INSERT ON app.watched DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION app.seen();

	-- what is allowed
	CREATE FUNCTION app.note(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (\$1); RETURN \$1; END';
	CREATE FUNCTION app.note_sql(text) RETURNS text LANGUAGE sql AS
		'INSERT INTO app.log VALUES (\$1) RETURNING what';
	CREATE FUNCTION app.number() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''app.own'')';
	CREATE FUNCTION app.definer(text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp AS
		'INSERT INTO log VALUES (\$1) RETURNING what';
	CREATE FUNCTION app.in_c(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C;
	CREATE FUNCTION app.nested(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN PERFORM app.note(\$1 || '' in''); PERFORM app.not_allowed(\$1 || '' other''); RETURN app.note(\$1); END';
	CREATE FUNCTION app.recursive(int) RETURNS int LANGUAGE plpgsql AS
		'BEGIN PERFORM app.note(\$1::text); IF \$1 > 1 THEN PERFORM app.recursive(\$1 - 1); END IF; RETURN \$1; END';
	CREATE FUNCTION app.handles(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN
			BEGIN PERFORM app.note(''lost''); PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END;
			INSERT INTO app.log VALUES (\$1); RETURN \$1;
		END';
	CREATE FUNCTION app.fails(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (\$1); PERFORM 1 / 0; RETURN \$1; END';
	CREATE FUNCTION app.rows(int) RETURNS SETOF int LANGUAGE plpgsql AS
		'BEGIN FOR i IN 1 .. \$1 LOOP INSERT INTO app.log VALUES (i); RETURN NEXT i; END LOOP; END';
	CREATE FUNCTION app.rows_sql(int) RETURNS SETOF text LANGUAGE sql AS
		'SELECT app.note(i::text) FROM generate_series(1, \$1) i';
	CREATE FUNCTION app.rows_read(int) RETURNS SETOF bigint LANGUAGE sql AS
		'SELECT nextval(''app.own'') FROM generate_series(1, \$1) i';
	CREATE FUNCTION app.step(int, int) RETURNS int LANGUAGE plpgsql AS
		'BEGIN PERFORM app.note(\$2::text); RETURN \$1 + \$2; END';
	CREATE AGGREGATE app.total(int) (SFUNC = app.step, STYPE = int, INITCOND = 0);
	CREATE FUNCTION app.makes() RETURNS int LANGUAGE plpgsql AS
		'BEGIN CREATE TABLE app.made (i int); CREATE TABLE app.made_as AS SELECT 1; DROP TABLE app.made; ANALYZE app.log; RETURN 1; END';
	CREATE FUNCTION app.defers() RETURNS int LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.child VALUES (7); INSERT INTO app.parent VALUES (7); INSERT INTO app.watched VALUES (7); RETURN 1; END';
	CREATE FUNCTION app.defers_badly() RETURNS int LANGUAGE sql AS 'INSERT INTO app.child VALUES (8) RETURNING i';
	CREATE FUNCTION app.opens(text) RETURNS refcursor LANGUAGE plpgsql AS
		'DECLARE c refcursor := ''remains''; BEGIN PERFORM app.note(''opened''); OPEN c FOR EXECUTE \$1; RETURN c; END';
	CREATE FUNCTION app.declares(text) RETURNS int LANGUAGE plpgsql AS
		'BEGIN EXECUTE ''DECLARE left_open CURSOR WITH HOLD FOR '' || \$1; RETURN 1; END';
	CREATE FUNCTION app.as_trigger() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (NEW.i); RETURN NEW; END';
	CREATE PROCEDURE app.commits(text) LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (\$1 || '' 1''); COMMIT; INSERT INTO app.log VALUES (\$1 || '' 2''); ROLLBACK;
		 INSERT INTO app.log VALUES (\$1 || '' 3''); END';
	CREATE PROCEDURE app.writes(text) LANGUAGE sql AS 'INSERT INTO app.log VALUES (\$1)';
	CREATE FUNCTION app.unlocks() RETURNS text LANGUAGE plpgsql AS
		'BEGIN SET pg_session_readonly.mode = off; RETURN current_setting(''pg_session_readonly.mode''); END';
	CREATE FUNCTION app.pins_off() RETURNS text LANGUAGE plpgsql AS
		'BEGIN SET log_statement = ''none''; RETURN 1; END';
	CREATE FUNCTION app.large() RETURNS oid LANGUAGE sql AS 'SELECT lo_create(0)';
	CREATE FUNCTION app.alias(oid) RETURNS oid LANGUAGE internal AS 'be_lo_create';
	CREATE FUNCTION app.in_worker(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS
		'BEGIN INSERT INTO app.log VALUES (\$1); RETURN \$1; END';
	CREATE FUNCTION app.waits() RETURNS int LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (''waits''); PERFORM pg_sleep(60); RETURN 1; END';

	-- what is not
	CREATE FUNCTION app.not_allowed(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (\$1); RETURN \$1; END';
	CREATE FUNCTION app.sneak(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C STABLE;
	CREATE FUNCTION app.calls(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN PERFORM app.note(\$1); INSERT INTO app.victim VALUES (1); RETURN \$1; END';
	CREATE PROCEDURE app.not_allowed_proc() LANGUAGE sql AS 'INSERT INTO app.victim VALUES (1)';
	CREATE FUNCTION app.sneaky_trigger() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.victim VALUES (NEW.i); RETURN NULL; END';));

my $allowed = join(', ', map { "app.$_" } qw(note note_sql number definer in_c nested recursive handles fails rows
	rows_sql rows_read step makes defers defers_badly opens declares as_trigger commits writes unlocks pins_off large
	alias in_worker waits)) . ', pg_catalog.nextval, pg_catalog.lo_create, pg_catalog.pg_stat_clear_snapshot';

# A locked session of the agent's.
sub locked
{
	my ($mode, @before) = @_;
	my $session = Wire->new($node);
	$session->run('CREATE TEMP TABLE mine (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)',
		'CREATE TEMP TABLE triggered (i int)',
		'CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION app.as_trigger()',
		'CREATE TEMP TABLE armed (i int)',
		'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON armed DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION app.sneaky_trigger()',
		@before, "SET pg_session_readonly.allowed_functions = '$allowed'",
		"LOAD 'pg_session_readonly'", "SET pg_session_readonly.mode = $mode");
	return $session;
}

sub codes
{
	my ($session, @statements) = @_;
	return join(' ', map { (ref $_ ? $_->($session) : $session->query($_))->{code} || 'ok' } @statements);
}

sub extended
{
	my ($sql) = @_;
	return sub { $_[0]->extended($sql) };
}

# What a second connection sees: the log, everything that must stay as it is, and the
# sequence that may move.
my $log = q(SELECT coalesce(string_agg(what, ', ' ORDER BY what), '') FROM app.log);
my $rest = q(SELECT (SELECT count(*) FROM app.victim), (SELECT is_called FROM app.s),
	(SELECT count(*) FROM pg_prepared_xacts), (SELECT count(*) FROM pg_class WHERE relpersistence = 'p'
		AND relnamespace = 'app'::regnamespace AND relname <> 'made_as'));
my $untouched = $node->safe_psql('postgres', $rest);
sub clear
{
	$node->safe_psql('postgres', 'TRUNCATE app.log, app.child, app.parent, app.watched; DROP TABLE IF EXISTS app.made_as;
		SELECT setval(\'app.own\', 1, false); SELECT lo_unlink(oid) FROM pg_largeobject_metadata');
}

# After each case: what is there, that nothing else changed, and that the session is
# as locked as before.
sub check
{
	my ($name, $session, $codes, $expected, @statements) = @_;
	is(codes($session, @statements), $codes, "$name: statements");
	is($node->safe_psql('postgres', $log), $expected, "$name: what another session sees");
	is(codes($session, 'ROLLBACK', q(INSERT INTO app.victim VALUES (1)), q(SELECT nextval('app.s')),
			q(SELECT app.sneak('app.victim', 1)), q(SELECT app.not_allowed('x')), q(DO $$ DECLARE x int; BEGIN x := nextval('app.s'); END $$),
			'SELECT 1'), 'ok 25006 25006 25006 25006 25006 ok', "$name: as locked as before");
	is($session->run('SHOW transaction_read_only') . $session->run('SHOW default_transaction_read_only'), 'onon',
		"$name: read-only as before");
	is($node->safe_psql('postgres', $rest), $untouched, "$name: nothing else changed");
	clear();
}

# --- what is allowed works ---
for my $case (
	# a name, what the statements say, what is in the log then, the statements
	[ 'plpgsql', 'ok', 'a', q(SELECT app.note('a')) ],
	[ 'SQL, which is not inlined', 'ok', 'a', q(SELECT app.note_sql('a')) ],
	[ 'SQL that would be inlined', 'ok', '', 'SELECT app.number()' ],
	[ 'SECURITY DEFINER and a SET clause', 'ok', 'a', q(SELECT app.definer('a')) ],
	[ 'C', 'ok', '1', q(SELECT app.note(app.in_c('pg_temp.mine', 1)::text)) ],
	[ 'nested, and calling what is not allowed', 'ok', 'a, a in, a other', q(SELECT app.nested('a')) ],
	[ 'recursion', 'ok', '1, 2, 3', 'SELECT app.recursive(3)' ],
	[ 'an exception inside', 'ok', 'a', q(SELECT app.handles('a')) ],
	[ 'an error', '22012', '', q(SELECT app.fails('a')) ],
	[ 'an error, caught outside', 'ok', 'b',
		q(DO $$ BEGIN PERFORM app.fails('a'); EXCEPTION WHEN division_by_zero THEN PERFORM app.note('b'); END $$) ],
	[ 'in a transaction', 'ok ok ok ok', 'a, b', 'BEGIN', q(SELECT app.note('a')), q(SELECT app.note('b')), 'COMMIT' ],
	[ 'REPEATABLE READ', 'ok ok ok', 'a', 'BEGIN ISOLATION LEVEL REPEATABLE READ', q(SELECT app.note('a')), 'COMMIT' ],
	[ 'BEGIN READ ONLY', 'ok ok ok', 'a', 'BEGIN READ ONLY', q(SELECT app.note('a')), 'COMMIT' ],
	[ 'in a savepoint', 'ok ok ok ok ok', 'a', 'BEGIN', 'SAVEPOINT s', q(SELECT app.note('a')), 'RELEASE s', 'COMMIT' ],
	[ 'in a savepoint that is rolled back', 'ok ok ok ok ok ok', 'b', 'BEGIN', 'SAVEPOINT s', q(SELECT app.note('a')),
		'ROLLBACK TO s', q(SELECT app.note('b')), 'COMMIT' ],
	[ 'rolled back', 'ok ok ok', '', 'BEGIN', q(SELECT app.note('a')), 'ROLLBACK' ],
	[ 'set-returning, in FROM', 'ok', '1, 2, 3', 'SELECT * FROM app.rows(3)' ],
	[ 'set-returning, in the target list', 'ok', '1, 2, 3', 'SELECT app.rows(3)' ],
	[ 'set-returning SQL, in FROM', 'ok', '1, 2, 3', 'SELECT * FROM app.rows_sql(3)' ],
	[ 'set-returning SQL, stopped early by LIMIT', 'ok', '1, 2', 'SELECT app.rows_sql(5) LIMIT 2' ],
	[ 'set-returning SQL whose query writes, stopped early', 'ok', '', 'SELECT app.rows_read(5) LIMIT 2' ],
	[ 'an aggregate', 'ok', '1, 2, 3', 'SELECT app.total(i) FROM generate_series(1, 3) i' ],
	[ 'a window aggregate', 'ok', '1, 2', 'SELECT app.total(i) OVER (ORDER BY i) FROM generate_series(1, 2) i' ],
	[ 'a trigger of a temporary table', 'ok', '5', 'INSERT INTO triggered VALUES (5)' ],
	[ 'in a temporary write', 'ok ok', '1', q(INSERT INTO mine SELECT app.note('1')::int), 'TRUNCATE mine' ] ,
	[ 'DDL, CREATE TABLE AS and ANALYZE', 'ok', '', 'SELECT app.makes()' ],
	[ 'in DO', 'ok', 'a', q(DO $$ BEGIN PERFORM app.note('a'); END $$) ],
	[ 'in an expression of DO, with COMMIT', 'ok', 'a, b',
		q(DO $$ DECLARE x text; BEGIN x := app.note('a'); COMMIT; x := app.note('b'); END $$) ],
	[ 'CALL', 'ok', 'a', q(CALL app.writes('a')) ],
	[ 'CALL of a procedure that commits', 'ok', 'a 1, a 3', q(CALL app.commits('a')) ],
	[ 'CALL of a procedure that commits, in DO', 'ok', 'a 1, a 3, b',
		q(DO $$ BEGIN CALL app.commits('a'); PERFORM app.note('b'); END $$) ],
	[ 'prepared', 'ok ok ok', 'a, b', 'PREPARE p AS SELECT app.note($1)', q(EXECUTE p('a')), q(EXECUTE p('b')) ],
	[ 'extended protocol', 'ok', 'a', extended(q(SELECT app.note('a'))) ],
	[ 'fastpath', 'ok', 'a', sub { $_[0]->fastpath($_[0]->run("SELECT 'app.note(text)'::regprocedure::oid"), 'a') } ],
	[ 'a cursor', 'ok ok ok ok ok', '1, 2', 'BEGIN', 'DECLARE c CURSOR FOR SELECT app.note(i::text) FROM generate_series(1, 9) i',
		'FETCH c', 'FETCH c', 'COMMIT' ],
	[ 'EXPLAIN', 'ok', '', q(EXPLAIN SELECT app.note('a')) ],
	[ 'EXPLAIN ANALYZE', 'ok', 'a', q(EXPLAIN ANALYZE SELECT app.note('a')) ],
	[ 'deferred constraints and triggers', 'ok', 'deferred 7', 'SELECT app.defers()' ],
	[ 'a deferred constraint that is not met', '23503', '', 'SELECT app.defers_badly()' ],
	[ 'a large object', 'ok', '', 'SELECT app.large()' ],
	[ 'an alias of a built-in', 'ok', '', 'SELECT app.alias(0)' ],
	[ 'several statements in one message', 'ok', 'a, b', q(SELECT app.note('a'); SELECT app.note('b')) ])
{
	my ($name, $codes, $expected, @statements) = @$case;
	for my $mode ('on', 'locked')
	{
		my $session = locked($mode);
		my @once = grep { $_ ne 'TRUNCATE mine' } @statements;
		$codes =~ s/^ok ok$/ok/ if @once < @statements;
		check("$name, $mode", $session, $codes, $expected, @once);
		$session->quit;
	}
}

# --- and nothing else does ---
for my $case (
	[ 'beside it', '25006', '', q(SELECT app.note('a'), nextval('app.s')) ],
	[ 'before it', '25006', '', q(SELECT nextval('app.s'), app.note('a')) ],
	[ 'in C, before it', '25006', '', q(SELECT app.sneak('app.victim', 1), app.note('a')) ],
	[ 'in C, after it', '25006', '', q(SELECT app.note('a'), app.sneak('app.victim', 1)) ],
	[ 'in C, in a row between', '25006', '',
		q(SELECT CASE WHEN i = 2 THEN app.sneak('app.victim', 1)::text ELSE app.note('a') END FROM generate_series(1, 3) i) ],
	[ 'in WITH', '25006', '', q(WITH d AS (DELETE FROM app.log) SELECT app.note('a')) ],
	[ 'a statement that writes', '25006', '', q(INSERT INTO app.victim SELECT app.note('1')::int) ],
	[ 'FOR UPDATE', '25006', '', q(SELECT app.note('a') FROM app.log FOR UPDATE) ],
	[ 'a function around it', '25006', '', q(SELECT app.calls('a')) ],
	[ 'a function around it, in expressions', '25006', 'a',
		q(DO $$ DECLARE x text; BEGIN x := app.note('a'); COMMIT; x := nextval('app.s'); END $$) ],
	[ 'its argument', '25006', '', q(SELECT app.note(nextval('app.s')::text)) ],
	[ 'its argument, in C', '25006', '', q(SELECT app.note(app.sneak('app.victim', 1)::text)) ],
	[ 'its argument, a query', '25006', '', q(SELECT app.note((SELECT app.not_allowed('b')))) ],
	[ 'the next statement', 'ok ok 25006 ok', '', 'BEGIN', q(SELECT app.note('a')), q(INSERT INTO app.victim VALUES (1)), 'COMMIT' ],
	[ 'the next statement, in C', 'ok ok 25006 ok', '', 'BEGIN', q(SELECT app.note('a')), q(SELECT app.sneak('app.victim', 1)), 'COMMIT' ],
	[ 'a statement of the same message', '25006', '', q(SELECT app.note('a'); INSERT INTO app.victim VALUES (1)) ],
	[ 'after an error inside', 'ok ok 22012 ok 25006 ok', '', 'BEGIN', 'SAVEPOINT s', q(SELECT app.fails('a')), 'ROLLBACK TO s',
		q(INSERT INTO app.victim VALUES (1)), 'COMMIT' ],
	[ 'after an error inside, caught', '25006', '',
		q(DO $$ BEGIN PERFORM app.fails('a'); EXCEPTION WHEN division_by_zero THEN INSERT INTO app.victim VALUES (1); END $$) ],
	[ 'after an error inside, caught, an expression', '25006', '',
		q(DO $$ DECLARE x int; BEGIN PERFORM app.fails('a'); EXCEPTION WHEN division_by_zero THEN x := nextval('app.s'); END $$) ],
	[ 'after a procedure that commits', '25006', 'a 1', q(DO $$ BEGIN CALL app.commits('a'); INSERT INTO app.victim VALUES (1); END $$) ],
	[ 'after a procedure that commits, C', '25006', 'a 1, a 3',
		q(DO $$ BEGIN CALL app.commits('a'); COMMIT; PERFORM app.sneak('app.victim', 1); END $$) ],
	[ 'a procedure that is not allowed', '25006', '', 'CALL app.not_allowed_proc()' ],
	[ 'a cursor of a read, left open', 'ok ok ok ok', 'opened', 'BEGIN', q(SELECT app.opens('SELECT i FROM app.victim')), 'FETCH ALL FROM remains', 'COMMIT' ],
	(map { [ "a cursor left open: $_", 'ok ok 25006 ok', '', 'BEGIN', "SELECT app.opens('" . s/'/''/gr . "')", 'FETCH ALL FROM remains', 'COMMIT' ] }
		q(SELECT nextval('app.s')), q(SELECT pg_try_advisory_lock(1)), q(SELECT app.sneak('app.victim', 1)), q(SELECT app.not_allowed('b')),
		'SELECT * FROM app.parent FOR UPDATE', 'INSERT INTO app.victim VALUES (1) RETURNING i',
		'WITH w AS (INSERT INTO app.victim VALUES (1) RETURNING i) SELECT i FROM w') ,
	[ 'a held cursor left open', 'ok ok 25006', '', 'BEGIN', q(SELECT app.declares('SELECT pg_try_advisory_lock(1)')), 'COMMIT' ],
	[ 'a deferred trigger of the agent\'s', 'ok ok 25006 ok', '', 'BEGIN', 'INSERT INTO armed VALUES (1)', q(SELECT app.note('a')), 'COMMIT' ],
	[ 'SERIALIZABLE', 'ok 25006 ok', '', 'BEGIN ISOLATION LEVEL SERIALIZABLE', q(SELECT app.note('a')), 'COMMIT' ],
	[ 'two-phase commit', 'ok ok 25006', '', 'BEGIN', q(SELECT app.note('a')), q(PREPARE TRANSACTION 'x') ],
	[ 'unlocking inside', '25006', '', 'SELECT app.unlocks()' ],
	[ 'a pinned setting inside', '55P02', '', 'SELECT app.pins_off()' ],
	[ 'nextval by its own name', '25006', '', q(SELECT nextval('app.s')) ],
	[ 'lo_create by its own name', '25006', '', 'SELECT lo_create(0)' ],
	[ 'lo_create by its own name, beside', '25006', '', q(SELECT app.note('a'), lo_create(0)) ],
	[ 'lo_create by fastpath', '25006', '', sub { $_[0]->fastpath($_[0]->run("SELECT 'lo_create(oid)'::regprocedure::oid"), '0') } ],
	[ 'DO in a language', '25006', '', q(DO LANGUAGE plpgsql $$ BEGIN INSERT INTO app.victim VALUES (1); END $$) ])
{
	my ($name, $codes, $expected, @statements) = @$case;
	my $session = locked('locked');
	check($name, $session, $codes, $expected, @statements);
	$session->quit;
}

# --- the words where the way out is another one ---
{
	my $session = locked('locked');
	$session->run('BEGIN ISOLATION LEVEL SERIALIZABLE');
	my $result = $session->query(q(SELECT app.note('a')));
	like($result->{hint}, qr/READ COMMITTED or REPEATABLE READ/, 'SERIALIZABLE: the hint');
	$session->run('ROLLBACK');
	for my $call ('lo_create(0)', 'nextval(\'app.s\')')
	{
		$result = $session->query("SELECT $call");
		like($result->{hint}, qr/allow a function that (calls it|writes), by (the|its) name/, "$call: the hint");
	}
	is($session->run(q(SELECT count(*) FROM pg_session_readonly_denied_functions()
		WHERE reason = 'writes' AND function = 'lo_create(oid)'::regprocedure)), '1', 'lo_create: said not to be allowable');
	is($session->run(q(SELECT reason FROM pg_session_readonly_denied_functions()
		WHERE function = 'app.sneak(regclass, int)'::regprocedure)), '', 'a stable function in C: runs, and is caught');
	$session->quit;
}

# --- while the mode is on, a superuser may take it off the list again ---
{
	my $session = locked('on');
	is(codes($session, q(SELECT app.note('a')), "SET pg_session_readonly.allowed_functions = ''", q(SELECT app.note('b')),
			"SET pg_session_readonly.allowed_functions = 'app.note'", q(SELECT app.note('c'))), 'ok ok 25006 ok ok', 'off the list again');
	is($node->safe_psql('postgres', $log), 'a, c', 'off the list again: what was written');
	clear();
	$session->quit;
}

# --- a cancelled one, and one whose session is ended ---
for my $end ('pg_cancel_backend', 'pg_terminate_backend')
{
	my $session = locked('locked');
	$session->message('Q', "SELECT app.waits()\0");
	$node->poll_query_until('postgres', qq(SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $session->{pid}))
	  or die 'does not sleep';
	$node->safe_psql('postgres', "SELECT $end($session->{pid})");
	my $code = $session->result->{code};
	is($code, $end eq 'pg_cancel_backend' ? '57014' : '57P01', "$end: ends it");
	is($node->safe_psql('postgres', $log), '', "$end: nothing is left");
	check($end, $session, 'ok', 'a', q(SELECT app.note('a'))) if $end eq 'pg_cancel_backend';
	$session->quit;
}

# --- a parallel worker writes nothing ---
{
	my $session = locked('locked', 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0');
	$node->safe_psql('postgres', 'CREATE TABLE app.big AS SELECT generate_series(1, 20000) i; ANALYZE app.big');
	isnt($session->query('SELECT sum(app.in_worker(i)) FROM app.big')->{code}, '', 'a parallel worker: an error');
	is($node->safe_psql('postgres', $log), '', 'a parallel worker: nothing is written');
	$node->safe_psql('postgres', 'DROP TABLE app.big');
	check('a parallel worker', $session, 'ok', 'a', q(SELECT app.note('a')));
	$session->quit;
}

# --- errors at every point, in random order; the session stays locked ---
{
	my $seed = $ENV{PGSR_SEED} // int(rand(2**31));
	srand($seed);
	note "seed $seed";
	my @pieces = (q(SELECT app.note('a')), q(SELECT app.fails('a')), q(SELECT app.handles('b')), q(SELECT app.nested('n')),
		q(CALL app.writes('w')), q(CALL app.commits('c')), 'BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'ROLLBACK TO s', 'RELEASE s',
		q(INSERT INTO app.victim VALUES (1)), q(SELECT app.sneak('app.victim', 1)), q(SELECT nextval('app.s')),
		q(INSERT INTO mine VALUES (1)), 'INSERT INTO armed VALUES (1)', 'INSERT INTO triggered VALUES (2)', 'SET CONSTRAINTS ALL DEFERRED',
		'SELECT app.defers_badly()', q(SELECT app.opens('SELECT nextval(''app.s'')')), 'FETCH remains', 'CLOSE remains',
		q(DO $$ BEGIN PERFORM app.fails('x'); EXCEPTION WHEN OTHERS THEN PERFORM app.sneak('app.victim', 1); END $$),
		q(SELECT app.rows_sql(3) LIMIT 1), q(SELECT app.note('a'), app.sneak('app.victim', 1)),
		q(BEGIN ISOLATION LEVEL SERIALIZABLE), 'SELECT app.unlocks()', 'COMMIT AND CHAIN', 'DISCARD ALL');
	my $session = locked('locked');
	for my $round (1 .. 40)
	{
		my @sent = map { $pieces[ rand @pieces ] } 1 .. 12;
		$session->query($_) for @sent, 'ROLLBACK';
		my $after = codes($session, q(INSERT INTO app.victim VALUES (1)), q(SELECT app.sneak('app.victim', 1)),
			q(DO $$ DECLARE x int; BEGIN x := nextval('app.s'); END $$));
		my $seen = $node->safe_psql('postgres', $rest);
		next if $after eq '25006 25006 25006' && $seen eq $untouched;
		is("$after $seen", "25006 25006 25006 $untouched", "at random, seed $seed, round $round: " . join('; ', @sent));
		last;
	}
	is($node->safe_psql('postgres', $rest), $untouched, 'at random: nothing else changed');
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', 'at random: locked');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
