# C code that writes behind core's back, in more shapes: by every call of the
# server's that writes rows, from functions of every kind that the function policy
# lets run, and in every kind of transaction.  Nothing may be there for another
# session afterwards.
#
# (A volatile function that nobody has reviewed is refused at the call.  One that
# hands out a table of routines runs, whatever its volatility, and so is the way in
# for volatile ones.)

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

my @writers = qw(insert multi_insert update delete comment large_object);
my %kinds = (
	stable => 'STABLE',
	immutable => 'IMMUTABLE PARALLEL SAFE',
	handler => 'VOLATILE');
$node->safe_psql('postgres', q(
	CREATE TABLE victim (i int);
	INSERT INTO victim SELECT generate_series(1, 5);
	CREATE TABLE big AS SELECT i FROM generate_series(1, 10000) i;
	ANALYZE big;
	CREATE FUNCTION take_id() RETURNS int LANGUAGE C STABLE AS ') . $writer . q(', 'writer_take_id';));
for my $name (@writers)
{
	for my $kind (sort keys %kinds)
	{
		my $returns = $kind eq 'handler' ? 'fdw_handler' : 'int';
		$node->safe_psql('postgres', qq(
			CREATE FUNCTION ${name}_$kind(regclass, int) RETURNS $returns
				AS '$writer', 'writer_$name' LANGUAGE C $kinds{$kind};));
	}
	$node->safe_psql('postgres', qq(
		CREATE FUNCTION ${name}_volatile(regclass, int) RETURNS int
			AS '$writer', 'writer_$name' LANGUAGE C VOLATILE;));
}

my $state_query = q(SELECT (SELECT string_agg(i::text, ' ' ORDER BY i) FROM victim),
	(SELECT count(*) FROM pg_description WHERE objoid = 'victim'::regclass),
	(SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_prepared_xacts));
my $watcher = Wire->new($node);
my $state = $watcher->run($state_query);

sub state_is_the_same
{
	my $now = $watcher->run($state_query);
	my $same = $now eq $state;
	$state = $now;
	return $same;
}

# The writers do write where nobody guards.
for my $name (@writers)
{
	for my $call ("${name}_stable('victim', 101)", "${name}_handler('victim', 102) IS NULL")
	{
		$watcher->run('BEGIN READ ONLY', "SELECT $call", 'COMMIT');
		ok(!state_is_the_same(), "$call writes in a read-only transaction of core");
	}
}

# What the agent sends; %s stands for the call.  What may succeed, because it has
# undone the write itself, has "-" before its name.
my @shapes = (
	[ 'alone', 'SELECT %s' ],
	[ 'in a transaction', 'BEGIN', 'SELECT %s', 'COMMIT' ],
	[ 'in a WHERE clause', 'SELECT count(*) FROM pg_class WHERE %s = 1 AND relname = \'pg_class\'' ],
	[ 'in a message with a COMMIT', 'BEGIN; SELECT %s; COMMIT' ],
	[ 'after a temporary write', 'BEGIN', 'INSERT INTO mine VALUES (100)', 'SELECT %s', 'COMMIT' ],
	[ 'before a temporary write', 'BEGIN', 'SELECT %s', 'INSERT INTO mine VALUES (100)', 'COMMIT' ],
	[ 'inside a temporary write', 'INSERT INTO mine SELECT %s' ],
	[ 'inside a temporary UPDATE', 'UPDATE mine SET i = %s' ],
	[ 'inside a temporary DELETE', 'DELETE FROM mine WHERE i < %s' ],
	[ 'returned by a temporary write', 'INSERT INTO mine VALUES (100) RETURNING %s' ],
	[ 'as a default', 'INSERT INTO defaulted (j) VALUES (1)' ],
	[ 'as a default, by COPY', 'COPY defaulted (j) FROM STDIN' ],
	[ 'in a trigger', 'INSERT INTO triggered VALUES (100)' ],
	[ 'in a deferred trigger', 'INSERT INTO deferred VALUES (100)' ],
	[ 'in a deferred trigger, in a transaction', 'BEGIN', 'INSERT INTO deferred VALUES (100)', 'COMMIT' ],
	[ 'in an AFTER trigger of many rows', 'INSERT INTO deferred SELECT generate_series(1, 3)' ],
	[ 'with rows deleted on commit', 'BEGIN', 'INSERT INTO passing VALUES (1)', 'SELECT %s', 'COMMIT' ],
	[ 'into rows deleted on commit', 'INSERT INTO passing SELECT %s' ],
	[ 'after txid_current()', 'BEGIN', 'SELECT txid_current()', 'SELECT %s', 'COMMIT' ],
	[ 'beside pg_current_xact_id()', 'SELECT pg_current_xact_id(), %s' ],
	[ 'after DISCARD TEMP', 'BEGIN', 'DISCARD TEMP', 'SELECT %s', 'COMMIT' ],
	[ 'before DISCARD TEMP', 'BEGIN', 'SELECT %s', 'DISCARD TEMP', 'COMMIT' ],
	[ 'after DISCARD ALL', 'DISCARD ALL', 'SELECT %s' ],
	[ 'after an allowed command', 'BEGIN', 'ANALYZE big', 'SELECT %s', 'COMMIT' ],
	[ 'after an allowed command, rolled back', 'BEGIN', 'SAVEPOINT a', 'ANALYZE big', 'ROLLBACK TO a', 'SELECT %s', 'COMMIT' ],
	[ 'before an allowed command', 'BEGIN', 'SELECT %s', 'ANALYZE big', 'COMMIT' ],
	[ 'between two allowed commands, one of them rolled back', 'BEGIN', 'ANALYZE big', 'SAVEPOINT a', 'ANALYZE big',
		'SELECT %s', 'ROLLBACK TO a', 'SELECT %s', 'COMMIT' ],
	[ 'in a subtransaction', 'BEGIN', 'SAVEPOINT a', 'SELECT %s', 'RELEASE a', 'COMMIT' ],
	[ 'in a subtransaction, after a temporary write', 'BEGIN', 'INSERT INTO mine VALUES (100)', 'SAVEPOINT a', 'SELECT %s',
		'RELEASE a', 'COMMIT' ],
	[ 'in a subtransaction that writes a temporary table', 'BEGIN', 'SAVEPOINT a', 'INSERT INTO mine VALUES (100)',
		'SAVEPOINT b', 'SELECT %s', 'RELEASE b', 'RELEASE a', 'COMMIT' ],
	[ '- in a subtransaction that aborts', 'BEGIN', 'INSERT INTO mine VALUES (100)', 'SAVEPOINT a', 'SELECT %s',
		'ROLLBACK TO a', 'SELECT 1', 'COMMIT' ],
	[ 'after a subtransaction that aborts', 'BEGIN', 'SAVEPOINT a', 'INSERT INTO mine VALUES (100)', 'ROLLBACK TO a',
		'SELECT %s', 'COMMIT' ],
	[ 'again after a subtransaction that aborts', 'BEGIN', 'INSERT INTO mine VALUES (100)', 'SAVEPOINT a', 'SELECT %s',
		'ROLLBACK TO a', 'SELECT %s', 'RELEASE a', 'COMMIT' ],
	[ 'in DO', 'DO $$ BEGIN PERFORM %s; END $$' ],
	[ 'in an expression of DO', 'DO $$ DECLARE x int; BEGIN x := %s; END $$' ],
	[ 'in DO, after a temporary write', 'DO $$ DECLARE x int; BEGIN INSERT INTO mine VALUES (100); x := %s; END $$' ],
	[ 'in DO, with a handler', 'DO $$ BEGIN
			BEGIN PERFORM %s; EXCEPTION WHEN OTHERS THEN NULL; END;
		END $$' ],
	[ 'in an expression of DO, with a handler', 'DO $$ DECLARE x int; BEGIN
			BEGIN INSERT INTO mine VALUES (100); x := %s; EXCEPTION WHEN OTHERS THEN NULL; END;
		END $$' ],
	[ '- in DO, undone by its handler', 'DO $$ BEGIN
			BEGIN INSERT INTO mine VALUES (100); PERFORM %s; RAISE EXCEPTION \'x\'; EXCEPTION WHEN OTHERS THEN NULL; END;
		END $$' ],
	[ 'in DO, in the handler', 'DO $$ BEGIN
			BEGIN INSERT INTO mine VALUES (100); RAISE EXCEPTION \'x\'; EXCEPTION WHEN OTHERS THEN PERFORM %s; END;
		END $$' ],
	[ 'in DO, after the handler of a failed upsert', 'DO $$ DECLARE x int; BEGIN
			BEGIN INSERT INTO mine VALUES (1); EXCEPTION WHEN unique_violation THEN UPDATE mine SET i = i; END;
			x := %s;
		END $$' ],
	[ 'in DO, before COMMIT', 'DO $$ DECLARE x int; BEGIN x := %s; COMMIT; END $$' ],
	[ 'in DO, after COMMIT', 'DO $$ DECLARE x int; BEGIN INSERT INTO mine VALUES (100); COMMIT; x := %s; END $$' ],
	[ '- in DO, before ROLLBACK', 'DO $$ DECLARE x int; BEGIN x := %s; ROLLBACK; END $$' ],
	[ 'in a cursor', 'BEGIN', 'DECLARE c CURSOR FOR SELECT %s', 'FETCH c', 'COMMIT' ],
	[ 'in a cursor, after a temporary write', 'BEGIN', 'INSERT INTO mine VALUES (100)',
		'DECLARE c CURSOR FOR SELECT %s', 'FETCH c', 'CLOSE c', 'COMMIT' ],
	[ 'in a held cursor', 'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT %s', 'COMMIT' ],
	[ 'in a held cursor, after a temporary write', 'BEGIN', 'INSERT INTO mine VALUES (100)',
		'DECLARE c CURSOR WITH HOLD FOR SELECT %s', 'COMMIT' ],
	[ 'in EXPLAIN ANALYZE', 'EXPLAIN ANALYZE SELECT %s' ],
	[ 'in EXPLAIN ANALYZE of a temporary write', 'EXPLAIN ANALYZE INSERT INTO mine SELECT %s' ],
	[ 'in COPY', 'COPY (SELECT %s) TO STDOUT' ],
	[ 'prepared', 'PREPARE p AS SELECT %s', 'EXECUTE p' ],
	[ 'prepared, in a temporary write', 'PREPARE p AS INSERT INTO mine SELECT %s', 'EXECUTE p' ],
	[ 'prepared for another session to commit', 'BEGIN', 'SELECT %s', q(PREPARE TRANSACTION 'theirs') ],
	[ 'with chained transactions', 'BEGIN', 'INSERT INTO mine VALUES (100)', 'COMMIT AND CHAIN', 'SELECT %s', 'COMMIT' ],
	[ 'in an aggregate', 'SELECT sum(%s) FROM generate_series(1, 1)' ],
	[ 'in a window function', 'SELECT sum(%s) OVER () FROM generate_series(1, 1)' ],
	[ 'in a set-returning query', 'SELECT CASE WHEN i = 3 THEN %s END FROM generate_series(1, 3) i' ],
	[ 'in a CTE', 'WITH c AS MATERIALIZED (SELECT %s AS i) INSERT INTO mine SELECT i FROM c' ],
	[ 'in a view', 'SELECT * FROM viewed' ],
	[ 'extended protocol' ],
	[ 'extended protocol, in one message with a COMMIT' ],
	[ 'suspended portal' ],
	[ 'fastpath' ],
	[ 'fastpath, in a transaction' ],
	[ 'fastpath, after a temporary write' ]);

my $i = 1000;
my $shapes = 0;
for my $shape (@shapes)
{
	my ($name, @statements) = @$shape;
	my @bad;
	my $cases = 0;

	# every writer, and insert by functions of every kind
	$shapes++;
	for my $n (0 .. $#writers)
	{
		my $name_of_writer = $writers[$n];
		my @all_kinds = sort keys %kinds;
		for my $kind ($n == 0 ? @all_kinds : $all_kinds[($n + $shapes) % 3])
		{
			next if $name =~ /^fastpath/ && $kind eq 'handler';
			$i++;
			my $call = "${name_of_writer}_$kind('victim', $i)";
			$call = "($call IS NULL)::int" if $kind eq 'handler';
			my $function = "${name_of_writer}_$kind";
			my $session = Wire->new($node);
			$session->run(
				'CREATE TEMP TABLE mine (i int PRIMARY KEY)', 'INSERT INTO mine VALUES (1)',
				'CREATE TEMP TABLE passing (i int) ON COMMIT DELETE ROWS',
				"CREATE TEMP TABLE defaulted (i int DEFAULT $call, j int)",
				"CREATE TEMP VIEW viewed AS SELECT $call",
				'CREATE TEMP TABLE triggered (i int)', 'CREATE TEMP TABLE deferred (i int)',
				"CREATE FUNCTION pg_temp.tr() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM $call; RETURN NEW; END \$\$",
				'CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION pg_temp.tr()',
				'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
					FOR EACH ROW EXECUTE FUNCTION pg_temp.tr()',
				q(SET pg_session_readonly.denied_commands = 'default, -ANALYZE, -PREPARE TRANSACTION'),
				"LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

			my @results;
			for my $sql (@statements)
			{
				push @results, $session->query($sql =~ s/%s/$call/gr, "1\n");
			}
			if ($name eq 'extended protocol')
			{
				push @results, $session->extended("SELECT $call WHERE \$1 = '1'", 1);
			}
			elsif ($name =~ /^extended/)
			{
				for my $sql ('BEGIN', "SELECT $call", 'COMMIT')
				{
					$session->parse('', $sql);
					$session->bind('', '');
					$session->execute('');
				}
				push @results, $session->sync;
			}
			elsif ($name =~ /portal/)
			{
				push @results, $session->query('BEGIN');
				$session->parse('', "SELECT CASE WHEN i > 1 THEN $call END FROM generate_series(1, 3) i");
				$session->bind('p', '');
				$session->execute('p', 1);
				push @results, $session->sync;
				$session->execute('p', 1);
				push @results, $session->sync;
				push @results, $session->query('COMMIT');
			}
			elsif ($name =~ /^fastpath/)
			{
				push @results, $session->query('BEGIN') if $name =~ /,/;
				push @results, $session->query('INSERT INTO mine VALUES (100)') if $name =~ /write/;
				push @results, $session->fastpath($watcher->run("SELECT '$function'::regproc::oid"),
					$watcher->run(q(SELECT 'victim'::regclass::oid)), $i);
				push @results, $session->query('COMMIT') if $name =~ /,/;
			}
			my ($error) = grep { $_ } map { $_->{code} } @results;
			$cases++;
			push @bad, "$call: has written" unless state_is_the_same();
			push @bad, "$call: " . ($error // 'no error') unless $name =~ /^-/ || ($error // '') eq '25006';
			$session->query('ROLLBACK');
			push @bad, "$call: the session is not usable" unless $session->query('INSERT INTO mine VALUES (200)')->{code} =~ /^(|42P01)$/;
			$session->quit;
		}
	}
	is(join("\n", @bad), '', "C code that writes, $name ($cases cases)");
}

# Declared volatile it does not even begin.
for my $name (@writers)
{
	my $session = Wire->new($node);
	$session->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
	my $result = $session->query("SELECT ${name}_volatile('victim', 1)");
	like("$result->{code} $result->{message}", qr/^25006 .*${name}_volatile\(\)/, "volatile $name: refused at the call");
	$session->quit;
}

# In parallel workers core itself stops it: by an assertion where it has any.
SKIP:
{
	skip 'core has assertions of its own', 2 * @writers if $watcher->run('SHOW debug_assertions') eq 'on';
	my $force = $watcher->run(
		"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
	for my $name (@writers)
	{
		my $session = Wire->new($node);
		$watcher->run("ALTER FUNCTION ${name}_stable PARALLEL SAFE");
		$session->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked', "SET $force = on");
		for my $prefix ([], [ 'BEGIN', 'SELECT txid_current()' ])
		{
			$session->run(@$prefix);
			my $code = $session->query("SELECT max(${name}_stable('victim', i)) FROM big")->{code};
			$session->query('COMMIT');
			ok($code && state_is_the_same(), "parallel safe $name: an error, and nothing written");
		}
		$session->quit;
	}
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
