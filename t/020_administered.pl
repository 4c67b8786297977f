# Pinned settings whose value an administrator stored, or that nobody stored, against the
# connection string of an ordinary role that wants out.

use strict;
use warnings;
use Administered;
use PostgreSQL::Test::Utils;
use Test::More;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

start_cluster();

# 16.4 drops the role with the session's authorization, past the setting: DISCARD ALL
# does so in any session.
my $core_keeps_role;
{
	my $session = connection('agent', '-c role=keeper');
	$session->query('DISCARD ALL');
	$core_keeps_role = $session->run('SELECT current_user') eq 'keeper' ? 1 : 0;
	note("DISCARD ALL keeps the role: $core_keeps_role");
	$session->quit;
}

# A session that has the stored value whatever it does.
sub stored_value_wins
{
	my ($user, $options, $setting, $shows, $value, $name) = @_;
	my $log = -s $node->logfile;
	my $session = connection($user, $options);
	is($session->{startup}{code}, '', "$name: a session");
	is(mode_in($session), 'locked', "$name: locked");
	is($session->query($shows)->{rows}[0], $value, "$name: stored value");
	like(slurp_file($node->logfile, $log), qr/LOG:  connection string cannot set pinned parameter "$setting"/,
		"$name: a line in the log");
	$session->query("RESET $setting");
	$session->query('DISCARD ALL') if $setting ne 'role' || $core_keeps_role;
	is($session->query($shows)->{rows}[0], $value, "$name: stored value after RESET and DISCARD ALL");
	$session->query('BEGIN');
	$session->query("SET LOCAL $setting TO DEFAULT");
	$session->query('ROLLBACK');
	is($session->query($shows)->{rows}[0], $value, "$name: stored value after ROLLBACK");
	$session->quit;
}

# --- pinned settings against the connection string ---
my $pins = 'superuser, statement_timeout, search_path, role, auto_explain.log_min_duration, pg_trgm.similarity_threshold, shop.tenant';
my @cases = (
	# setting, the client's value, the stored value, what shows it, and shows
	[ 'statement_timeout', '0', "'30s'", 'SHOW statement_timeout', '30s' ],
	[ 'search_path', 'evil', 'pg_catalog, public', 'SHOW search_path', 'pg_catalog, public' ],
	[ 'role', 'friend', 'keeper', 'SELECT current_user', 'keeper' ],
	# only a superuser's, which the role may set nevertheless
	[ 'log_min_duration_statement', '-1', '77777', 'SHOW log_min_duration_statement', '77777ms' ],
	# an extension's, a superuser's and anyone's, and one that no library defines
	[ 'auto_explain.log_min_duration', '-1', '77777', 'SHOW auto_explain.log_min_duration', '77777ms' ],
	[ 'pg_trgm.similarity_threshold', '0.1', '0.7', 'SHOW pg_trgm.similarity_threshold', '0.7' ],
	[ 'shop.tenant', '8', "'7'", 'SHOW shop.tenant', '7' ]);

my $libraries = 'pg_trgm, auto_explain, pg_session_readonly';
my %ways = (
	'role, session_preload_libraries' => [ {},
		"ALTER ROLE agent SET session_preload_libraries = pg_trgm, auto_explain, pg_session_readonly;
		ALTER ROLE agent SET pg_session_readonly.mode = locked;
		ALTER ROLE agent SET pg_session_readonly.pinned_settings = '$pins'" ],
	'role, shared_preload_libraries' => [ { 'shared_preload_libraries' => $libraries },
		"ALTER ROLE agent SET pg_session_readonly.mode = locked;
		ALTER ROLE agent SET pg_session_readonly.pinned_settings = '$pins'" ],
	'database, shared_preload_libraries' => [ { 'shared_preload_libraries' => $libraries },
		"ALTER DATABASE shop SET pg_session_readonly.mode = locked;
		ALTER DATABASE shop SET pg_session_readonly.pinned_settings = '$pins'" ],
	'file, session_preload_libraries' => [ { 'session_preload_libraries' => $libraries,
		'pg_session_readonly.mode' => 'locked', 'pg_session_readonly.pinned_settings' => $pins }, '' ],
	'file, shared_preload_libraries' => [ { 'shared_preload_libraries' => $libraries,
		'pg_session_readonly.mode' => 'locked', 'pg_session_readonly.pinned_settings' => $pins }, '' ]);
for my $way (sort keys %ways)
{
	my ($file, $stored) = @{ $ways{$way} };
	restart_with(%$file);
	as_dba($stored) if $stored;
	my $log = -s $node->logfile;
	is(mode_of('agent'), 'locked', "$way: locked");
	is(mode_of('agent', $locked), 'locked', "$way: locked as the client says so, too");
	unlike(slurp_file($node->logfile, $log), qr/connection string/, "$way: no line in the log for an honest client");
	for my $case (@cases)
	{
		my ($setting, $given, $value, $shows, $shown) = @$case;
		my $name = "$way, $setting";
		my $options = "-c $setting=$given";
		no_session('agent', $options, $setting, "$name, nothing stored");
		no_session('agent', "$off $options", $setting, "$name, nothing stored, and a weaker mode");
		as_dba("ALTER ROLE agent SET $setting = $value");
		stored_value_wins('agent', $options, $setting, $shows, $shown, "$name, stored");
		stored_value_wins('agent', "$on $options", $setting, $shows, $shown, "$name, stored, and a weaker mode");
		as_dba("ALTER ROLE agent RESET $setting");
	}
	reset_stored();
}

# Wherever the value is stored, as core has it: the more specific one wins.
restart_with('shared_preload_libraries' => 'pg_session_readonly');
as_dba(q(ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = statement_timeout));
for my $elsewhere ('ROLE app', 'DATABASE postgres', 'ROLE agent IN DATABASE postgres')
{
	as_dba("ALTER $elsewhere SET statement_timeout = '10s'");
	no_session('agent', '-c statement_timeout=0', 'statement_timeout', "stored for $elsewhere only");
	as_dba("ALTER $elsewhere RESET statement_timeout");
}
my $seconds = 20;
for my $scope ('ROLE ALL', 'DATABASE shop', 'ROLE agent', 'ROLE agent IN DATABASE shop')
{
	$seconds++;
	as_dba("ALTER $scope SET statement_timeout = '${seconds}s'");
	stored_value_wins('agent', '-c statement_timeout=0', 'statement_timeout', 'SHOW statement_timeout',
		"${seconds}s", "stored for $scope");
}
stored_value_wins('agent', '-c STATEMENT_TIMEOUT=1h --statement-timeout=0', 'statement_timeout',
	'SHOW statement_timeout', "${seconds}s", 'given twice, in other words');
reset_stored();

# The library that comes after ours in the list defines its settings anew.
restart_with();
as_dba(q(ALTER ROLE agent SET session_preload_libraries = pg_session_readonly, pg_trgm;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'pg_trgm.similarity_threshold';
	ALTER ROLE agent SET pg_trgm.similarity_threshold = 0.7));
for my $options ('', '-c pg_trgm.similarity_threshold=0.1')
{
	my $session = connection('agent', $options);
	is($session->query('SHOW pg_trgm.similarity_threshold')->{rows}[0], '0.7',
		"a library after ours, '$options': stored value");
	is($session->query('SET pg_trgm.similarity_threshold = 0.1')->{code}, '55P02',
		"a library after ours, '$options': pinned");
	$session->quit;
}
reset_stored();

# The library that comes before ours leaves a misspelt setting of ours, without a value.
(my $library = $writer) =~ s/\.\w+$//;
as_dba(qq(ALTER ROLE agent SET session_preload_libraries = '$library', pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'zoo.keeper';
	ALTER ROLE agent SET zoo.keeper = 'stored'));
{
	my $log = -s $node->logfile;
	my $session = connection('agent', '-c writer.note=misspell -c zoo.keeper=client');
	is($session->{startup}{code}, '', 'a misspelt setting without a value: a session');
	is($session->query('SHOW pg_session_readonly.misspelt')->{code}, '42704', 'a misspelt setting without a value: thrown away');
	is($session->query('SHOW zoo.keeper')->{rows}[0], 'stored', 'a misspelt setting without a value: others are pinned');
	$session->quit;
	my @lines = slurp_file($node->logfile, $log) =~ /connection string cannot set pinned parameter "zoo.keeper"/g;
	is(scalar @lines, 1, 'a misspelt setting without a value: the last of all settings is looked at once');
}
reset_stored();

# A library that is loaded in the midst of the session
as_dba(q(ALTER ROLE agent SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'plpgsql.extra_warnings';
	ALTER ROLE agent SET plpgsql.extra_warnings = 'shadowed_variables'));
{
	my $session = connection('agent', '-c plpgsql.extra_warnings=none');
	is($session->query('SHOW plpgsql.extra_warnings')->{rows}[0], 'shadowed_variables',
		'a library to be loaded: stored value');
	is($session->query('DO $$ BEGIN END $$')->{code}, '', 'a library to be loaded: is loaded');
	is($session->query('SHOW plpgsql.extra_warnings')->{rows}[0], 'shadowed_variables',
		'a library that has been loaded: stored value');
	is($session->query('SET plpgsql.extra_warnings = none')->{code}, '55P02',
		'a library that has been loaded: pinned');
	$session->quit;
}
reset_stored();

# One that only a connection's beginning can set, and nobody can store
as_dba(q(ALTER ROLE agent SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'superuser, ignore_system_indexes'));
{
	local $ENV{PGOPTIONS} = '-c ignore_system_indexes=on';
	my ($rc, $stdout, $stderr) = $node->psql('postgres', undef, extra_params => [ '-U', 'agent', '-c', 'SELECT 1' ]);
	like($stderr, qr/FATAL:  permission denied to set parameter "ignore_system_indexes"/,
		'a pinned setting of the connection: no session');
}
reset_stored();

# A pinned setting that nobody has given a value, and nothing defines: the row
# security of many applications goes by such
as_dba(q(ALTER ROLE agent SET session_preload_libraries = pg_session_readonly;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'shop.tenant'));
{
	my $session = connection('agent');
	isnt($session->query("SET shop.tenant = '8'")->{code}, '', 'a pinned name without a value: cannot be SET');
	isnt($session->query("SELECT set_config('shop.tenant', '8', false)")->{code}, '',
		'a pinned name without a value: nor by set_config()');
	$session->quit;
}
reset_stored();

# A superuser's connection string may, and so may a client that locks itself.
restart_with('shared_preload_libraries' => 'pg_session_readonly');
as_dba(q(ALTER ROLE boss SET pg_session_readonly.mode = locked;
	ALTER ROLE boss SET pg_session_readonly.pinned_settings = 'statement_timeout, role';
	ALTER ROLE boss SET statement_timeout = '30s'));
for my $case ([ '-c statement_timeout=5s', '5s' ], [ '-c role=friend', '30s' ], [ '', '30s' ])
{
	my ($options, $timeout) = @$case;
	my $log = -s $node->logfile;
	my $session = connection('boss', $options);
	is($session->query('SHOW statement_timeout')->{rows}[0], $timeout, "superuser, '$options': keeps it");
	is(mode_in($session), 'locked', "superuser, '$options': locked");
	is($session->query('SET statement_timeout = 0')->{code}, '55P02', "superuser, '$options': pinned then");
	unlike(slurp_file($node->logfile, $log), qr/connection string/, "superuser, '$options': no line in the log");
	$session->quit;
}
for my $preload ('', 'pg_session_readonly')
{
	restart_with('shared_preload_libraries' => $preload);
	for my $case (
		[ 'by its connection string', "$local $locked -c pg_session_readonly.pinned_settings=statement_timeout" ],
		[ 'by LOAD and SET', '', $preload ? () : "LOAD '\$libdir/plugins/pg_session_readonly'",
			'SET pg_session_readonly.mode = on', 'SET pg_session_readonly.mode = locked' ])
	{
		my ($how, $options, @statements) = @$case;
		unshift @statements, "SET pg_session_readonly.pinned_settings = 'statement_timeout'" if @statements;
		my $session = connection('agent', "$options -c statement_timeout=5s");
		$session->run(@statements);
		my $name = "preload '$preload', locked $how";
		is(mode_in($session), 'locked', "$name: locked");
		is($session->query('SHOW statement_timeout')->{rows}[0], '5s', "$name: keeps what the client gave");
		is($session->query('SET statement_timeout = 0')->{code}, '55P02', "$name: pinned then");
		$session->quit;
	}
}
reset_stored();

# --- names that are not known ---
restart_with('shared_preload_libraries' => 'pg_session_readonly');
for my $case (
	[ 'auto_explain.log_min_duration', '' ],
	[ 'statement_timeout, nobody.knows', '' ],
	[ 'nobody.knows, "Nobody"."Knows", superuser', '' ],
	[ 'statement_timeout, statement_timout', 'statement_timout' ],
	[ 'auto_explain.log_min_duration, nobody', 'nobody' ],
	[ '"superuser "', '"superuser "' ],
	[ 'statement_timeout,', undef ],
	[ 'super user', undef ])
{
	my ($list, $item) = @$case;
	$list =~ s/'/''/g;
	for my $sql ("SET pg_session_readonly.pinned_settings = '$list'",
		"ALTER ROLE app SET pg_session_readonly.pinned_settings = '$list'")
	{
		my $result = connection('boss')->query($sql);
		is($result->{code}, defined $item && $item eq '' ? '' : '22023', "$sql: " .
			(defined $item && $item eq '' ? 'accepted' : 'refused'));
		is($result->{detail}, qq(Unrecognized configuration parameter: "$item".), "$sql: says which")
		  if $item;
	}
}
reset_stored();
for my $libraries ('auto_explain, pg_session_readonly', 'pg_session_readonly, auto_explain')
{
	restart_with('shared_preload_libraries' => $libraries, 'pg_session_readonly.mode' => 'locked',
		'pg_session_readonly.pinned_settings' => 'auto_explain.log_min_duration, nobody.knows');
	is(mode_of('agent'), 'locked', "$libraries: the server starts");
	is(connection('boss', $locked)->query('SET auto_explain.log_min_duration = 0')->{code}, '55P02',
		"$libraries: pinned");
}
$node->stop;
$node->append_conf('postgresql.conf', "pg_session_readonly.pinned_settings = 'nobody'\n");
my $log = -s $node->logfile;
is($node->start(fail_ok => 1), 0, 'a misspelt name in the configuration file: the server does not start');
like(slurp_file($node->logfile, $log), qr/Unrecognized configuration parameter: "nobody"/,
	'a misspelt name in the configuration file: says which');
$node->adjust_conf('postgresql.conf', 'pg_session_readonly.pinned_settings', undef);
$node->adjust_conf('postgresql.conf', 'pg_session_readonly.mode', undef);
$node->start;

# Stored where nobody knew them: a restore brings the list before the value, in a
# server without the library
restart_with('shared_preload_libraries' => '');
as_dba(q(ALTER ROLE agent SET pg_session_readonly.pinned_settings = 'auto_explain.log_min_duration';
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE agent SET auto_explain.log_min_duration = 77777;
	ALTER ROLE app SET pg_session_readonly.pinned_settings = 'nobody';
	ALTER ROLE app SET pg_session_readonly.mode = locked));
for my $libraries ('auto_explain, pg_session_readonly', 'pg_session_readonly, auto_explain')
{
	restart_with('shared_preload_libraries' => $libraries);
	stored_value_wins('agent', '-c auto_explain.log_min_duration=-1', 'auto_explain.log_min_duration',
		'SHOW auto_explain.log_min_duration', '77777ms', "stored before preload of $libraries");
	my $startup = connection('app')->{startup};
	is($startup->{code}, '22023', "a misspelt name stored before preload of $libraries: no session");
	like($startup->{message} . $startup->{detail}, qr/"nobody"/,
		"a misspelt name stored before preload of $libraries: says which");
}
reset_stored();

# libpq tries again where it takes an error for one about application_name, and
# psql then says it twice.
for my $preload ('', 'pg_session_readonly')
{
	restart_with('shared_preload_libraries' => $preload);
	for my $setting ('moode=locked', 'denied_comands=LISTEN')
	{
		local $ENV{PGOPTIONS} = "$local -c pg_session_readonly.$setting";
		my ($rc, $stdout, $stderr) = $node->psql('postgres', undef, extra_params => [ '-U', 'agent', '-c', 'SELECT 1' ]);
		is(() = $stderr =~ /FATAL:/g, 1, "preload '$preload', $setting: one FATAL");
		unlike($stdout, qr/1/, "preload '$preload', $setting: no session");
	}
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
