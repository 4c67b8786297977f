# DO comes from the untrusted side, so that only a language whose every step passes
# the hooks may run: plpgsql.  A trusted language is refused too: its code can
# ignore the signals that statement_timeout and pg_terminate_backend() send, and
# crash the server by deep recursion.

use strict;
use warnings;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my %there = map { $_ => 1 } split /\n/,
  $node->safe_psql('postgres', "SELECT name FROM pg_available_extensions WHERE name ~ '^pl(perlu?|python3u|tclu?)\$'");
plan skip_all => 'no plperl' unless $there{plperl};
$node->safe_psql('postgres', "CREATE EXTENSION $_") for sort keys %there;
$node->safe_psql('postgres', q(
	CREATE ROLE agent LOGIN;
	CREATE TABLE victim (i int);
	CREATE FUNCTION reads() RETURNS int LANGUAGE plperl AS 'return 42';
	CREATE FUNCTION does(language text) RETURNS int LANGUAGE plpgsql AS
		'BEGIN EXECUTE ''DO LANGUAGE '' || language || '' $$ $$''; RETURN 1; END';
	CREATE PROCEDURE does_perl() LANGUAGE plpgsql AS 'BEGIN DO LANGUAGE plperl ''1''; END';
	CREATE FUNCTION performs() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN DO LANGUAGE plperl ''1''; RETURN NEW; END';));

my $file = File::Spec->rel2abs($node->basedir . '/ran');
my @lock = (q(LOAD '$libdir/plugins/pg_session_readonly'), 'SET pg_session_readonly.mode = locked');

# What a DO block could do, and that it does not begin.
for my $mode ('on', 'locked')
{
	for my $user ('agent', (getpwuid($>))[0])
	{
		my $session = Wire->new($node, user => $user);
		$session->run("SET pg_session_readonly.pinned_settings = 'superuser, statement_timeout'",
			"SET statement_timeout = '30s'", 'CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION performs()',
			$lock[0], "SET pg_session_readonly.mode = $mode");
		for my $sql (
			q(DO LANGUAGE plperl $$ 1 $$),
			q(DO $$ 1 $$ LANGUAGE 'plperl'),
			q(DO $$ 1 $$ LANGUAGE "plperl"),
			q(DO LANGUAGE plperl $$ $SIG{ALRM} = 'IGNORE' $$),
			q(DO LANGUAGE plperl $$ $SIG{TERM} = 'IGNORE'; $SIG{USR1} = 'IGNORE' $$),
			q(DO LANGUAGE plperl $$ my $x; $x = [ $x ] for 1 .. 10; $$),
			q(DO LANGUAGE plperl $$ elog(NOTICE, 'ran') $$),
			'SELECT does(\'plperl\')',
			'CALL does_perl()',
			'DO $$ BEGIN DO LANGUAGE plperl \'1\'; END $$',
			'DO $$ BEGIN BEGIN EXECUTE \'DO LANGUAGE plperl \'\'elog(NOTICE, "ran")\'\'\'; END; END $$',
			'INSERT INTO mine VALUES (1)',
			map { "DO LANGUAGE $_ 'return'" } sort keys %there)
		{
			for my $protocol ('query', 'extended')
			{
				my $result = $session->$protocol($sql);
				# an ordinary user has no right to an untrusted language
				my $code = $user eq 'agent' && $sql =~ /LANGUAGE pl\w+u / ? qr/^(25006|42501)$/ : qr/^25006$/;
				like($result->{code}, $code, "$user, $mode, $protocol: $sql: refused");
				is(scalar(grep { /ran/ } @{ $result->{notices} }), 0, "$user, $mode: has not run") if $sql =~ /ran/;
				like($result->{detail}, qr/^Refused by pg_session_readonly:/, "$user, $mode, $protocol: says why")
				  if $result->{code} eq '25006';
			}
		}
		is(join(' ', map { $session->query($_)->{code} || 'ok' } 'DO $$ BEGIN PERFORM 1; END $$',
				'DO LANGUAGE plpgsql $$ BEGIN PERFORM 1; END $$', 'SELECT reads()'),
			'ok ok ok', "$user, $mode: plpgsql runs, and functions that were there");
		is($session->query('DO LANGUAGE nothing $$ $$')->{code}, '42704', "$user, $mode: core's own error for no language");
		is($session->query('DO LANGUAGE sql $$ SELECT 1 $$')->{code} =~ /^(25006|0A000)$/, 1, "$user, $mode: no DO in SQL");
		$session->quit;
	}
}

# The timer that is pinned fires.
{
	my $session = Wire->new($node, user => 'agent');
	$session->run("SET pg_session_readonly.pinned_settings = 'statement_timeout'", "SET statement_timeout = '200ms'", @lock);
	$session->query(q(DO LANGUAGE plperl $$ $SIG{ALRM} = 'IGNORE' $$));
	is($session->query('SELECT pg_sleep(10)')->{code}, '57014', 'a pinned statement_timeout still fires');
	$session->quit;
}

# The session can be terminated, and its database be dropped, by others.
{
	$node->safe_psql('postgres', 'CREATE DATABASE gone');
	$node->safe_psql('gone', 'CREATE EXTENSION plperl');
	my $session = Wire->new($node, user => 'agent', dbname => 'gone');
	$session->run(@lock);
	my $pid = $session->run('SELECT pg_backend_pid()');
	$session->query(q(DO LANGUAGE plperl $$ $SIG{$_} = 'IGNORE' for qw(TERM USR1 INT ALRM) $$));
	# the answer says whether the backend has ended in this time
	is($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 5000)"), 't', 'pg_terminate_backend() ends it');
	my ($rc, $stdout, $stderr) = $node->psql('postgres', "SET statement_timeout = '20s'; DROP DATABASE gone");
	is($stderr, '', 'its database can be dropped');
	$session->quit;
}

# Deep recursion in perl: the server lives on.
{
	my $session = Wire->new($node, user => 'agent');
	$session->run(@lock);
	is($session->query(q(DO LANGUAGE plperl $$
			my $f = sub { 1 };
			for (1 .. 3_000_000) { my $g = $f; $f = sub { $g } }
			$$))->{code}, '25006', 'three million closures: refused');
	is($session->query('SELECT 1')->{code}, '', 'three million closures: the session is alive');
	$session->quit;
}

# Where an administrator has allowed the language it runs; and what it sends to the
# server is checked all the same.
{
	my $session = Wire->new($node);
	$session->run("SET pg_session_readonly.allowed_functions = 'language:plperl'", 'CREATE TEMP TABLE mine (i int)', @lock);
	my $result = $session->query(q(DO LANGUAGE plperl $$ elog(NOTICE, 'ran') $$));
	is("$result->{code} @{ $result->{notices} }", ' ran', 'language:plperl: runs');
	is($session->query(q(DO LANGUAGE plperl $$ spi_exec_query('INSERT INTO mine VALUES (1)') $$))->{code}, '',
		'language:plperl: writes a temporary table');
	$result = $session->query(q(DO LANGUAGE plperl $$ spi_exec_query('INSERT INTO victim VALUES (1)') $$));
	like("$result->{code} $result->{message}", qr/read-only/, 'language:plperl: a write is refused');
  SKIP:
	{
		skip 'no plperlu', 1 unless $there{plperlu};
		is($session->query(qq(DO LANGUAGE plperlu \$\$ system("touch $file") \$\$))->{code}, '25006',
			'language:plperl: another language is refused');
	}
	ok(!-e $file, 'language:plperl: another language has not run');
	$session->quit;

	# allowing it for functions by their names is not allowing DO
	$session = Wire->new($node);
	$session->run("SET pg_session_readonly.allowed_functions = 'public.reads, extension:plperl, public.plperl, pg_catalog.plperl_inline_handler'", @lock);
	is($session->query('DO LANGUAGE plperl $$ 1 $$')->{code}, '25006', 'other items do not allow DO');
	is($session->run('SELECT reads()'), '42', 'other items: a function runs');
	$session->quit;

	# what is denied stays denied, plpgsql too
	$session = Wire->new($node);
	$session->run("SET pg_session_readonly.allowed_functions = 'language:plperl, language:plpgsql'",
		"SET pg_session_readonly.denied_functions = 'language:plperl, language:plpgsql'", @lock);
	is(join(' ', map { $session->query($_)->{code} || 'ok' } 'DO LANGUAGE plperl $$ 1 $$', 'DO $$ BEGIN END $$'), '25006 25006',
		'denied: neither runs');
	$session->quit;
}

# What a language writes by itself, in a block that the untrusted side wrote, is not
# allowed with it.
{
	my $writer = $ENV{PGSR_WRITER} or die "run this by 'make prove'";
	$node->safe_psql('postgres', qq(
		CREATE FUNCTION writes_inline(internal) RETURNS void AS '$writer', 'writer_take_id' LANGUAGE C STABLE;
		CREATE LANGUAGE writes HANDLER plpgsql_call_handler INLINE writes_inline;));
	for my $case ([ 'language:writes', qr/a statement that writes/ ], [ '', qr/DO in language writes/ ])
	{
		my ($allowed, $message) = @$case;
		my $session = Wire->new($node);
		$session->run("SET pg_session_readonly.allowed_functions = '$allowed'", @lock);
		like($session->query('DO LANGUAGE writes $$ $$')->{message}, $message,
			'a language that writes by itself: refused' . ($allowed ? ', also where it is allowed' : ''));
		$session->quit;
	}
}

# Nothing of this where the session is off.
{
	my $session = Wire->new($node,
		options => '-c session_preload_libraries=pg_session_readonly -c pg_session_readonly.mode=off');
	is($session->query('DO LANGUAGE plperl $$ 1 $$')->{code}, '', 'off: runs');
	$session->quit;
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM victim'), '0', 'nothing written');
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
