# What a setting is at the lock it stays: in parallel workers as well, when the line of
# the configuration file that gave it is taken out, by an older name, and after a
# transaction that had set it.  And what is no session cannot be made read-only.

use strict;
use warnings;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
my $force = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
my $off = 'SET pg_session_readonly.mode = off';
my $on = 'SET pg_session_readonly.mode = on';
my $loaded = '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off';

# Put these lines into the configuration file, and have the sessions read it.
my $include = $node->data_dir . '/lines.conf';
my $marker = 1;
append_to_file($include, '');
$node->append_conf('postgresql.conf', "include = 'lines.conf'");

sub configure
{
	my ($lines, @sessions) = @_;

	$marker++;
	unlink $include;
	append_to_file($include, join('', map { "$_ = $lines->{$_}\n" } sort keys %$lines) . "seq_page_cost = $marker\n");
	$node->reload;
	for my $session (@sessions)
	{
		my $tries = 10 * $PostgreSQL::Test::Utils::timeout_default;
		while ($session->run('SHOW seq_page_cost') ne $marker)
		{
			die 'the file is not read' if --$tries < 0;
			select(undef, undef, undef, 0.1);
		}
	}
}

# --- old names ---
# Core knows some settings by a former name as well.  Up to 15 a list takes only the
# present one.
{
	my $session = Wire->new($node);
	$session->run("LOAD 'pg_session_readonly'");
	if ($node->pg_version < 16)
	{
		is($session->query("SET pg_session_readonly.pinned_settings = 'sort_mem'")->{code}, '22023', 'old name: refused');
		$session->run("SET pg_session_readonly.pinned_settings = 'work_mem'");
	}
	else
	{
		$session->run("SET pg_session_readonly.pinned_settings = 'sort_mem'");
	}
	$session->run($lock[1]);
	is($session->query("SET $_ = '5MB'")->{code}, '55P02', "old name: SET $_") for ('work_mem', 'sort_mem');
	is($session->run('SHOW work_mem'), '4MB', 'old name: pinned');
	$session->quit;
}

# --- a value that SET LOCAL hides does not come back in a session that is locked meanwhile ---
for my $end ('COMMIT', 'ROLLBACK')
{
	my $session = Wire->new($node, options => $loaded);
	my (@statements, @seen);

	for my $setting ([ 'track_counts', 'off', 'on' ], [ 'default_transaction_read_only', 'off', 'on' ],
		[ 'pg_session_readonly.denied_functions', 'hidden', 'local' ], [ 'statement_timeout', '2h', '1h' ])
	{
		my ($name, $hidden, $local) = @$setting;
		push @statements, "SET $name = '$hidden'", "SET LOCAL $name = '$local'";
		push @seen, "SHOW $name";
	}
	$session->run("SET pg_session_readonly.pinned_settings = 'statement_timeout'", 'BEGIN', @statements, $lock[1], $end);
	is(join(' ', map { $session->run($_) } @seen), 'on on local 1h', "locked after SET LOCAL, $end");
	$session->quit;
}

# --- track_counts off before the lock: the write guard counts all the same ---
$node->safe_psql('postgres', qq(
	CREATE TABLE victim (i int);
	CREATE FUNCTION sneak(regclass, int) RETURNS int AS '$writer', 'writer_insert' LANGUAGE C STABLE;));
for my $case (
	[ 'SET', 'SET track_counts = off', @lock ],
	[ 'SET, and in the transaction of the lock on, which is rolled back',
		'SET track_counts = off', 'BEGIN', 'SET track_counts = on', @lock, 'ROLLBACK' ],
	[ 'SET LOCAL on, and COMMIT', 'SET track_counts = off', 'BEGIN', 'SET LOCAL track_counts = on', @lock, 'COMMIT' ],
	[ 'nothing pinned', "SET pg_session_readonly.pinned_settings = ''", 'SET track_counts = off', @lock ])
{
	my ($name, @statements) = @$case;
	my $session = Wire->new($node);
	$session->run('CREATE TEMP TABLE mine (i int)', @statements);
	is($session->query('SET track_counts = off')->{code}, '55P02', "track_counts, $name: cannot be SET");
	$session->run('RESET ALL');
	# an id is expected here, so only the rows can tell
	is($session->query(q(INSERT INTO mine SELECT sneak('victim', 1)))->{code}, '25006', "track_counts, $name: a row is counted");
	is($session->run('SHOW track_counts'), 'on', "track_counts, $name: on");
	$session->quit;
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM victim'), '0', 'track_counts: nothing written');

# --- a function's SET clause in a parallel worker ---
# What the leader refuses is refused there too: the pins are the same.
for my $preload ('session_preload_libraries', 'shared_preload_libraries')
{
	my @options = (options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');

	if ($preload eq 'shared_preload_libraries')
	{
		$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'");
		$node->restart;
		@options = ();
	}
	else
	{
		$node->safe_psql('postgres', q(
			CREATE FUNCTION pinned_clause() RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET statement_timeout = 0 AS
				$$ BEGIN RETURN current_setting('statement_timeout'); END $$;
			CREATE FUNCTION superuser_clause() RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET log_min_messages = panic AS
				$$ BEGIN RETURN current_setting('log_min_messages'); END $$;
			CREATE FUNCTION free_clause() RETURNS text LANGUAGE plpgsql PARALLEL SAFE SET work_mem = '5MB' AS
				$$ BEGIN RETURN current_setting('work_mem') || ' ' || current_setting('statement_timeout') || ' ' || pg_backend_pid(); END $$;));
	}
	my $session = Wire->new($node, @options);
	my $pid = $session->run('SELECT pg_backend_pid()');
	$session->run("SET statement_timeout = '1h'", "SET pg_session_readonly.pinned_settings = 'superuser, statement_timeout'", $lock[1]);
	for my $parallel ('off', 'on')
	{
		my $name = "$preload, SET clause, " . ($parallel eq 'on' ? 'in a worker' : 'in the leader');

		$session->run("SET $force = $parallel");
		my ($here) = (my $free = $session->run('SELECT free_clause()')) =~ /(\d+)$/;
		is($here eq $pid ? 'off' : 'on', $parallel, "$name: where it runs");
		like($free, qr/^5MB 1h /, "$name: of a free setting");
		is($session->query('SELECT pinned_clause()')->{code}, '55P02', "$name: of a pinned setting");
		is($session->query('SELECT superuser_clause()')->{code}, '55P02', "$name: of a superuser's setting");
	}
	$session->quit;
}
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;

# --- a value of the configuration file, whose line is taken out ---
# A session that is locked keeps the value, and so do its parallel workers; one that is on
# follows the file, but for what makes it read-only, and so does one that is switched off.
{
	my %lines = ('work_mem' => "'11MB'", 'pg_session_readonly.denied_functions' => "'told'",
		'default_transaction_read_only' => 'on');
	my $row = q(SELECT name, setting, source FROM pg_settings WHERE name IN ('work_mem', 'pg_session_readonly.denied_functions',
		'default_transaction_read_only') ORDER BY name COLLATE "C");

	$node->safe_psql('postgres', q(
		CREATE FUNCTION told() RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN 1; END';
		CREATE FUNCTION in_worker() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN
			RETURN current_setting('work_mem') || ' ' || current_setting('pg_session_readonly.denied_functions')
				|| ' ' || pg_backend_pid(); END $$;));
	for my $preload ('shared_preload_libraries', 'session_preload_libraries')
	{
		my $name = "line taken out, $preload";

		$node->append_conf('postgresql.conf', "shared_preload_libraries = '"
			. ($preload eq 'shared_preload_libraries' ? 'pg_session_readonly' : '') . "'");
		$node->restart;
		configure(\%lines);
		my ($locked, $switched) = map { Wire->new($node, options => $loaded) } 1, 2;
		# the end of a transaction brings it back as well
		$locked->run("SET pg_session_readonly.pinned_settings = 'work_mem'", 'BEGIN', "SET work_mem = '1MB'", 'RESET work_mem',
			$lock[1], 'ROLLBACK');
		my $before = $switched->run('DO $$ BEGIN END $$', $row);
		like($before, qr/work_mem\|11264\|configuration file/, "$name: from the file");
		$switched->run($on);
		my $pid = $locked->run('SELECT pg_backend_pid()');

		configure({ %lines, 'pg_session_readonly.denied_functions' => "'changed'" }, $locked, $switched);
		is($locked->run('SHOW pg_session_readonly.denied_functions'), 'told', "$name: it is changed first, locked");
		is($switched->run('SHOW pg_session_readonly.denied_functions'), 'changed', "$name: it is changed first, on");
		configure({ 'pg_session_readonly.denied_functions' => "'told'" }, $locked, $switched);
		for my $parallel ('off', 'on')
		{
			my $where = $parallel eq 'on' ? 'in a worker' : 'in the leader';

			$locked->run("SET $force = $parallel");
			my ($answer, $here) = $locked->run('SELECT in_worker()') =~ /^(.*) (\d+)$/;
			is($here eq $pid ? 'off' : 'on', $parallel, "$name: runs $where");
			is($answer, '11MB told', "$name: $where");
			is($locked->query('SELECT told()')->{code}, '25006', "$name: what is denied $where");

			# not pinned, the session being "on"
			$switched->run("SET $force = $parallel");
			($answer, $here) = $switched->run('SELECT in_worker()') =~ /^(.*) (\d+)$/;
			is($answer, '4MB told', "$name: mode on, $where");
			is($switched->query('SELECT told()')->{code}, '25006', "$name: mode on, what is denied $where");
		}
		is($switched->run('SHOW default_transaction_read_only') . $switched->run('SHOW track_counts'), 'onon',
			"$name: mode on, read-only");

		configure({}, $locked, $switched);
		is($locked->run('SHOW pg_session_readonly.denied_functions'), 'told', "$name: it is taken out, locked");
		like($locked->run('SELECT in_worker()'), qr/^11MB told (?!$pid$)/, "$name: it is taken out, in a worker");
		is($switched->run('SHOW pg_session_readonly.denied_functions'), '', "$name: it is taken out, on");

		# the file's next reading is that of any other session
		$switched->run($off, "SET $force = off");
		my $fresh = Wire->new($node, options => $loaded);
		configure({}, $switched, $fresh);
		is($switched->run($row), $fresh->run($row), "$name: off again, follows the file");
		configure(\%lines, $switched, $fresh);
		is($switched->run($row), $fresh->run($row), "$name: off again, follows the file's lines as they come back");
		is($switched->run($row), $before, "$name: off again, as it was");
		$switched->run($on, $off);
		is($switched->run($row), $before, "$name: on and off");
		configure({}, $switched, $fresh);
		is($switched->run($row), $fresh->run($row), "$name: and follows the file again");
		$_->quit for ($locked, $switched, $fresh);
	}
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	configure({});
	$node->restart;
}

# --- a background worker, which is nobody's session ---
# It cannot be made read-only, and says so where it is asked to; what is stored for
# a database or a role is not meant for it.
{
	my $load = q(LOAD 'pg_session_readonly');
	my $set = 'SET pg_session_readonly.mode = locked';
	my $set_config = q(SELECT set_config('pg_session_readonly.mode', 'locked', false));
	my $call = 'SELECT pg_session_readonly_lock()';
	my $write = 'CREATE TABLE written (); DROP TABLE written';

	# the worker's library is looked for by its name
	$node->append_conf('postgresql.conf', "dynamic_library_path = '\$libdir:" . dirname($writer) . "'");
	$node->reload;
	$node->safe_psql('postgres', 'CREATE DATABASE jobs');
	$node->safe_psql('jobs', qq(
		CREATE EXTENSION pg_session_readonly;
		CREATE FUNCTION background(text) RETURNS bool AS '$writer', 'writer_background' LANGUAGE C;
		CREATE TABLE todo (n serial, statement text);
		CREATE TABLE done (n serial, code text);
		CREATE PROCEDURE job() LANGUAGE plpgsql AS
			'DECLARE
				statements text[] := (SELECT array_agg(t.statement ORDER BY t.n) FROM todo t);
				statement text;
				codes text[];
			BEGIN
				FOREACH statement IN ARRAY statements LOOP
					BEGIN
						EXECUTE statement;
						codes := codes || ''ok''::text;
					EXCEPTION WHEN OTHERS THEN
						codes := codes || SQLSTATE::text;
					END;
				END LOOP;
				INSERT INTO done (code) SELECT unnest(codes)
					UNION ALL SELECT current_setting(''pg_session_readonly.mode'', true);
			END';));

	# The SQLSTATE of each statement that a worker has run, and the mode at the end.
	my $job = sub {
		my (@statements) = @_;
		my $session = Wire->new($node, dbname => 'jobs', options => '-c pg_session_readonly.mode=off');

		$session->run('TRUNCATE todo, done',
			(map { "INSERT INTO todo (statement) VALUES (\$\$$_\$\$)" } @statements),
			"SELECT background('CALL job()')");
		my $codes = $session->run(q(SELECT string_agg(code, ' ' ORDER BY n) FROM done));
		$session->quit;
		return $codes;
	};

	is($job->($load, $write), 'ok ok off', 'background worker: LOAD');
	is($job->($load, $set, $on, $set_config, $off, $write), 'ok 0A000 0A000 0A000 ok ok off', 'background worker: LOAD, then SET');
	is($job->($call, $set, $write), '0A000 0A000 ok off', 'background worker: pg_session_readonly_lock()');
	like($job->($set, $load), qr/0A000/, 'background worker: SET, then LOAD');
	for my $stored ('ALTER DATABASE jobs', 'ALTER ROLE CURRENT_USER')
	{
		$node->safe_psql('postgres', "$stored SET pg_session_readonly.mode = locked");
		is($job->($load, $call, $write), 'ok 0A000 ok off', "background worker: $stored, LOAD");
		is($job->($write, $load, $call, $write), 'ok ok 0A000 ok off', "background worker: $stored, LOAD after a write");
		$node->safe_psql('postgres', "$stored RESET pg_session_readonly.mode");
	}

	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'");
	$node->restart;
	is($job->($call, $set, $write), '0A000 0A000 ok off', 'background worker: preloaded');
	for my $stored ('ALTER DATABASE jobs', 'ALTER ROLE CURRENT_USER', 'ALTER SYSTEM')
	{
		my $dba = Wire->new($node, options => '-c pg_session_readonly.mode=off');

		$dba->run("$stored SET pg_session_readonly.mode = locked", 'SELECT pg_reload_conf()');
		$node->poll_query_until('jobs', q(SELECT current_setting('pg_session_readonly.mode') = 'locked'))
		  or die 'the mode is not stored';
		is($job->($write, $call, $set, $write), 'ok 0A000 0A000 ok off', "background worker: preloaded, $stored");
		$dba->run("$stored RESET pg_session_readonly.mode", 'SELECT pg_reload_conf()');
		$node->poll_query_until('jobs', q(SELECT current_setting('pg_session_readonly.mode') = 'off'))
		  or die 'the mode is still stored';
		$dba->quit;
	}
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	$node->restart;
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
