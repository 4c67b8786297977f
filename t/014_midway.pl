# The lock falls in the midst of something: in a transaction, but not inside a savepoint,
# whose end would put the read-only flag back to what it was; inside a statement that goes
# on; over fastpath; in a parallel query.

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
	CREATE SEQUENCE s;
	CREATE TABLE victim (i int);
	CREATE FUNCTION sneak(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C STABLE;
	CREATE FUNCTION takes_next() RETURNS trigger LANGUAGE plpgsql AS
		'DECLARE x bigint; BEGIN x := nextval(''s''); RETURN NEW; END';
	CREATE FUNCTION performs_next() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN PERFORM nextval(''s''); RETURN NEW; END';
	CREATE FUNCTION locks() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN PERFORM set_config(''pg_session_readonly.mode'', ''locked'', false); RETURN NEW; END';
	CREATE FUNCTION locks_and_inserts() RETURNS int LANGUAGE plpgsql AS
		'BEGIN PERFORM set_config(''pg_session_readonly.mode'', ''locked'', false);
			INSERT INTO victim VALUES (1); RETURN 1; END';
	CREATE FUNCTION locks_and_takes_next() RETURNS bigint LANGUAGE plpgsql AS
		'DECLARE x bigint; BEGIN PERFORM set_config(''pg_session_readonly.mode'', ''locked'', false);
			x := nextval(''s''); RETURN x; END';
	CREATE TABLE locking (i int);
	CREATE TRIGGER t BEFORE INSERT ON locking FOR EACH ROW EXECUTE FUNCTION locks();
	CREATE PROCEDURE locks_and_commits() LANGUAGE plpgsql AS
		'BEGIN PERFORM set_config(''pg_session_readonly.mode'', ''locked'', false);
			COMMIT; INSERT INTO victim VALUES (1); END';));

# Nothing of this may change between two tests.
my $state_query = q(SELECT (SELECT count(*) FROM victim), (SELECT count(*) FROM locking),
	(SELECT last_value || ' ' || is_called FROM s), (SELECT count(*) FROM pg_largeobject_metadata),
	(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace));
my $state = $node->safe_psql('postgres', $state_query);

sub unchanged
{
	my ($name) = @_;
	my $now = $node->safe_psql('postgres', $state_query);
	is($now, $state, "$name: nothing changed");
	$state = $now;
}

# Send one statement after the other; the first SQLSTATE that is an error, or ''.
sub first_error
{
	my ($session, @statements) = @_;
	for my $sql (@statements)
	{
		my $result = ref $sql ? $sql->($session) : $session->query($sql);
		return $result->{code} if $result->{code};
	}
	return '';
}

my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');

# --- not inside a savepoint, nor in a block with a handler ---
for my $preload ('', '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off')
{
	for my $case (
		[ 'a savepoint', 'BEGIN; SAVEPOINT a; SELECT 1', 'ROLLBACK TO a; RELEASE a' ],
		[ 'a savepoint in another', 'BEGIN; SAVEPOINT a; SAVEPOINT b; SELECT 1', 'ROLLBACK TO a; RELEASE a' ])
	{
		my ($where, $before, $after) = @$case;
		for my $way ('LOAD', 'SET', 'SET LOCAL', 'set_config()', 'lock()', 'on')
		{
			my $session = Wire->new($node, options => $preload);
			my %sql = (
				'LOAD' => "LOAD 'pg_session_readonly'",
				'SET' => 'SET pg_session_readonly.mode = locked',
				'SET LOCAL' => 'SET LOCAL pg_session_readonly.mode = locked',
				'set_config()' => q(SELECT set_config('pg_session_readonly.mode', 'locked', false)),
				'lock()' => 'SELECT pg_session_readonly_lock()',
				'on' => 'SET pg_session_readonly.mode = on');
			next if $preload && $way eq 'LOAD';
			my $name = "$way inside $where" . ($preload ? ', preloaded' : '');
			$session->query($before);
			$session->run("SAVEPOINT c", "RELEASE c");
			# without the library SET makes a placeholder, which LOAD takes up
			my $code = first_error($session, $sql{$way}, $preload || $way =~ /lock|LOAD/ ? () : $sql{LOAD});
			is($code, '25001', "$name: refused");
			$session->run($_) for split /; /, $after;
			is(first_error($session, 'INSERT INTO victim VALUES (1)'), '', "$name: the session is as it was");
			$session->run('ROLLBACK');
			is(first_error($session, @lock), '', "$name: and can be locked");
			is(first_error($session, 'INSERT INTO victim VALUES (1)'), '25006', "$name: and then is");
			$session->quit;
		}
	}
}
# The handler's block is a subtransaction, and so is one inside it.
for my $way ('SET pg_session_readonly.mode = locked', 'SET LOCAL pg_session_readonly.mode = locked', 'SET pg_session_readonly.mode = on',
	q(PERFORM set_config('pg_session_readonly.mode', 'locked', false)), q(PERFORM set_config('pg_session_readonly.mode', 'on', true)),
	'PERFORM pg_session_readonly_lock()', q(LOAD 'pg_session_readonly'))
{
	for my $block (
		[ 'a block with a handler', "BEGIN $way; EXCEPTION WHEN raise_exception THEN NULL; END" ],
		[ 'a block in a block', "BEGIN BEGIN $way; EXCEPTION WHEN raise_exception THEN NULL; END; EXCEPTION WHEN raise_exception THEN NULL; END" ],
		[ 'a handler', "BEGIN BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN $way; END; EXCEPTION WHEN raise_exception THEN NULL; END" ],
		[ 'a block, and caught', "BEGIN BEGIN $way; RAISE 'went up'; EXCEPTION WHEN active_sql_transaction THEN NULL; END; END" ])
	{
		my ($where, $code) = @$block;
		my $loads = $way =~ /LOAD/;
		my $name = "$way in $where";
		my $session = Wire->new($node, options => $loads ? ''
			: '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
		# LOAD alone asks for nothing there
		$session->run('SET pg_session_readonly.mode = locked') if $loads;
		is($session->query("DO \$\$ $code \$\$")->{code}, $where =~ /caught/ ? '' : '25001', "$name: refused");
		is(first_error($session, 'BEGIN', 'INSERT INTO victim VALUES (1)', 'ROLLBACK'), '', "$name: the session is as it was");
		is(first_error($session, @lock, 'INSERT INTO victim VALUES (1)'), '25006', "$name: and can be locked");
		$session->quit;
	}
}
unchanged('not inside a savepoint');

# --- a savepoint in a transaction that is locked ---
my $temporary = 'CREATE TEMP TABLE deferred (i int)';
my $trigger = 'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION';
# A query whose first row does no harm, and the following ones do.
my $later = sub { "SELECT CASE WHEN i > 1 THEN $_[0] END FROM generate_series(1, 3) i" };
for my $case (
	[ 'setval() in a held cursor', q(DECLARE c CURSOR WITH HOLD FOR SELECT setval('s', 4711)), 'COMMIT' ],
	[ 'nextval() in a held cursor', q(DECLARE c CURSOR WITH HOLD FOR SELECT nextval('s')), 'COMMIT' ],
	[ 'nextval() in a held cursor, after RELEASE',
		q(DECLARE c CURSOR WITH HOLD FOR SELECT nextval('s')), 'RELEASE a', 'COMMIT' ],
	[ 'nextval() in a held cursor, declared after RELEASE',
		'RELEASE a', q(DECLARE c CURSOR WITH HOLD FOR SELECT nextval('s')), 'COMMIT' ],
	[ 'nextval() in a held cursor, declared after ROLLBACK TO',
		'ROLLBACK TO a', q(DECLARE c CURSOR WITH HOLD FOR SELECT nextval('s')), 'COMMIT' ],
	[ 'nextval() in a held cursor, deeper',
		'SAVEPOINT b', q(DECLARE c CURSOR WITH HOLD FOR SELECT nextval('s')), 'RELEASE b', 'COMMIT' ],
	[ 'nextval() in a held cursor, fetched from', 'DECLARE c CURSOR WITH HOLD FOR ' . $later->("nextval('s')"),
		'FETCH c', 'RELEASE a', 'COMMIT' ],
	[ 'nextval() in a cursor, after RELEASE', 'DECLARE c CURSOR FOR ' . $later->("nextval('s')"),
		'FETCH c', 'RELEASE a', 'FETCH c', 'COMMIT' ],
	[ 'a row written in a held cursor', q(DECLARE c CURSOR WITH HOLD FOR SELECT sneak('victim', 1)), 'COMMIT' ],
	[ 'a large object in a held cursor', q(DECLARE c CURSOR WITH HOLD FOR SELECT lo_creat(-1)), 'COMMIT' ],
	[ 'a deferred trigger with an expression', { before => "$trigger takes_next()" },
		'INSERT INTO deferred VALUES (1)', 'COMMIT' ],
	[ 'a deferred trigger with a query', { before => "$trigger performs_next()" },
		'INSERT INTO deferred VALUES (1)', 'COMMIT' ],
	[ 'a deferred trigger, after RELEASE', { before => "$trigger performs_next()" },
		'INSERT INTO deferred VALUES (1)', 'RELEASE a', 'COMMIT' ],
	[ 'a deferred trigger, at SET CONSTRAINTS after RELEASE', { before => "$trigger takes_next()" },
		'INSERT INTO deferred VALUES (1)', 'RELEASE a', 'SET CONSTRAINTS ALL IMMEDIATE', 'COMMIT' ],
	[ 'INSERT after RELEASE', 'RELEASE a', 'INSERT INTO victim VALUES (1)', 'COMMIT' ],
	[ 'CREATE TABLE after RELEASE', 'RELEASE a', 'CREATE TABLE stolen (i int)', 'COMMIT' ],
	[ 'several statements in one message', "RELEASE a; SELECT nextval('s'); COMMIT" ],
	[ 'a suspended portal, after RELEASE',
		sub {
			my ($session) = @_;
			$session->parse('', $later->("nextval('s')"));
			$session->bind('p', '');
			$session->execute('p', 1);
			my $result = $session->sync;
			ok($result->{suspended}, 'the portal is suspended') or diag $result->{message};
			return $result;
		},
		sub { $_[0]->extended('RELEASE a') },
		sub { $_[0]->execute('p', 1); $_[0]->sync },
		sub { $_[0]->extended('COMMIT') } ],
	[ 'a suspended portal, after RELEASE in the same message',
		sub {
			my ($session) = @_;
			$session->parse('', $later->("setval('s', 4711)"));
			$session->bind('p', '');
			$session->execute('p', 1);
			$session->parse('', 'RELEASE a');
			$session->bind('', '');
			$session->execute('');
			$session->execute('p', 0);
			$session->parse('', 'COMMIT');
			$session->bind('', '');
			$session->execute('');
			return $session->sync;
		} ],
	[ 'a portal bound before RELEASE, and run after',
		sub {
			my ($session) = @_;
			$session->parse('', q(SELECT nextval('s')));
			$session->bind('p', '');
			$session->parse('', 'RELEASE a');
			$session->bind('', '');
			$session->execute('');
			$session->execute('p', 0);
			return $session->sync;
		} ],
	[ 'fastpath nextval() after RELEASE', 'RELEASE a',
		sub { $_[0]->fastpath($node->safe_psql('postgres', q(SELECT 'nextval'::regproc::oid)),
			$node->safe_psql('postgres', q(SELECT 's'::regclass::oid))) } ],
	[ 'fastpath lo_creat() after RELEASE', 'RELEASE a',
		sub { $_[0]->fastpath($node->safe_psql('postgres', q(SELECT 'lo_creat'::regproc::oid)), -1) },
		'COMMIT' ])
{
	my ($name, @agent) = @$case;
	my $host = ref $agent[0] eq 'HASH' ? shift @agent : {};

	for my $way ('LOAD', 'preloaded')
	{
		my $session = Wire->new($node, options => $way eq 'LOAD' ? ''
			: '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
		$session->run($temporary, $host->{before} || 'SELECT 1', 'BEGIN', $way eq 'LOAD' ? @lock : $lock[1], 'SAVEPOINT a');
		is(first_error($session, @agent), '25006', "savepoint in a locked transaction ($way), $name: refused");
		unchanged("savepoint in a locked transaction ($way), $name");
		$session->query('ROLLBACK');
		is(first_error($session, q(SELECT nextval('s'))), '25006', "savepoint in a locked transaction ($way), $name: stays locked");
		$session->quit;
	}
}

# Likewise in the block of a DO with an exception handler, a subtransaction too.
for my $harm (q(PERFORM nextval('s')), q(x := nextval('s')), 'INSERT INTO victim VALUES (1)',
	q(EXECUTE 'CREATE TABLE stolen (i int)'), q(PERFORM sneak('victim', 1)), q(COMMIT; x := nextval('s')))
{
	for my $end ('NULL', q(RAISE EXCEPTION 'x'))
	{
		my $name = "lock before a block that ends with $end, then $harm";
		my $session = Wire->new($node);
		is( first_error($session, "DO \$\$ DECLARE x bigint; BEGIN
				LOAD 'pg_session_readonly';
				SET pg_session_readonly.mode = locked;
				BEGIN
					$end;
				EXCEPTION WHEN raise_exception THEN NULL;
				END;
				$harm;
			END \$\$"),
			'25006', "$name: refused");
		unchanged($name);
		is($session->run('SHOW pg_session_readonly.mode'), 'locked', "$name: stays");
		$session->quit;
	}
}

# --- the lock in the midst of a statement, whose rest is guarded ---
# The library is there and off: it may have no hook in place yet.
my $locks = q(set_config('pg_session_readonly.mode', 'locked', false));
for my $case (
	[ 'setval()', "SELECT $locks, setval('s', 4711)" ],
	[ 'nextval()', "SELECT $locks, nextval('s')" ],
	[ 'nextval() in the next row', "SELECT CASE WHEN i = 1 THEN $locks ELSE nextval('s')::text END FROM generate_series(1, 2) i" ],
	[ 'lo_creat()', "SELECT $locks, lo_creat(-1)" ],
	[ 'lo_from_bytea()', "SELECT $locks, lo_from_bytea(0, 'x')" ],
	[ 'C code that writes', "SELECT $locks, sneak('victim', 1)" ],
	[ 'C code that writes, by the words for it', "SELECT pg_session_readonly_lock(), sneak('victim', 1)" ],
	[ 'INSERT', "WITH l AS MATERIALIZED (SELECT $locks) INSERT INTO victim SELECT 1 FROM l" ],
	[ 'INSERT in a CTE', "WITH w AS (INSERT INTO victim SELECT 1 WHERE $locks IS NOT NULL RETURNING i) SELECT * FROM w" ],
	[ 'INSERT by a trigger', 'INSERT INTO locking VALUES (1)' ],
	[ 'COPY by a trigger', 'COPY locking FROM STDIN', "1\n2\n" ],
	[ 'EXPLAIN ANALYZE', "EXPLAIN ANALYZE SELECT $locks, sneak('victim', 1)" ],
	[ 'EXPLAIN ANALYZE INSERT', "EXPLAIN ANALYZE INSERT INTO victim SELECT 1 WHERE $locks IS NOT NULL" ],
	[ 'COPY of a query', "COPY (SELECT $locks, sneak('victim', 1)) TO STDOUT" ],
	[ 'function', 'SELECT locks_and_inserts()' ],
	[ 'function with an expression', 'SELECT locks_and_takes_next()' ],
	[ 'DO', "DO \$\$ BEGIN PERFORM $locks; INSERT INTO victim VALUES (1); END \$\$" ],
	[ 'DO with an expression', "DO \$\$ DECLARE x bigint; BEGIN PERFORM $locks; x := nextval('s'); END \$\$" ],
	[ 'DO with an expression that has run before',
		"DO \$\$ DECLARE x int; BEGIN FOR i IN 0 .. 1 LOOP
			x := CASE WHEN i = 1 THEN sneak('victim', 1) ELSE 0 END; PERFORM $locks; END LOOP; END \$\$" ],
	[ 'DO with a statement that has run before',
		"DO \$\$ BEGIN FOR i IN 0 .. 1 LOOP
			INSERT INTO victim SELECT 1 WHERE i = 1; PERFORM $locks; END LOOP; END \$\$" ],
	[ 'DO with SET and a utility command',
		"DO \$\$ BEGIN SET pg_session_readonly.mode = locked; CREATE TABLE stolen (i int); END \$\$" ],
	[ 'DO with SET and COMMIT',
		"DO \$\$ BEGIN SET pg_session_readonly.mode = locked; COMMIT; INSERT INTO victim VALUES (1); COMMIT; END \$\$" ],
	[ 'DO with SET and VACUUM', "DO \$\$ BEGIN SET pg_session_readonly.mode = locked; ANALYZE victim; END \$\$" ],
	[ 'procedure', 'CALL locks_and_commits()' ],
	[ 'several statements in one message', "SELECT $locks; INSERT INTO victim VALUES (1)" ],
	[ 'several statements in one message, and COMMIT', "SELECT $locks; COMMIT; INSERT INTO victim VALUES (1)" ],
	[ 'several statements in one message, SET first', 'SET pg_session_readonly.mode = locked; DROP TABLE victim' ])
{
	my ($name, $sql, $data) = @$case;
	for my $protocol ('simple', 'extended')
	{
		next if $protocol eq 'extended' && ($data || $name =~ /message/);
		my $session = Wire->new($node,
			options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
		my $result = $protocol eq 'simple' ? $session->query($sql, $data) : $session->extended($sql);
		is($result->{code}, '25006', "lock in a statement ($protocol), $name: the rest is refused");
		unchanged("lock in a statement ($protocol), $name");
		is($session->run('SHOW pg_session_readonly.mode') . $session->run('SHOW transaction_read_only'),
			'lockedon', "lock in a statement ($protocol), $name: the lock stays");
		is($session->query('INSERT INTO victim VALUES (1)')->{code}, '25006', "lock in a statement ($protocol), $name: and holds");
		$session->quit;
	}
}

# A statement that has locked the session and reads on is not disturbed.
{
	my $session = Wire->new($node,
		options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
	is($session->run("SELECT i, CASE WHEN i = 2 THEN $locks END FROM generate_series(1, 3) i"),
		"1|\n2|locked\n3|", 'lock in a statement: its reading goes on');
	$session->quit;

	# what has written cannot be locked any more, also in one statement
	$session = Wire->new($node,
		options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
	is($session->query("DO \$\$ BEGIN PERFORM sneak('victim', 1); PERFORM $locks; END \$\$")->{code}, '25001',
		'no lock after a write in the same statement');
	unchanged('no lock after a write in the same statement');
	is($session->run('SHOW pg_session_readonly.mode'), 'off', 'no lock after a write: off');
	$session->quit;
}

# --- what core holds on to while look-ups are flushed ---
{
	$node->safe_psql('postgres', q{
		CREATE TYPE text_range AS RANGE (SUBTYPE = text);
		CREATE TABLE multi AS SELECT int4multirange(int4range(1, 2)) m;
		CREATE TABLE own AS SELECT text_multirange(text_range('a', 'b')) m;});
	my $session = Wire->new($node);
	my $sql = 'SELECT upper(multi.m), upper(own.m) FROM multi, own';

	$session->run($sql, "LOAD 'pg_session_readonly'");
	is($session->run($sql), '2|b', 'multirange, before and after the mode goes up');
	$session->run('SET pg_session_readonly.mode = off', $sql);
	is($session->run("SELECT set_config('pg_session_readonly.mode', 'locked', false) || upper(multi.m) || upper(own.m) FROM multi, own"),
		'locked2b', 'multirange, in the statement that locks');
	$session->quit;
}

# --- the first statement after the lock is a mistake, in its transaction ---
# What the lock has put off to the next statement is about catalogs, at which nobody
# may look in a failed transaction (a server with assertions would crash).
for my $mistake ('SELECT * FROM nothing', 'SELECT 1 +', 'COPY nothing TO STDOUT')
{
	for my $way ('LOAD', 'preloaded')
	{
		for my $end ('ROLLBACK', 'COMMIT', 'ROLLBACK TO a; SELECT 1; ROLLBACK', 'SHOW work_mem; ROLLBACK')
		{
			my $name = "$mistake after the lock ($way), then $end";
			my $session = Wire->new($node, options => $way eq 'LOAD' ? ''
				: '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
			$session->run($lock[0]) if $way eq 'LOAD';
			$session->run('BEGIN', $lock[1], 'SAVEPOINT a');
			like($session->query($mistake)->{code}, qr/^42/, "$name: an error");
			is($session->query($end)->{code}, $end =~ /^SHOW/ ? '25P02' : '', "$name: goes on");
			$session->query('ROLLBACK');
			is($session->query(q(SELECT nextval('s')))->{code}, '25006', "$name: stays locked");
			$session->quit;
		}
	}
}

# --- over fastpath, where no statement's text is there ---
{
	my $lock = $node->safe_psql('postgres', q(SELECT 'pg_session_readonly_lock()'::regprocedure::oid));
	my $set_config = $node->safe_psql('postgres', q(SELECT 'set_config(text,text,boolean)'::regprocedure::oid));

	$node->safe_psql('postgres', 'CREATE TABLE fast (i int)');
	for my $end ('COMMIT', 'ROLLBACK')
	{
		# the call is what loads the library
		my $session = Wire->new($node);

		$session->run('BEGIN');
		is($session->fastpath($lock)->{code}, '', "fastpath lock, $end");
		is($session->query('INSERT INTO fast VALUES (1)')->{code}, '25006', "fastpath lock, $end: refused at once");
		$session->query($end);
		is($session->query('SET pg_session_readonly.mode = off')->{code}, '25006', "fastpath lock, $end: nobody unlocks it");
		is($session->query('INSERT INTO fast VALUES (1)')->{code}, '25006', "fastpath lock, $end: refused afterwards");
		is($session->run('SHOW pg_session_readonly.mode'), 'locked', "fastpath lock, $end: locked");
		$session->quit;
	}
	is($node->safe_psql('postgres', 'SELECT count(*) FROM fast'), '0', 'fastpath lock: nothing was written');

	# a bad name is an error of the call, and of nothing else
	my $session = Wire->new($node);
	$session->run("SET pg_session_readonly.bad = '1'");
	is($session->fastpath($lock)->{code}, '22023', 'fastpath lock with a bad name: refused');
	is($session->run('SELECT 1'), '1', 'fastpath lock with a bad name: the session goes on');
	$session->quit;

	# look-ups from before are flushed as by SET
	$node->safe_psql('postgres', qq(
		CREATE FUNCTION fast_compare(int, int) RETURNS int AS 'btint4cmp' LANGUAGE internal IMMUTABLE;
		CREATE OPERATOR CLASS fast_ops FOR TYPE int USING btree AS
			OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 fast_compare(int, int);
		CREATE TABLE fast_index AS SELECT generate_series(1, 9) i;
		CREATE INDEX ON fast_index (i fast_ops);));
	$session = Wire->new($node,
		options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off -c enable_seqscan=off');
	$session->run("SET pg_session_readonly.denied_functions = 'fast_compare'", 'SELECT * FROM fast_index WHERE i = 3');
	is($session->fastpath($set_config, 'pg_session_readonly.mode', 'locked', 'f')->{code}, '', 'fastpath set_config()');
	is($session->query('SELECT * FROM fast_index WHERE i = 3')->{code}, '25006',
		'fastpath set_config(): an index that was in use before is refused');
	$session->quit;
}

# --- a LOAD that is cancelled has loaded nothing, or all ---
{
	my ($done, $cancelled, $guarded) = (0, 0, 0);

	for my $try (1 .. 60)
	{
		my $session = Wire->new($node);
		my $timeout = 1 + $try % 3;

		# one string: where it is cancelled, the timeout is what it was before, however
		# slow the server is
		$cancelled++
		  if $session->query("SET statement_timeout = $timeout; LOAD 'pg_session_readonly'; SET statement_timeout = 0")
			  ->{code} eq '57014';
		$session->query('SELECT count(*) FROM pg_class');
		my $code = $session->query("LOAD 'pg_session_readonly'")->{code} // 'gone';
		$session->query('SET pg_session_readonly.mode = locked');
		$done++ if $code eq '';
		$guarded++ if ($session->query('CREATE TABLE cancelled (i int)')->{code} // 'gone') eq '25006';
		$session->quit;
	}
	note("$cancelled of 60 were cancelled");
	is($done, 60, 'LOAD after a LOAD that may have been cancelled');
	is($guarded, 60, 'then locked, all of them');
}

# --- a plan that was made before, set up after the end of a savepoint ---
# Nothing is parsed any more when it runs: the plan is checked as it is set up, and
# the write guard has nothing to find.
$state = $node->safe_psql('postgres', $state_query);
for my $sql ('INSERT INTO victim VALUES (1) RETURNING i', 'SELECT i FROM victim FOR UPDATE', 'CREATE TABLE slipped (i int)')
{
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
	$session->parse('s', $sql);
	is($session->sync->{code}, '', "$sql: prepared");
	$session->run('BEGIN', 'SET pg_session_readonly.mode = locked', 'SAVEPOINT a');
	# has core look at the statement once more
	$session->message('D', "Ss\0");
	$session->sync;
	$session->run('RELEASE a');
	$session->bind('', 's');
	$session->execute('');
	like($session->sync->{message}, qr/^cannot execute (INSERT|SELECT FOR UPDATE|CREATE TABLE) in a read-only transaction$/,
		"$sql: prepared before the lock, run after a savepoint: core refuses it");
	$session->quit;
}
unchanged('plans that were made before');

# --- the lock falls in a parallel query ---
{
	my $force = $node->safe_psql('postgres',
		"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
	$node->safe_psql('postgres', q(
		CREATE FUNCTION locks_in_parallel(int) RETURNS int LANGUAGE sql PARALLEL SAFE
			SET pg_session_readonly.mode = locked AS 'SELECT $1';
		CREATE TABLE big AS SELECT i FROM generate_series(1, 10) i;));
	# the leader does all the work, in parallel mode
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
	$session->run("SET $force = on", 'SET max_parallel_workers = 0', 'SET log_statement = none');
	my $result = $session->query('SELECT sum(locks_in_parallel(i)) FROM big');
	is("$result->{code}@{$result->{rows}}", '55', 'lock in a parallel query: it goes on');
	is("@{$result->{notices}}", '', 'lock in a parallel query: without a warning');
	is($session->run('SHOW pg_session_readonly.mode'), 'locked', 'lock in a parallel query: locked');
	is($session->{parameters}{default_transaction_read_only}, 'on', 'lock in a parallel query: the client is told');
	is($session->query(q(SET log_statement = 'all'))->{code}, '55P02', 'lock in a parallel query: settings are pinned');
	is($session->query('INSERT INTO victim VALUES (1)')->{code}, '25006', 'lock in a parallel query: a write is refused');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
