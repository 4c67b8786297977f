# A locked session works on its temporary tables like any other, and makes and drops some
# where that is allowed: the same random work, statement by statement, in a session that is
# locked and in one that is not.  SQLSTATE, rows, command tag and transaction status must
# be the same.
#
# Where a refusal is intended (the statement is about something else than temporary
# tables), the other session gets a statement that raises the same error.
#
# PGSR_SEED repeats a run, PGSR_STATEMENTS says how long it is.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $seed = $ENV{PGSR_SEED} // (time ^ $$) % 1_000_000;
my $statements = $ENV{PGSR_STATEMENTS} // 10_000;
note "seed $seed: repeat by PGSR_SEED=$seed";
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => ['--encoding=UTF8']);
$node->start;
$node->safe_psql('postgres', q(
	CREATE TABLE permanent (i int);
	CREATE SEQUENCE permanent_seq;
	CREATE FUNCTION refused() RETURNS int LANGUAGE plpgsql AS
		'BEGIN RAISE EXCEPTION ''refused'' USING ERRCODE = ''read_only_sql_transaction''; END';
	CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS
		'BEGIN INSERT INTO permanent VALUES (1); RETURN 1; END';));

# What both sessions have made before one of them is locked.
my @setup = (
	'CREATE TEMP TABLE a (i int PRIMARY KEY, n int DEFAULT 0, g int GENERATED ALWAYS AS (i * 2) STORED)',
	'CREATE TEMP TABLE b (k int UNIQUE, n int CHECK (n < 1000), t text)',
	'CREATE TEMP TABLE passing (i int) ON COMMIT DELETE ROWS',
	'CREATE TEMP TABLE log (what text, i int)',
	'CREATE TEMP SEQUENCE s',
	'CREATE TEMP TABLE child (i int REFERENCES a DEFERRABLE INITIALLY DEFERRED, id int DEFAULT nextval(\'s\'))',
	'CREATE TEMP TABLE parted (i int) PARTITION BY RANGE (i)',
	'CREATE TEMP TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (30)',
	'CREATE TEMP TABLE part2 PARTITION OF parted FOR VALUES FROM (30) TO (60)',
	'CREATE TEMP TABLE excluded (r int4range, EXCLUDE USING gist (r WITH &&))',
	'CREATE TEMP VIEW v AS SELECT i, n FROM a WHERE i < 40 WITH CHECK OPTION',
	q(CREATE FUNCTION pg_temp.logged() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO log VALUES (TG_OP, 1); RETURN NULL; END'),
	'CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON b FOR EACH ROW EXECUTE FUNCTION pg_temp.logged()',
	q(CREATE FUNCTION pg_temp.doubtful() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF NEW.i % 7 = 0 THEN RAISE EXCEPTION ''seven'' USING ERRCODE = ''P0007''; END IF;
			BEGIN INSERT INTO a VALUES (NEW.i); EXCEPTION WHEN unique_violation THEN NEW.i := NULL; END;
			RETURN NEW; END'),
	'CREATE TRIGGER t BEFORE INSERT ON passing FOR EACH ROW EXECUTE FUNCTION pg_temp.doubtful()',
	q(CREATE FUNCTION pg_temp.upsert(k int) RETURNS text LANGUAGE plpgsql AS
		'BEGIN
			LOOP
				UPDATE a SET n = n + 1 WHERE i = k;
				IF found THEN RETURN ''updated''; END IF;
				BEGIN
					INSERT INTO a VALUES (k); RETURN ''inserted'';
				EXCEPTION WHEN unique_violation THEN NULL;
				END;
			END LOOP;
		END'),
	q(CREATE FUNCTION pg_temp.insert_or_update(k int) RETURNS text LANGUAGE plpgsql AS
		'BEGIN INSERT INTO a VALUES (k); RETURN ''inserted'';
		EXCEPTION WHEN unique_violation THEN UPDATE a SET n = n + 1 WHERE i = k; RETURN ''updated'';
		END'),
	q(CREATE FUNCTION pg_temp.nested(depth int, k int) RETURNS int LANGUAGE plpgsql AS
		'DECLARE r int := 0; BEGIN
			INSERT INTO log VALUES (''depth'', depth);
			IF depth > 0 THEN
				BEGIN r := pg_temp.nested(depth - 1, k);
				EXCEPTION WHEN division_by_zero THEN r := -1; END;
			END IF;
			INSERT INTO a VALUES (k + depth) ON CONFLICT DO NOTHING;
			RETURN r + 1 / ((k + depth) % 3);
		END'),
	q(CREATE PROCEDURE pg_temp.batch(k int, fail boolean) LANGUAGE plpgsql AS
		'BEGIN
			FOR j IN k .. k + 3 LOOP
				BEGIN INSERT INTO a VALUES (j); EXCEPTION WHEN unique_violation THEN DELETE FROM a WHERE i = j; END;
				IF j % 3 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
			END LOOP;
			INSERT INTO log VALUES (''batch'', k);
			IF fail THEN PERFORM 1 / 0; END IF;
		END'),
	'PREPARE insert_a AS INSERT INTO a VALUES ($1) RETURNING i',
	'PREPARE update_b AS UPDATE b SET n = n + $1 WHERE k < $2');

sub pick { return $_[ rand @_ ] }
sub chance { return rand() < $_[0] }
sub k { return int(rand 60) }

# A command about something else, in plpgsql or alone; and what stands for it.
sub refused_statement
{
	return [ pick('INSERT INTO permanent VALUES (1)', 'SELECT nextval(\'permanent_seq\')', 'TRUNCATE permanent', 'SELECT writes()',
			'CREATE TABLE another (i int)', 'DROP TABLE permanent, a', 'ANALYZE permanent', 'LOCK TABLE permanent', 'SELECT lo_creat(-1)',
			'ALTER TABLE a ADD COLUMN z int', 'DROP TABLE a CASCADE', 'COMMENT ON TABLE a IS \'a\'', 'CREATE INDEX ON permanent (i)',
			'CREATE TEMP TABLE another () INHERITS (permanent)', 'CREATE TEMP TABLE another AS SELECT writes()',
			'CREATE TEMP TABLE another AS WITH w AS (DELETE FROM permanent RETURNING i) SELECT i FROM w', 'WITH w AS (INSERT INTO permanent VALUES (1) RETURNING i) INSERT INTO log SELECT NULL, i FROM w',
			'INSERT INTO log SELECT \'writes\', writes()', 'UPDATE permanent SET i = 2', 'SELECT * FROM permanent FOR UPDATE',
			'NOTIFY x', 'SELECT pg_advisory_lock(1)', 'DO $$ BEGIN INSERT INTO log VALUES (\'a\', 1); PERFORM writes(); END $$'),
		'SELECT refused()' ];
}

# A simple write of a temporary table.
sub temporary_write
{
	my ($k, $l) = (k(), k());
	return pick(
		"INSERT INTO a VALUES ($k)",
		"INSERT INTO a VALUES ($k), ($l) RETURNING i, g",
		"INSERT INTO a SELECT i FROM generate_series($k, $k + 5) i",
		"INSERT INTO a SELECT i FROM generate_series($k, $k + 5) i ON CONFLICT DO NOTHING",
		"INSERT INTO a VALUES ($k) ON CONFLICT (i) DO UPDATE SET n = a.n + 1 RETURNING n",
		"UPDATE a SET i = i + 1 WHERE i = $k",
		"UPDATE a SET n = n + 1 WHERE i BETWEEN $k AND $l RETURNING i, n",
		"DELETE FROM a WHERE i = $k",
		"DELETE FROM a WHERE i BETWEEN $k AND $k + 3 RETURNING i",
		"MERGE INTO a USING (VALUES ($k), ($l)) AS w (i) ON a.i = w.i WHEN MATCHED THEN UPDATE SET n = 5 WHEN NOT MATCHED THEN INSERT VALUES (w.i)",
		"INSERT INTO b VALUES ($k, $l * 20, 'x')",
		"UPDATE b SET n = n + 100 WHERE k < $k",
		"DELETE FROM b WHERE k = $k",
		"INSERT INTO b SELECT i, i, repeat('x', 3000) FROM generate_series($k, $k + 2) i",
		"INSERT INTO passing VALUES ($k)",
		"INSERT INTO passing SELECT generate_series($k, $k + 4)",
		"INSERT INTO child VALUES ($k)",
		"DELETE FROM child WHERE i = $k",
		"INSERT INTO parted VALUES ($k), ($l)",
		"UPDATE parted SET i = i + 20 WHERE i < $k",
		"INSERT INTO excluded VALUES (int4range($k, $k + 2))",
		"INSERT INTO v VALUES ($k, 1)",
		"UPDATE v SET i = $l WHERE i = $k",
		"WITH d AS (DELETE FROM a WHERE i = $k RETURNING i), w AS (INSERT INTO log SELECT 'moved', i FROM d) SELECT count(*) FROM d",
		"INSERT INTO log SELECT pg_temp.upsert($k), $k",
		"INSERT INTO log SELECT 'division', 1 / ($k % 4)",
		"DELETE FROM log WHERE i = $k");
}

# A command that makes, changes or drops temporary tables.
sub temporary_command
{
	my $x = 'x' . int(rand 4);
	my $k = k();
	return pick(
		"CREATE TEMP TABLE $x (n serial, i int)",
		"CREATE TEMP TABLE $x (i int PRIMARY KEY, n int GENERATED BY DEFAULT AS IDENTITY)",
		"CREATE TEMP TABLE $x (i int REFERENCES a, n int DEFAULT nextval('s'))",
		"CREATE TEMP TABLE IF NOT EXISTS $x (i int UNIQUE, n int)",
		"CREATE TEMP TABLE $x ON COMMIT DROP AS SELECT i, n FROM a",
		"CREATE TEMP TABLE $x AS SELECT i, 10 / (i % 7) AS n FROM generate_series($k, $k + 3) i",
		"CREATE TEMP TABLE $x (LIKE a INCLUDING ALL) ON COMMIT DELETE ROWS",
		"CREATE TEMP TABLE $x (m int) INHERITS (a)",
		"CREATE TEMP TABLE $x PARTITION OF parted FOR VALUES FROM (60) TO (90)",
		"CREATE TEMP VIEW $x AS SELECT i, n FROM a WHERE i > $k",
		"CREATE OR REPLACE TEMP VIEW $x AS SELECT i, n FROM b JOIN a ON k = i",
		"CREATE TEMP SEQUENCE $x",
		"CREATE INDEX ON $x (n)", "CREATE UNIQUE INDEX i$x ON $x (i)", "CREATE INDEX IF NOT EXISTS i$x ON a (n) WHERE i < 20", "DROP INDEX i$x",
		"DROP TABLE $x", "DROP TABLE $x", "DROP TABLE IF EXISTS $x, i$x", "DROP VIEW $x", "DROP VIEW IF EXISTS $x", "DROP SEQUENCE $x",
		"TRUNCATE $x", "TRUNCATE $x RESTART IDENTITY", "TRUNCATE passing, log", "TRUNCATE a", "TRUNCATE child, a", "TRUNCATE parted",
		"ANALYZE $x", "ANALYZE a, $x", "ANALYZE parted", "ANALYZE passing (i)",
		"INSERT INTO $x (i) VALUES ($k)", "DELETE FROM $x WHERE i = $k", "UPDATE $x SET n = n + 1");
}

# A block of plpgsql, with handlers and more of them inside; one text for each session.
sub block
{
	my ($depth) = @_;
	my ($here, $there) = ('', '');

	for (0 .. rand 3)
	{
		if (chance(0.3) && $depth < 3)
		{
			my ($one, $other) = @{ block($depth + 1) };
			my $handler = pick(
				'EXCEPTION WHEN OTHERS THEN NULL;',
				'EXCEPTION WHEN OTHERS THEN ' . write_in_block() . ';',
				'EXCEPTION WHEN unique_violation THEN UPDATE a SET n = n + 1;',
				'EXCEPTION WHEN read_only_sql_transaction OR division_by_zero THEN INSERT INTO log VALUES (SQLSTATE, 0);',
				'');
			$here .= "BEGIN $one $handler END; ";
			$there .= "BEGIN $other $handler END; ";
		}
		elsif (chance(0.08))
		{
			my ($one, $other) = @{ refused_statement() };
			s/^SELECT/PERFORM/ for ($one, $other);
			next if $one =~ /^DO|FOR UPDATE/;
			$here .= "$one; ";
			$there .= "$other; ";
		}
		else
		{
			my $sql = chance(0.15) ? pick('x := 1 / (SELECT count(*) FROM a WHERE i < 20)', 'x := nextval(\'s\')',
				'x := txid_current() * 0', 'x := pg_temp.nested(2, ' . k() . ')', 'RAISE EXCEPTION \'x\'',
				'COMMIT', 'ROLLBACK', 'y := pg_temp.upsert(' . k() . ')', 'y := pg_temp.insert_or_update(' . k() . ')')
			  : write_in_block();
			$here .= "$sql; ";
			$there .= "$sql; ";
		}
	}
	return [ $here, $there ];
}

sub write_in_block
{
	return temporary_command() if chance(0.2);
	my $sql = temporary_write();
	$sql =~ s/ RETURNING [^)]*$// unless $sql =~ /^WITH/;
	# a query whose rows go nowhere
	$sql = 'PERFORM pg_temp.upsert(' . k() . ')' if $sql =~ /^WITH/;
	return $sql;
}

# The savepoints and cursors of the transaction, as far as they are of use.
my %savepoints;
my %cursors;

# One step of the work: a statement, or two where the sessions get different ones.
sub statement
{
	my ($status) = @_;
	my ($k, $l) = (k(), k());
	my $savepoint = pick('x', 'y', 'z');
	my $known = pick(sort keys %savepoints) // $savepoint;

	if ($status eq 'E' && chance(0.85))
	{
		return "ROLLBACK TO $known" if %savepoints && chance(0.8);
		return pick('ROLLBACK', 'COMMIT', 'ROLLBACK AND CHAIN', "ROLLBACK TO $savepoint");
	}
	if ($status eq 'T' && chance(0.35))
	{
		return "SAVEPOINT $savepoint" if !%savepoints && chance(0.5);
		return pick('FETCH c', 'FETCH 3 FROM c', 'MOVE 2 IN c', 'FETCH u', 'FETCH ALL FROM u', 'CLOSE c', 'CLOSE u',
			'UPDATE a SET n = 7 WHERE CURRENT OF c', 'DELETE FROM a WHERE CURRENT OF c')
		  if %cursors && chance(0.4);
		return pick("SAVEPOINT $savepoint", "RELEASE $known", "RELEASE $known",
			"ROLLBACK TO $known", "ROLLBACK TO $known", 'COMMIT', 'COMMIT', 'ROLLBACK', 'COMMIT AND CHAIN',
			'SET CONSTRAINTS ALL IMMEDIATE', 'SET CONSTRAINTS ALL DEFERRED',
			"DECLARE c CURSOR FOR SELECT i, n FROM a WHERE i > $k ORDER BY i FOR UPDATE",
			"DECLARE c CURSOR FOR SELECT i FROM a ORDER BY i",
			"DECLARE h CURSOR WITH HOLD FOR SELECT i, txid_current() > 0 FROM a ORDER BY i",
			"DECLARE u CURSOR FOR SELECT pg_temp.upsert(i) FROM generate_series($k, $k + 4) i");
	}
	return pick('BEGIN', 'BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'BEGIN ISOLATION LEVEL SERIALIZABLE')
	  if $status eq 'I' && chance(0.25);
	return pick("CALL pg_temp.batch($k, false)", "CALL pg_temp.batch($k, true)") if $status eq 'I' && chance(0.02);

	return refused_statement() if chance(0.04);
	if (chance(0.2))
	{
		my ($here, $there) = @{ block(0) };
		my $handler = pick('', 'EXCEPTION WHEN OTHERS THEN NULL;', 'EXCEPTION WHEN unique_violation THEN NULL;');
		my $template = "DO \$x\$ DECLARE x bigint; y text; BEGIN %s $handler END \$x\$";
		return [ sprintf($template, $here), sprintf($template, $there) ];
	}
	return temporary_command() if chance(0.25);
	return temporary_write() if chance(0.6);
	return 'SELECT * FROM x' . int(rand 4) . ' ORDER BY 1, 2' if chance(0.1);
	return pick(
		'SELECT * FROM a ORDER BY i',
		'SELECT k, n, length(t) FROM b ORDER BY k',
		'SELECT count(*), sum(i) FROM passing',
		'SELECT what, i, count(*) FROM log GROUP BY 1, 2 ORDER BY 1, 2',
		'SELECT * FROM child ORDER BY id',
		'SELECT tableoid::regclass, i FROM parted ORDER BY 1, 2',
		'SELECT * FROM excluded ORDER BY r',
		"SELECT i FROM a WHERE i < $k ORDER BY i FOR UPDATE",
		"SELECT i FROM a WHERE i < $k ORDER BY i FOR KEY SHARE",
		"SELECT pg_temp.upsert($k), pg_temp.upsert($l)",
		"SELECT pg_temp.insert_or_update(i) FROM generate_series($k, $k + 3) i",
		"SELECT pg_temp.nested(3, $k)",
		"CALL pg_temp.batch($k, false)",
		"EXECUTE insert_a($k)", "EXECUTE update_b($k, $l)",
		"COPY (SELECT i FROM a ORDER BY i) TO STDOUT",
		"COPY (DELETE FROM a WHERE i = $k RETURNING i) TO STDOUT",
		'COPY a (i) FROM STDIN', 'COPY parted FROM STDIN', 'COPY passing FROM STDIN', 'COPY v (i) FROM STDIN',
		"EXPLAIN (COSTS off) INSERT INTO a VALUES ($k)",
		"EXPLAIN (COSTS off) UPDATE permanent SET i = 1",
		"EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) INSERT INTO a VALUES ($k)",
		'SELECT txid_current() > 0', 'SELECT pg_current_xact_id() IS NOT NULL', 'SELECT nextval(\'s\') > 0',
		'SELECT setval(\'s\', 1000)', 'SELECT 1 / 0', 'SELECT nothing', 'SELECT now() = now()',
		'DISCARD PLANS', 'FETCH 2 FROM h', 'CLOSE h',
		"BEGIN; INSERT INTO a VALUES ($k); SAVEPOINT x; INSERT INTO a VALUES ($k); COMMIT",
		"INSERT INTO a VALUES ($k); INSERT INTO b VALUES ($k); SELECT 1",
		"INSERT INTO a VALUES ($k) ON CONFLICT DO NOTHING; SELECT pg_temp.upsert($k)");
}

# Run a statement by one protocol or the other.
sub send_it
{
	my ($session, $sql, $protocol, $data) = @_;
	my $result = $protocol eq 'extended' ? $session->extended($sql) : $session->query($sql, $data);
	my $seen = "$result->{code} $result->{status} @{ $result->{tags} }\n" . join("\n", @{ $result->{rows} });
	return ($seen, $result);
}

my ($locked, $other) = (Wire->new($node), Wire->new($node));
$_->run(@setup) for ($locked, $other);
$locked->run(q(SET pg_session_readonly.denied_commands = 'default, -TEMPORARY TABLES'), "LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

my $status = 'I';
my @history;
my $difference = '';
my %codes;
my %tags;
my $done = 0;
my @queue;
while ($done < $statements)
{
	my $step = @queue ? shift @queue : statement($status);

	# like psql with ON_ERROR_ROLLBACK
	if (!@queue && $status eq 'T' && !ref $step && $step =~ /^(INSERT|UPDATE|DELETE|SELECT|DO)/ && chance(0.2))
	{
		@queue = ($step, \'end');
		$step = 'SAVEPOINT psql';
	}
	elsif (ref $step eq 'SCALAR')
	{
		$step = $status eq 'E' ? 'ROLLBACK TO psql' : 'RELEASE psql';
	}
	my ($here, $there) = ref $step ? @$step : ($step, $step);
	my $protocol = $here =~ /COPY|;.*;|; SELECT/ && $here !~ /^DO/ ? 'simple' : pick('simple', 'simple', 'extended');
	my $data = join("\n", map { k() } 0 .. rand 4) . "\n";
	my ($seen, $result) = send_it($locked, $here, $protocol, $data);
	my ($expected) = send_it($other, $there, $protocol, $data);

	$done++;
	@history = () if $status eq 'I';
	push @history, "$protocol: $here" . ($here =~ /FROM STDIN/ ? " <- $data" : '');
	$status = $result->{status};
	if ($result->{status} eq 'I' || $here =~ /AND CHAIN/)
	{
		%savepoints = %cursors = ();
	}
	elsif (!$result->{code})
	{
		$savepoints{$1} = 1 if $here =~ /^SAVEPOINT (.)$/;
		delete $savepoints{$1} if $here =~ /^RELEASE (.)$/;
		$cursors{$1} = 1 if $here =~ /^DECLARE (.)/;
		delete $cursors{$1} if $here =~ /^CLOSE (.)/;
	}
	$codes{ $result->{code} }++;
	$tags{$1}++ if ($result->{tags}[0] // '') =~ /^([A-Z]+)/;
	if ($seen ne $expected)
	{
		$difference = "seed $seed, statement $done, locked:\n$seen\n$result->{message}\nnot locked:\n$expected\nafter:\n  "
		  . join("\n  ", @history);
		last;
	}
}
is($difference, '', "$done statements, the same in a locked session (seed $seed)");

# It has been work worth its name.
SKIP:
{
	skip 'a difference', 3 if $difference;
	skip 'a short run', 2 if $statements < 10_000;
	note join(', ', map { "$_: $codes{$_}" } sort keys %codes);
	note join(', ', map { "$_: $tags{$_}" } sort keys %tags);
	my @missing = grep { ($codes{$_} // 0) < 5 } ('', '23505', '23514', '25006', '25P02', '22012', '23503');
	is("@missing", '', 'errors of all kinds were among them');
	@missing = grep { ($tags{$_} // 0) < 5 }
	  qw(INSERT UPDATE DELETE MERGE SELECT DO BEGIN COMMIT ROLLBACK SAVEPOINT RELEASE COPY FETCH DECLARE CALL CREATE DROP TRUNCATE ANALYZE);
	is("@missing", '', 'commands of all kinds were among them');
	is($locked->query('SELECT 1')->{code} =~ /^(|25P02)$/, 1, 'the locked session is usable');
}
$_->quit for ($locked, $other);
is($node->safe_psql('postgres', q(SELECT (SELECT count(*) FROM permanent), (SELECT is_called FROM permanent_seq),
		(SELECT count(*) FROM pg_largeobject_metadata))),
	'0|f|0', 'nothing else is written');

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
