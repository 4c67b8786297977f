# What the tests of stored settings share: a cluster with the roles "agent", "app" and the
# superuser "boss", and what is done as its administrator and as its clients.
package Administered;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

our @EXPORT = qw($node $local $off $on $locked start_cluster as_dba restart_with reset_stored connection mode_in mode_of no_session);

our $node;
our $local = '-c local_preload_libraries=pg_session_readonly';
our $off = '-c pg_session_readonly.mode=off';
our $on = '-c pg_session_readonly.mode=on';
our $locked = '-c pg_session_readonly.mode=locked';

sub start_cluster
{
	$node = PostgreSQL::Test::Cluster->new('main');
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', "log_statement = none\n");
	$node->start;
	$node->safe_psql('postgres', q(
		CREATE DATABASE shop;
		CREATE ROLE agent LOGIN;
		CREATE ROLE boss LOGIN SUPERUSER;
		CREATE ROLE app LOGIN;
		CREATE ROLE repl LOGIN REPLICATION;
		CREATE ROLE spy LOGIN REPLICATION;
		CREATE ROLE keeper;
		CREATE ROLE friend;
		GRANT keeper, friend TO agent, boss;
		GRANT SET ON PARAMETER log_min_duration_statement TO agent;
		GRANT SET ON PARAMETER auto_explain.log_min_duration TO agent;));
}

# A superuser's statements, in a session that may write whatever is stored.
sub as_dba
{
	local $ENV{PGOPTIONS} = $off;
	return $node->safe_psql('postgres', $_[0]);
}

# Give the configuration file these settings, and no others of ours, and restart.
sub restart_with
{
	my %settings = @_;
	for my $name ('shared_preload_libraries', 'session_preload_libraries',
		'pg_session_readonly.mode', 'pg_session_readonly.pinned_settings')
	{
		$node->adjust_conf('postgresql.conf', $name, undef);
		$node->append_conf('postgresql.conf', "$name = '$settings{$name}'\n")
		  if defined $settings{$name};
	}
	$node->restart;
}

# Forget all that is stored.
sub reset_stored
{
	as_dba("ALTER ROLE $_ RESET ALL; ALTER ROLE $_ IN DATABASE shop RESET ALL")
	  for ('agent', 'boss', 'app', 'repl', 'spy', 'ALL');
	as_dba("ALTER DATABASE $_ RESET ALL") for ('shop', 'postgres');
}

# A connection to database "shop".
sub connection
{
	my ($user, $options) = @_;
	return Wire->new($node, dbname => 'shop', user => $user, options => $options // '');
}

# What is in force in a session: SHOW would also show what was given to a setting that
# nothing has defined.
sub mode_in
{
	my ($session) = @_;
	return $session->query("SELECT setting FROM pg_settings WHERE name = 'pg_session_readonly.mode'")->{rows}[0]
	  // 'not loaded';
}

# What this connection's mode is, or why there is none.
sub mode_of
{
	my ($user, $options) = @_;
	my $session = connection($user, $options);
	return $session->{startup}{message} if $session->{startup}{code};
	my $mode = mode_in($session);
	$session->quit;
	return $mode;
}

# There is no session, for the client gave a pinned setting.
sub no_session
{
	my ($user, $options, $setting, $name) = @_;
	my $startup = connection($user, $options)->{startup};
	is($startup->{code}, '42501', "$name: no session");
	is($startup->{message}, qq(permission denied to set parameter "$setting" in the connection string),
		"$name: says which setting");
	like($startup->{hint}, qr/have an administrator store a value with ALTER ROLE \.\.\. SET\.$/,
		"$name: HINT says what to do");
}

1;
