# Functions that run although no expression calls them: triggers, support
# functions of indexes and types, comparisons in a sort.  The server finds them in
# its catalogs, and they must be refused like a call: also when they are SECURITY
# DEFINER or have a SET clause, and also when the session has used them before it
# was locked.

use strict;
use warnings;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

# A type like int4 whose comparison and hash nobody has reviewed, a range over it,
# and indexes that call them.
$node->safe_psql('postgres', qq(
	CREATE FUNCTION calls() RETURNS int AS '$writer', 'unreviewed_calls' LANGUAGE C STABLE;
	CREATE TYPE odd;
	CREATE FUNCTION odd_in(cstring) RETURNS odd AS 'int4in' LANGUAGE internal STRICT IMMUTABLE;
	CREATE FUNCTION odd_out(odd) RETURNS cstring AS 'int4out' LANGUAGE internal STRICT IMMUTABLE;
	CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = int4);
	CREATE FUNCTION less(odd, odd) RETURNS boolean AS 'int4lt' LANGUAGE internal STRICT IMMUTABLE;
	CREATE FUNCTION equal(odd, odd) RETURNS boolean AS 'int4eq' LANGUAGE internal STRICT IMMUTABLE;
	CREATE FUNCTION greater(odd, odd) RETURNS boolean AS 'int4gt' LANGUAGE internal STRICT IMMUTABLE;
	CREATE OPERATOR < (LEFTARG = odd, RIGHTARG = odd, FUNCTION = less, COMMUTATOR = >);
	CREATE OPERATOR > (LEFTARG = odd, RIGHTARG = odd, FUNCTION = greater, COMMUTATOR = <);
	CREATE OPERATOR = (LEFTARG = odd, RIGHTARG = odd, FUNCTION = equal, COMMUTATOR = =, HASHES, MERGES);
	CREATE FUNCTION compare(odd, odd) RETURNS int AS '$writer', 'unreviewed_compare' LANGUAGE C STRICT VOLATILE;
	CREATE FUNCTION hash(odd) RETURNS int AS '$writer', 'unreviewed_hash' LANGUAGE C STRICT VOLATILE;
	CREATE FUNCTION hash_extended(odd, int8) RETURNS int8 AS '$writer', 'unreviewed_hash' LANGUAGE C STRICT VOLATILE;
	CREATE OPERATOR CLASS odd_ops DEFAULT FOR TYPE odd USING btree AS
		OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 compare(odd, odd);
	CREATE OPERATOR CLASS odd_hash_ops DEFAULT FOR TYPE odd USING hash AS
		OPERATOR 1 =, FUNCTION 1 hash(odd), FUNCTION 2 hash_extended(odd, int8);
	CREATE TYPE odd_row AS (i int);
	CREATE FUNCTION less(odd_row, odd_row) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT \$1.i < \$2.i';
	CREATE FUNCTION equal(odd_row, odd_row) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT \$1.i = \$2.i';
	CREATE FUNCTION greater(odd_row, odd_row) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT \$1.i > \$2.i';
	CREATE OPERATOR <<< (LEFTARG = odd_row, RIGHTARG = odd_row, FUNCTION = less);
	CREATE OPERATOR === (LEFTARG = odd_row, RIGHTARG = odd_row, FUNCTION = equal);
	CREATE OPERATOR >>> (LEFTARG = odd_row, RIGHTARG = odd_row, FUNCTION = greater);
	CREATE FUNCTION compare_rows(odd_row, odd_row) RETURNS int AS '$writer', 'unreviewed_compare' LANGUAGE C STRICT VOLATILE;
	CREATE OPERATOR CLASS odd_row_ops DEFAULT FOR TYPE odd_row USING btree AS
		OPERATOR 1 <<<, OPERATOR 3 ===, OPERATOR 5 >>>, FUNCTION 1 compare_rows(odd_row, odd_row);
	CREATE TYPE equal_row AS (i int);
	CREATE FUNCTION equal_rows(equal_row, equal_row) RETURNS boolean AS '$writer', 'unreviewed_compare' LANGUAGE C STRICT VOLATILE;
	CREATE FUNCTION compare_sql(equal_row, equal_row) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT \$1.i - \$2.i';
	CREATE OPERATOR === (LEFTARG = equal_row, RIGHTARG = equal_row, FUNCTION = equal_rows);
	CREATE OPERATOR CLASS equal_row_ops DEFAULT FOR TYPE equal_row USING btree AS
		OPERATOR 3 ===, FUNCTION 1 compare_sql(equal_row, equal_row);
	CREATE FUNCTION compare_points(point, point) RETURNS int AS '$writer', 'unreviewed_compare' LANGUAGE C STRICT VOLATILE;
	CREATE OPERATOR CLASS point_ops DEFAULT FOR TYPE point USING btree AS
		OPERATOR 1 <<, OPERATOR 3 ~=, OPERATOR 5 >>, FUNCTION 1 compare_points(point, point);
	CREATE TYPE only_a_shell;
	CREATE DOMAIN odd_domain AS odd;
	CREATE TYPE odd_range;
	CREATE FUNCTION canonical(odd_range) RETURNS odd_range AS '$writer', 'unreviewed_echo' LANGUAGE C STRICT IMMUTABLE;
	CREATE TYPE odd_range AS RANGE (SUBTYPE = odd, CANONICAL = canonical);
	ALTER FUNCTION canonical(odd_range) VOLATILE;
	CREATE FUNCTION difference(int, int) RETURNS float8 AS '$writer', 'unreviewed_compare' LANGUAGE C STRICT IMMUTABLE;
	CREATE TYPE far_range AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = difference);
	CREATE TABLE ranges AS SELECT far_range(i, i + 5) AS r FROM generate_series(1, 100) i;
	ANALYZE ranges;
	ALTER FUNCTION difference(int, int) VOLATILE;
	CREATE TABLE odds (o odd);
	INSERT INTO odds VALUES ('1'), ('2');
	CREATE TABLE btree (o odd);
	INSERT INTO btree VALUES ('1'), ('2');
	CREATE INDEX ON btree (o);
	CREATE TABLE hashed (o odd);
	INSERT INTO hashed VALUES ('1'), ('2');
	CREATE INDEX ON hashed USING hash (o);
	CREATE TABLE excluding (o odd, EXCLUDE USING hash (o WITH =));
	INSERT INTO excluding VALUES ('1'), ('2');
	CREATE TYPE odd_input;
	CREATE FUNCTION input(cstring) RETURNS odd_input AS '$writer', 'unreviewed_in' LANGUAGE C STRICT VOLATILE;
	CREATE FUNCTION output(odd_input) RETURNS cstring AS '$writer', 'unreviewed_out' LANGUAGE C STRICT VOLATILE;
	CREATE TYPE odd_input (INPUT = input, OUTPUT = output, LIKE = int4);
	CREATE TABLE outputs (o odd_input);
	INSERT INTO outputs VALUES ('1');
	CREATE TYPE input_row AS (o odd_input);
	CREATE DOMAIN input_domain AS odd_input;
	CREATE TABLE ranged (o odd) PARTITION BY RANGE (o);
	CREATE TABLE ranged1 PARTITION OF ranged FOR VALUES FROM ('1') TO ('5');
	CREATE TABLE ranged2 PARTITION OF ranged FOR VALUES FROM ('5') TO ('9');
	CREATE FUNCTION trigger_c() RETURNS trigger AS '$writer', 'unreviewed_trigger' LANGUAGE C;));

# what a statement finds in its session: the temporary tables that it names
my %temporary = (
	triggered => [ 'CREATE TEMP TABLE triggered (i int)',
		'CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION trigger_c()' ],
	deferred => [ 'CREATE TEMP TABLE deferred (i int)',
		'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION trigger_c()' ],
	excluded => [ 'CREATE TEMP TABLE excluded (o odd, EXCLUDE USING hash (o WITH =))' ],
	keyed => [ 'CREATE TEMP TABLE keyed (o odd)', 'CREATE INDEX ON keyed (o)' ],
	read_in => [ 'CREATE TEMP TABLE read_in (o odd_input)' ]);

sub temporary_in
{
	my ($sql) = @_;
	return grep { $sql =~ /\b$_\b/ } sort keys %temporary;
}

sub setup_for
{
	my ($sql) = @_;
	return (map({ @{ $temporary{$_} } } temporary_in($sql)), q(INSERT INTO odds SELECT '1' WHERE false),
		'SET enable_seqscan = off', 'SET enable_bitmapscan = off');
}
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

# what core's type cache looks up, and keeps
my $type_cache = qr/(comparison|equality|hash) of (arrays|rows|an array)|range/;

my @functions = qw(compare compare_rows compare_points equal_rows hash hash_extended canonical difference input output trigger_c);

# a name, the statements, and the function they run
my @attacks = (
	[ 'trigger of a temporary table', 'trigger_c', 'INSERT INTO triggered VALUES (1)' ],
	[ 'deferred trigger, at commit', 'trigger_c', 'INSERT INTO deferred VALUES (1)' ],
	[ 'btree support of a permanent table', 'compare', q(SELECT * FROM btree WHERE o = '1') ],
	[ 'hash support of a permanent table', 'hash', q(SELECT * FROM hashed WHERE o = '1') ],
	[ 'exclusion support of a permanent table', 'hash', q(SELECT * FROM excluding WHERE o = '1') ],
	[ 'exclusion constraint of a temporary table', 'hash', q(INSERT INTO excluded VALUES ('1')) ],
	[ 'btree support of a temporary table', 'compare', q(INSERT INTO keyed VALUES ('1'), ('2')) ],
	[ 'ORDER BY', 'compare', 'SELECT o FROM odds ORDER BY o' ],
	[ 'ORDER BY USING', 'compare', 'SELECT o FROM odds ORDER BY o USING >' ],
	[ 'DISTINCT in an aggregate', 'compare', 'SELECT count(DISTINCT o) FROM odds' ],
	[ 'GROUP BY', 'hash', 'SELECT o FROM odds GROUP BY o', 'SET enable_sort = off' ],
	[ 'hash join', 'hash', 'SELECT * FROM odds a JOIN odds b USING (o)',
		'SET enable_mergejoin = off', 'SET enable_nestloop = off' ],
	[ 'merge join', 'compare', 'SELECT * FROM odds a JOIN odds b USING (o)',
		'SET enable_hashjoin = off', 'SET enable_nestloop = off' ],
	[ 'greatest()', 'compare', 'SELECT greatest(o, o) FROM odds' ],
	[ 'comparison of arrays', 'compare', 'SELECT ARRAY[o] < ARRAY[o] FROM odds' ],
	[ 'comparison of rows', 'compare', 'SELECT a < b FROM odds a, odds b' ],
	[ 'comparison of arrays of rows', 'compare_rows', 'SELECT ARRAY[ROW(1)::odd_row] < ARRAY[ROW(2)::odd_row]' ],
	[ 'comparison of arrays of a domain', 'compare', 'SELECT ARRAY[o::odd_domain] < ARRAY[o::odd_domain] FROM odds' ],
	[ 'comparison of arrays of a type of core', 'compare_points', q(SELECT ARRAY[point '(1,1)'] < ARRAY[point '(2,2)']) ],
	[ 'equality of arrays of rows', 'equal_rows', 'SELECT ARRAY[ROW(1)::equal_row] = ARRAY[ROW(2)::equal_row]' ],
	[ 'seeded hash of an array', 'hash_extended', 'SELECT hash_array_extended(ARRAY[o], 1) FROM odds' ],
	[ 'hash of an array', 'hash', 'SELECT hash_array(ARRAY[o]) FROM odds' ],
	[ 'range', 'compare', 'SELECT odd_range(o, o) FROM odds' ],
	[ 'canonical range', 'canonical|compare', q(SELECT odd_range(o, NULL) FROM odds) ],
	[ 'difference of a range, in an estimate', 'difference', 'SELECT count(*) FROM ranges WHERE r && far_range(7, 9)' ],
	[ 'type input', 'input', q(SELECT '1'::odd_input IS NULL) ],
	[ 'type output', 'output', 'SELECT o FROM outputs' ],
	[ 'type output by COPY', 'output', 'COPY outputs TO STDOUT' ],
	[ 'type output by cast', 'output', 'SELECT o::text FROM outputs' ],
	[ 'type output by concat()', 'output', 'SELECT concat(o) FROM outputs' ],
	[ 'type output by format()', 'output', q(SELECT format('%s', o) FROM outputs) ],
	[ 'type output by a row', 'output', 'SELECT outputs::text FROM outputs' ],
	[ 'type output by JSON', 'output', 'SELECT row_to_json(outputs) FROM outputs' ],
	[ 'type output by an array', 'output', 'SELECT array_to_string(ARRAY[o], \',\') FROM outputs' ],
	[ 'type output by plpgsql', 'output', 'DO $$ DECLARE x odd_input; BEGIN SELECT o INTO x FROM outputs; RAISE NOTICE \'%\', x; END $$' ],
	[ 'type input by a domain', 'input', q(SELECT '1'::input_domain IS NULL) ],
	[ 'type input by an array', 'input', q(SELECT '{1,2}'::odd_input[] IS NULL) ],
	[ 'type input by a row', 'input', q(SELECT '(1)'::input_row IS NULL) ],
	[ 'type input by JSON', 'input', q(SELECT json_populate_record(NULL::input_row, '{"o": "1"}') IS NULL) ],
	[ 'type input by jsonb', 'input', q(SELECT count(o) FROM jsonb_to_recordset('[{"o": "1"}]') AS x (o odd_input)) ],
	[ 'type input by plpgsql', 'input', 'DO $$ DECLARE x odd_input; BEGIN x := text \'1\'; END $$' ],
	[ 'type input by COPY', 'input', 'COPY read_in FROM STDIN' ],
	[ 'choice of partitions', 'compare', q(SELECT * FROM ranged WHERE o = '1') ]);
# what only newer versions have
push @attacks,
	[ 'type input by JSON_VALUE()', 'input', q{SELECT JSON_VALUE('"1"', '$' RETURNING odd_input) IS NULL} ],
	[ 'type input by JSON_TABLE()', 'input', q{SELECT count(o) FROM JSON_TABLE('["1"]', '$[*]' COLUMNS (o odd_input PATH '$')) j} ]
  if $node->pg_version >= 17;

for my $disguise ('', 'SECURITY DEFINER', "SET work_mem = '4MB'")
{
	my $name = $disguise || 'as it is';

	for my $function (@functions)
	{
		$node->safe_psql('postgres', "ALTER FUNCTION $function SECURITY INVOKER RESET ALL");
		$node->safe_psql('postgres', "ALTER FUNCTION $function $disguise") if $disguise;
	}
	for my $attack (@attacks)
	{
		my ($what, $function, $sql, @more) = @$attack;
		my $session = Wire->new($node);

		# once more in a session that has done the same before the lock, unless the
		# type cache keeps it, which is a limit
		for my $when ('', $what =~ $type_cache ? () : ', used before')
		{
			$session->run(setup_for($sql), @more) if $when eq '';
			if ($when)
			{
				$session = Wire->new($node);
				$session->run(setup_for($sql), @more);
				$session->query($sql, "1\n");
				$session->run(map { "DELETE FROM $_" } temporary_in($sql));
			}
			$session->run(@lock);
			my $before = $session->run('SELECT calls()');
			my $result = $session->query($sql, "1\n");
			my $calls = $session->run('SELECT calls()') - $before;
			like("$result->{code} $result->{message}, $calls calls",
				qr/^25006 .*\b($function)\(\).*, 0 calls$/s, "$name: $what$when: refused");
			$session->quit;
		}

		$session = Wire->new($node);
		$session->run(setup_for($sql), @more, "SET pg_session_readonly.allowed_functions = '" . join(', ', map { "public.$_" } @functions) . "'", @lock);
		is($session->query($sql, "1\n")->{code}, '', "$name: $what: no error where an administrator allowed it");
		cmp_ok($session->run('SELECT calls()'), '>', 0, "$name: $what: runs where an administrator allowed it");
		$session->quit;
	}
}

# --- in use by the statement that locks the session ---
$node->safe_psql('postgres', q(
	CREATE FUNCTION locks_and_goes_on() RETURNS text LANGUAGE plpgsql AS 'BEGIN
		PERFORM set_config(''pg_session_readonly.mode'', ''locked'', false);
		EXECUTE ''SELECT 1'';
		EXECUTE ''SELECT 2'';
		RETURN current_setting(''pg_session_readonly.mode''); END';));
for my $attack (grep { $_->[0] =~ /support of a permanent table/ } @attacks)
{
	my ($what, $function, $sql) = @$attack;

	$node->safe_psql('postgres', "ALTER FUNCTION $_ SECURITY INVOKER RESET ALL") for ('compare', 'hash');
	for my $case (
		[ '', q(set_config('pg_session_readonly.mode', 'locked', false)) ],
		[ ', which runs others then', 'locks_and_goes_on()' ])
	{
		my ($how, $call) = @$case;
		my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');

		$session->run(setup_for($sql), $sql);
		(my $locking = $sql) =~ s/\*/$call/;
		is($session->run($locking), 'locked', "$what: locked in the midst of its use$how");
		my $before = $session->run('SELECT calls()');
		my $result = $session->query($sql);
		my $calls = $session->run('SELECT calls()') - $before;
		like("$result->{code} $result->{message}, $calls calls",
			qr/^25006 .*\b($function)\(\).*, 0 calls$/s, "$what: refused from the next statement on$how");
		$session->quit;
	}
}

# --- an error in the statement that locks: the next is planned under the lock ---
# The comparison of bounds is what the planner calls before any hook but the first.
{
	$node->safe_psql('postgres', qq(
		CREATE FUNCTION compare(int, int) RETURNS int AS '$writer', 'unreviewed_compare' LANGUAGE C STRICT VOLATILE;
		CREATE OPERATOR CLASS odd_int_ops FOR TYPE int USING btree AS
			OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 compare(int, int);
		CREATE TABLE bounds (i int) PARTITION BY RANGE (i odd_int_ops);
		CREATE TABLE bounds1 PARTITION OF bounds FOR VALUES FROM (1) TO (5);
		CREATE TABLE bounds2 PARTITION OF bounds FOR VALUES FROM (5) TO (9);));
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
	my $plan = 'SELECT * FROM bounds WHERE i = 1';

	$session->run($plan);
	cmp_ok($session->run('SELECT calls()'), '>', 0, 'planner: has called an unreviewed function before the lock');
	is($session->query(q(SELECT set_config('pg_session_readonly.mode', 'locked', false), 1 / (random() * 0)::int))->{code}, '22012',
		'planner: locked by a statement that fails');
	my $result = $session->query($plan);
	like("$result->{code} $result->{message}", qr/^25006 .*\bcompare\(\)/, 'planner: refused in the next statement');
	$session->quit;
}

# --- the statement that locks the session goes on to use it ---
for my $attack (grep { $_->[2] =~ /^SELECT / && !$_->[3] && $_->[0] !~ $type_cache } @attacks)
{
	my ($what, $function, $sql) = @$attack;
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');

	$session->run(setup_for($sql), $sql);
	my $before = $session->run('SELECT calls()');
	my $result = $session->query(qq(DO \$\$
		DECLARE
			x record;
		BEGIN
			PERFORM set_config('pg_session_readonly.mode', 'locked', false);
			FOR x IN $sql LOOP
				PERFORM x::text;
			END LOOP;
		END \$\$));
	my $calls = $session->run('SELECT calls()') - $before;
	like("$result->{code} $result->{message}, $calls calls",
		qr/^25006 .*\b($function)\(\).*, 0 calls$/s, "$what: refused in the statement that locks");
	$session->quit;
}

$node->stop;
done_testing();
