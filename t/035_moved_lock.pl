# An administrator moves a role's lock between the role and the database, in one
# transaction, again and again: there is no moment at which a client that connects with
# mode=off finds it at neither place.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q(
	CREATE DATABASE shop;
	CREATE ROLE agent LOGIN;
	CREATE ROLE analyst LOGIN;
	ALTER ROLE agent SET pg_session_readonly.mode = locked;
	ALTER ROLE analyst SET statement_timeout = '5s';
	ALTER ROLE analyst SET pg_session_readonly.pinned_settings = statement_timeout;
	ALTER ROLE analyst SET pg_session_readonly.mode = locked;));

# for as long as the server runs
my $administrator = Wire->new($node);
$administrator->message('Q', q(DO $$
BEGIN
	LOOP
		ALTER DATABASE shop SET pg_session_readonly.mode = locked;
		ALTER DATABASE shop SET statement_timeout = '5s';
		ALTER ROLE agent RESET pg_session_readonly.mode;
		ALTER ROLE analyst RESET statement_timeout;
		COMMIT;
		ALTER ROLE agent SET pg_session_readonly.mode = locked;
		ALTER ROLE analyst SET statement_timeout = '5s';
		ALTER DATABASE shop RESET pg_session_readonly.mode;
		ALTER DATABASE shop RESET statement_timeout;
		COMMIT;
	END LOOP;
END $$)."\0");

# What such a client finds a setting at, or the error that ended its connection.
sub finds
{
	my ($user, $name, $value) = @_;
	my $session = Wire->new($node, dbname => 'shop', user => $user, options => "-c $name=$value");
	my $found = $session->{startup}{code} || $session->query("SHOW $name")->{rows}[0];
	$session->quit;
	return $found;
}

my (%modes, %timeouts);
for (1 .. 600)
{
	$modes{ finds('agent', 'pg_session_readonly.mode', 'off') }++;
	$timeouts{ finds('analyst', 'statement_timeout', '0') }++;
}
is_deeply(\%modes, { locked => 600 }, 'a lock that is being moved is found by each client');
is_deeply(\%timeouts, { '5s' => 600 }, 'so is the value of a pinned setting');

$node->stop("immediate");
done_testing();
