# Temporary tables of a locked session, where an administrator has taken TEMPORARY TABLES
# out of denied_commands: what an agent may do with them, and what it may not.  Other
# sessions see nothing of it: the catalogs and all permanent tables are as before.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE TYPE mood AS ENUM ('sad', 'happy');
	CREATE TYPE pair AS (i int, j int);
	CREATE DOMAIN small AS int CHECK (VALUE < 100);
	CREATE TABLE t (i int PRIMARY KEY, m mood DEFAULT 'sad', n text);
	INSERT INTO t SELECT i, 'happy', 'row ' || i FROM generate_series(1, 10) i;
	COMMENT ON COLUMN t.n IS 'a name';
	CREATE INDEX t_n ON t (n);
	CREATE SEQUENCE s;
	CREATE TABLE victim (i int);
	INSERT INTO victim SELECT generate_series(1, 5);
	CREATE TABLE kept (id int GENERATED ALWAYS AS IDENTITY, k bigserial, v text DEFAULT 'x' CHECK (v <> ''), UNIQUE (k));
	CREATE TABLE with_statistics (i int, j int);
	CREATE STATISTICS stats ON i, j FROM with_statistics;
	CREATE TABLE summarized (i int);
	CREATE INDEX ON summarized USING brin (i) WITH (autosummarize = on);
	CREATE TABLE parent (i int);
	CREATE FOREIGN DATA WRAPPER w;
	CREATE SERVER w FOREIGN DATA WRAPPER w;
	CREATE TABLE parted (i int) PARTITION BY RANGE (i);
	CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS
		'BEGIN INSERT INTO t VALUES (100); RETURN 1; END';
	CREATE FUNCTION says_immutable(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN PERFORM nextval(''public.s''); RETURN 1; END';
	CREATE FUNCTION runs(statement text) RETURNS text LANGUAGE plpgsql AS
		'BEGIN EXECUTE statement; RETURN ''ran''; END';
	CREATE PROCEDURE does(statement text) LANGUAGE plpgsql AS
		'BEGIN EXECUTE statement; COMMIT; END';
	CREATE FUNCTION explains() RETURNS text LANGUAGE plpgsql AS
		'BEGIN EXECUTE ''EXPLAIN ANALYZE CREATE TEMP TABLE made AS SELECT 1''; RETURN ''ran''; END';
	CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, COMMUTATOR = ===);));
for my $name (qw(insert update delete comment large_object drop))
{
	$node->safe_psql('postgres', qq(CREATE FUNCTION ${name}_stable(regclass, int) RETURNS int
		AS '$writer', 'writer_$name' LANGUAGE C IMMUTABLE));
}

# All rows of the catalogs but those of temporary schemas, which stay when a session ends;
# the rows of user tables, the sequences and large objects.
my $state_query = $node->safe_psql('postgres', q(
	SELECT 'SELECT ' || string_agg(format('(SELECT count(*) || '' '' || coalesce(sum(hashtext(c::text)), 0) FROM pg_catalog.%I c %s)',
			relname, CASE relname WHEN 'pg_namespace' THEN 'WHERE nspname !~ ''_temp_''' ELSE '' END), ', ' ORDER BY relname)
	FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r')) .
	q(, (SELECT sum(hashtext(t::text)) FROM t), (SELECT last_value FROM s), (SELECT is_called FROM s), (SELECT count(*) FROM kept), (SELECT string_agg(i::text, ' ' ORDER BY i) FROM victim),
		(SELECT last_value FROM kept_k_seq), (SELECT count(*) FROM pg_prepared_xacts));

# What is permanent, while temporary tables are there.
my $meanwhile_query = q(
	SELECT (SELECT sum(hashtext(c::text)) FROM pg_class c WHERE relpersistence <> 't'),
		(SELECT sum(hashtext(a::text)) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relpersistence <> 't'),
		(SELECT sum(hashtext(i::text)) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE relpersistence <> 't'),
		(SELECT sum(hashtext(g::text)) FROM pg_trigger g JOIN pg_class c ON c.oid = tgrelid WHERE relpersistence <> 't'),
		(SELECT sum(hashtext(p::text)) FROM pg_proc p), (SELECT count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhparent
			WHERE relpersistence <> 't'), (SELECT sum(hashtext(d::text)) FROM pg_description d), (SELECT count(*) FROM pg_statistic_ext));

# A session that an agent is given.
sub locked
{
	my (%params) = @_;
	my $session = Wire->new($node, %params);
	$session->run(@{ $params{before} // [] },
		q(SET pg_session_readonly.denied_commands = ') . ($params{commands} // 'default, -TEMPORARY TABLES') . q('),
		"LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
	return $session;
}

# The ways in which a statement comes.  Where the way itself is a transaction, it is
# committed.
my %ways = (
	'simple protocol' => sub { $_[0]->query($_[1]) },
	'extended protocol' => sub { $_[0]->extended($_[1]) },
	'in a transaction' => sub { $_[0]->query('BEGIN'); my $result = $_[0]->query($_[1]); $_[0]->query('COMMIT'); $result },
	'in a savepoint' => sub {
		$_[0]->query($_) for 'BEGIN', 'SAVEPOINT a';
		my $result = $_[0]->query($_[1]);
		$_[0]->query($_) for $result->{code} ? 'ROLLBACK' : ('RELEASE a', 'COMMIT');
		$result },
	'serializable' => sub {
		$_[0]->query('BEGIN ISOLATION LEVEL SERIALIZABLE');
		$_[0]->query('SELECT count(*) FROM t');
		my $result = $_[0]->query($_[1]);
		my $end = $_[0]->query('COMMIT');
		$result->{code} ? $result : $end },
	'in a message with others' => sub { $_[0]->query("SELECT 1; $_[1]; SELECT 2") },
	'in DO' => sub { $_[0]->query("DO \$do\$ BEGIN EXECUTE \$sql\$ $_[1] \$sql\$; END \$do\$") },
	'in a block with a handler' => sub {
		$_[0]->query("DO \$do\$ BEGIN BEGIN PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN EXECUTE \$sql\$ $_[1] \$sql\$; END; END \$do\$") },
	'in a function' => sub { $_[0]->query("SELECT runs(\$sql\$ $_[1] \$sql\$)") },
	'in a procedure' => sub { $_[0]->query("CALL does(\$sql\$ $_[1] \$sql\$)") });

# plpgsql does not EXECUTE SELECT INTO
sub ways_of
{
	my ($sql) = @_;
	return $sql =~ /^SELECT .*INTO/ ? grep { !/ DO|block|function|procedure/ } sort keys %ways : sort keys %ways;
}

my $state = $node->safe_psql('postgres', $state_query);

# --- what works ---
# What is there before, the statement, and what is asked afterwards, with its answer.
my $made = 'CREATE TEMP TABLE mine (i int, n text)';
my $filled = q(INSERT INTO mine SELECT i, 'row ' || i FROM generate_series(1, 5) i);
for my $case (
	[ 'a table', [], 'CREATE TEMP TABLE x (i int PRIMARY KEY, n text UNIQUE, CHECK (i > 0))',
		q(INSERT INTO x VALUES (1, 'a'), (2, 'b') RETURNING i), "1\n2" ],
	[ 'a table in pg_temp', [], 'CREATE TABLE pg_temp.x (i int)', 'INSERT INTO x VALUES (1) RETURNING i', '1' ],
	[ 'a table with a long column', [], 'CREATE TEMP TABLE x (n text)',
		q(INSERT INTO x SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i RETURNING length(n)), '16000' ],
	[ 'a serial column', [], 'CREATE TEMP TABLE x (i serial, n text)',
		q(INSERT INTO x (n) VALUES ('a'), ('b') RETURNING i), "1\n2" ],
	[ 'an identity column', [], 'CREATE TEMP TABLE x (i int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n text)',
		q(INSERT INTO x (n) VALUES ('a'), ('b') RETURNING i), "1\n2" ],
	[ 'a serial column in pg_temp', [], 'CREATE TABLE pg_temp.x (i serial)', 'INSERT INTO x DEFAULT VALUES RETURNING i', '1' ],
	[ 'a generated column', [], 'CREATE TEMP TABLE x (i int, j int GENERATED ALWAYS AS (i * 2) STORED)',
		'INSERT INTO x VALUES (4) RETURNING j', '8' ],
	[ 'columns of types, domains and arrays of others', [],
		'CREATE TEMP TABLE x (m mood, s small, p pair, t t, a mood[])',
		q(INSERT INTO x VALUES ('sad', 1, (1, 2), NULL, '{happy}') RETURNING m, p), 'sad|(1,2)' ],
	[ 'a table of a type', [], 'CREATE TEMP TABLE x OF pair', 'INSERT INTO x VALUES (1, 2) RETURNING j', '2' ],
	[ 'a query', [], 'CREATE TEMP TABLE x AS SELECT * FROM t WHERE i < 4', 'SELECT sum(i) FROM x', '6' ],
	[ 'a query without rows', [], 'CREATE TEMP TABLE x AS SELECT * FROM t WITH NO DATA', 'SELECT count(*) FROM x', '0' ],
	[ 'a query, if it is not there', [], 'CREATE TEMP TABLE IF NOT EXISTS x AS SELECT 1 AS i', 'SELECT i FROM x', '1' ],
	[ 'a query with a WITH', [], 'CREATE TEMP TABLE x AS WITH w AS (SELECT * FROM t) SELECT max(i) AS i FROM w', 'SELECT i FROM x', '10' ],
	[ 'a prepared query', [ 'PREPARE q AS SELECT i FROM t WHERE i > $1' ], 'CREATE TEMP TABLE x AS EXECUTE q(8)',
		'SELECT count(*) FROM x', '2' ],
	[ 'VALUES', [], 'CREATE TEMP TABLE x AS VALUES (1), (2)', 'SELECT count(*) FROM x', '2' ],
	[ 'SELECT INTO', [], 'SELECT i, n INTO TEMP x FROM t', 'SELECT count(*) FROM x', '10' ],
	[ 'SELECT INTO pg_temp', [], 'SELECT i, n INTO pg_temp.x FROM t', 'SELECT count(*) FROM x', '10' ],
	[ 'LIKE', [], 'CREATE TEMP TABLE x (LIKE t)', 'SELECT count(*) FROM x', '0' ],
	[ 'LIKE with all that is of the table alone', [], 'CREATE TEMP TABLE x (LIKE kept INCLUDING ALL)',
		q(INSERT INTO x (k, v) VALUES (1, 'a'), (2, 'b') RETURNING id), "1\n2" ],
	[ 'LIKE with defaults and indexes', [], 'CREATE TEMP TABLE x (LIKE t INCLUDING DEFAULTS INCLUDING INDEXES)',
		'INSERT INTO x (i) VALUES (1) RETURNING m', 'sad' ],
	[ 'ON COMMIT DROP', [], 'CREATE TEMP TABLE x (i int) ON COMMIT DROP', q(SELECT to_regclass('x') IS NULL), 't' ],
	[ 'ON COMMIT DELETE ROWS', [], 'CREATE TEMP TABLE x ON COMMIT DELETE ROWS AS SELECT 1 AS i', 'SELECT count(*) FROM x', '0' ],
	[ 'ON COMMIT PRESERVE ROWS', [], 'CREATE TEMP TABLE x ON COMMIT PRESERVE ROWS AS SELECT 1 AS i', 'SELECT count(*) FROM x', '1' ],
	[ 'the name of a permanent table', [], 'CREATE TEMP TABLE t AS SELECT 1 AS i', 'INSERT INTO t VALUES (2) RETURNING i', '2' ],
	[ 'the name of a permanent table, if it is not there', [], 'CREATE TEMP TABLE IF NOT EXISTS t (i int)', 'SELECT count(*) FROM t', '0' ],
	[ 'partitions', [ 'CREATE TEMP TABLE p (i int, UNIQUE (i)) PARTITION BY RANGE (i)' ],
		'CREATE TEMP TABLE x PARTITION OF p FOR VALUES FROM (0) TO (100)', 'INSERT INTO p VALUES (7) RETURNING tableoid::regclass', 'x' ],
	[ 'a child of a temporary table', [ $made ], 'CREATE TEMP TABLE x (j int) INHERITS (mine)',
		q(INSERT INTO x VALUES (1, 'a', 2) RETURNING j), '2' ],
	[ 'a foreign key to a temporary table', [ 'CREATE TEMP TABLE a (i int PRIMARY KEY)', 'INSERT INTO a VALUES (1)' ],
		'CREATE TEMP TABLE x (i int REFERENCES a)', 'INSERT INTO x VALUES (1) RETURNING i', '1' ],
	[ 'an exclusion constraint', [], 'CREATE TEMP TABLE x (r int4range, EXCLUDE USING gist (r WITH &&))',
		q{INSERT INTO x VALUES ('[1,5)') RETURNING r}, '[1,5)' ],
	[ 'a sequence', [], 'CREATE TEMP SEQUENCE x START 5', q(SELECT nextval('x')), '5' ],
	[ 'a view', [], 'CREATE TEMP VIEW x AS SELECT i FROM t WHERE i > 8', 'SELECT count(*) FROM x', '2' ],
	[ 'a view in the place of another', [ 'CREATE TEMP VIEW x AS SELECT 1 AS i' ], 'CREATE OR REPLACE TEMP VIEW x AS SELECT 2 AS i, 3 AS j',
		'SELECT i FROM x', '2' ],
	[ 'a long view', [], 'CREATE TEMP VIEW x AS SELECT ' . join(', ', map { "i + $_ AS c$_" } 1 .. 400) . ' FROM t',
		'SELECT count(c400) FROM x', '10' ],
	[ 'an index', [ $made, $filled ], 'CREATE INDEX ON mine (n)', q(SELECT i FROM mine WHERE n = 'row 3'), '3' ],
	[ 'a unique index of an expression', [ $made, $filled ], 'CREATE UNIQUE INDEX x ON mine (lower(n)) WHERE i > 1',
		'SELECT count(*) FROM mine', '5' ],
	[ 'an index of a partitioned table', [ 'CREATE TEMP TABLE p (i int) PARTITION BY RANGE (i)',
			'CREATE TEMP TABLE x PARTITION OF p FOR VALUES FROM (0) TO (100)' ], 'CREATE INDEX ON p (i)',
		q(SELECT count(*) FROM pg_index WHERE indrelid = 'x'::regclass), '1' ],
	[ 'a BRIN index', [ $made, $filled ], 'CREATE INDEX ON mine USING brin (i)', 'SELECT count(*) FROM mine', '5' ],
	[ 'TRUNCATE', [ $made, $filled ], 'TRUNCATE mine', 'SELECT count(*) FROM mine', '0' ],
	[ 'TRUNCATE, with its sequence', [ 'CREATE TEMP TABLE x (i serial)', 'INSERT INTO x DEFAULT VALUES' ], 'TRUNCATE x RESTART IDENTITY',
		'INSERT INTO x DEFAULT VALUES RETURNING i', '1' ],
	[ 'ANALYZE', [ $made, $filled ], 'ANALYZE mine', q(SELECT reltuples FROM pg_class WHERE oid = 'mine'::regclass), '5' ],
	[ 'ANALYZE of two', [ $made, $filled, 'CREATE TEMP TABLE x AS SELECT md5(i::text) AS n FROM generate_series(1, 100) i' ],
		'ANALYZE mine, x (n)', q(SELECT reltuples FROM pg_class WHERE oid = 'x'::regclass), '100' ],
	[ 'ANALYZE of long values', [ q(CREATE TEMP TABLE x AS SELECT repeat(md5((i % 50)::text), 30) AS n FROM generate_series(1, 500) i) ],
		'ANALYZE x', q(SELECT count(*) FROM pg_stats WHERE tablename = 'x'), '1' ],
	[ 'DROP', [ $made, $filled, 'CREATE INDEX ON mine (i)' ], 'DROP TABLE mine', q(SELECT to_regclass('mine') IS NULL), 't' ],
	[ 'DROP of two', [ $made, 'CREATE TEMP TABLE x (i serial)' ], 'DROP TABLE mine, pg_temp.x RESTRICT', q(SELECT to_regclass('x') IS NULL), 't' ],
	[ 'DROP of a view', [ 'CREATE TEMP VIEW x AS SELECT 1' ], 'DROP VIEW x', q(SELECT to_regclass('x') IS NULL), 't' ],
	[ 'DROP of a sequence', [ 'CREATE TEMP SEQUENCE x' ], 'DROP SEQUENCE x', q(SELECT to_regclass('x') IS NULL), 't' ],
	[ 'DROP of an index', [ $made, 'CREATE INDEX x ON mine (i)' ], 'DROP INDEX x', q(SELECT to_regclass('x') IS NULL), 't' ],
	[ 'DROP IF EXISTS, and it does', [ $made ], 'DROP TABLE IF EXISTS mine', q(SELECT to_regclass('mine') IS NULL), 't' ],
	[ 'DROP IF EXISTS, and it does not', [], 'DROP TABLE IF EXISTS mine', q(SELECT to_regclass('mine') IS NULL), 't' ],
	[ 'DROP IF EXISTS in pg_temp, and one does not', [ $made ], 'DROP TABLE IF EXISTS pg_temp.other, pg_temp.mine',
		q(SELECT to_regclass('mine') IS NULL), 't' ])
{
	my ($name, $before, $sql, $question, $answer) = @$case;
	my @bad;

	for my $way (ways_of($sql))
	{
		# made by itself, or before the lock
		for my $when (@$before && $way =~ /protocol/ ? ('after', 'before') : 'after')
		{
			my $session = locked(before => $when eq 'before' ? $before : []);
			$session->run(@$before) if $when eq 'after';
			my $result = $ways{$way}->($session, $sql);
			push @bad, "$way: $result->{code} $result->{message} $result->{detail}" if $result->{code};
			my $got = $session->query($question);
			push @bad, "$way: " . ($got->{message} || join("\n", @{ $got->{rows} })) if join("\n", @{ $got->{rows} }) ne $answer;
			push @bad, "$way: " . $_ for grep { $_ ne 'on' } $session->run('SHOW transaction_read_only');
			my $write = $session->query('INSERT INTO public.t VALUES (100)');
			push @bad, "$way: then a write: $write->{code}" if $write->{code} ne '25006';
			$session->quit;
		}
	}
	is(join("\n", @bad), '', "$name: works");
}
wait_for_end();
is($node->safe_psql('postgres', $state_query), $state, 'what works: nothing permanent has changed');


# --- what is refused ---
# What is there before (made by the agent, or before the lock where it could not make
# it), the statement, and its error where it is one of core's own.
my $other = Wire->new($node);
my $watcher = Wire->new($node);
$other->run('CREATE TEMP TABLE theirs (i int)');
my $their_schema = $other->run('SELECT pg_my_temp_schema()::regnamespace');
my $meanwhile = $watcher->run($meanwhile_query);
for my $case (
	# what is not temporary
	[ 'a permanent table', [], 'CREATE TABLE x (i int)' ],
	[ 'a permanent table, in its schema', [], 'CREATE TABLE public.x (i int)' ],
	[ 'a permanent table, by a search_path of pg_temp', [ 'SET search_path = public, pg_temp' ], 'CREATE TABLE x (i int)' ],
	[ 'a permanent table after SET TRANSACTION READ WRITE', [ 'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE' ], 'CREATE TABLE x (i int)' ],
	[ 'an unlogged table', [], 'CREATE UNLOGGED TABLE x (i int)' ],
	[ 'a temporary table in a permanent schema', [], 'CREATE TEMP TABLE public.x (i int)', '42P16' ],
	[ 'a permanent table of a query', [], 'CREATE TABLE x AS SELECT 1' ],
	[ 'SELECT INTO', [], 'SELECT 1 AS i INTO x' ],
	[ 'a permanent table of a prepared query', [ 'PREPARE q AS SELECT 1' ], 'CREATE TABLE x AS EXECUTE q' ],
	[ 'a materialized view', [], 'CREATE MATERIALIZED VIEW pg_temp.x AS SELECT 1' ],
	[ 'a view', [], 'CREATE VIEW x AS SELECT 1' ],
	[ 'a view that core would make temporary', [ $made ], 'CREATE VIEW x AS SELECT * FROM mine' ],
	[ 'a sequence', [], 'CREATE SEQUENCE x' ],
	[ 'a schema with a temporary table', [], 'CREATE SCHEMA x CREATE TEMP TABLE y (i int)' ],
	[ 'an index', [], 'CREATE INDEX ON t (m)' ],
	[ "another session's temporary table", [], "CREATE TABLE $their_schema.x (i int)" ],
	[ "another session's temporary table, by two words", [], "CREATE TEMP TABLE $their_schema.x (i int)", '42P16' ],
	[ "an index of another session's", [], "CREATE INDEX ON $their_schema.theirs (i)" ],
	[ "DROP of another session's", [], "DROP TABLE $their_schema.theirs" ],
	# what ties it to something permanent
	[ 'a child of a permanent table', [], 'CREATE TEMP TABLE x (j int) INHERITS (parent)' ],
	[ 'a child of one and the other', [ $made ], 'CREATE TEMP TABLE x (j int) INHERITS (mine, parent)' ],
	[ 'a partition of a permanent table', [], 'CREATE TEMP TABLE x PARTITION OF parted FOR VALUES FROM (0) TO (9)' ],
	[ 'a foreign key to a permanent table', [], 'CREATE TEMP TABLE x (i int REFERENCES t)' ],
	[ 'foreign keys to one and the other', [ 'CREATE TEMP TABLE a (i int PRIMARY KEY)' ], 'CREATE TEMP TABLE x (i int REFERENCES a, j int, FOREIGN KEY (j) REFERENCES t)' ],
	[ "a permanent column's sequence", [], 'CREATE TEMP SEQUENCE x OWNED BY t.i', '55000' ],
	[ 'LIKE with comments', [], 'CREATE TEMP TABLE x (LIKE t INCLUDING COMMENTS)' ],
	[ 'LIKE with statistics', [], 'CREATE TEMP TABLE x (LIKE with_statistics INCLUDING ALL)' ],
	[ 'LIKE with work for autovacuum', [], 'CREATE TEMP TABLE x (LIKE summarized INCLUDING INDEXES)' ],
	[ 'an index that is work for autovacuum', [ $made ], 'CREATE INDEX ON mine USING brin (i) WITH (autosummarize)' ],
	# what is done with it
	[ 'ALTER TABLE', [ $made ], 'ALTER TABLE mine ADD COLUMN j int' ],
	[ 'ALTER TABLE RENAME', [ $made ], 'ALTER TABLE mine RENAME TO yours' ],
	[ 'ALTER TABLE INHERIT', [ 'CREATE TEMP TABLE mine (i int)' ], 'ALTER TABLE mine INHERIT parent' ],
	[ 'ALTER TABLE of a permanent table', [], 'ALTER TABLE t INHERIT parent' ],
	[ 'ALTER SEQUENCE', [ 'CREATE TEMP SEQUENCE x' ], 'ALTER SEQUENCE x RESTART' ],
	[ 'ALTER VIEW', [ 'CREATE TEMP VIEW x AS SELECT 1' ], 'ALTER VIEW x RENAME TO y' ],
	[ 'a trigger', [ $made ], 'CREATE TRIGGER x BEFORE INSERT ON mine EXECUTE FUNCTION suppress_redundant_updates_trigger()' ],
	[ 'a rule', [ $made ], 'CREATE RULE x AS ON INSERT TO mine DO ALSO DELETE FROM t' ],
	[ 'a policy', [ $made ], 'CREATE POLICY x ON mine' ],
	[ 'statistics', [ $made ], 'CREATE STATISTICS pg_temp.x ON i, n FROM mine' ],
	[ 'GRANT', [ $made ], 'GRANT SELECT ON mine TO PUBLIC' ],
	[ 'COMMENT', [ $made ], q(COMMENT ON TABLE mine IS 'x') ],
	[ 'a function in pg_temp', [], q(CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1') ],
	[ 'an aggregate in pg_temp', [], 'CREATE AGGREGATE pg_temp.a(int) (SFUNC = int4pl, STYPE = int)' ],
	[ 'an operator in pg_temp', [], 'CREATE OPERATOR pg_temp.== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)' ],
	[ 'a type in pg_temp', [], 'CREATE TYPE pg_temp.y AS (i int)' ],
	[ 'a domain in pg_temp', [], 'CREATE DOMAIN pg_temp.d AS int' ],
	[ 'a collation in pg_temp', [], 'CREATE COLLATION pg_temp.c FROM "C"' ],
	[ 'a foreign table in pg_temp', [], 'CREATE FOREIGN TABLE pg_temp.f (i int) SERVER w' ],
	[ 'a cast of a temporary type', [ $made ], 'CREATE CAST (mine AS text) WITH INOUT' ],
	[ 'DROP CASCADE', [ $made ], 'DROP TABLE mine CASCADE' ],
	[ 'DROP of one and the other', [ $made ], 'DROP TABLE mine, t' ],
	[ 'DROP IF EXISTS of one and the other', [ $made ], 'DROP TABLE IF EXISTS nothing, mine, t' ],
	[ 'DROP of a permanent table', [], 'DROP TABLE t' ],
	[ 'DROP of a permanent table with the name of a temporary one', [ 'CREATE TEMP TABLE t (i int)' ], 'DROP TABLE public.t' ],
	[ 'DROP of a permanent index', [], 'DROP INDEX t_n' ],
	[ 'DROP of a permanent sequence', [], 'DROP SEQUENCE s' ],
	[ 'DROP of a type', [], 'DROP TYPE mood' ],
	[ 'DROP of the temporary schema', [ $made ], 'DROP SCHEMA pg_temp CASCADE' ],
	[ 'DROP of what a view needs', [ $made, 'CREATE TEMP VIEW x AS SELECT * FROM mine' ], 'DROP TABLE mine', '2BP01' ],
	[ 'DROP INDEX CONCURRENTLY', [ $made, 'CREATE INDEX x ON mine (i)' ], 'DROP INDEX CONCURRENTLY x' ],
	[ 'CREATE INDEX CONCURRENTLY', [ $made ], 'CREATE INDEX CONCURRENTLY ON mine (i)' ],
	[ 'TRUNCATE CASCADE', [ $made ], 'TRUNCATE mine CASCADE' ],
	[ 'TRUNCATE of one and the other', [ $made ], 'TRUNCATE mine, t' ],
	[ 'TRUNCATE of a permanent table', [], 'TRUNCATE t' ],
	[ 'ANALYZE of everything', [ $made ], 'ANALYZE' ],
	[ 'ANALYZE of one and the other', [ $made ], 'ANALYZE mine, t' ],
	[ 'ANALYZE of a permanent table', [], 'ANALYZE t' ],
	[ 'VACUUM', [ $made ], 'VACUUM mine' ],
	[ 'VACUUM ANALYZE', [ $made ], 'VACUUM (ANALYZE) mine' ],
	[ 'CLUSTER', [ $made, 'CREATE INDEX x ON mine (i)' ], 'CLUSTER mine USING x' ],
	[ 'REINDEX', [ $made, 'CREATE INDEX x ON mine (i)' ], 'REINDEX TABLE mine' ],
	[ 'LOCK TABLE', [ $made ], 'LOCK TABLE mine' ],
	[ 'COPY of a file', [ $made ], q(COPY mine FROM '/etc/hostname') ],
	# what runs inside it
	[ 'a query that deletes', [], 'CREATE TEMP TABLE x AS WITH d AS (DELETE FROM t RETURNING i) SELECT * FROM d' ],
	[ 'a query that deletes, by SELECT INTO', [], 'WITH d AS (DELETE FROM t RETURNING i) SELECT i INTO TEMP x FROM d' ],
	[ 'a query that locks', [], 'CREATE TEMP TABLE x AS SELECT * FROM t FOR UPDATE' ],
	[ 'a prepared query that deletes', [ 'PREPARE q AS WITH d AS (DELETE FROM t RETURNING i) SELECT * FROM d' ], 'CREATE TEMP TABLE x AS EXECUTE q' ],
	[ 'nextval()', [], q(CREATE TEMP TABLE x AS SELECT nextval('s')) ],
	[ 'nextval() in a prepared query', [ q(PREPARE q AS SELECT nextval('s')) ], 'CREATE TEMP TABLE x AS EXECUTE q' ],
	[ 'a function that writes', [], 'CREATE TEMP TABLE x AS SELECT writes()' ],
	[ 'a function that writes, as the plan is made', [], 'CREATE TEMP TABLE x AS SELECT says_immutable(1)' ],
	[ 'a refused function', [], 'CREATE TEMP TABLE x AS SELECT pg_advisory_lock(1)' ],
	[ 'a function that makes a permanent table', [], q(CREATE TEMP TABLE x AS SELECT runs('CREATE TABLE y (i int)')) ],
	[ 'a function that explains another query into a table', [], 'CREATE TEMP TABLE x AS SELECT explains()' ],
	[ 'such a function in a prepared query', [ 'PREPARE q AS SELECT explains()' ], 'CREATE TEMP TABLE x AS EXECUTE q' ],
	[ 'a partition whose bound writes', [ 'CREATE TEMP TABLE p (i int) PARTITION BY RANGE (i)' ],
		'CREATE TEMP TABLE x PARTITION OF p FOR VALUES FROM (says_immutable(1)) TO (9)' ],
	[ 'an index that writes', [ $made, $filled ], 'CREATE INDEX ON mine (says_immutable(i))' ],
	[ 'an index that writes where it holds', [ $made, $filled ], 'CREATE INDEX ON mine (i) WHERE says_immutable(i) = 1' ],
	[ 'EXPLAIN ANALYZE of a table', [], 'EXPLAIN ANALYZE CREATE TEMP TABLE x AS SELECT 1' ],
	[ 'EXPLAIN ANALYZE of a prepared query', [ 'PREPARE q AS SELECT 1' ], 'EXPLAIN ANALYZE CREATE TEMP TABLE x AS EXECUTE q' ],
	# what was made of what is allowed
	[ 'a default', [ q(CREATE TEMP TABLE x (i int DEFAULT nextval('s'), j int)) ], 'INSERT INTO x (j) VALUES (1)' ],
	[ 'a default that writes', [ q(CREATE TEMP TABLE x (i int DEFAULT writes(), j int)) ], 'INSERT INTO x (j) VALUES (1)' ],
	[ 'a check', [ 'CREATE TEMP TABLE x (i int CHECK (writes() = i))' ], 'INSERT INTO x VALUES (1)' ],
	[ 'a generated column', [ 'CREATE TEMP TABLE x (i int, j int GENERATED ALWAYS AS (says_immutable(i)) STORED)' ], 'INSERT INTO x VALUES (1)' ],
	[ 'an index', [ $made, 'CREATE INDEX ON mine (says_immutable(i))' ], q(INSERT INTO mine VALUES (1, 'a')) ],
	[ 'a view that writes', [ 'CREATE TEMP VIEW x AS SELECT writes()' ], 'SELECT * FROM x' ],
	[ 'a view to write through', [ 'CREATE TEMP VIEW x AS SELECT i FROM t' ], 'INSERT INTO x VALUES (1000)' ],
	[ 'a sequence that is renewed', [ q(CREATE TEMP TABLE x (i int DEFAULT nextval('s'))) ], 'TRUNCATE x RESTART IDENTITY; INSERT INTO x DEFAULT VALUES' ],
	# what a host has made before
	(map { [ "C code that writes, $_", [], qq(CREATE TEMP TABLE x AS SELECT ${_}_stable('victim', 101)) ],
		[ "C code that writes, $_, by SELECT INTO", [], qq(SELECT ${_}_stable('victim', i) AS i INTO TEMP x FROM t LIMIT 1) ],
		$_ eq 'drop' ? () : [ "C code that writes, $_, in an index", [ $made, q(INSERT INTO mine VALUES (1)) ], qq(CREATE INDEX ON mine (${_}_stable('victim', i))) ] }
		qw(insert update delete comment large_object drop)),
	[ 'TRUNCATE of a foreign table', [ 'foreign' ], 'TRUNCATE f' ],
	[ 'TRUNCATE of a table with a foreign partition', [ 'foreign' ], 'TRUNCATE p' ],
	[ 'ANALYZE of a table with a foreign partition', [ 'foreign' ], 'ANALYZE p' ],
	[ 'DROP of a foreign table', [ 'foreign' ], 'DROP FOREIGN TABLE f' ])
{
	my ($name, $before, $sql, $code) = @$case;
	my @bad;
	my $foreign = @$before && $before->[0] eq 'foreign';
	my $session = locked(before => $foreign ? [ 'CREATE TEMP TABLE p (i int) PARTITION BY RANGE (i)', 'CREATE FOREIGN TABLE pg_temp.f (i int) SERVER w',
		'CREATE FOREIGN TABLE pg_temp.g PARTITION OF p FOR VALUES FROM (0) TO (9) SERVER w' ] : []);

	$session->run(@$before) unless $foreign;
	for my $way (ways_of($sql))
	{
		next if $sql =~ /;|^WITH/ && $way !~ /simple/;
		my $result = $ways{$way}->($session, $sql);
		my $fit = $way eq 'extended protocol' && $sql =~ /CONCURRENTLY/ ? '(25006|25001)' : $code // '25006';
		push @bad, "$way: $result->{code} $result->{message}" unless $result->{code} =~ /^$fit$/;
		push @bad, "$way: detail: $result->{message} $result->{detail}"
		  if $result->{code} eq '25006' && $result->{detail} !~ /^Refused by pg_session_readonly: /;
		push @bad, "$way: left in $session->{status}" if $session->query('SELECT 1')->{status} ne 'I' && $session->query('ROLLBACK');
		push @bad, "$way: no longer read-only" if $session->run('SHOW transaction_read_only') ne 'on';
		push @bad, "$way: has changed something" if $watcher->run($meanwhile_query) ne $meanwhile;
	}
	$session->quit;
	is(join("\n", @bad), '', "$name: refused");
}

# The sessions that have gone have dropped what they had.
sub wait_for_end
{
	$node->poll_query_until('postgres', q(SELECT count(*) = 0 FROM pg_class WHERE relpersistence = 't'))
	  or die 'temporary tables are left';
}

$_->quit for ($other, $watcher);
wait_for_end();
is($node->safe_psql('postgres', $state_query), $state, 'what is refused: nothing permanent has changed');

# --- one statement after the other ---
for my $case (
	[ 'made, dropped and made again', 'ok ok ok ok ok ok', 'BEGIN', $made, 'DROP TABLE mine', $made, 'COMMIT', $filled ],
	[ 'taken back, and made again', 'ok ok ok ok ok ok ok', 'BEGIN', 'SAVEPOINT a', $made, 'ROLLBACK TO a', $made, 'COMMIT', $filled ],
	[ 'made in savepoints, one of which is taken back', 'ok ok ok ok ok ok ok ok ok', 'BEGIN', 'SAVEPOINT a', $made, 'SAVEPOINT b',
		'CREATE TEMP TABLE x AS SELECT 1', 'ROLLBACK TO b', 'RELEASE a', $filled, 'COMMIT' ],
	[ 'after an error', 'ok 42P07 ok ok', $made, $made, 'DROP TABLE mine', $made ],
	[ 'after DISCARD TEMP', 'ok ok ok ok', $made, 'DISCARD TEMP', $made, $filled ],
	[ 'after DISCARD ALL', 'ok ok ok ok', $made, 'DISCARD ALL', $made, $filled ],
	[ 'in chained transactions', 'ok ok ok ok ok ok', 'BEGIN', $made, 'COMMIT AND CHAIN', 'CREATE TEMP TABLE x (i int)', 'ROLLBACK AND CHAIN', 'COMMIT' ],
	[ 'a hundred in one transaction', 'ok', q(DO $$ BEGIN FOR i IN 1 .. 100 LOOP EXECUTE format('CREATE TEMP TABLE x%s (i serial)', i);
		BEGIN EXECUTE format('DROP TABLE x%s', i); PERFORM 1 / (i % 2); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$) ],
	[ 'with COMMIT and ROLLBACK between them', 'ok', q(DO $$ BEGIN FOR i IN 1 .. 10 LOOP EXECUTE format('CREATE TEMP TABLE x%s (i serial)', i);
		IF i % 3 = 0 THEN ROLLBACK; ELSE COMMIT; END IF; END LOOP; END $$) ],
	[ 'dropped on commit, twice', 'ok ok', 'CREATE TEMP TABLE x ON COMMIT DROP AS SELECT 1', 'CREATE TEMP TABLE x ON COMMIT DROP AS SELECT 1' ],
	[ 'dropped under a cursor', 'ok ok ok 55006 ok', $made, 'BEGIN', 'DECLARE c CURSOR FOR SELECT * FROM mine', 'DROP TABLE mine', 'ROLLBACK' ],
	[ 'from a parallel query', 'ok ok ok', 'SET parallel_setup_cost = 0', 'SET min_parallel_table_scan_size = 0', 'CREATE TEMP TABLE x AS SELECT count(*) FROM t' ],
	[ 'two-phase commit', 'ok ok 0A000', 'BEGIN', $made, q(PREPARE TRANSACTION 'g') ],
	[ 'then a write', 'ok ok 25006', 'BEGIN', $made, 'INSERT INTO victim VALUES (100)' ],
	[ 'then a permanent sequence, in one block', '25006', q(DO $$ DECLARE x int; BEGIN CREATE TEMP TABLE x (i int); x := nextval('s'); END $$) ],
	[ 'fails, then a permanent sequence, in one block', '25006', q(DO $$ DECLARE x int; BEGIN
		BEGIN CREATE TEMP TABLE x AS SELECT 1 / i FROM generate_series(0, 1) i; EXCEPTION WHEN division_by_zero THEN NULL; END;
		x := nextval('s'); END $$) ],
	[ 'then a permanent sequence, by fastpath', 'ok ok 25006', 'BEGIN', $made, 'fastpath' ],
	[ 'fails, then another query into a table', '22012 25006', 'CREATE TEMP TABLE x AS SELECT 1 / 0', 'EXPLAIN ANALYZE CREATE TEMP TABLE x AS SELECT 1' ],
	[ 'fails, then the same text', '22012 25006', 'CREATE TEMP TABLE x AS SELECT 1 / 0', 'CREATE TABLE x AS SELECT 1 / 0' ],
	[ 'then C code that writes', 'ok ok 25006', 'BEGIN', $made, q(SELECT insert_stable('victim', 101)) ],
	[ 'made twice, then C code that writes', 'ok ok ok 25006', 'BEGIN', $made, 'CREATE TEMP TABLE x (i serial)', q(SELECT insert_stable('victim', 101)) ],
	[ 'then C code that drops', 'ok ok 25006', 'BEGIN', $made, q(SELECT drop_stable('victim', 101)) ],
	[ 'taken back, then C code that writes', 'ok ok ok ok 25006', 'BEGIN', 'SAVEPOINT a', $made, 'ROLLBACK TO a', q(SELECT insert_stable('victim', 101)) ],
	[ 'taken back, then C code that writes a catalog', 'ok ok ok ok 25006', 'BEGIN', 'SAVEPOINT a', $made, 'ROLLBACK TO a', q(SELECT comment_stable('victim', 101)) ],
	[ 'before C code that writes and a COMMIT', '25006', "BEGIN; $made; SELECT insert_stable('victim', 101); COMMIT" ],
	[ 'after C code that writes, in a block', '25006', q(DO $$ DECLARE x int; BEGIN x := insert_stable('victim', 101); CREATE TEMP TABLE x (i int); END $$) ],
	[ 'with a default of C code that writes', 'ok 25006', q(CREATE TEMP TABLE x (i int DEFAULT insert_stable('victim', 101), j int)), 'INSERT INTO x (j) VALUES (1)' ])
{
	my ($name, $expected, @statements) = @$case;
	my $session = locked(commands => 'default, -TEMPORARY TABLES, -PREPARE TRANSACTION');
	my @codes;

	for my $sql (@statements)
	{
		my $result = $sql eq 'fastpath' ? $session->fastpath($node->safe_psql('postgres', q(SELECT 'nextval'::regproc::oid)),
			$node->safe_psql('postgres', q(SELECT 's'::regclass::oid))) : $session->query($sql);
		push @codes, $result->{code} || 'ok';
	}
	is("@codes", $expected, "one after the other, $name");
	$session->quit;
}

# --- beside an allowed function ---
$node->safe_psql('postgres', q(
	CREATE TABLE noted (i int);
	CREATE DOMAIN writing AS int CHECK (writes() = VALUE);
	CREATE FUNCTION note(i int) RETURNS int LANGUAGE plpgsql SET search_path = public, pg_temp AS
		'BEGIN INSERT INTO noted VALUES (i::text::int); RETURN i; END';));
for my $case (
	[ 'in its query', 'ok', '1', 'CREATE TEMP TABLE x AS SELECT note(1)' ],
	[ 'in its query, with what is not allowed', '25006', '', q(CREATE TEMP TABLE x AS SELECT note(1), insert_stable('victim', 101)) ],
	[ 'in its query, before what is not allowed', '25006', '', q(CREATE TEMP TABLE x AS SELECT CASE i WHEN 1 THEN note(1) ELSE writes() END FROM t) ],
	[ 'after it', 'ok ok ok ok', '1', 'BEGIN', $made, 'SELECT note(1)', 'COMMIT' ],
	[ 'before it', 'ok ok ok ok', '1', 'BEGIN', 'SELECT note(1)', $made, 'COMMIT' ],
	[ 'before it, and it is taken back', 'ok ok ok ok ok ok', '1', 'BEGIN', 'SELECT note(1)', 'SAVEPOINT a', $made, 'ROLLBACK TO a', 'COMMIT' ],
	[ 'between two, and then another', 'ok ok ok ok 25006', '', 'BEGIN', 'SELECT note(1)', $made, 'SELECT note(2)', 'SELECT writes()' ],
	[ 'as a default', 'ok ok', '7', 'CREATE TEMP TABLE x (i int DEFAULT note(7), j int)', 'INSERT INTO x (j) VALUES (1)' ],
	[ 'with the name of its table', 'ok ok', '3', q(CREATE TEMP TABLE noted (i int, n int DEFAULT nextval('s'))), 'SELECT note(3)' ],
	[ 'with the name of its type', 'ok ok', '3', 'CREATE TEMP TABLE text (i writing)', 'SELECT note(3)' ])
{
	my ($name, $expected, $noted, @statements) = @$case;
	my $session = Wire->new($node);
	$session->run(q(SET pg_session_readonly.denied_commands = 'default, -TEMPORARY TABLES'),
		q(SET pg_session_readonly.allowed_functions = 'public.note'), q(LOAD 'pg_session_readonly'), 'SET pg_session_readonly.mode = locked');
	is(join(' ', map { $session->query($_)->{code} || 'ok' } @statements), $expected, "beside an allowed function, $name");
	$session->quit;
	is($node->safe_psql('postgres', q(SELECT string_agg(i::text, ' ') FROM noted)), $noted, "beside an allowed function, $name: what it wrote");
	$node->safe_psql('postgres', 'TRUNCATE noted');
}
is($node->safe_psql('postgres', 'SELECT is_called, (SELECT count(*) FROM t), (SELECT sum(i) FROM victim) FROM s'), 'f|10|15',
	'beside an allowed function: nothing else');

# --- what others notice: a limit ---
{
	my $session = locked();
	$session->run('CREATE TEMP VIEW x AS SELECT * FROM kept', 'CREATE TEMP TABLE y (m mood)');
	$node->psql('postgres', 'DROP TABLE kept', stderr => \my $table);
	$node->psql('postgres', 'DROP TYPE mood', stderr => \my $type);
	like($table . $type, qr/view \S*x depends on table kept.*column m of table \S*y depends on type mood/s, 'what others cannot drop meanwhile');
	$session->quit;
}

# --- prepared by the protocol, and run twice ---
{
	my $session = locked();
	$session->parse('make', $made);
	$session->parse('drop', 'DROP TABLE mine');
	for (1, 2)
	{
		for my $statement ('make', 'drop')
		{
			$session->bind('', $statement);
			$session->execute('');
		}
	}
	is($session->sync->{code}, '', 'prepared by the protocol, and run twice');
	$session->quit;
}

# --- a mode that is on, and an ordinary user ---
$node->safe_psql('postgres', q(
	CREATE ROLE app LOGIN; CREATE ROLE poor LOGIN;
	REVOKE TEMP ON DATABASE postgres FROM PUBLIC; GRANT TEMP ON DATABASE postgres TO app;
	ALTER ROLE app SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE app SET pg_session_readonly.denied_commands = 'default, -TEMPORARY TABLES';
	ALTER ROLE poor SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE poor SET pg_session_readonly.denied_commands = 'default, -TEMPORARY TABLES';));
for my $case ([ 'app', 'on', '' ], [ 'app', 'locked', '' ], [ 'poor', 'locked', '42501' ])
{
	my ($user, $mode, $code) = @$case;
	my $session = Wire->new($node, user => $user);
	$session->run("SET pg_session_readonly.mode = $mode");
	is($session->query('CREATE TEMP TABLE x (i serial PRIMARY KEY)')->{code}, $code, "an ordinary user, $user, $mode");
	is($session->query('CREATE TABLE public.x (i int)')->{code}, '25006', "an ordinary user, $user, $mode: nothing else");
	$session->quit;
}

# --- event triggers: their functions are guarded ---
for my $case ([ 'reads', 'PERFORM count(*) FROM t', '' ], [ 'writes', 'INSERT INTO victim VALUES (100)', '25006' ])
{
	my ($what, $does, $code) = @$case;
	$node->safe_psql('postgres', qq(
		CREATE FUNCTION notes() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN $does; END';
		CREATE EVENT TRIGGER notes ON ddl_command_end EXECUTE FUNCTION notes();
		CREATE EVENT TRIGGER notes_start ON ddl_command_start EXECUTE FUNCTION notes();));
	my $session = locked();
	for my $sql ($made, 'CREATE TEMP TABLE x AS SELECT 1', 'CREATE TEMP TABLE y (i serial)')
	{
		is($session->query($sql)->{code}, $code, "an event trigger that $what: $sql");
	}
	$session->quit;
	$node->safe_psql('postgres', 'DROP EVENT TRIGGER notes; DROP EVENT TRIGGER notes_start; DROP FUNCTION notes()');
}

# --- a command does not account for an id that something else took before it ---
{
	my $take = "DO \$do\$ DECLARE i int; BEGIN i := take_id(1); CREATE TEMP TABLE x (i int); END \$do\$";
	$node->safe_psql('postgres', qq(CREATE FUNCTION take_id(int) RETURNS int AS '$writer', 'writer_take_id' LANGUAGE C STABLE));
	my $session = locked();
	is($session->query($take)->{code}, '25006', 'an id that was taken before');
	$session->quit;
}

# --- what a session has left behind that could not drop it ---
{
	$node->restart;
	my $session = Wire->new($node);
	$session->run('CREATE TEMP TABLE left_behind (i serial PRIMARY KEY, n text)', 'CREATE TEMP VIEW left_view AS SELECT * FROM left_behind');
	$node->stop('immediate');
	$node->start;

	# whichever session is given the same schema
	my @sessions = locked();
	my $left = q(SELECT count(*) FROM pg_class WHERE relname ~ '^left_');
	is($sessions[0]->run($left), '4', 'left behind: there is something');
	while (@sessions < 30 && $sessions[0]->run($left) ne '0')
	{
		$sessions[-1]->run($made, $filled);
		push @sessions, locked();
	}
	is($sessions[0]->run($left), '0', 'left behind: the session that needs the place has cleared it');
	$_->quit for @sessions;
}

# --- what is said ---
{
	my $session = locked(before => [ $made ], commands => 'default');
	for my $case (
		[ 'CREATE TABLE', 'CREATE TEMP TABLE x (i int)' ], [ 'CREATE TABLE AS', 'CREATE TEMP TABLE x AS SELECT 1' ],
		[ 'SELECT INTO', 'SELECT 1 AS i INTO TEMP x' ], [ 'DROP TABLE', 'DROP TABLE mine' ], [ 'CREATE INDEX', 'CREATE INDEX ON mine (i)' ],
		[ 'TRUNCATE TABLE', 'TRUNCATE mine' ], [ 'CREATE VIEW', 'CREATE TEMP VIEW x AS SELECT 1' ], [ 'CREATE SEQUENCE', 'CREATE TEMP SEQUENCE x' ])
	{
		my ($tag, $sql) = @$case;
		my $result = $session->query($sql);
		is("$result->{code} $result->{message}", "25006 cannot execute $tag in a read-only session", "what is said, where it is not allowed: $sql");
		is($result->{detail}, 'Refused by pg_session_readonly: It writes rows of the system catalogs.', "$sql: detail");
		like($result->{hint}, qr/^An administrator can take TEMPORARY TABLES out of "pg_session_readonly.denied_commands" for sessions to come\.$/, "$sql: hint");
	}
	for my $sql ('CREATE TABLE x (i int)', 'DROP TABLE t', 'DROP TABLE mine CASCADE', 'DROP TABLE mine, t', 'ALTER TABLE mine ADD COLUMN j int')
	{
		unlike($session->query($sql)->{hint}, qr/TEMPORARY/, "what is said, where that would not help: $sql");
	}
	$session->quit;

	$session = locked();
	for my $sql ('CREATE TABLE x (i int)', 'CREATE TEMP TABLE x () INHERITS (parent)', 'DROP TABLE t CASCADE')
	{
		my $result = $session->query($sql);
		like("$result->{code} $result->{hint}", qr/^25006 Temporary tables may be created,/, "what is said, where it is allowed: $sql");
	}
	$session->quit;

	# what is denied by its own name stays so
	$session = locked(commands => 'default, -TEMPORARY TABLES, CREATE TABLE');
	like($session->query($made)->{hint}, qr/take CREATE TABLE out of/, 'CREATE TABLE is in the list: said');
	is($session->query('CREATE TEMP TABLE x AS SELECT 1')->{code}, '', 'CREATE TABLE is in the list: CREATE TABLE AS is not');
	$session->quit;

	$session = locked(commands => 'default, -ANALYZE', before => [ $made ]);
	is($session->query('ANALYZE mine')->{code} . $session->query('ANALYZE t')->{code}, '', 'ANALYZE by its own name');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
