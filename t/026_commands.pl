# Every command that the server knows: its list of command tags is read, and each of
# them is refused in a locked session of a superuser, or is in the list below of those
# that change nothing.  A new major version's command is in neither, and fails until
# somebody has looked at it.  A refusal says the command's tag, so it is seen that the
# statement is one of that command.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE TABLE t (i int PRIMARY KEY);
	INSERT INTO t SELECT generate_series(1, 10);
	CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN NULL; END';));

# Refused by core, as in every read-only transaction, or by denied_commands.  Core looks
# at the kind of statement before it looks for what the statement names.
my %refused = (
	'ALTER AGGREGATE' => 'ALTER AGGREGATE a(int) RENAME TO b',
	'ALTER COLLATION' => 'ALTER COLLATION "C" REFRESH VERSION',
	'ALTER CONVERSION' => 'ALTER CONVERSION c RENAME TO d',
	'ALTER DATABASE' => q(ALTER DATABASE postgres SET work_mem = '5MB'),
	'ALTER DEFAULT PRIVILEGES' => 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC',
	'ALTER DOMAIN' => 'ALTER DOMAIN d SET NOT NULL',
	'ALTER EVENT TRIGGER' => 'ALTER EVENT TRIGGER e DISABLE',
	'ALTER EXTENSION' => 'ALTER EXTENSION plpgsql UPDATE',
	'ALTER FOREIGN DATA WRAPPER' => 'ALTER FOREIGN DATA WRAPPER w NO HANDLER',
	'ALTER FOREIGN TABLE' => 'ALTER FOREIGN TABLE f ADD COLUMN i int',
	'ALTER FUNCTION' => 'ALTER FUNCTION now() COST 2',
	'ALTER INDEX' => 'ALTER INDEX t_pkey SET (fillfactor = 50)',
	'ALTER LANGUAGE' => 'ALTER LANGUAGE plpgsql RENAME TO q',
	'ALTER LARGE OBJECT' => 'ALTER LARGE OBJECT 1 OWNER TO CURRENT_USER',
	'ALTER MATERIALIZED VIEW' => 'ALTER MATERIALIZED VIEW m SET (fillfactor = 50)',
	'ALTER OPERATOR' => 'ALTER OPERATOR + (int, int) SET (RESTRICT = NONE)',
	'ALTER OPERATOR CLASS' => 'ALTER OPERATOR CLASS int4_ops USING btree RENAME TO o',
	'ALTER OPERATOR FAMILY' => 'ALTER OPERATOR FAMILY integer_ops USING btree DROP OPERATOR 1 (int, int)',
	'ALTER POLICY' => 'ALTER POLICY p ON t USING (true)',
	'ALTER PROCEDURE' => 'ALTER PROCEDURE p() SECURITY DEFINER',
	'ALTER PUBLICATION' => 'ALTER PUBLICATION p ADD TABLE t',
	'ALTER ROLE' => [ 'ALTER ROLE CURRENT_USER NOSUPERUSER', q(ALTER ROLE CURRENT_USER SET pg_session_readonly.mode = off),
		'ALTER ROLE ALL RESET ALL', q(ALTER ROLE CURRENT_USER PASSWORD 'x') ],
	'ALTER ROUTINE' => 'ALTER ROUTINE now() COST 3',
	'ALTER RULE' => 'ALTER RULE "_RETURN" ON v RENAME TO r',
	'ALTER SCHEMA' => 'ALTER SCHEMA public RENAME TO s',
	'ALTER SEQUENCE' => 'ALTER SEQUENCE s RESTART',
	'ALTER SERVER' => q(ALTER SERVER s VERSION '2'),
	'ALTER STATISTICS' => 'ALTER STATISTICS s SET STATISTICS 10',
	'ALTER SUBSCRIPTION' => 'ALTER SUBSCRIPTION s DISABLE',
	'ALTER SYSTEM' => [ q(ALTER SYSTEM SET work_mem = '6MB'), 'ALTER SYSTEM RESET ALL' ],
	'ALTER TABLE' => [ 'ALTER TABLE t ADD COLUMN j int', 'ALTER TABLE t SET LOGGED', 'ALTER TABLE mine ADD COLUMN j int' ],
	'ALTER TABLESPACE' => 'ALTER TABLESPACE pg_default SET (seq_page_cost = 2)',
	'ALTER TEXT SEARCH CONFIGURATION' => 'ALTER TEXT SEARCH CONFIGURATION simple DROP MAPPING FOR word',
	'ALTER TEXT SEARCH DICTIONARY' => 'ALTER TEXT SEARCH DICTIONARY simple (accept = true)',
	'ALTER TEXT SEARCH PARSER' => 'ALTER TEXT SEARCH PARSER "default" RENAME TO p',
	'ALTER TEXT SEARCH TEMPLATE' => 'ALTER TEXT SEARCH TEMPLATE simple RENAME TO s',
	'ALTER TRIGGER' => 'ALTER TRIGGER r ON t RENAME TO s',
	'ALTER TYPE' => [ 'ALTER TYPE y RENAME TO z', q(ALTER TYPE y ADD VALUE 'a') ],
	'ALTER USER MAPPING' => q(ALTER USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (ADD user 'x')),
	'ALTER VIEW' => 'ALTER VIEW v SET (security_barrier)',
	'ANALYZE' => [ 'ANALYZE', 'ANALYZE t', 'ANALYZE mine' ],
	'CHECKPOINT' => 'CHECKPOINT',
	'CLUSTER' => [ 'CLUSTER', 'CLUSTER t USING t_pkey' ],
	'COMMENT' => q(COMMENT ON TABLE t IS 'x'),
	'COMMIT PREPARED' => q(COMMIT PREPARED 'g'),
	'COPY FILE' => [ q(COPY t TO '/nonexistent/file'), q(COPY mine FROM '/etc/hostname') ],
	'COPY FROM' => q(COPY t FROM STDIN),
	'COPY PROGRAM' => [ q(COPY t TO PROGRAM 'true'), q(COPY mine FROM PROGRAM 'true') ],
	'CREATE ACCESS METHOD' => 'CREATE ACCESS METHOD a TYPE INDEX HANDLER bthandler',
	'CREATE AGGREGATE' => 'CREATE AGGREGATE a(int) (SFUNC = int4pl, STYPE = int)',
	'CREATE CAST' => 'CREATE CAST (y AS text) WITH INOUT',
	'CREATE COLLATION' => 'CREATE COLLATION c FROM "C"',
	'CREATE CONVERSION' => q(CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1),
	'CREATE DATABASE' => 'CREATE DATABASE d',
	'CREATE DOMAIN' => 'CREATE DOMAIN d AS int',
	'CREATE EVENT TRIGGER' => 'CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()',
	'CREATE EXTENSION' => 'CREATE EXTENSION lo',
	'CREATE FOREIGN DATA WRAPPER' => 'CREATE FOREIGN DATA WRAPPER w',
	'CREATE FOREIGN TABLE' => 'CREATE FOREIGN TABLE f (i int) SERVER s',
	'CREATE FUNCTION' => [ q(CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'),
		q(CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'),
		q(CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE c AS 'x') ],
	'CREATE INDEX' => [ 'CREATE INDEX ON t (i)', 'CREATE INDEX CONCURRENTLY ON t (i)', 'CREATE INDEX ON mine (i)' ],
	'CREATE LANGUAGE' => 'CREATE LANGUAGE l HANDLER plpgsql_call_handler',
	'CREATE MATERIALIZED VIEW' => 'CREATE MATERIALIZED VIEW m AS SELECT 1',
	'CREATE OPERATOR' => 'CREATE OPERATOR !!! (RIGHTARG = int, FUNCTION = int4um)',
	'CREATE OPERATOR CLASS' => 'CREATE OPERATOR CLASS o FOR TYPE int USING btree AS OPERATOR 1 <',
	'CREATE OPERATOR FAMILY' => 'CREATE OPERATOR FAMILY o USING btree',
	'CREATE POLICY' => 'CREATE POLICY p ON t',
	'CREATE PROCEDURE' => q(CREATE PROCEDURE q() LANGUAGE sql AS 'SELECT 1'),
	'CREATE PUBLICATION' => 'CREATE PUBLICATION p',
	'CREATE ROLE' => [ 'CREATE ROLE r SUPERUSER', 'CREATE USER r', 'CREATE GROUP r' ],
	'CREATE RULE' => 'CREATE RULE r AS ON INSERT TO t DO NOTHING',
	'CREATE SCHEMA' => 'CREATE SCHEMA s',
	'CREATE SEQUENCE' => [ 'CREATE SEQUENCE s', 'CREATE TEMP SEQUENCE s' ],
	'CREATE SERVER' => 'CREATE SERVER s FOREIGN DATA WRAPPER w',
	'CREATE STATISTICS' => 'CREATE STATISTICS s ON i, j FROM t',
	'CREATE SUBSCRIPTION' => q(CREATE SUBSCRIPTION s CONNECTION 'host=/nonexistent' PUBLICATION p WITH (connect = false)),
	'CREATE TABLE' => [ 'CREATE TABLE u (i int)', 'CREATE TEMP TABLE u (i int)', 'CREATE UNLOGGED TABLE u (i int)' ],
	'CREATE TABLE AS' => [ 'CREATE TABLE u AS SELECT 1', 'CREATE TEMP TABLE u AS SELECT 1' ],
	'CREATE TABLESPACE' => q(CREATE TABLESPACE s LOCATION '/nonexistent'),
	'CREATE TEXT SEARCH CONFIGURATION' => 'CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)',
	'CREATE TEXT SEARCH DICTIONARY' => 'CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple)',
	'CREATE TEXT SEARCH PARSER' =>
		'CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)',
	'CREATE TEXT SEARCH TEMPLATE' => 'CREATE TEXT SEARCH TEMPLATE s (LEXIZE = dsimple_lexize)',
	'CREATE TRANSFORM' => 'CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION f(internal))',
	'CREATE TRIGGER' => [ 'CREATE TRIGGER r BEFORE INSERT ON t EXECUTE FUNCTION suppress_redundant_updates_trigger()',
		'CREATE TRIGGER r BEFORE INSERT ON mine EXECUTE FUNCTION suppress_redundant_updates_trigger()' ],
	'CREATE TYPE' => [ 'CREATE TYPE y AS (i int)', q(CREATE TYPE y AS ENUM ('a')), 'CREATE TYPE y' ],
	'CREATE USER MAPPING' => 'CREATE USER MAPPING FOR PUBLIC SERVER s',
	'CREATE VIEW' => [ 'CREATE VIEW v AS SELECT 1', 'CREATE TEMP VIEW v AS SELECT 1' ],
	'DELETE' => [ 'DELETE FROM t', 'DELETE FROM t WHERE false' ],
	'DROP ACCESS METHOD' => 'DROP ACCESS METHOD a',
	'DROP AGGREGATE' => 'DROP AGGREGATE max(int)',
	'DROP CAST' => 'DROP CAST (int AS text)',
	'DROP COLLATION' => 'DROP COLLATION c',
	'DROP CONVERSION' => 'DROP CONVERSION c',
	'DROP DATABASE' => [ 'DROP DATABASE template1', 'DROP DATABASE template1 WITH (FORCE)' ],
	'DROP DOMAIN' => 'DROP DOMAIN d',
	'DROP EVENT TRIGGER' => 'DROP EVENT TRIGGER e',
	'DROP EXTENSION' => 'DROP EXTENSION plpgsql',
	'DROP FOREIGN DATA WRAPPER' => 'DROP FOREIGN DATA WRAPPER w',
	'DROP FOREIGN TABLE' => 'DROP FOREIGN TABLE f',
	'DROP FUNCTION' => 'DROP FUNCTION f()',
	'DROP INDEX' => [ 'DROP INDEX t_pkey', 'DROP INDEX CONCURRENTLY t_pkey' ],
	'DROP LANGUAGE' => 'DROP LANGUAGE plpgsql',
	'DROP MATERIALIZED VIEW' => 'DROP MATERIALIZED VIEW m',
	'DROP OPERATOR' => 'DROP OPERATOR + (int, int)',
	'DROP OPERATOR CLASS' => 'DROP OPERATOR CLASS int4_ops USING btree',
	'DROP OPERATOR FAMILY' => 'DROP OPERATOR FAMILY integer_ops USING btree',
	'DROP OWNED' => 'DROP OWNED BY CURRENT_USER',
	'DROP POLICY' => 'DROP POLICY p ON t',
	'DROP PROCEDURE' => 'DROP PROCEDURE p()',
	'DROP PUBLICATION' => 'DROP PUBLICATION p',
	'DROP ROLE' => 'DROP ROLE r',
	'DROP ROUTINE' => 'DROP ROUTINE f()',
	'DROP RULE' => 'DROP RULE r ON t',
	'DROP SCHEMA' => 'DROP SCHEMA public CASCADE',
	'DROP SEQUENCE' => 'DROP SEQUENCE s',
	'DROP SERVER' => 'DROP SERVER s',
	'DROP STATISTICS' => 'DROP STATISTICS s',
	'DROP SUBSCRIPTION' => 'DROP SUBSCRIPTION s',
	'DROP TABLE' => [ 'DROP TABLE t', 'DROP TABLE mine' ],
	'DROP TABLESPACE' => 'DROP TABLESPACE s',
	'DROP TEXT SEARCH CONFIGURATION' => 'DROP TEXT SEARCH CONFIGURATION simple',
	'DROP TEXT SEARCH DICTIONARY' => 'DROP TEXT SEARCH DICTIONARY simple',
	'DROP TEXT SEARCH PARSER' => 'DROP TEXT SEARCH PARSER "default"',
	'DROP TEXT SEARCH TEMPLATE' => 'DROP TEXT SEARCH TEMPLATE simple',
	'DROP TRANSFORM' => 'DROP TRANSFORM FOR int LANGUAGE sql',
	'DROP TRIGGER' => 'DROP TRIGGER r ON t',
	'DROP TYPE' => 'DROP TYPE y',
	'DROP USER MAPPING' => 'DROP USER MAPPING FOR CURRENT_USER SERVER s',
	'DROP VIEW' => 'DROP VIEW v',
	'GRANT' => 'GRANT SELECT ON t TO PUBLIC',
	'GRANT ROLE' => 'GRANT pg_monitor TO CURRENT_USER',
	'IMPORT FOREIGN SCHEMA' => 'IMPORT FOREIGN SCHEMA x FROM SERVER s INTO public',
	'INSERT' => [ 'INSERT INTO t VALUES (11)', 'INSERT INTO t SELECT 1 WHERE false' ],
	'LOAD' => q(LOAD 'auto_explain'),
	'LOCK TABLE' => [ map { "LOCK TABLE t IN $_ MODE" } 'ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE',
		'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE' ],
	'MERGE' => 'MERGE INTO t USING (VALUES (1)) w (j) ON i = j WHEN MATCHED THEN DELETE',
	'NOTIFY' => q(NOTIFY c, 'x'),
	'PREPARE TRANSACTION' => q(PREPARE TRANSACTION 'g'),
	'REASSIGN OWNED' => 'REASSIGN OWNED BY CURRENT_USER TO CURRENT_USER',
	'REFRESH MATERIALIZED VIEW' => [ 'REFRESH MATERIALIZED VIEW m', 'REFRESH MATERIALIZED VIEW CONCURRENTLY m' ],
	'REINDEX' => [ 'REINDEX TABLE t', 'REINDEX TABLE CONCURRENTLY t', 'REINDEX INDEX t_pkey', 'REINDEX SCHEMA public',
		'REINDEX DATABASE postgres', 'REINDEX SYSTEM postgres' ],
	'REPACK' => [ 'REPACK t', 'REPACK (CONCURRENTLY) t' ],
	'REVOKE' => 'REVOKE SELECT ON t FROM PUBLIC',
	'REVOKE ROLE' => 'REVOKE pg_monitor FROM CURRENT_USER',
	'ROLLBACK PREPARED' => q(ROLLBACK PREPARED 'g'),
	'SECURITY LABEL' => q(SECURITY LABEL ON TABLE t IS 'x'),
	'SELECT FOR KEY SHARE' => 'SELECT * FROM t FOR KEY SHARE',
	'SELECT FOR NO KEY UPDATE' => 'SELECT * FROM t FOR NO KEY UPDATE',
	'SELECT FOR SHARE' => 'SELECT * FROM t FOR SHARE',
	'SELECT FOR UPDATE' => [ 'SELECT * FROM t FOR UPDATE', 'SELECT * FROM t FOR UPDATE SKIP LOCKED' ],
	'SELECT INTO' => [ 'SELECT 1 AS i INTO u', 'SELECT 1 AS i INTO TEMP u' ],
	'TRUNCATE TABLE' => [ 'TRUNCATE t', 'TRUNCATE mine' ],
	'UPDATE' => [ 'UPDATE t SET i = i', 'UPDATE t SET i = 1 WHERE false' ],
	'VACUUM' => [ 'VACUUM', 'VACUUM t', 'VACUUM (FULL) t', 'VACUUM (ANALYZE) t' ]);

# What changes nothing but the session itself.  The last statement is the one that is
# meant; a transaction that it leaves open is rolled back.
my %runs = (
	'BEGIN' => [ 'BEGIN READ WRITE' ],
	'CALL' => [ 'CALL p()' ],
	'CLOSE CURSOR' => [ 'BEGIN', 'DECLARE c CURSOR FOR SELECT 1', 'CLOSE c' ],
	'CLOSE CURSOR ALL' => [ 'CLOSE ALL' ],
	'COMMIT' => [ 'BEGIN', 'COMMIT' ],
	'COPY' => [ 'COPY t TO STDOUT' ],
	'DEALLOCATE' => [ 'PREPARE q AS SELECT 1', 'DEALLOCATE q' ],
	'DEALLOCATE ALL' => [ 'DEALLOCATE ALL' ],
	'DECLARE CURSOR' => [ 'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1' ],
	'DISCARD ALL' => [ 'DISCARD ALL' ],
	'DISCARD PLANS' => [ 'DISCARD PLANS' ],
	'DISCARD SEQUENCES' => [ 'DISCARD SEQUENCES' ],
	'DISCARD TEMP' => [ 'DISCARD TEMP' ],
	'DO' => [ 'DO $$ BEGIN NULL; END $$' ],
	'EXPLAIN' => [ 'EXPLAIN DELETE FROM t' ],
	'FETCH' => [ 'BEGIN', 'DECLARE c CURSOR FOR SELECT 1', 'FETCH c' ],
	'LISTEN' => [ 'LISTEN c' ],
	'MOVE' => [ 'BEGIN', 'DECLARE c CURSOR FOR SELECT 1', 'MOVE c' ],
	'PREPARE' => [ 'PREPARE r AS DELETE FROM t' ],
	'RELEASE' => [ 'BEGIN', 'SAVEPOINT a', 'RELEASE a' ],
	'RESET' => [ 'RESET work_mem' ],
	'ROLLBACK' => [ 'BEGIN', 'ROLLBACK' ],
	'SAVEPOINT' => [ 'BEGIN', 'SAVEPOINT a' ],
	'SELECT' => [ 'SELECT * FROM t' ],
	'SET' => [ q(SET work_mem = '5MB') ],
	'SET CONSTRAINTS' => [ 'BEGIN', 'SET CONSTRAINTS ALL IMMEDIATE' ],
	'SHOW' => [ 'SHOW work_mem' ],
	'START TRANSACTION' => [ 'START TRANSACTION READ WRITE' ],
	'UNLISTEN' => [ 'UNLISTEN *' ]);

# Runs on a standby only, and waits there.
my %other_error = ('WAIT' => [ '55000', q(WAIT FOR LSN '0/1') ]);

# What no statement bears.  EXECUTE answers with the tag of what it runs, and one that
# writes is refused as that (sql/transactions.sql).
my %no_command = map { $_ => 1 } ('???', 'ALTER ACCESS METHOD', 'ALTER CAST', 'ALTER CONSTRAINT', 'ALTER TRANSFORM', 'CLOSE',
	'CREATE CONSTRAINT', 'CREATE ROUTINE', 'DISCARD', 'DROP CONSTRAINT', 'EXECUTE', 'LOGIN');

# --- the list is complete ---
my @tags = slurp_file($node->config_data('--includedir-server') . '/tcop/cmdtaglist.h') =~ /^PG_CMDTAG\(\w+, "([^"]+)"/mg;
cmp_ok(scalar @tags, '>', 190, 'the server has command tags (' . @tags . ')');
is(join(', ', grep { !$refused{$_} && !$runs{$_} && !$other_error{$_} && !$no_command{$_} } @tags), '',
	'every command of the server is known here');
my %tags = map { $_ => 1 } @tags;

# All there is in the catalogs and the files of the configuration.
my $state_query = $node->safe_psql('postgres', q(
	SELECT 'SELECT ' || string_agg(format('(SELECT count(*) || '' '' || coalesce(sum(hashtext(c::text)), 0) FROM pg_catalog.%I c)', relname),
			', ' ORDER BY relname)
	FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r')) .
	q(, (SELECT sum(i) FROM t), md5(pg_read_file('postgresql.auto.conf')), (SELECT count(*) FROM pg_prepared_xacts));

my $session = Wire->new($node);
$session->run('CREATE TEMP TABLE mine (i int)', q(LOAD 'pg_session_readonly'), 'SET pg_session_readonly.mode = locked');
my $state = $node->safe_psql('postgres', $state_query);

for my $tag (sort keys %refused)
{
	my ($kind) = split / (?=FILE|PROGRAM)/, $tag;
	next unless $tags{$kind};
	my @bad;
	my @statements = ref $refused{$tag} ? @{ $refused{$tag} } : $refused{$tag};

	for my $sql (@statements)
	{
		my %results = ('simple' => $session->query($sql), 'extended' => $session->extended($sql));

		# what is refused before it begins, and what plpgsql does not do
		$results{'in a transaction'} = $session->query("BEGIN; $sql");
		$session->query('ROLLBACK');
		$results{'in DO'} = $session->query("DO \$do\$ BEGIN EXECUTE \$sql\$ $sql \$sql\$; END \$do\$")
		  unless $tag =~ /^(SELECT INTO|COPY FROM|.* PREPARED|PREPARE TRANSACTION)$/;
		for my $way (sort keys %results)
		{
			my $result = $results{$way};
			push @bad, "$sql, $way: $result->{code} $result->{message}"
			  unless $result->{code} eq '25006' && $result->{message} =~ /^cannot execute \Q$tag\E in a read-only (transaction|session)$/
			  && $result->{detail} =~ /^Refused by pg_session_readonly: /;
		}
	}
	is(join("\n", @bad), '', "$tag: refused");
}
is($node->safe_psql('postgres', $state_query), $state, 'what is refused: nothing changed');

for my $tag (grep { $tags{$_} } sort keys %runs)
{
	# those that are there are gone after DISCARD
	my $result;

	$result = $session->query($_) for @{ $runs{$tag} };
	like("$result->{code} $result->{tags}[-1]", qr/^ \Q$tag\E( \d+)*$/, "$tag: runs");
	$session->query('ROLLBACK') if $result->{status} ne 'I';
	is($session->run('SHOW pg_session_readonly.mode') . $session->run('SHOW transaction_read_only'), 'lockedon', "$tag: locked");
}
for my $tag (grep { $tags{$_} } sort keys %other_error)
{
	is($session->query($other_error{$tag}[1])->{code}, $other_error{$tag}[0], "$tag: an error of its own");
}
$session->quit;

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
