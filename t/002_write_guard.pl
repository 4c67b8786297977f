# The write guard: whatever C code writes must not be committed, also where a
# statement had leave to write something else.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5");
$node->start;
$node->safe_psql('postgres', qq(
	CREATE TABLE victim (i int);
	CREATE UNLOGGED TABLE unlogged (i int);
	CREATE FUNCTION sneak(regclass, int) RETURNS int
		AS '$writer', 'writer_insert' LANGUAGE C STABLE;
	CREATE FUNCTION take_id() RETURNS int
		AS '$writer', 'writer_take_id' LANGUAGE C STABLE;
	CREATE TABLE parted (k int) PARTITION BY LIST (k);
	CREATE TABLE part1 PARTITION OF parted FOR VALUES IN (1);
	CREATE TABLE part2 PARTITION OF parted FOR VALUES IN (2);
	CREATE FUNCTION rolls_back() RETURNS int LANGUAGE plpgsql AS
		\$\$ BEGIN
			BEGIN
				ANALYZE pg_proc;
				RAISE EXCEPTION 'x';
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
			RETURN 1;
		END \$\$;
	CREATE FUNCTION sneaks() RETURNS void LANGUAGE plpgsql AS
		\$\$ BEGIN PERFORM sneak('victim', 1); END \$\$;
	CREATE FUNCTION sneaking_trigger() RETURNS trigger LANGUAGE plpgsql AS
		\$\$ BEGIN PERFORM sneak('victim', 1); RETURN NEW; END \$\$;
	CREATE FUNCTION id_taking_trigger() RETURNS trigger LANGUAGE plpgsql AS
		\$\$ BEGIN PERFORM take_id(); RETURN NEW; END \$\$;));

# The writer does write where nobody guards: otherwise this test shows nothing.
is( $node->safe_psql('postgres', q(
		BEGIN READ ONLY;
		SELECT sneak('victim', 0);
		COMMIT;
		DELETE FROM victim RETURNING i;)),
	"0\n0", 'C code writes in a read-only transaction of core');

my $setup = q(
	CREATE TEMP TABLE mine (i int);
	CREATE TEMP TABLE triggered (i int);
	CREATE TRIGGER t BEFORE INSERT ON triggered
		FOR EACH ROW EXECUTE FUNCTION sneaking_trigger();
	CREATE TEMP TABLE deferred (i int);
	CREATE CONSTRAINT TRIGGER t AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION sneaking_trigger();
	CREATE TEMP VIEW viewed AS SELECT 1 AS i;
	CREATE TRIGGER t INSTEAD OF INSERT ON viewed
		FOR EACH ROW EXECUTE FUNCTION id_taking_trigger();
	SET pg_session_readonly.denied_commands = 'default, -ANALYZE, -PREPARE TRANSACTION, -COPY PROGRAM, -COPY FILE, -NOTIFY, -CHECKPOINT, -LOAD';
	SET pg_session_readonly.pinned_settings = '';
	LOAD 'pg_session_readonly';
	SET pg_session_readonly.mode = locked;
);

# What the agent sends, in a session where each statement is sent by itself,
# and whether the write is to be refused.
my @attacks = (
	[ 'alone',                 q(SELECT sneak('victim', 1);) ],
	[ 'an id alone',           q(SELECT take_id();) ],
	[ 'an id, before one may be taken',
		q(DO $$ DECLARE x bigint; BEGIN x := take_id(); x := txid_current(); END $$;) ],
	[ 'in a transaction',      q(BEGIN; SELECT sneak('victim', 1); COMMIT;) ],
	[ 'in a function',         q(SELECT sneaks();) ],
	[ 'in DO',                 q(DO $$ BEGIN PERFORM sneaks(); END $$;) ],
	[ 'in a plpgsql expression',
		q(DO $$ DECLARE x int; BEGIN x := sneak('victim', 1); END $$;) ],
	[ 'before a COMMIT in DO',
		q(DO $$ DECLARE x int; BEGIN x := sneak('victim', 1); COMMIT; END $$;) ],
	[ 'after a COMMIT in DO',
		q(DO $$ DECLARE x int; BEGIN COMMIT; x := sneak('victim', 1); END $$;) ],
	[ 'with the refusal caught',
		q(DO $$ BEGIN
			BEGIN PERFORM sneak('victim', 1); EXCEPTION WHEN OTHERS THEN NULL; END;
		END $$;) ],
	[ 'after a refusal rolled back to a savepoint',
		q(BEGIN; SAVEPOINT a; SELECT sneak('victim', 1); ROLLBACK TO a;
		SELECT 1; COMMIT;) ],
	[ 'in EXPLAIN ANALYZE',    q(EXPLAIN ANALYZE SELECT sneak('victim', 1);) ],
	[ 'in COPY',               q(COPY (SELECT sneak('victim', 1)) TO STDOUT;) ],
	[ 'in a cursor',
		q(BEGIN; DECLARE c CURSOR FOR SELECT sneak('victim', 1); FETCH c; COMMIT;) ],
	[ 'in a held cursor',
		q(BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT sneak('victim', 1); COMMIT;) ],
	[ 'in a prepared statement',
		q(PREPARE p AS SELECT sneak('victim', 1); EXECUTE p;) ],
	[ 'after a temporary write',
		q(BEGIN; INSERT INTO mine VALUES (1); SELECT sneak('victim', 1); COMMIT;) ],
	[ 'after a temporary write, in one message',
		q(INSERT INTO mine VALUES (1)\; SELECT sneak('victim', 1);) ],
	[ 'before a temporary write',
		q(BEGIN; SELECT sneak('victim', 1); INSERT INTO mine VALUES (1); COMMIT;) ],
	[ 'inside a temporary write',
		q(INSERT INTO mine SELECT sneak('victim', 1);) ],
	[ 'inside a temporary write, returned',
		q(INSERT INTO mine VALUES (1) RETURNING sneak('victim', 1);) ],
	[ 'in a trigger of a temporary table', q(INSERT INTO triggered VALUES (1);) ],
	[ 'in a deferred trigger of a temporary table',
		q(INSERT INTO deferred VALUES (1);) ],
	[ 'between fetches of a cursor that locks temporary rows',
		q(INSERT INTO mine VALUES (1); BEGIN;
		DECLARE c CURSOR FOR SELECT * FROM mine FOR UPDATE; FETCH c;
		SELECT sneak('victim', 1); FETCH c; COMMIT;) ],
	[ 'after txid_current()',
		q(BEGIN; SELECT txid_current(); SELECT sneak('victim', 1); COMMIT;) ],
	[ 'beside txid_current()',
		q(SELECT txid_current(), sneak('victim', 1);) ],
	[ 'after EXPLAIN of a write',
		q(BEGIN; EXPLAIN UPDATE victim SET i = 1; SELECT sneak('victim', 1); COMMIT;) ],
	[ 'an id after EXPLAIN of txid_current()',
		q(BEGIN; EXPLAIN SELECT txid_current(); SELECT take_id(); COMMIT;) ],
	[ 'in EXPLAIN of a write',
		q(BEGIN; SELECT txid_current();
		EXPLAIN UPDATE victim SET i = sneak('victim', 1);
		SELECT sneak('victim', 1); EXPLAIN UPDATE victim SET i = 1; COMMIT;) ],
	[ 'after an allowed command',
		q(BEGIN; ANALYZE victim; SELECT sneak('victim', 1); COMMIT;) ],
	(map { my ($what, $sql) = @$_; [ "after an allowed $what", "BEGIN; $sql; SELECT take_id(); COMMIT;" ] }
		[ 'NOTIFY',       'NOTIFY somebody' ],
		[ 'CHECKPOINT',   'CHECKPOINT' ],
		[ 'LOAD',         "LOAD 'auto_explain'" ],
		[ 'COPY FILE',    "COPY (SELECT 1) TO '/dev/null'" ],
		[ 'COPY PROGRAM', "COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'" ]),
	[ 'after COPY of a temporary table',
		q(BEGIN; COPY mine TO STDOUT; SELECT take_id(); COMMIT;) ],
	[ 'after a write that was refused',
		q(BEGIN; SAVEPOINT a; INSERT INTO victim VALUES (1); ROLLBACK TO a; SELECT take_id(); COMMIT;) ],
	[ 'after a write of a temporary table and another that was refused',
		q(BEGIN; SAVEPOINT a; WITH x AS (INSERT INTO mine VALUES (1) RETURNING i) INSERT INTO victim SELECT i FROM x;
		ROLLBACK TO a; SELECT take_id(); COMMIT;) ],
	[ 'after an allowed command that took no id',
		q(BEGIN; ANALYZE victim; SELECT take_id(); COMMIT;) ],
	[ 'after a COPY that was refused',
		"BEGIN; SAVEPOINT a;\n\\copy victim FROM '/dev/null'\nROLLBACK TO a; SELECT take_id(); COMMIT;" ],
	[ 'in a trigger of a temporary view', q(INSERT INTO viewed VALUES (1);) ],
	[ 'after DISCARD', q(DISCARD TEMP; SELECT sneak('victim', 1);) ],
	[ 'inside a temporary write, with the counting of rows switched off',
		q(SET track_counts = off; SELECT set_config('track_counts', 'off', false);
		INSERT INTO mine SELECT sneak('victim', 1);) ],
	[ 'in the query of an allowed COPY',
		q(COPY (SELECT sneak('victim', 1)) TO PROGRAM 'cat > /dev/null';) ],
	[ 'while a plan is set up',
		q(SET plan_cache_mode = force_generic_plan;
		PREPARE p(int) AS SELECT * FROM parted WHERE k = sneak('victim', $1) FOR UPDATE;
		BEGIN; SELECT txid_current(); EXPLAIN EXECUTE p(1); COMMIT;) ],
	[ 'behind rows of an allowed command that was rolled back',
		q(INSERT INTO mine SELECT rolls_back() + sneak('victim', 1);) ],
	[ 'prepared for another session to commit',
		q(BEGIN; SELECT sneak('victim', 1); PREPARE TRANSACTION 'theirs';) ],
	[ 'inside a temporary write, into an unlogged table',
		q(INSERT INTO mine SELECT sneak('unlogged', 1);) ],
);

for my $attack (@attacks)
{
	my ($name, $sql) = @$attack;
	my ($rc, $stdout, $stderr) = $node->psql('postgres', $setup . $sql,
		on_error_stop => 0);
	like($stderr,
		qr/cannot execute a statement that writes in a read-only session/,
		"$name: refused");
	is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM victim) + (SELECT count(*) FROM unlogged)'),
		'0', "$name: nothing written");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'),
	'0', 'nothing prepared');

# Each is refused at its own end, not only as its transaction commits.
for my $attack (
	[ 'a query', q(SELECT sneak('victim', 1)) ],
	[ 'a command', q(DO $$ DECLARE x int; BEGIN x := sneak('victim', 1); END $$) ])
{
	my ($name, $sql) = @$attack;
	my $session = Wire->new($node);
	$session->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked', 'BEGIN');
	my $result = $session->query($sql);
	is("$result->{code} $result->{status}", '25006 E', "$name, in a transaction: refused at once");
	$session->quit;
}

# A refusal ends the transaction, not the session.
my ($rc, $stdout, $stderr) = $node->psql('postgres',
	$setup . q(SELECT sneak('victim', 1); SELECT 'still here';
		INSERT INTO mine VALUES (1); SELECT count(*) FROM mine;),
	on_error_stop => 0);
like($stdout, qr/still here\n1$/, 'the session is usable after a refusal');

# An allowed command is not caught, at its commit or when it is prepared.
($rc, $stdout, $stderr) = $node->psql('postgres', $setup . q(
	BEGIN; ANALYZE victim; COMMIT;
	BEGIN; LOCK TABLE victim IN ACCESS SHARE MODE; PREPARE TRANSACTION 'mine';),
	on_error_stop => 0);
is($stderr, '', 'allowed commands pass the write guard');
is($node->safe_psql('postgres', "SELECT gid FROM pg_prepared_xacts; ROLLBACK PREPARED 'mine'"),
	'mine', 'an allowed PREPARE TRANSACTION prepares');

# What was expected of it is not expected of the next transaction.
($rc, $stdout, $stderr) = $node->psql('postgres', $setup . q(
	BEGIN; SELECT 1; PREPARE TRANSACTION 'mine'; SELECT take_id();),
	on_error_stop => 0);
like($stderr, qr/cannot execute a statement that writes in a read-only session/, 'after PREPARE TRANSACTION: refused');
is($node->safe_psql('postgres', "SELECT gid FROM pg_prepared_xacts; ROLLBACK PREPARED 'mine'"),
	'mine', 'after PREPARE TRANSACTION: that is prepared');

$node->stop;
done_testing();
