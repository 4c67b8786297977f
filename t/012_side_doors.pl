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
	CREATE OPERATOR CLASS odd_ops DEFAULT FOR TYPE odd USING btree AS
		OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 compare(odd, odd);
	CREATE OPERATOR CLASS odd_hash_ops DEFAULT FOR TYPE odd USING hash AS
		OPERATOR 1 =, FUNCTION 1 hash(odd);
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
	CREATE DOMAIN odd_domain AS odd;
	CREATE TYPE odd_range;
	CREATE FUNCTION canonical(odd_range) RETURNS odd_range AS '$writer', 'unreviewed_echo' LANGUAGE C STRICT IMMUTABLE;
	CREATE TYPE odd_range AS RANGE (SUBTYPE = odd, CANONICAL = canonical);
	ALTER FUNCTION canonical(odd_range) VOLATILE;
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
	CREATE FUNCTION trigger_c() RETURNS trigger AS '$writer', 'unreviewed_trigger' LANGUAGE C;));

my @setup = (
	'CREATE TEMP TABLE triggered (i int)',
	'CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION trigger_c()',
	'CREATE TEMP TABLE deferred (i int)',
	'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION trigger_c()',
	'CREATE TEMP TABLE excluded (o odd, EXCLUDE USING hash (o WITH =))',
	'CREATE TEMP TABLE keyed (o odd)',
	'CREATE INDEX ON keyed (o)',
	q(INSERT INTO odds SELECT '1' WHERE false),
	'SET enable_seqscan = off',
	'SET enable_bitmapscan = off');
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

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
	[ 'hash of an array', 'hash', 'SELECT hash_array(ARRAY[o]) FROM odds' ],
	[ 'range', 'compare', 'SELECT odd_range(o, o) FROM odds' ],
	[ 'canonical range', 'canonical|compare', q(SELECT odd_range(o, NULL) FROM odds) ],
	[ 'type input', 'input', q(SELECT '1'::odd_input IS NULL) ],
	[ 'type output', 'output', 'SELECT o FROM outputs' ],
	[ 'type output by COPY', 'output', 'COPY outputs TO STDOUT' ],
	[ 'type output by cast', 'output', 'SELECT o::text FROM outputs' ]);

for my $disguise ('', 'SECURITY DEFINER', "SET work_mem = '4MB'")
{
	my $name = $disguise || 'as it is';

	for my $function ('compare', 'compare_rows', 'hash', 'canonical', 'input', 'output', 'trigger_c')
	{
		$node->safe_psql('postgres', "ALTER FUNCTION $function SECURITY INVOKER RESET ALL");
		$node->safe_psql('postgres', "ALTER FUNCTION $function $disguise") if $disguise;
	}
	for my $attack (@attacks)
	{
		my ($what, $function, $sql, @more) = @$attack;
		my $session = Wire->new($node);

		# once more in a session that has done the same before the lock
		for my $when ('', ', used before')
		{
			$session->run(@setup, @more) if $when eq '';
			if ($when)
			{
				$session = Wire->new($node);
				$session->run(@setup, @more, $sql);
				$session->run(map { "DELETE FROM $_" } 'triggered', 'deferred', 'excluded', 'keyed');
			}
			$session->run(@lock);
			my $before = $session->run('SELECT calls()');
			my $result = $session->query($sql);
			my $calls = $session->run('SELECT calls()') - $before;
			like("$result->{code} $result->{message}, $calls calls",
				qr/^25006 .*\b($function)\(\).*, 0 calls$/s, "$name: $what$when: refused");
			$session->quit;
		}

		$session = Wire->new($node);
		$session->run(@setup, @more, "SET pg_session_readonly.allowed_functions = 'compare, compare_rows, hash, canonical, input, output, trigger_c'", @lock);
		$session->run($sql);
		cmp_ok($session->run('SELECT calls()'), '>', 0, "$name: $what: runs where an administrator allowed it");
		$session->quit;
	}
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

		$session->run(@setup, $sql);
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

# --- the statement that locks the session goes on to use it ---
for my $attack (grep { $_->[2] =~ /^SELECT / && !$_->[3] } @attacks)
{
	my ($what, $function, $sql) = @$attack;
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');

	$session->run(@setup, $sql);
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
