# Statements in an order that nobody would think of: settings given, taken back and hidden,
# savepoints, transactions, and the switch moved among them.  Whatever has been done, the
# mode goes down by a plain SET alone, a session that is not off is read-only, and one that
# is locked keeps its settings as the lock found them.  A server built with assertions
# would notice what core's records of settings do not bear.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my $force = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
my %values = (
	'pg_session_readonly.denied_functions' => [ "''", "'one'", "'one, two'" ],
	'pg_session_readonly.allowed_functions' => [ "''", "'public.one'", "'extension:hstore, public.two'" ],
	'pg_session_readonly.denied_commands' => [ "'default'", "'default, LISTEN'", "'default, -ANALYZE'" ],
	'pg_session_readonly.pinned_settings' => [ "'superuser, work_mem, role, search_path'", "'work_mem, role, search_path, statement_timeout'" ],
	'work_mem' => [ "'5MB'", "'6MB'" ],
	'search_path' => [ 'public', 'pg_temp, public' ],
	'role' => [ 'keeper', 'other', 'none' ],
	'default_transaction_read_only' => [ 'on', 'off' ],
	'track_counts' => [ 'on', 'off' ]);
my @names = sort keys %values;
# those that stay at the lock: in any case, and where pinned_settings has them
my @kept = map { "current_setting('$_')" } grep { /\.|track|read_only/ } @names;
my @pinned = ('current_user', map { "current_setting('$_')" } 'role', 'work_mem', 'search_path');
$node->safe_psql('postgres', qq(
	CREATE TABLE victim (i int);
	GRANT ALL ON victim TO PUBLIC;
	CREATE ROLE keeper SUPERUSER;
	CREATE ROLE other SUPERUSER;
	CREATE FUNCTION clause() RETURNS int LANGUAGE plpgsql SET work_mem = '7MB'
		SET pg_session_readonly.denied_functions = 'three' AS 'BEGIN RETURN 1; END';
	CREATE FUNCTION there() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS \$\$ BEGIN
		RETURN current_setting('pg_session_readonly.mode') || ' ' || current_setting('default_transaction_read_only'); END \$\$;));

# A generator of our own: the same on every system.
my $random = 0;
sub choose
{
	$random = ($random * 1103515245 + 12345) % 2147483648;
	return $_[int($random / 65536) % @_];
}

sub statement
{
	my $name = choose(@names);
	my $value = choose(@{ $values{$name} });
	return choose(
		"SET $name = $value", "SET LOCAL $name = $value", "SET $name = $value", "SET LOCAL $name = $value",
		"RESET $name", "SET LOCAL $name TO DEFAULT", 'RESET ALL', 'DISCARD ALL', 'SELECT clause()',
		'BEGIN', 'BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT a', 'SAVEPOINT a', 'ROLLBACK TO a', 'RELEASE a', 'SELECT 1/0',
		'SET pg_session_readonly.mode = on', 'SET LOCAL pg_session_readonly.mode = on', 'SET pg_session_readonly.mode = off',
		'RESET pg_session_readonly.mode', choose('SELECT 1', 'SELECT 1', 'SET pg_session_readonly.mode = locked'));
}

my %height = (off => 0, on => 1, locked => 2);
my %seen;
for my $seed (1 .. 40)
{
	my $session = Wire->new($node, options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
	my ($mode, $status, @done, @wrong, $kept) = ('off', 'I');
	my $show = "SELECT " . join(" || ' ' || ", map { "current_setting('$_')" } 'pg_session_readonly.mode', 'transaction_read_only', 'default_transaction_read_only');
	my $settings;

	$random = $seed;
	for (1 .. 80)
	{
		my $sql = statement();
		my $before = $status;
		my $result = $session->query($sql);
		$status = $result->{status};
		push @done, $sql . ($result->{code} && " ($result->{code})");
		if ($result->{code} eq 'closed' || $result->{code} =~ /^XX/)
		{
			push @wrong, "$sql: $result->{code} $result->{message}";
			last;
		}
		next if $status eq 'E';
		my ($now, $read_only, $default) = split / /, $session->run($show);
		$seen{$now}++;
		push @wrong, "$sql: $mode -> $now"
		  if $height{$now} < $height{$mode} && !($sql =~ /^SET \S+mode = off$/ && $before eq 'I' && $mode eq 'on');
		push @wrong, "$sql: $now, $read_only, $default" if $now ne 'off' && "$read_only$default" ne 'onon';
		if ($now ne 'off' && $status eq 'I')
		{
			push @wrong, "$sql: wrote" if $session->query('INSERT INTO victim VALUES (1)')->{code} ne '25006';
			push @wrong, "$sql: the client is told $session->{parameters}{default_transaction_read_only}"
			  if $session->{parameters}{default_transaction_read_only} ne 'on' || $session->{parameters}{'pg_session_readonly.mode'} ne $now;
		}
		if ($now eq 'locked')
		{
			$settings //= 'SELECT ' . join(" || '|' || ", @kept,
				$session->run('SHOW pg_session_readonly.pinned_settings') =~ /role/ ? @pinned : ());
			my $is = $session->run($settings);
			$kept //= $is;
			push @wrong, "$sql: $kept -> $is" if $is ne $kept;
		}
		$mode = $now;
	}
	$session->query('ROLLBACK');
	if ($mode ne 'off' && !@wrong)
	{
		my $there = $session->run("SET $force = on", 'SELECT public.there()');
		push @wrong, "a worker: $there" if $there ne "$mode on";
	}
	is(join("\n", @wrong), '', "at random, $seed: $mode") or diag(join("\n", @done));
	$session->quit;
}
cmp_ok($seen{$_} // 0, '>', 100, "at random: has often been $_") for sort keys %height;

unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
