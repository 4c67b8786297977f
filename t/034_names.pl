# Names: of settings, functions and commands, with bytes above 127, in upper case,
# longer than core keeps them, in databases of three encodings.  Whatever a connection
# string or the untrusted side calls something, nothing of ours is missed for it.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

my $acute = "\xc3\xa9";		# é in UTF8, two letters in LATIN1
my @databases = map { [ lc, $_ ] } qw(UTF8 LATIN1 SQL_ASCII);
$node->safe_psql('postgres', q(CREATE ROLE ai_agent LOGIN));
for (@databases)
{
	my ($database, $encoding) = @$_;
	$node->safe_psql('postgres', qq(CREATE DATABASE $database TEMPLATE template0 ENCODING $encoding
		LC_COLLATE 'C' LC_CTYPE 'C'));
	$node->safe_psql($database, q(
		CREATE TABLE orders AS SELECT i FROM generate_series(1, 20000) i;
		GRANT ALL ON orders TO PUBLIC;));
}
$node->safe_psql('postgres', q(ALTER ROLE ai_agent SET session_preload_libraries = 'pg_session_readonly'));
$node->safe_psql('postgres', q(ALTER ROLE ai_agent SET pg_session_readonly.mode = locked));

# What a session is that was opened with such a connection string: refused, or locked.
# A value for a policy setting must have ended it.
sub is_locked
{
	my ($database, $options, $what, %or) = @_;
	my $session = Wire->new($node, dbname => $database, user => 'ai_agent', options => $options);
	my $code = $session->{startup}{code};

	if ($or{refused} || $code ne '')
	{
		like($code, qr/^(28000|42501|22023|42704|42602)$/, "$database: $what: connection refused");
	}
	else
	{
		my @seen = ($session->run('SHOW pg_session_readonly.mode'),
			$session->query('INSERT INTO orders VALUES (0)')->{code},
			$session->run('SHOW pg_session_readonly.denied_commands'));
		is("@seen", 'locked 25006 default', "$database: $what: locked");
	}
	$session->quit;
}

for my $preload ('', 'pg_session_readonly')
{
	my $where = $preload ? 'preloaded for the server' : 'preloaded for the role';
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'");
	$node->restart;

	for (@databases)
	{
		my ($database) = @$_;
		my $off = '-c pg_session_readonly.mode=off';
		is_locked($database, "-c pg_session_readonly$acute.a=1 $off", "$where, a name beside ours");
		is_locked($database, "-c pg_session_readonly.mode$acute=1 $off", "$where, a name after ours", refused => 1);
		is_locked($database, '-c PG_SESSION_READONLY.MODE=off', "$where, capitals");
		is_locked($database, "-c \xffz.a=1 $off", "$where, a byte that begins no letter");
		is_locked($database, join(' ', (map { "-c $acute$_.a=1" } 1 .. 600), '-c pg_session_readonly.denied_commands='),
			"$where, 600 names and a policy setting", refused => 1);
		is_locked($database, join(' ', '-c pg_session_readonly.denied_commands=', map { "-c $acute$_.a=1" } 1 .. 600),
			"$where, a policy setting and 600 names", refused => 1);
	}
}

# --- in the session: names of settings around ours, and a parallel query after each ---
srand($ENV{PGSR_SEED} || time);
my $seed = int(rand(1 << 30));
srand($seed);
note "seed $seed";
sub any { return $_[ int(rand(@_)) ] }

# A name that sorts near one of ours, or anywhere.
sub random_name
{
	my $name = join('', map { any('pg_session_readonly', 'PG_SESSION', 'pg_session_readonlyx', 'role', 'search_path', $acute,
				"\xe9", "\xff", "\x80", 'Z', 'a', '_', 'x' x 60) } 0 .. int(rand(3)));
	$name = "a$name" if $name =~ /^\d/;
	return "$name." . any('a', 'MODE', "${acute}x", 'mode', "\xff", 'y' x 70);
}

for (@databases)
{
	my ($database, $encoding) = @$_;
	my $parallel = $node->pg_version < 16 ? 'force_parallel_mode' : 'debug_parallel_query';
	my $session = Wire->new($node, dbname => $database, options => "-c $parallel=on");
	$session->run("LOAD 'pg_session_readonly'", 'SET min_parallel_table_scan_size = 0', 'SET parallel_setup_cost = 0',
		'SET parallel_tuple_cost = 0', "SET pg_session_readonly.pinned_settings = 'work_mem, statement_timeout'");
	my @before = map { random_name() } 1 .. 20;
	$session->query(qq(SET "$_" = 1)) for @before;
	$session->run('SET pg_session_readonly.mode = locked');
	my %wrong;
	for my $name ((map { random_name() } 1 .. 40), "pg_session_readonly$acute.a", "work_mem$acute.a")
	{
		$session->query(qq(SET "$name" = 1));
		my @seen = (
			$session->run('SELECT count(*) FROM orders'),
			$session->run('SHOW pg_session_readonly.mode'),
			$session->query('SET work_mem = 100')->{code},
			$session->query('SET pg_session_readonly.pinned_settings = work_mem')->{code},
			$session->query('INSERT INTO orders VALUES (0)')->{code});
		$wrong{$name} = "@seen" if "@seen" ne '20000 locked 55P02 55P02 25006';
		last if $session->{closed};
	}
	is_deeply(\%wrong, {}, "$database: settings of any name, and a parallel query (seed $seed)");
	$session->quit;
}

# --- lists: what is named is what is meant ---
my $session = Wire->new($node, dbname => 'utf8');
$session->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = off');
my $long = $acute x 40;
my $longest = 'f' x 63;
my $longer = 'x' x 70;
for my $case (
	(map { [ 'denied_functions', "no name, $_", 'Not the name of a function, "extension:" or "language:": "%s".', $_ ] }
		'-unreviewed', '-', '--VACUUM', "\x01", "a\x01b", '1st'),
	[ 'denied_functions', "an unquoted $acute", 'Name must be in double quotes: "%s".', "app.$acute" ],
	[ 'denied_functions', 'a name that core would cut', 'Name is too long: "%s".', qq("$long") ],
	[ 'denied_functions', 'a schema that core would cut', 'Name is too long: "%s".', ('a' x 64) . '.f' ],
	[ 'allowed_functions', 'a name that core would cut', 'Name is too long: "%s".', 'app.' . ('a' x 64) ],
	[ 'denied_functions', 'an extension that core would cut', 'Name is too long: "%s".', 'extension:' . ('a' x 64) ])
{
	my ($setting, $what, $detail, $value) = @$case;
	my $result = $session->query("SET pg_session_readonly.$setting = '$value'");
	is($result->{code}, '22023', "$setting: $what is an error");
	is($result->{detail}, sprintf($detail, $value), "$setting: $what: says so");
}
$session->run(qq(CREATE FUNCTION "$acute"() RETURNS int LANGUAGE sql AS 'SELECT 1'),
	qq(CREATE FUNCTION "F"() RETURNS int LANGUAGE sql AS 'SELECT 1'),
	qq(CREATE FUNCTION $longest() RETURNS int LANGUAGE sql AS 'SELECT 1'),
	qq(SET pg_session_readonly.denied_functions = '"$acute", "F", \U$longest\E'),
	qq(SET pg_session_readonly.pinned_settings = '$acute.A, "b.${acute}c", $longer.y, Work_Mem'),
	'SET pg_session_readonly.mode = locked');
is($session->query(qq(SELECT "$acute"()))->{code}, '25006', 'denied_functions: bytes above 127');
is($session->query(qq(SELECT "F"()))->{code}, '25006', 'denied_functions: capitals in quotes');
is($session->query("SELECT $longest()")->{code}, '25006', 'denied_functions: as long as a name can be');
for my $name ("$acute.a", "$acute.A", "B.${acute}c", "$longer.y", 'work_mem', 'WORK_MEM')
{
	is($session->query("SELECT set_config('$name', '100', false)")->{code}, '55P02', "pinned_settings: $name");
}
$session->quit;

# A name is read as the server starts and used in a database of another encoding.
$node->append_conf('postgresql.conf', qq(pg_session_readonly.denied_functions = '"$long"'));
$node->stop;
is($node->start(fail_ok => 1), 0, 'a name that some databases would cut is no value for the server');

done_testing();
