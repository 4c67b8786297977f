# More functions that run although no expression calls them, found by the server in its
# catalogs: of types, aggregates, text search, encodings, event triggers, and in
# languages that are not trusted.

use strict;
use warnings;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

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

	for my $allowed ('', "cat.$function")
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
	for my $allowed ('', 'cat.convert_latin1, cat.convert_utf8')
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

# One that is refused by itself, and chosen inside an allowed function: core goes on
# calling it between the transactions, where nothing can be looked up.
{
	my $session = Wire->new($node, dbname => 'encoded');
	$session->run(q(CREATE FUNCTION cat.chooses() RETURNS text LANGUAGE plpgsql AS
			'BEGIN SET client_encoding = LATIN1; RETURN current_setting(''client_encoding''); END'),
		'SET search_path = cat, pg_catalog', "SET pg_session_readonly.allowed_functions = 'cat.chooses'", @lock);
	is($session->run('SELECT chooses()'), 'LATIN1', 'encoding: chosen in an allowed function');
	is($session->run(qq(SELECT octet_length('\xe9'))), '2', 'encoding: chosen in an allowed function, and used');
	is($session->query('SET client_encoding = LATIN1')->{code}, '25006', 'encoding: chosen once more, outside, it is refused');
	$session->quit;
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

$node->stop;
done_testing();
