# What an allowed function comes by, or leaves behind, is not its own: a query of the
# client's that its COMMIT runs to the end, and what was looked up while it ran.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', qq(
	CREATE EXTENSION pg_session_readonly;
	CREATE SCHEMA app;
	CREATE TABLE app.log (what text);
	CREATE TABLE app.victim (i int);
	CREATE TABLE app.kept (i int);
	CREATE SEQUENCE app.s;

	-- what is allowed
	CREATE FUNCTION app.note(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (\$1); RETURN \$1; END';
	CREATE PROCEDURE app.commits() LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.log VALUES (''one''); COMMIT; INSERT INTO app.log VALUES (''two''); END';
	CREATE PROCEDURE app.commits_in_c(text) AS '$writer', 'writer_commits' LANGUAGE C;
	CREATE FUNCTION app.looks_up(text) RETURNS text LANGUAGE plpgsql AS
		'DECLARE x text; BEGIN EXECUTE \$1 INTO x; PERFORM pg_advisory_unlock_all(); RETURN x; END';
	CREATE FUNCTION app.fails_after(text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN PERFORM app.looks_up(\$1); RETURN 1 / 0; END';
	CREATE FUNCTION app.fetches(refcursor) RETURNS text LANGUAGE plpgsql AS
		'DECLARE x text; BEGIN FETCH \$1 INTO x; RETURN app.note(''fetched''); END';
	CREATE FUNCTION app.loops() RETURNS text LANGUAGE plpgsql AS
		'DECLARE x text; BEGIN FOR x IN INSERT INTO app.log VALUES (''a'') RETURNING what LOOP PERFORM app.note(x || ''b''); END LOOP;
		FOR x IN EXECUTE ''EXPLAIN ANALYZE INSERT INTO app.log VALUES (1)'' LOOP NULL; END LOOP; RETURN x; END';
	CREATE FUNCTION app.fills() RETURNS int LANGUAGE sql AS
		'INSERT INTO app.kept SELECT generate_series(1, 10); SELECT 1';
	CREATE FUNCTION app.empties() RETURNS int LANGUAGE plpgsql AS 'BEGIN TRUNCATE app.kept; RETURN 1; END';

	-- what is not
	CREATE FUNCTION app.not_allowed() RETURNS int LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.victim VALUES (1); RETURN 1; END';
	CREATE FUNCTION app.arms() RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO armed VALUES (1); RETURN 1; END';
	CREATE FUNCTION app.sneaky_trigger() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO app.victim VALUES (NEW.i); RETURN NULL; END';
	CREATE FUNCTION app.sneak(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C STABLE;
	CREATE FUNCTION app.assigns(int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE x bool; BEGIN x := pg_try_advisory_lock(\$1); RETURN x; END';
	CREATE DOMAIN app.locking AS int CHECK (pg_try_advisory_lock(VALUE));
	CREATE FUNCTION app.casts(int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE x app.locking; BEGIN x := \$1; RETURN x; END';

	-- a type whose comparison nobody has reviewed
	CREATE TYPE app.number;
	CREATE FUNCTION app.number_in(cstring) RETURNS app.number LANGUAGE internal IMMUTABLE AS 'int4in';
	CREATE FUNCTION app.number_out(app.number) RETURNS cstring LANGUAGE internal IMMUTABLE AS 'int4out';
	CREATE TYPE app.number (INPUT = app.number_in, OUTPUT = app.number_out, LIKE = int4);
	CREATE FUNCTION app.less(app.number, app.number) RETURNS bool LANGUAGE internal IMMUTABLE AS 'int4lt';
	CREATE FUNCTION app.equal(app.number, app.number) RETURNS bool LANGUAGE internal IMMUTABLE AS 'int4eq';
	CREATE FUNCTION app.compare(app.number, app.number) RETURNS int AS '$writer', 'unreviewed_compare' LANGUAGE C;
	CREATE OPERATOR app.< (LEFTARG = app.number, RIGHTARG = app.number, FUNCTION = app.less);
	CREATE OPERATOR app.= (LEFTARG = app.number, RIGHTARG = app.number, FUNCTION = app.equal);
	CREATE OPERATOR CLASS app.numbers DEFAULT FOR TYPE app.number USING btree AS
		OPERATOR 1 app.<, OPERATOR 3 app.=, FUNCTION 1 app.compare(app.number, app.number);));

sub locked
{
	my $session = Wire->new($node);
	$session->run('CREATE TEMP TABLE mine (what text)', 'CREATE TEMP TABLE armed (i int)',
		'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON armed DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION app.sneaky_trigger()',
		"SET pg_session_readonly.allowed_functions = 'app.note, app.commits, app.commits_in_c, app.looks_up, app.fails_after,
			app.fetches, app.loops, app.fills, app.empties'",
		"LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
	return $session;
}

my $log = q(SELECT coalesce(string_agg(what, ', ' ORDER BY what), '') FROM app.log);
my $rest = q(SELECT (SELECT count(*) FROM app.victim), (SELECT is_called FROM app.s),
	(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'));

# A cursor of the client's over this query, which an allowed procedure's COMMIT keeps; or
# a loop over it, around the call.
sub held
{
	my ($query) = @_;
	$query =~ s/'/''/g;
	return "DO \$\$ BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR $query'; CALL app.commits(); END \$\$";
}

sub loop
{
	my ($call) = @_;
	return "DO \$\$ DECLARE r record; BEGIN FOR r IN SELECT CASE WHEN i = 300 THEN $call END FROM generate_series(1, 300) i LOOP
		CALL app.commits(); EXIT; END LOOP; END \$\$";
}

my $less = q(SELECT ARRAY['1'::app.number] < ARRAY['2'::app.number]);
for my $case (
	# a name, what the statements say, what is in the log then, the statements
	(map { [ "a held cursor: $_", '25006', '', held("SELECT $_") ], [ "a loop: $_", '25006', '', loop($_) ] }
		q(nextval('app.s')), 'app.not_allowed()', q(app.sneak('app.victim', 1)), 'app.arms()'),
	# nor one that reads: nobody has looked at it where the function would run it
	[ 'a held cursor that reads', '25006', '', held('SELECT 7') ],
	[ 'a held cursor that calls what is allowed', '25006', '', held(q(SELECT app.note('a'))) ],
	[ 'a loop that reads', '25006', '', loop('1') ],
	[ 'a loop that counts', 'ok', 'one, one, two, two', 'DO $$ BEGIN FOR i IN 1 .. 2 LOOP CALL app.commits(); END LOOP; END $$' ],
	[ 'a cursor that an allowed function is given', 'ok ok 25006 ok', '',
		'BEGIN', 'DECLARE c CURSOR FOR SELECT app.not_allowed()', q(SELECT app.fetches('c')), 'COMMIT' ],
	[ 'a cursor that an allowed function is given, in C', 'ok ok 25006 ok', '',
		'BEGIN', q(DECLARE c CURSOR FOR SELECT app.sneak('app.victim', 1)), q(SELECT app.fetches('c')), 'COMMIT' ],
	[ 'a cursor that an allowed function is given, a read', 'ok ok 25006 ok', '',
		'BEGIN', 'DECLARE c CURSOR FOR SELECT 1', q(SELECT app.fetches('c')), 'COMMIT' ],
	(map { my $query = $_; (
		[ "a cursor that an allowed function is given: $_", '25006', '',
			"DO \$\$ DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE '$_'; PERFORM app.fetches(c); END \$\$" ],
		[ "a portal that an allowed function is given: $_", 'ok ok 25006 ok', '', 'BEGIN',
			sub { $_[0]->parse('', $query); $_[0]->bind('bound', ''); $_[0]->sync }, q(SELECT app.fetches('bound')), 'COMMIT' ]) }
		'INSERT INTO app.victim VALUES (1) RETURNING i', 'EXPLAIN ANALYZE SELECT app.not_allowed()',
		'WITH w AS (INSERT INTO app.victim VALUES (1) RETURNING i) SELECT i FROM w'),
	[ 'loops of its own', 'ok', '1, a, ab', 'SELECT app.loops()' ],
	[ 'a temporary write around it', 'ok', 'a', q(INSERT INTO mine SELECT app.note('a') RETURNING what) ],
	(map { [ "an expression it looked up: $_", 'ok ok 25006 ok', '', 'BEGIN', "SELECT app.looks_up('SELECT $_')", "SELECT $_", 'COMMIT' ],
		   [ "an expression it looked up, before an error: $_", '25006', '',
			 "DO \$\$ BEGIN PERFORM app.fails_after('SELECT $_'); EXCEPTION WHEN division_by_zero THEN PERFORM $_; END \$\$" ] }
		'app.assigns(1)', 'app.casts(1)'),
	[ 'a comparison it looked up', 'ok 25006', '', sprintf(q(SELECT app.looks_up('%s')), $less =~ s/'/''/gr), $less ],
	[ 'rows of a table that it emptied', 'ok ok ok ok ok 25006 ok', '', 'BEGIN', 'SELECT app.fills()', 'SAVEPOINT s',
		'SELECT app.empties()', 'RELEASE s', q(SELECT app.sneak('app.victim', 1)), 'COMMIT' ],
	[ 'rows of a table that it filled and emptied', 'ok ok ok ok ok ok 25006 ok', '', 'BEGIN', 'SELECT app.fills()', 'SAVEPOINT s',
		'SELECT app.fills()', 'SELECT app.empties()', 'RELEASE s', q(SELECT app.sneak('app.victim', 1)), 'COMMIT' ],
	[ 'a table that it emptied', 'ok ok ok ok ok ok ok', 'a', 'BEGIN', 'SELECT app.fills()', 'SAVEPOINT s',
		'SELECT app.empties()', 'RELEASE s', q(SELECT app.note('a')), 'COMMIT' ],
	[ 'a procedure in C that commits', 'ok', 'one, two', q(CALL app.commits_in_c('INSERT INTO app.log VALUES ($1)')) ],
	[ 'a procedure in C that commits, in DO', '25006', 'one, two',
		q(DO $$ BEGIN CALL app.commits_in_c('INSERT INTO app.log VALUES ($1)'); COMMIT; PERFORM app.sneak('app.victim', 1); END $$) ])
{
	my ($name, $codes, $expected, @statements) = @$case;
	my $session = locked();
	my $untouched = $node->safe_psql('postgres', $rest);
	is(join(' ', map { (ref $_ ? $_->($session) : $session->query($_))->{code} || 'ok' } @statements), $codes, "$name: statements");
	is($node->safe_psql('postgres', $log), $expected, "$name: what another session sees");
	is($node->safe_psql('postgres', $rest), $untouched, "$name: nothing else changed");
	is(join(' ', map { $session->query($_)->{code} || 'ok' } 'ROLLBACK', 'INSERT INTO app.victim VALUES (1)',
			q(SELECT app.sneak('app.victim', 1)), q(SELECT app.note('after'))), 'ok 25006 25006 ok', "$name: as locked as before");
	$session->quit;
	$node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'));
	$node->safe_psql('postgres', q(TRUNCATE app.log, app.victim, app.kept; SELECT setval('app.s', 1, false)));
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
