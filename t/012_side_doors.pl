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
		$session->run(setup_for($sql), @more, "SET pg_session_readonly.allowed_functions = '" . join(', ', @functions) . "'", @lock);
		is($session->query($sql, "1\n")->{code}, '', "$name: $what: no error where an administrator allowed it");
		cmp_ok($session->run('SELECT calls()'), '>', 0, "$name: $what: runs where an administrator allowed it");
		$session->quit;
	}
}

# --- what the catalogs make core call ---
# Aliases of built-in functions, volatile ones that nobody has reviewed: estimates of
# the planner, type modifiers and subscripts of a type, binary input and
# output, the parts of aggregates, text search and encodings.  The first word is the
# function, which runs where an administrator allowed it.
$node->safe_psql('postgres', q(
	CREATE SCHEMA cat;
	SET search_path = cat, public;
	CREATE FUNCTION estimate(internal, oid, internal, int) RETURNS float8 LANGUAGE internal AS 'eqsel';
	CREATE FUNCTION join_estimate(internal, oid, internal, int2, internal) RETURNS float8 LANGUAGE internal AS 'eqjoinsel';
	CREATE FUNCTION same(int, int) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'int4eq';
	CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same, RESTRICT = estimate, JOIN = join_estimate);
	CREATE FUNCTION support(internal) RETURNS internal LANGUAGE internal AS 'generate_series_int4_support';
	CREATE FUNCTION supported() RETURNS SETOF int LANGUAGE sql STABLE SUPPORT support AS 'VALUES (1), (2)';
	CREATE TABLE numbers AS SELECT i FROM generate_series(1, 100) i;
	ANALYZE numbers;
	CREATE TYPE mod;
	CREATE FUNCTION mod_in(cstring, oid, int) RETURNS mod LANGUAGE internal STRICT IMMUTABLE AS 'varcharin';
	CREATE FUNCTION mod_out(mod) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'varcharout';
	CREATE FUNCTION modifier_in(cstring[]) RETURNS int LANGUAGE internal STRICT AS 'varchartypmodin';
	CREATE FUNCTION modifier_out(int) RETURNS cstring LANGUAGE internal STRICT AS 'varchartypmodout';
	CREATE FUNCTION receive(internal, oid, int) RETURNS mod LANGUAGE internal STRICT AS 'varcharrecv';
	CREATE FUNCTION send(mod) RETURNS bytea LANGUAGE internal STRICT AS 'varcharsend';
	CREATE TYPE mod (INPUT = mod_in, OUTPUT = mod_out, RECEIVE = receive, SEND = send,
		TYPMOD_IN = modifier_in, TYPMOD_OUT = modifier_out, LIKE = varchar);
	CREATE TYPE sub;
	CREATE FUNCTION sub_in(cstring) RETURNS sub LANGUAGE internal STRICT IMMUTABLE AS 'namein';
	CREATE FUNCTION sub_out(sub) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'nameout';
	CREATE FUNCTION subscript(internal) RETURNS internal LANGUAGE internal STRICT AS 'raw_array_subscript_handler';
	CREATE TYPE sub (INPUT = sub_in, OUTPUT = sub_out, LIKE = name, ELEMENT = "char", SUBSCRIPT = subscript);
	CREATE FUNCTION plus(bigint, bigint) RETURNS bigint LANGUAGE internal STRICT AS 'int8pl';
	CREATE FUNCTION good_plus(bigint, bigint) RETURNS bigint LANGUAGE internal STRICT IMMUTABLE PARALLEL SAFE AS 'int8pl';
	CREATE FUNCTION minus(bigint, bigint) RETURNS bigint LANGUAGE internal STRICT AS 'int8mi';
	CREATE FUNCTION combine(bigint, bigint) RETURNS bigint LANGUAGE internal STRICT PARALLEL SAFE AS 'int8pl';
	CREATE AGGREGATE sum_plus(bigint) (SFUNC = plus, STYPE = bigint, INITCOND = '0');
	CREATE AGGREGATE sum_moving(bigint) (SFUNC = good_plus, STYPE = bigint, INITCOND = '0',
		MSFUNC = good_plus, MINVFUNC = minus, MSTYPE = bigint, MINITCOND = '0');
	CREATE AGGREGATE sum_combined(bigint) (SFUNC = good_plus, STYPE = bigint, INITCOND = '0', COMBINEFUNC = combine, PARALLEL = SAFE);
	CREATE FUNCTION row_number_alias() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
	CREATE FUNCTION lexize(internal, internal, internal, internal) RETURNS internal LANGUAGE internal STRICT AS 'dsimple_lexize';
	CREATE FUNCTION init(internal) RETURNS internal LANGUAGE internal STRICT AS 'dsimple_init';
	CREATE TEXT SEARCH TEMPLATE tmpl (INIT = dsimple_init, LEXIZE = lexize);
	CREATE TEXT SEARCH TEMPLATE tmpl_init (INIT = init, LEXIZE = dsimple_lexize);
	CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = tmpl);
	CREATE TEXT SEARCH DICTIONARY dict_init (TEMPLATE = tmpl_init);
	CREATE FUNCTION start_parse(internal, int) RETURNS internal LANGUAGE internal STRICT AS 'prsd_start';
	CREATE TEXT SEARCH PARSER parser (START = start_parse, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
	CREATE TEXT SEARCH CONFIGURATION config (PARSER = parser);));
for my $case (
	# function, statement, settings
	[ 'estimate', 'SELECT count(*) FROM numbers WHERE i === 3' ],
	[ 'join_estimate', 'SELECT count(*) FROM numbers a, numbers b WHERE a.i === b.i' ],
	[ 'estimate', 'EXPLAIN SELECT count(*) FROM numbers WHERE i === 3' ],
	[ 'support', 'SELECT * FROM supported()' ],
	[ 'modifier_in', q(SELECT NULL::mod(3)) ],
	[ 'modifier_in', q(SELECT 'mod(3)'::regtype) ],
	[ 'modifier_out', q(SELECT format_type('mod'::regtype, 7)) ],
	[ 'subscript', q(SELECT ('abc'::sub)[0]) ],
	[ 'plus', 'SELECT sum_plus(i) FROM numbers' ],
	[ 'minus', 'SELECT sum_moving(i) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM numbers' ],
	[ 'combine', 'SELECT sum_combined(i) FROM numbers', 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0',
		'SET min_parallel_table_scan_size = 0' ],
	[ 'row_number_alias', 'SELECT row_number_alias() OVER () FROM numbers' ],
	[ 'lexize', q(SELECT ts_lexize('dict', 'word')) ],
	[ 'init', q(SELECT ts_lexize('dict_init', 'word')) ],
	[ 'start_parse', q(SELECT ts_parse('parser', 'word')) ],
	[ 'start_parse', q(SELECT to_tsvector('config', 'word')) ],
	# a parameter and a result in binary
	[ 'receive', sub { $_[0]->parse('', 'SELECT $1::mod IS NULL'); $_[0]->message('B', "\0\0" . pack('nnnNa1n', 1, 1, 1, 1, 'x', 0)); } ],
	[ 'send', sub { $_[0]->parse('', q(SELECT 'x'::mod)); $_[0]->message('B', "\0\0" . pack('nnnn', 0, 0, 1, 1)); } ],
	[ 'receive', 'COPY mods FROM STDIN (FORMAT binary)' ],
	[ 'send', q(COPY (SELECT 'x'::mod) TO STDOUT (FORMAT binary)) ])
{
	my ($function, $sql, @settings) = @$case;
	my $name = "$function: " . (ref $sql ? 'extended protocol' : $sql);
	my $copy_data = "PGCOPY\n\377\r\n\0" . pack('NNnNa1n', 0, 0, 1, 1, 'x', 0xffff);

	for my $allowed ('', $function)
	{
		my $session = Wire->new($node);
		$session->run('SET search_path = cat, public', 'CREATE TEMP TABLE mods (m mod)', @settings,
			"SET pg_session_readonly.allowed_functions = '$allowed'", @lock);
		my $result;
		if (ref $sql)
		{
			$sql->($session);
			$session->execute('');
			$result = $session->sync;
		}
		else
		{
			$result = $session->query($sql, $copy_data);
		}
		like("$result->{code} $result->{message}", $allowed ? qr/^ $/ : qr/^25006 cannot execute \Q$function\E\(\) /,
			$allowed ? "$name: runs where an administrator allowed it" : "$name: refused");
		$session->quit;
	}
}

# The conversion of an encoding, which from SET client_encoding on would run for every
# message.
$node->safe_psql('postgres', q(CREATE DATABASE encoded ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0));
for my $direction ([ 'LATIN1', 'UTF8', 'iso8859_1_to_utf8' ], [ 'UTF8', 'LATIN1', 'utf8_to_iso8859_1' ])
{
	my ($from, $to, $symbol) = @$direction;
	$node->safe_psql('encoded', qq(
		CREATE SCHEMA IF NOT EXISTS cat;
		CREATE FUNCTION cat.convert_$from(int, int, cstring, internal, int, bool) RETURNS int
			AS '\$libdir/utf8_and_iso8859_1', '$symbol' LANGUAGE C STRICT;
		CREATE DEFAULT CONVERSION cat.c_$from FOR '$from' TO '$to' FROM cat.convert_$from;));
}
for my $case (
	[ 'convert_latin1', q(SELECT convert_from('\xe9', 'LATIN1')) ],
	[ 'convert_utf8', q(SELECT convert_to('x', 'LATIN1')) ],
	[ 'convert_latin1|convert_utf8', q(SET client_encoding = LATIN1) ],
	[ 'convert_latin1|convert_utf8', q(SELECT set_config('client_encoding', 'LATIN1', false)) ])
{
	my ($function, $sql) = @$case;
	for my $allowed ('', 'convert_latin1, convert_utf8')
	{
		my $session = Wire->new($node, dbname => 'encoded');
		$session->run('SET search_path = cat, pg_catalog', "SET pg_session_readonly.allowed_functions = '$allowed'", @lock);
		my $result = $session->query($sql);
		like("$result->{code} $result->{message}", $allowed ? qr/^ $/ : qr/^25006 cannot execute ($function)\(\) /,
			$allowed ? "encoding: $sql: runs where an administrator allowed it" : "encoding: $sql: refused");
		is($session->run('SHOW client_encoding'), $allowed && $sql =~ /client_encoding/ ? 'LATIN1' : 'UTF8',
			"encoding: $sql: what the client has then");
		$session->quit;
	}
}

# A limit: what the host has chosen before the lock stays, with the function that was
# looked up for it.
{
	my $session = Wire->new($node, dbname => 'encoded');
	$session->run('SET search_path = cat, pg_catalog', 'SET client_encoding = LATIN1', @lock);
	is($session->run(qq(SELECT octet_length('\xe9'))), '2', 'encoding: chosen before the lock, it is converted by a function that is refused since');
	is($session->query('SET client_encoding = LATIN1')->{code}, '25006', 'encoding: chosen once more, it is refused');
	$session->quit;
}

# Functions that the policy lets run do so in any disguise, and what they do inside
# is checked.
$node->safe_psql('postgres', q(
	CREATE TABLE victim (i int);
	CREATE FUNCTION reads() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET work_mem = '5MB'
		AS 'BEGIN RETURN current_setting(''work_mem''); END';
	CREATE FUNCTION writes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
		AS 'BEGIN INSERT INTO victim VALUES (1); RETURN NEW; END';));
{
	my $session = Wire->new($node);
	$session->run('CREATE TEMP TABLE mine (i int)',
		'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION writes()', @lock);
	is($session->run('SELECT reads()'), '5MB', 'SECURITY DEFINER and SET: a reader runs');
	is($session->query('INSERT INTO mine VALUES (1)')->{code}, '25006', 'SECURITY DEFINER: a writer is refused');
	is($session->run('SELECT reads()'), '5MB', 'and a reader still runs');
	$session->quit;
}

# Event triggers.  What is refused does not come so far; what an administrator has
# allowed may fire one, whose function is checked like any other; and so is that of a
# login, which fails then.
{
	$node->safe_psql('postgres', 'CREATE DATABASE events');
	$node->safe_psql('events', q(
		CREATE TABLE victim (i int PRIMARY KEY);
		CREATE FUNCTION event() RETURNS event_trigger LANGUAGE plpgsql AS
			'BEGIN RAISE NOTICE ''fired''; INSERT INTO victim VALUES (1); END';
		CREATE EVENT TRIGGER at_start ON ddl_command_start EXECUTE FUNCTION event();));
	my $session = Wire->new($node, dbname => 'events');
	is($session->query('CREATE DOMAIN fires AS int')->{notices}[0], 'fired', 'event trigger: fires while it may');
	$session->run('DELETE FROM victim', q(SET pg_session_readonly.denied_commands = 'default, -REINDEX'), @lock);
	my $result = $session->query('CREATE TABLE x (i int)');
	is("$result->{code} @{ $result->{notices} }", '25006 ', 'event trigger: what is refused fires none');
	$result = $session->query('REINDEX TABLE victim');
	is("$result->{code} @{ $result->{notices} }", $node->pg_version >= 17 ? '25006 fired' : ' ',
		'event trigger: what is allowed fires one, whose write is refused');
	$session->quit;

	my $watcher = Wire->new($node, dbname => 'events');
	is($watcher->run('SELECT count(*) FROM victim'), '0', 'event trigger: nothing written');
  SKIP:
	{
		skip 'no login event triggers before 17', 3 if $node->pg_version < 17;
		$watcher->run('DROP EVENT TRIGGER at_start', 'CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION event()');
		$session = Wire->new($node, dbname => 'events',
			options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=locked');
		is($session->{startup}{code}, '25006', 'login event trigger: its write is refused');
		is($session->query('SELECT 1')->{code}, 'closed', 'login event trigger: there is no session');
		is($watcher->run('SELECT count(*) FROM victim'), '0', 'login event trigger: nothing written');
	}
	$watcher->quit;
}

# An effect that another session sees: contrib/tcn's trigger notifies listeners.
SKIP:
{
	skip 'no contrib/tcn', 3
	  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'tcn'") eq '0';
	$node->safe_psql('postgres', q(
		CREATE EXTENSION tcn;
		ALTER FUNCTION triggered_change_notification() SET search_path = pg_catalog;));
	my $listener = Wire->new($node);
	my $session = Wire->new($node);
	$listener->run('LISTEN tcn');
	$session->run('CREATE TEMP TABLE mine (i int PRIMARY KEY)',
		'CREATE TRIGGER t AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION triggered_change_notification()');
	$session->run('INSERT INTO mine VALUES (1)');
	is(scalar @{ $listener->query('SELECT 1')->{notifications} }, 1, 'tcn: notifies while it may');
	$session->run(@lock);
	is($session->query('INSERT INTO mine VALUES (2)')->{code}, '25006', 'tcn: refused');
	is(scalar @{ $listener->query('SELECT 1')->{notifications} }, 0, 'tcn: no notification');
}

# Code in an untrusted language, which writes a file.
for my $language ('plpython3u', 'plperlu')
{
  SKIP:
	{
		skip "no $language", 10
		  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = '$language'") eq '0';
		my $file = File::Spec->rel2abs($node->basedir . "/$language");
		my ($write, $first, $minus) = $language eq 'plpython3u'
		  ? ("open('$file', 'w').write('x')\n", 'args[0]', 'args[0] - args[1]')
		  : ("open(my \$f, '>', '$file'); close \$f;\n", '$_[0]', '$_[0] - $_[1]');

		$node->safe_psql('postgres', qq(
			CREATE EXTENSION $language;
			CREATE SCHEMA $language;
			SET search_path = $language;
			CREATE FUNCTION tr() RETURNS trigger LANGUAGE $language SECURITY DEFINER
				AS \$\$\n$write\nreturn\n\$\$;
			CREATE FUNCTION compare(int, int) RETURNS int LANGUAGE $language IMMUTABLE SET work_mem = '4MB'
				AS \$\$\n${write}return $minus\n\$\$;
			CREATE FUNCTION plain_compare(bigint, bigint) RETURNS int LANGUAGE $language IMMUTABLE
				AS \$\$\n${write}return $minus\n\$\$;
			CREATE FUNCTION hash(int) RETURNS int LANGUAGE $language IMMUTABLE SECURITY DEFINER
				AS \$\$\n${write}return $first\n\$\$;
			CREATE OPERATOR CLASS ops FOR TYPE int USING btree AS
				OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 compare(int, int);
			CREATE OPERATOR CLASS plain_ops FOR TYPE bigint USING btree AS
				OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 plain_compare(bigint, bigint);
			CREATE OPERATOR CLASS hash_ops FOR TYPE int USING hash AS
				OPERATOR 1 =, FUNCTION 1 hash(int);
			CREATE TABLE btree (i int);
			CREATE TABLE plain_btree (i bigint);
			CREATE TABLE hashed (i int);
			CREATE INDEX ON btree (i ops);
			CREATE INDEX ON plain_btree (i plain_ops);
			CREATE INDEX ON hashed USING hash (i hash_ops);
			INSERT INTO btree VALUES (1), (2);
			INSERT INTO plain_btree VALUES (1), (2);
			INSERT INTO hashed VALUES (1), (2);));
		ok(unlink($file), "$language: writes a file while it may");

		my $session = Wire->new($node);
		my @queries = (
			'SELECT * FROM btree WHERE i = 1',
			'SELECT * FROM hashed WHERE i = 1',
			'SELECT * FROM plain_btree WHERE i = bigint \'1\'');
		$session->run("SET search_path = $language", 'SET enable_seqscan = off',
			'CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION tr()');
		# used before the lock, and not
		$session->run($queries[2]);
		ok(unlink($file), "$language: index support writes a file while it may");
		$session->run(@lock);
		for my $sql ('INSERT INTO mine VALUES (1)', @queries)
		{
			is($session->query($sql)->{code}, '25006', "$language: $sql: refused");
			ok(!-e $file, "$language: $sql: has written no file");
			unlink $file;
		}
		$session->quit;
	}
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM victim'), '0', 'nothing written');

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
