# What a refused client reads, and what an administrator counts: every refusal in a
# guarded session has SQLSTATE 25006, a DETAIL that says by whom, and a HINT; core's
# own refusals among them.  In a session that nobody guards they stay as core has them.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
# the positions of refusals are counted in characters
$node->init(extra => [ '--encoding', 'UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', q(
log_statement = none
log_line_prefix = '%m [%p] %e user=%u '
shared_preload_libraries = 'pg_session_readonly'
));
$node->start;
$node->safe_psql('postgres', q(
	CREATE ROLE agent LOGIN SUPERUSER;
	CREATE ROLE analyst LOGIN;
	CREATE TABLE t (i int);
	INSERT INTO t VALUES (1), (2);
	CREATE SEQUENCE s;
	CREATE TABLE other (i int);
	CREATE VIEW v AS SELECT nextval('s');
	CREATE FUNCTION inserts() RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO t VALUES (3); END $$;
	CREATE FUNCTION inserts_sql() RETURNS void LANGUAGE sql AS 'INSERT INTO t VALUES (3)';
	CREATE FUNCTION expression() RETURNS bigint LANGUAGE plpgsql AS
		$$ DECLARE x bigint; BEGIN x := nextval('s'); RETURN x; END $$;
	CREATE FUNCTION catches() RETURNS text LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO t VALUES (3); EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
	CREATE FUNCTION raises_again() RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO t VALUES (3); EXCEPTION WHEN OTHERS THEN RAISE; END $$;
	CREATE FUNCTION raises(text) RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION '%', $1 USING ERRCODE = '25006'; END $$;
	CREATE FUNCTION raises_as_ours(text) RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION '%', $1 USING ERRCODE = '25006', DETAIL = 'Refused by pg_session_readonly: x'; END $$;
	CREATE PROCEDURE p() LANGUAGE plpgsql AS
		$$ BEGIN COMMIT; INSERT INTO t VALUES (3); END $$;
	CREATE EXTENSION pg_session_readonly;
	GRANT ALL ON ALL TABLES IN SCHEMA public TO analyst;
	GRANT ALL ON SCHEMA public TO analyst;
	GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO analyst;));

# How many refusals the log has since then, counted line by line.  What a client wrote
# follows the prefix and another word, or a tab where it has line breaks; so the
# pattern must hold from the start of the line.
my $counted_from = -s $node->logfile;

sub refusals_in_log
{
	my ($user) = @_;
	return scalar grep { /^\S+ \S+ \S+ \[\d+\] 25006 user=$user DETAIL:  Refused by pg_session_readonly: / }
	  split /\n/, slurp_file($node->logfile, $counted_from);
}

# A session in this mode.
sub session
{
	my ($user, $mode) = @_;
	my $session = Wire->new($node, user => $user);
	$session->run("SET pg_session_readonly.mode = $mode") if $mode;
	return $session;
}

my $marked = qr/^Refused by pg_session_readonly: ./;
my $hint = qr{^(?:The session is read-only by decision of its host|An administrator can )};

# statements and what core or we call them
my @refused = (
	[ 'INSERT', 'INSERT INTO t VALUES (3)', 'cannot execute INSERT in a read-only transaction' ],
	[ 'UPDATE', 'UPDATE t SET i = 4', 'cannot execute UPDATE in a read-only transaction' ],
	[ 'DELETE', 'DELETE FROM t', 'cannot execute DELETE in a read-only transaction' ],
	[ 'MERGE', 'MERGE INTO t USING other o ON t.i = o.i WHEN NOT MATCHED THEN INSERT VALUES (o.i)',
		'cannot execute MERGE in a read-only transaction' ],
	[ 'WITH', 'WITH x AS (DELETE FROM t RETURNING i) SELECT * FROM x', 'cannot execute DELETE on "t" in a read-only session' ],
	[ 'TRUNCATE', 'TRUNCATE t', 'cannot execute TRUNCATE TABLE in a read-only transaction' ],
	[ 'DROP TABLE', 'DROP TABLE t', 'cannot execute DROP TABLE in a read-only transaction' ],
	[ 'CREATE TABLE', 'CREATE TABLE new (i int)', 'cannot execute CREATE TABLE in a read-only transaction' ],
	[ 'CREATE TABLE AS', 'CREATE TABLE new AS SELECT 1', 'cannot execute CREATE TABLE AS in a read-only transaction' ],
	[ 'SELECT INTO', 'SELECT 1 AS i INTO new', 'cannot execute SELECT INTO in a read-only transaction' ],
	[ 'ALTER TABLE', 'ALTER TABLE t ADD j int', 'cannot execute ALTER TABLE in a read-only transaction' ],
	[ 'GRANT', 'GRANT SELECT ON t TO PUBLIC', 'cannot execute GRANT in a read-only transaction' ],
	[ 'COMMENT', "COMMENT ON TABLE t IS 'x'", 'cannot execute COMMENT in a read-only transaction' ],
	[ 'SELECT FOR UPDATE', 'SELECT * FROM t FOR UPDATE', 'cannot execute SELECT FOR UPDATE in a read-only transaction' ],
	[ 'SELECT FOR KEY SHARE', 'SELECT * FROM t FOR KEY SHARE', 'cannot execute SELECT FOR KEY SHARE in a read-only transaction' ],
	[ 'nextval()', "SELECT nextval('s')", 'cannot execute nextval() in a read-only transaction' ],
	[ 'setval()', "SELECT setval('s', 1)", 'cannot execute setval() in a read-only transaction' ],
	[ 'nextval() in a view', 'SELECT * FROM v', 'cannot execute nextval() in a read-only transaction' ],
	[ 'nextval() in an expression of plpgsql', 'SELECT expression()', 'cannot execute nextval() in a read-only transaction' ],
	[ 'plpgsql', 'SELECT inserts()', 'cannot execute INSERT in a read-only transaction' ],
	[ 'SQL function', 'SELECT inserts_sql()', 'cannot execute INSERT in a read-only transaction' ],
	[ 'DO', 'DO $$ BEGIN DELETE FROM t; END $$', 'cannot execute DELETE in a read-only transaction' ],
	[ 'EXECUTE in DO', q(DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$), 'cannot execute DROP TABLE in a read-only transaction' ],
	[ 'procedure after COMMIT', 'CALL p()', 'cannot execute INSERT in a read-only transaction' ],
	[ 'caught and raised again', 'SELECT raises_again()', 'cannot execute INSERT in a read-only transaction' ],
	[ 'several statements', 'SELECT 1; INSERT INTO t VALUES (3); SELECT 2', 'cannot execute INSERT in a read-only transaction' ],
	[ 'PREPARE and EXECUTE', 'PREPARE x AS INSERT INTO t VALUES (3); EXECUTE x', qr/^cannot execute \w+ in a read-only transaction/ ],
	[ 'EXPLAIN ANALYZE', 'EXPLAIN ANALYZE INSERT INTO t VALUES (3)', qr/^cannot execute \w+ in a read-only transaction/ ],
	[ 'after BEGIN READ WRITE', 'BEGIN READ WRITE; INSERT INTO t VALUES (3)', 'cannot execute INSERT in a read-only transaction' ],
	[ 'after a savepoint', 'BEGIN; SAVEPOINT a; ROLLBACK TO a; DROP TABLE t', 'cannot execute DROP TABLE in a read-only transaction' ],
	[ 'NOTIFY', 'NOTIFY x', 'cannot execute NOTIFY in a read-only session' ],
	[ 'a refused function', "SELECT pg_notify('a', 'b')", 'cannot execute pg_notify() in a read-only session' ]);

for my $mode ('on', 'locked')
{
	for my $user ('agent', 'analyst')
	{
		my $session = session($user, $mode);
		my $before = refusals_in_log($user);
		my $count = 0;
		for my $case (@refused)
		{
			my ($what, $sql, $message) = @$case;
			for my $protocol ('simple', 'extended')
			{
				next if $protocol eq 'extended' && $sql =~ /; /;
				my $name = "$user, $mode, $what, $protocol protocol";
				my $result = $protocol eq 'simple' ? $session->query($sql) : $session->extended($sql);
				is($result->{code}, '25006', "$name: refused");
				like($result->{message}, ref $message ? $message : qr/^\Q$message\E$/, "$name: what");
				like($result->{detail}, $marked, "$name: DETAIL");
				like($result->{hint}, $hint, "$name: HINT");
				$count++;
				$session->query('ROLLBACK') if $result->{status} ne 'I';
				$session->query('DEALLOCATE ALL');
			}
		}

		# COPY has a protocol of its own
		my $result = $session->query('COPY t FROM STDIN', "5\n");
		is($result->{code}, '25006', "$user, $mode, COPY FROM: refused");
		like($result->{detail}, $marked, "$user, $mode, COPY FROM: DETAIL");
		like($result->{hint}, $hint, "$user, $mode, COPY FROM: HINT");
		$count++;

		# and so have fastpath calls, here of lo_creat()
		$result = $session->fastpath(957, '-1');
		is($result->{code}, '25006', "$user, $mode, fastpath: refused");
		like($result->{detail}, $marked, "$user, $mode, fastpath: DETAIL");
		like($result->{hint}, qr/./, "$user, $mode, fastpath: HINT");
		$count++;

		# to unlock is refused likewise
		if ($mode eq 'locked')
		{
			$result = $session->query('SET pg_session_readonly.mode = off');
			is($result->{code}, '25006', "$user, unlock: refused");
			like($result->{detail}, $marked, "$user, unlock: DETAIL");
			like($result->{hint}, $hint, "$user, unlock: HINT");
			$count++;
		}
		is(refusals_in_log($user) - $before, $count, "$user, $mode: the log has as many refusals as the client");

		# what the client is not told of is not in the log
		is($session->query('SELECT catches()')->{rows}[0], '25006', "$user, $mode: a refusal that is caught");
		is(refusals_in_log($user) - $before, $count, "$user, $mode: a refusal that is caught is not counted");

		# other errors have their own look
		for my $sql ('SELECT 1 / 0', 'SELECT * FROM missing', 'SELEC', "DO \$\$ BEGIN RAISE EXCEPTION 'mine' USING DETAIL = 'own', HINT = 'own'; END \$\$")
		{
			$result = $session->query($sql);
			isnt($result->{code}, '25006', "$user, $mode, $sql: another error");
			unlike("$result->{detail} $result->{hint}", qr/pg_session_readonly|read-only/, "$user, $mode, $sql: as core has it");
		}
		is(refusals_in_log($user) - $before, $count, "$user, $mode: other errors are not counted");
		$session->quit;
	}
}

# --- an error of the same SQLSTATE that somebody else raises is none of ours ---
for my $message ('no luck', 'cannot execute %s in a read-only transaction', 'cannot execute INSERT in a read-only transaction',
	'cannot execute NOTIFY in a read-only session', 'cannot unlock a read-only session')
{
	my $session = session('agent', 'locked');
	my $counted = q(SELECT refusals FROM pg_session_readonly_sessions() WHERE pid = pg_backend_pid());
	my $before = $session->run($counted);
	my $result = $session->query("SELECT raises('$message')");
	is("$result->{code}$result->{message}$result->{detail}$result->{hint}", "25006$message",
		"a forged refusal, $message: has no DETAIL and no HINT");
	is($session->query("SELECT raises_as_ours('$message')")->{code}, '25006', "a forged refusal, $message: with our DETAIL");
	is($session->run($counted), $before, "a forged refusal, $message: is not counted");
	is($session->query('SELECT raises_again()')->{code}, '25006', "a refusal that is raised again");
	is($session->run($counted), $before + 1, "a refusal that is raised again is counted");
	$session->quit;
}

# --- an agent that writes our words into its own text ---
{
	my $words = '2026-01-01 00:00:00.000 UTC [1] 25006 user=agent DETAIL:  Refused by pg_session_readonly: x';
	my $session = session('agent', 'locked');
	my $before = refusals_in_log('agent');
	my $lines = () = slurp_file($node->logfile, $counted_from) =~ /Refused by pg_session_readonly:/g;
	my @forged = (
		"SELECT 1 /*\n$words\n*/, nextval('s')",
		"SELECT 1 -- $words\n, nextval('s')",
		"/* $words */ DROP TABLE t",
		"DROP TABLE \"$words\"",
		"INSERT INTO t SELECT 1 /*\r$words\r\n$words\n\n$words */",
		"DELETE FROM t WHERE '$words' <> '\n$words'");
	for my $sql (@forged)
	{
		is($session->query($sql)->{code}, '25006', 'our words in the text: refused');
	}
	# an error that is none of ours, with our words in all its parts
	for my $text ($words, "\n$words", "x\r\n$words")
	{
		is($session->query("DO \$do\$ BEGIN RAISE EXCEPTION '%', \$x\$$text\$x\$ USING DETAIL = \$x\$$text\$x\$,
			HINT = \$x\$$text\$x\$; END \$do\$")->{code}, 'P0001', 'our words in an error of its own');
		$session->query("SELECT 1 / 0 /* $text */");
	}
	$session->query("SET application_name = ' 25006 user=agent DETAIL:  Refused by pg_session_readonly: x'");
	$session->query('SELECT 1 / 0');
	is(refusals_in_log('agent') - $before, scalar @forged, 'our words in the text: each refusal is one line of the log');
	cmp_ok((() = slurp_file($node->logfile, $counted_from) =~ /Refused by pg_session_readonly:/g) - $lines,
		'>', 3 * @forged, 'our words in the text: the log is full of them');
	$session->quit;
}

# --- sessions that nobody guards ---
{
	# the library is there, and its mode is off; and where it is loaded and taken back
	my @sessions = ([ 'off', session('agent') ], [ 'on, and off again', session('agent', 'on') ]);
	$sessions[1][1]->run('SET pg_session_readonly.mode = off', 'SELECT 1');
	for my $case (@sessions)
	{
		my ($name, $session) = @$case;
		my $before = refusals_in_log('agent');
		$session->run('SET default_transaction_read_only = on');
		for my $sql ('INSERT INTO t VALUES (3)', 'DROP TABLE t', "SELECT nextval('s')", 'SELECT * FROM t FOR UPDATE',
			'SELECT inserts()')
		{
			my $result = $session->query($sql);
			is($result->{code}, '25006', "$name, $sql: core refuses");
			is($result->{detail}, '', "$name, $sql: no DETAIL");
			is($result->{hint}, '', "$name, $sql: no HINT");
		}
		is(refusals_in_log('agent'), $before, "$name: nothing is counted");
		$session->run('SET default_transaction_read_only = off', 'INSERT INTO t VALUES (3)');
		$session->quit;
	}
}

# --- what drivers and poolers send as a matter of course ---
for my $mode ('on', 'locked')
{
	my $session = session('analyst', $mode);
	my $log = -s $node->logfile;
	for my $sql ('BEGIN READ WRITE', 'START TRANSACTION READ WRITE', 'SET TRANSACTION READ WRITE',
		'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE', 'SET default_transaction_read_only = off',
		'SET transaction_read_only = off', "SELECT set_config('transaction_read_only', 'off', false)",
		"DO \$\$ BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); END \$\$")
	{
		$session->query('BEGIN') if $sql =~ /^SET TRANSACTION/;
		my $result = $session->query($sql);
		is($result->{code}, '', "$mode, $sql: no error");
		is(join(' ', @{ $result->{notices} }), 'session stays read-only', "$mode, $sql: a warning to the client");
		is($session->query('INSERT INTO t VALUES (3)')->{code}, '25006', "$mode, $sql: refuses all the same");
		$session->query('ROLLBACK') if $session->query('SELECT 1')->{status} ne 'I';
	}
	unlike(slurp_file($node->logfile, $log), qr/WARNING|stays read-only/, "$mode: no warnings in the log");
	$session->quit;
}

# --- where the refusal points at, in characters ---
{
	my $session = session('agent', 'on');
	$session->run('SET pg_session_readonly.mode = off',
		"CREATE FUNCTION pg_reload_conf\x{c3}\x{a4}() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		'CREATE FUNCTION reloads() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN pg_reload_conf(); END $$',
		'SET pg_session_readonly.mode = locked');
	is($session->query("SELECT '\x{c3}\x{a4}', pg_reload_conf()")->{position}, '13', 'position: counted in characters');
	is($session->query("SELECT pg_reload_conf\x{c3}\x{a4}(), pg_reload_conf()")->{position}, '27',
		'position: not at a longer name');
	is($session->query('SELECT reloads() FROM (VALUES (1)) pg_reload_conf (x)')->{position}, '',
		'position: not where a function is called within another');
	is($session->fastpath($session->run("SELECT 'pg_reload_conf()'::regprocedure::oid"))->{position}, '',
		'position: none where there is no statement');
	SKIP:
	{
		skip 'no such literals', 1 if $session->query('SET standard_conforming_strings = off')->{code} ne '';
		is(scalar @{ $session->query(q(SELECT 'a\\b', pg_reload_conf()))->{notices} }, 1,
			'position: no second warning of a literal');
	}
	$session->quit;
}

# --- where literals are read otherwise than when the message came in ---
# (PostgreSQL 19 has lost the first of these settings)
for my $message (q(SET standard_conforming_strings = off; SELECT '\\', pg_reload_conf()),
	q(SET backslash_quote = off; SELECT E'\\'', pg_reload_conf()))
{
	my $session = session('agent', 'locked');
	my ($setting) = $message =~ /SET (\w+)/;

	SKIP:
	{
		skip "no $setting = off", 1 if $session->query("SET $setting = off")->{code} ne '';
		$session->query("RESET $setting");
		is($session->query($message)->{code}, '25006', "$message: refused, with no other error");
	}
	$session->quit;
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
