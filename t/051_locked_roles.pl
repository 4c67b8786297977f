# The roles that an administrator locks with all their members: as sessions begin, and
# in those that are there when the list or a membership changes.

use strict;
use warnings;
use Administered;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

start_cluster();
$node->append_conf('postgresql.conf', 'max_connections = 50');
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');
$node->safe_psql('postgres', q(
	CREATE ROLE agents;
	CREATE ROLE direct LOGIN IN ROLE agents;
	CREATE ROLE noinherit LOGIN NOINHERIT IN ROLE agents;
	CREATE ROLE depth_1 NOINHERIT IN ROLE agents;
	CREATE ROLE depth_2 IN ROLE depth_1;
	CREATE ROLE depth_3 NOINHERIT IN ROLE depth_2;
	CREATE ROLE depth_4 IN ROLE depth_3;
	CREATE ROLE deep LOGIN IN ROLE depth_4;
	CREATE ROLE exempt LOGIN IN ROLE agents;
	ALTER ROLE exempt SET pg_session_readonly.mode = off;
	CREATE ROLE only_on LOGIN IN ROLE agents;
	ALTER ROLE only_on SET pg_session_readonly.mode = on;
	CREATE ROLE exempt_here LOGIN IN ROLE agents;
	ALTER ROLE exempt_here IN DATABASE shop SET pg_session_readonly.mode = off;
	CREATE ROLE chief LOGIN SUPERUSER IN ROLE agents;
	CREATE ROLE guest LOGIN;
	CREATE ROLE "Sales Team";
	CREATE ROLE seller LOGIN IN ROLE "Sales Team";
	CREATE ROLE "we""ird, one";
	CREATE ROLE oddly LOGIN IN ROLE "we""ird, one";
	CREATE ROLE "Agents" LOGIN;
	GRANT agents TO repl;));
$node->safe_psql('postgres', 'CREATE ROLE set_false LOGIN; ' . ($version >= 160000 ?
		'GRANT agents TO set_false WITH INHERIT FALSE, SET FALSE' : 'GRANT agents TO set_false'));
$node->safe_psql('shop', q(
	CREATE EXTENSION pg_session_readonly;
	CREATE TABLE t (i int);
	GRANT ALL ON t TO PUBLIC;
	CREATE FUNCTION writes(int) RETURNS int LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO t VALUES ($1); RETURN $1; END $$;
	CREATE PROCEDURE commits() LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); END $$;));

# Give the configuration file this list.
sub write_list
{
	my ($list) = @_;
	(my $quoted = $list) =~ s/'/''/g;
	$node->adjust_conf('postgresql.conf', 'pg_session_readonly.locked_roles', undef);
	$node->append_conf('postgresql.conf', "pg_session_readonly.locked_roles = '$quoted'\n");
}

# Likewise, and wait until every session has been told: the
# server tells all of them before it accepts another connection.
sub reload_with
{
	my ($list) = @_;
	write_list($list);
	$node->reload;
	my $sees = sub {
		local $ENV{PGOPTIONS} = $off;
		my ($rc, $out) = $node->psql('postgres', 'SHOW pg_session_readonly.locked_roles', extra_params => [ '-U', 'boss' ]);
		return $out;
	};
	for (1 .. 300)
	{
		return if $sees->() eq $list;
		select(undef, undef, undef, 0.1);
	}
	die "the server does not take up '$list'";
}

# The mode of a session and where it comes from.
sub mode_and_source
{
	my ($session) = @_;
	return $session->{startup}{message} if $session->{startup}{code};
	return $session->query('SELECT mode, mode_source FROM pg_session_readonly_status()')->{rows}[0];
}

sub begins
{
	my ($user, $options, $expected, $name) = @_;
	my $session = connection($user, $options);
	is(mode_and_source($session), $expected, $name // ("$user begins" . ($options ? ", $options" : '')));
	my $result = $session->query('INSERT INTO t VALUES (0)');
	is($result->{code}, $expected =~ /^(locked|on)/ ? '25006' : '', "$user, " . ($options // '') . ": INSERT");
	$session->quit;
}

# --- as a session begins ---
restart_with('shared_preload_libraries' => 'pg_session_readonly');
reload_with('agents, nobody_of_this_name');
my $log = -s $node->logfile;
for my $user (qw(direct noinherit deep set_false))
{
	begins($user, $_, 'locked|locked roles')
	  for '', $off, $on, $locked, "$locked $off", '-c role=none';
}
begins('deep', '', 'locked|locked roles', 'a member of a member of a member');
for my $given ('locked_roles=', 'locked_roles=guest')
{
	is(connection('direct', "-c pg_session_readonly.$given")->{startup}{code}, '55P02', "direct, $given: no session");
}
is(connection('direct', '-c pg_session_readonly.denied_commands=LISTEN')->{startup}{code}, '42501',
	'direct, a policy setting in the connection string: no session');
begins('guest', '', 'off|default');
begins('guest', $on, 'on|client');
begins('guest', $locked, 'locked|client');
begins('boss', '', 'off|default', 'a superuser to whom nobody granted it');
begins('chief', $_, 'locked|locked roles', "a superuser to whom it was granted, '$_'")
  for '', $off, '-c session_authorization=guest';
begins('exempt', '', 'off|user', 'what is stored for the role itself comes first');
begins('exempt_here', '', 'off|database user', 'so does what is stored for the role in this database');
begins('only_on', '', 'on|user', 'so does "on"');
begins('only_on', $off, 'on|user', 'which the connection string does not undo');
begins('only_on', $locked, 'locked|client', 'but may raise');
like(slurp_file($node->logfile, $log), qr/LOG:  role "nobody_of_this_name" in parameter "pg_session_readonly.locked_roles" does not exist/,
	'a name that is no role: a line in the log');
like(slurp_file($node->logfile, $log), qr/LOG:  connection string cannot set "pg_session_readonly.mode" to "off"/,
	'a connection string that tries: a line in the log');

as_dba('ALTER DATABASE shop SET pg_session_readonly.mode = off');
begins('direct', $_, 'locked|locked roles', "its database's off does not undo it, '$_'") for '', $off;
as_dba('ALTER DATABASE shop SET pg_session_readonly.mode = on');
begins('direct', '', 'locked|locked roles', "nor does its database's on");
begins('guest', '', 'on|database', 'which is for others');
begins('guest', $off, 'on|database', 'and against their connection strings');
as_dba('ALTER DATABASE shop RESET pg_session_readonly.mode; ALTER ROLE ALL SET pg_session_readonly.mode = on');
begins('guest', '', 'on|global', 'stored for all roles');
begins('direct', '', 'locked|locked roles', 'stored for all roles, but of the group');
as_dba('ALTER ROLE ALL RESET pg_session_readonly.mode');

# in a parallel worker
{
	my $session = connection('direct');
	$session->run("SET $_") for $version >= 160000 ? 'debug_parallel_query = on' : 'force_parallel_mode = on', 'parallel_setup_cost = 0';
	is($session->run(q(SELECT current_setting('pg_session_readonly.mode') FROM t LIMIT 1)), 'locked', 'in a parallel worker');
	$session->quit;
}

# SET ROLE and SET SESSION AUTHORIZATION change nothing, either way.
{
	my $session = connection('boss');
	$session->run('SET SESSION AUTHORIZATION direct');
	as_dba('CREATE ROLE touch; DROP ROLE touch');
	is(mode_and_source($session), 'off|default', 'a superuser who acts as a member');
	$session->run('RESET SESSION AUTHORIZATION', 'SET ROLE direct');
	as_dba('CREATE ROLE touch; DROP ROLE touch');
	is(mode_and_source($session), 'off|default', 'a superuser who SETs a member as its role');
	$session->quit;
}

# --- names ---
for my $case (
	[ 'AGENTS', 'direct', 'folded' ],
	[ '"Sales Team"', 'seller', 'with capitals and a blank' ],
	[ ' guest ,"we""ird, one" ', 'oddly', 'with a quote and a comma' ],
	[ '"Agents"', 'Agents', 'the role itself' ],
	[ 'direct', 'direct', 'the role itself, a member of others' ])
{
	my ($list, $user, $name) = @$case;
	reload_with($list);
	begins($user, '', 'locked|locked roles', "$list: $name");
}
begins('Agents', '', 'off|default', 'another role than "agents"');
begins('noinherit', '', 'off|default', 'direct: not what direct is a member of');

# renamed and dropped
reload_with('agents');
as_dba('ALTER ROLE agents RENAME TO former');
begins('direct', '', 'off|default', 'the role has another name');
as_dba('ALTER ROLE former RENAME TO agents');
begins('direct', '', 'locked|locked roles', 'the role has its name again');
reload_with('"Sales Team"');
as_dba('DROP ROLE "Sales Team"');
begins('seller', '', 'off|default', 'the role is gone');
as_dba('CREATE ROLE "Sales Team" ROLE seller');
begins('seller', '', 'locked|locked roles', 'a role of this name is there again');

# --- sessions that are there: the list is reloaded ---
sub off_session
{
	my ($user, @first) = @_;
	my $session = connection($user);
	is(mode_in($session), 'off', "$user is off");
	$session->run(@first) if @first;
	return $session;
}
# The first statements of the session's next transaction, and what they end with.
my @firsts = (
	[ 'INSERT', sub { $_[0]->query('INSERT INTO t VALUES (1)') } ],
	[ 'INSERT, extended', sub { $_[0]->extended('INSERT INTO t VALUES (1)') } ],
	[ 'a prepared INSERT', sub { $_[0]->query('EXECUTE p') } ],
	[ 'a prepared INSERT, bound', sub { $_[0]->bind('', 'named', ); $_[0]->execute(''); $_[0]->sync } ],
	[ 'BEGIN READ WRITE and INSERT', sub { $_[0]->query('BEGIN READ WRITE; INSERT INTO t VALUES (1); COMMIT') } ],
	[ 'a function', sub { $_[0]->query('SELECT writes(1)') } ],
	[ 'DO', sub { $_[0]->query('DO $$ BEGIN PERFORM writes(1); END $$') } ],
	[ 'CALL', sub { $_[0]->query('CALL commits()') } ],
	[ 'nextval()', sub { $_[0]->query(q(DO $$ DECLARE i int; BEGIN i := nextval('s'); END $$)) } ],
	[ 'COPY', sub { $_[0]->query('COPY t FROM STDIN', "1\n") } ],
	[ 'CREATE TABLE', sub { $_[0]->query('CREATE TEMP TABLE mine ()') } ],
	[ 'fastpath lo_creat()', sub { $_[0]->fastpath(957, -1) } ],
	[ 'off', sub { $_[0]->query('SET pg_session_readonly.mode = off') } ]);
$node->safe_psql('shop', 'CREATE SEQUENCE s; GRANT ALL ON SEQUENCE s TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC');
for my $how ('reload', 'GRANT', 'GRANT in between', 'renamed')
{
	reload_with($how eq 'reload' ? '' : $how eq 'renamed' ? 'renamed' : 'late');
	as_dba('DROP ROLE IF EXISTS late; CREATE ROLE late; CREATE ROLE between IN ROLE late');
	as_dba('GRANT between TO app') if $how eq 'reload' or $how eq 'renamed';
	as_dba('GRANT between TO app; REVOKE late FROM between') if $how eq 'GRANT in between';
	my %sessions = map { $_->[0] => off_session('app', 'PREPARE p AS INSERT INTO t VALUES (1)', 'EXECUTE p') } @firsts;
	for my $session (values %sessions)
	{
		$session->parse('named', 'INSERT INTO t VALUES (1)');
		$session->bind('', 'named');
		$session->execute('');
		is($session->sync->{code}, '', "$how: writes before");
	}
	my $guest = off_session('guest');
	my $boss = off_session('boss');
	my $busy = off_session('app', 'BEGIN', 'INSERT INTO t VALUES (42)');
	my $failed = off_session('app', 'BEGIN', 'SAVEPOINT a');
	$failed->query('SELECT 1/0');
	my $rows = $node->safe_psql('shop', 'SELECT count(*) FROM t', extra_params => [ '-U', 'boss' ]);

	if ($how eq 'reload') { reload_with('late') }
	elsif ($how eq 'GRANT') { as_dba('GRANT between TO app') }
	elsif ($how eq 'GRANT in between') { as_dba('GRANT late TO between') }
	else { as_dba('ALTER ROLE late RENAME TO renamed') }

	for my $first (@firsts)
	{
		my ($name, $run) = @$first;
		my $session = $sessions{$name};
		is($run->($session)->{code}, '25006', "$how: $name is refused");
		$session->query('ROLLBACK');
		is(mode_and_source($session), 'locked|locked roles', "$how, $name: locked, and says why");
		$session->quit;
	}
	is($node->safe_psql('shop', 'SELECT count(*) FROM t', extra_params => [ '-U', 'boss' ]), $rows, "$how: nothing was written");

	# Never in the midst of a transaction
	is($busy->query('INSERT INTO t VALUES (43)')->{code}, '', "$how: a transaction goes on");
	is($busy->run('SHOW pg_session_readonly.mode'), 'off', "$how: off to its end");
	is($busy->query('COMMIT')->{code}, '', "$how: and commits");
	is($busy->query('INSERT INTO t VALUES (44)')->{code}, '25006', "$how: the next one is refused");
	is($failed->query('ROLLBACK TO a; INSERT INTO t VALUES (45); COMMIT')->{code}, '', "$how: so does one that had failed");
	is($failed->query('INSERT INTO t VALUES (46)')->{code}, '25006', "$how: the next one is refused");
	is($node->safe_psql('shop', 'SELECT string_agg(i::text, NULL ORDER BY i) FROM t WHERE i > 41', extra_params => [ '-U', 'boss' ]),
		'424345', "$how: what was begun is there");
	$_->quit for $busy, $failed;

	for my $other ($guest, $boss)
	{
		is($other->query('INSERT INTO t VALUES (0)')->{code}, '', "$how: others write");
		is(mode_and_source($other), 'off|default', "$how: others are off");
		is($other->run('SELECT overtaken IS NULL FROM pg_session_readonly_status()'), 't', "$how: others have no hooks of ours");
		$other->quit;
	}
	as_dba('DROP ROLE IF EXISTS late, renamed; DROP ROLE between');
	$node->safe_psql('shop', 'DELETE FROM t WHERE i > 41', extra_params => [ '-U', 'boss' ]);
}

# In a pipeline: what has begun goes on until Sync.
{
	reload_with('');
	my $session = off_session('direct');
	my $begin = sub { $session->parse('', $_[0]); $session->bind('', ''); $session->execute(''); };
	$begin->('INSERT INTO t VALUES (1)');
	$session->message('H', '');
	1 while ($session->receive)[0] ne 'C';
	reload_with('agents');
	$begin->('INSERT INTO t VALUES (2)');
	is($session->sync->{code}, '', 'a pipeline goes on');
	$begin->('INSERT INTO t VALUES (3)');
	is($session->sync->{code}, '25006', 'after Sync it is locked');
	$session->quit;
}

# A library that comes between two changes is asked after us.
{
	reload_with('late');
	my $session = off_session('boss');
	as_dba('CREATE ROLE late');
	$session->run('SELECT 1', q(LOAD 'auto_explain'));
	as_dba('GRANT late TO boss');
	is(mode_and_source($session), 'locked|locked roles', 'a library in between: locked');
	is($session->run('SELECT overtaken FROM pg_session_readonly_status()'), 'f', 'a library in between: is asked after us');
	$session->quit;
	reload_with('');
	as_dba('DROP ROLE late');
}

# COMMIT AND CHAIN begins the next one.
for my $end ('COMMIT', 'ROLLBACK')
{
	reload_with('');
	my $session = off_session('direct', 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE', 'INSERT INTO t VALUES (1)');
	reload_with('agents');
	is($session->query("$end AND CHAIN")->{code}, '', "$end AND CHAIN: ends what was begun");
	is($session->query('INSERT INTO t VALUES (2)')->{code}, '25006', "$end AND CHAIN: the next one is locked");
	$session->quit;
}

# A procedure that commits is locked behind its COMMIT, and so is DO.
for my $sql ('CALL waits()', q(DO $$ BEGIN INSERT INTO t VALUES (1); COMMIT; PERFORM pg_advisory_xact_lock(1); COMMIT;
	INSERT INTO t VALUES (2); END $$),
	# it cannot be locked inside the block, which does not catch that
	q(DO $$ BEGIN INSERT INTO t VALUES (1); COMMIT; PERFORM pg_advisory_xact_lock(1); COMMIT;
	BEGIN INSERT INTO t VALUES (2); EXCEPTION WHEN OTHERS THEN INSERT INTO t VALUES (3); END; END $$))
{
	reload_with('late');
	as_dba('CREATE ROLE late');
	$node->safe_psql('shop', q(CREATE OR REPLACE PROCEDURE waits() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (1); COMMIT;
		PERFORM pg_advisory_xact_lock(1); COMMIT; INSERT INTO t VALUES (2); END $$));
	my $holder = connection('boss');
	$holder->run('SELECT pg_advisory_lock(1)');
	my $session = off_session('app');
	$session->message('Q', "$sql\0");
	$node->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $session->{pid}");
	as_dba('GRANT late TO app');
	$holder->run('SELECT pg_advisory_unlock(1)');
	my $result = $session->result;
	is($result->{code}, $sql =~ /EXCEPTION/ ? '25001' : '25006', "$sql: refused behind its COMMIT");
	is(mode_and_source($session), 'locked|locked roles', "$sql: locked") if $sql !~ /EXCEPTION/;
	is($session->query('SELECT 1')->{code}, 'closed', "$sql: the session has ended") if $sql =~ /EXCEPTION/;
	$_->quit for $session, $holder;
	as_dba('DROP ROLE late');
}

# Core reads the configuration file between messages: a procedure in progress goes on.
{
	reload_with('');
	my $holder = connection('boss');
	$holder->run('SELECT pg_advisory_lock(1)');
	my $session = off_session('direct');
	$session->message('Q', "CALL waits()\0");
	$node->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $session->{pid}");
	reload_with('agents');
	$holder->run('SELECT pg_advisory_unlock(1)');
	is($session->result->{code}, '', 'a procedure, at a reload: goes on behind its COMMIT');
	is(mode_and_source($session), 'locked|locked roles', 'a procedure, at a reload: locked by the next message');
	$_->quit for $session, $holder;
}

# Where it cannot be locked it ends.
for my $case (
	[ 'a held cursor', 'direct', '25001', qr/A cursor is open/,
		'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 3)', 'COMMIT' ],
	[ 'a replication origin', 'chief', '25001', qr/A replication origin is set up/,
		q(SELECT pg_replication_origin_create('here')), q(SELECT pg_replication_origin_session_setup('here')) ],
	[ 'its own list of functions', 'direct', '42501', qr/An administrator has made/,
		q(SET pg_session_readonly.allowed_functions = 'public.writes') ],
	[ 'its own list of commands', 'direct', '42501', qr/An administrator has made/,
		q(SET pg_session_readonly.denied_commands = '') ])
{
	my ($name, $user, $code, $detail, @first) = @$case;
	reload_with('');
	my $session = off_session($user, @first);
	reload_with('agents');
	my $result = $session->query('SELECT writes(1)');
	is($result->{code}, $code, "$name: the session ends");
	like($result->{detail}, $detail, "$name: says why");
	is($session->query('SELECT 1')->{code}, 'closed', "$name: it has ended");
}
{
	reload_with('');
	my $session = off_session('chief', q(SET pg_session_readonly.allowed_functions = 'public.writes'));
	reload_with('agents');
	is($session->query('SELECT writes(1)')->{code}, '', "a superuser's own list of functions counts");
	is($session->query('INSERT INTO t VALUES (1)')->{code}, '25006', 'and is all that does');
	reload_with('');
	is(mode_and_source($session), 'locked|locked roles', 'taken out of the list: stays locked');
	is($session->query('SET pg_session_readonly.mode = off')->{code}, '25006', 'cannot be unlocked');
	$session->quit;
}

# What is stored for the role itself holds here, too; and who is on goes up.
{
	my %there = map { $_ => connection($_) } qw(exempt exempt_here only_on direct);
	$there{direct}->run('SET pg_session_readonly.mode = on');
	my $stored = connection('guest');
	as_dba('ALTER ROLE guest SET pg_session_readonly.mode = locked');
	reload_with('agents');
	is(mode_and_source($there{exempt}), 'off|user', 'reload: exempt stays off');
	is(mode_and_source($there{exempt_here}), 'off|database user', 'reload: exempt in this database stays off');
	is(mode_and_source($there{only_on}), 'on|user', 'reload: on stays on');
	is(mode_and_source($there{direct}), 'locked|locked roles', 'reload: on becomes locked');
	is(mode_and_source($stored), 'off|default', 'reload: what is stored for others is for later sessions');
	as_dba('ALTER ROLE guest RESET pg_session_readonly.mode');
	$_->quit for values %there, $stored;
}
{
	my $session = connection('guest', $on);
	is(mode_and_source($session), 'on|client', 'on by itself');
	$session->quit;
	$session = off_session('guest', 'SET pg_session_readonly.mode = locked');
	is(mode_and_source($session), 'locked|session', 'locked by itself');
	$session->quit;
}

# --- replication ---
for my $replication ('database', 'true')
{
	my $session = Wire->new($node, dbname => 'shop', user => 'repl', replication => $replication);
	is($session->{startup}{code}, '0A000', "replication=$replication of a member: no session");
	$session = Wire->new($node, dbname => 'shop', user => 'repl', replication => $replication, options => $off);
	is($session->{startup}{code}, '0A000', "replication=$replication of a member, $off: no session");
	$session = Wire->new($node, dbname => 'shop', user => 'spy', replication => $replication);
	is($session->query('IDENTIFY_SYSTEM')->{code}, '', "replication=$replication of another: streams");
	$session->quit;
}
{
	reload_with('');
	my $session = Wire->new($node, dbname => 'shop', user => 'repl', replication => 'database');
	is($session->query('SELECT writes(1)')->{code}, '', 'a replication connection may write');
	reload_with('agents');
	is($session->query('SELECT writes(1)')->{code}, '0A000', 'a reload ends it as it runs SQL');
	is($session->query('SELECT 1')->{code}, 'closed', 'it has ended');
}

# --- what is no session of a client: superusers all of them ---
my $admin = $node->safe_psql('postgres', 'SELECT current_user');
reload_with($admin);
{
	begins($admin, '', 'locked|locked roles', 'the very first superuser');
	reload_with('');
	$node->safe_psql('shop', 'CREATE TABLE streamed (i int); CREATE PUBLICATION p FOR TABLE streamed; INSERT INTO streamed VALUES (1)');
	$node->safe_psql('postgres', 'CREATE DATABASE copy');
	$node->safe_psql('copy', 'CREATE TABLE streamed (i int)');
	$node->safe_psql('shop', q(SELECT pg_create_logical_replication_slot('sub', 'pgoutput')));
	my $connection = $node->connstr('shop') . ' user=spy';
	$node->safe_psql('shop', 'GRANT SELECT ON streamed TO spy');
	$node->safe_psql('copy', qq(CREATE SUBSCRIPTION sub CONNECTION \$\$$connection\$\$ PUBLICATION p
		WITH (create_slot = false, slot_name = sub, enabled = false, connect = false)));
	reload_with($admin);
	$node->safe_psql('copy', 'ALTER SUBSCRIPTION sub ENABLE; ALTER SUBSCRIPTION sub REFRESH PUBLICATION', extra_params => [ '-U', 'boss' ]);
	ok($node->poll_query_until('copy', 'SELECT count(*) = 1 FROM streamed'), 'tables are synchronized');
	$node->safe_psql('shop', 'INSERT INTO streamed VALUES (2)', extra_params => [ '-U', 'boss' ]);
	ok($node->poll_query_until('copy', 'SELECT count(*) = 2 FROM streamed'), 'an apply worker writes');
	$node->safe_psql('copy', $_, extra_params => [ '-U', 'boss' ])
	  for 'ALTER SUBSCRIPTION sub DISABLE', 'ALTER SUBSCRIPTION sub SET (slot_name = NONE)', 'DROP SUBSCRIPTION sub';
}
$node->stop;
IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'shop' ], '<', \"SELECT writes(1)\n", '>', \my $said, '2>', \my $said_2);
like($said, qr/writes = "1"/, 'a single-user server writes');
$node->start;

# --- a list that is no list ---
sub restart_with_list
{
	my ($list) = @_;
	$log = -s $node->logfile;
	write_list($list);
	$node->restart;
}
for my $list ('agents,', '"agents', 'agents guest', 'a.b', 'x' x 64, "f\xc3\xbcr")
{
	restart_with_list($list);
	like(slurp_file($node->logfile, $log), qr/LOG:  invalid value for parameter "pg_session_readonly.locked_roles": "\Q$list\E"/,
		"$list: the server starts, and says so");
	for my $user (qw(guest direct exempt))
	{
		my $startup = connection($user)->{startup};
		is("$startup->{code} $startup->{message}", qq(22023 invalid value for parameter "pg_session_readonly.locked_roles": "$list"),
			"$list: no session for $user");
	}
	is(mode_of('boss'), 'off', "$list: a superuser gets in");
	is(connection('boss')->run('SET force_parallel_mode = on', 'SELECT count(*) > 0 FROM pg_class'), 't', "$list: in parallel, too")
	  if $version < 160000;
	is(connection('boss')->run('SET debug_parallel_query = on', 'SELECT count(*) > 0 FROM pg_class'), 't', "$list: in parallel, too")
	  if $version >= 160000;
}
restart_with_list('agents');
my $there = off_session('guest');
$log = -s $node->logfile;
write_list('guest, "');
$node->reload;
$node->wait_for_log(qr/invalid value for parameter "pg_session_readonly.locked_roles": "guest, ""/, $log);
is(mode_of('guest'), 'off', 'a reload of a list that is none: the list of before');
is(mode_of('direct'), 'locked', 'a reload of a list that is none: the list of before holds');
is(mode_in($there), 'off', 'a reload of a list that is none: sessions that are there');
$there->quit;
is(connection('boss')->query(q(ALTER SYSTEM SET pg_session_readonly.locked_roles = 'a,,b'))->{code}, '22023', 'ALTER SYSTEM refuses it');
is(connection('boss')->query(q(ALTER ROLE guest SET pg_session_readonly.locked_roles = ''))->{code}, '55P02', 'no role has a list of its own');
is(connection('boss')->query(q(SET pg_session_readonly.locked_roles = ''))->{code}, '55P02', 'nor has a session');

# --- preloaded for the session only ---
restart_with('session_preload_libraries' => 'pg_session_readonly', 'pg_session_readonly.mode' => 'off');
restart_with_list('agents');
begins('direct', '', 'locked|locked roles', 'session_preload_libraries: locked');
begins('guest', '', 'off|configuration file', 'session_preload_libraries: others are not');
is(connection('direct', "-c pg_session_readonly.locked_roles=$_")->{startup}{code}, '55P02',
	"session_preload_libraries, the list '$_' in the connection string: no session") for '', 'guest', 'agents';
{
	as_dba('CREATE ROLE late IN ROLE agents');
	my $session = off_session('guest');
	as_dba('GRANT late TO guest');
	is($session->query('INSERT INTO t VALUES (1)')->{code}, '25006', 'session_preload_libraries: GRANT reaches it');
	$session->quit;
	as_dba('DROP ROLE late');
}
restart_with_list('agents,');
is(connection('guest')->{startup}{code}, '22023', 'session_preload_libraries, a list that is none: no session');

# Loaded by itself the library does not look at the list.
restart_with('session_preload_libraries' => '');
restart_with_list('agents');
{
	my $session = connection('direct');
	$session->run('INSERT INTO t VALUES (1)', q(LOAD '$libdir/plugins/pg_session_readonly'));
	is(mode_and_source($session), 'on|default', 'LOAD by a member: on');
	$session->quit;
	$session = connection('direct', '-c pg_session_readonly.locked_roles=guest');
	is($session->query(q(LOAD '$libdir/plugins/pg_session_readonly'))->{code}, '55P02', 'LOAD after a list of its own: error');
	$session->quit;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
