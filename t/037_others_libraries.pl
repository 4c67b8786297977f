# Libraries that somebody else has loaded, before any hook of ours was asked: what the
# untrusted side gave to their settings is taken back, and they are pinned, before
# anything else is run.

use strict;
use warnings;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $writer = $ENV{PGSR_WRITER} or die "run this by 'make installcheck'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
my $command = "SET writer.command = 'agent'";
my $force = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
$node->safe_psql('postgres', qq(
	CREATE FUNCTION settings() RETURNS text AS '$writer', 'writer_settings' LANGUAGE C STABLE;
	CREATE FUNCTION hooks_told() RETURNS text AS '$writer', 'writer_told' LANGUAGE C STABLE;));
my $file = File::Spec->rel2abs($node->basedir . '/ran');
my $plperl = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name IN ('plperl', 'plperlu')");
$node->safe_psql('postgres', q(
	CREATE EXTENSION plperl;
	CREATE EXTENSION plperlu;
	CREATE FUNCTION f() RETURNS int LANGUAGE plperlu AS 'return 42';)) if $plperl eq '2';

# --- a library that somebody else loads ---
# Core loads the library of a function that is SECURITY DEFINER or has a SET clause
# before it asks any hook, and where no expression calls the function nobody has seen
# it before.  What was given to the library's settings is taken back, and they are
# pinned, before the function's own code.
$node->safe_psql('postgres', q(
	CREATE FUNCTION plpgsql_compare(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
		'BEGIN RETURN $1 - $2; END';
	CREATE FUNCTION plpgsql_clause_compare(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS
		'BEGIN RETURN $1 - $2; END';
	CREATE FUNCTION plpgsql_trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';));
# Two ways to have a function called by none of a query's expressions: a sort by an
# operator of its class, and a temporary table's trigger.
sub define_order
{
	my ($function, $less, $greater) = @_;
	$node->safe_psql('postgres', qq(
		CREATE OPERATOR $less (LEFTARG = int, RIGHTARG = int, PROCEDURE = int4lt, COMMUTATOR = $greater);
		CREATE OPERATOR $greater (LEFTARG = int, RIGHTARG = int, PROCEDURE = int4gt, COMMUTATOR = $less);
		CREATE OPERATOR CLASS ${function}_ops FOR TYPE int USING btree AS
			OPERATOR 1 $less, OPERATOR 3 =, OPERATOR 5 $greater, FUNCTION 1 $function(int, int)));
	return "SELECT i FROM generate_series(1, 2) i ORDER BY i USING $less";
}
my %calls = (
	'SECURITY DEFINER' => define_order('plpgsql_compare', '<%', '%>'),
	'SET clause' => define_order('plpgsql_clause_compare', '<%%', '%%>'),
	'trigger' => 'INSERT INTO mine VALUES (1)');
for my $way (sort keys %calls)
{
	my $extra = "SET plpgsql.extra_errors = 'all'";
	for my $pinned ('superuser, plpgsql.extra_errors', 'superuser')
	{
		my $session = Wire->new($node);
		my $name = "loaded by core, $way, " . ($pinned eq 'superuser' ? 'not pinned' : 'pinned by name');
		my $expected = $pinned eq 'superuser' ? '' : '55P02';

		$session->run('CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION plpgsql_trigger()',
			"SET pg_session_readonly.pinned_settings = '$pinned'", @lock);
		is($session->query($extra)->{code}, $expected, "$name: SET");
		$session->run($calls{$way});
		is($session->run('SHOW plpgsql.extra_errors'), $expected ? 'none' : 'all', "$name: SET before");
		is($session->query($extra)->{code}, $expected, "$name: SET after");
		is($session->run('SHOW plpgsql.extra_errors'), $expected ? 'none' : 'all', "$name: what is in force then");
		$session->quit;

		# what was given to another library's settings is still the agent's
		$session = Wire->new($node);
		$session->run('CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION plpgsql_trigger()',
			"SET pg_session_readonly.pinned_settings = '$pinned'", @lock, $command, $calls{$way});
		is($session->run('SELECT settings()'), 'none none', "$name: another library's, later");
		$session->quit;

		# what the host gave stays
		$session = Wire->new($node);
		$session->run('CREATE TEMP TABLE mine (i int)',
			'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION plpgsql_trigger()',
			"SET plpgsql.extra_errors = 'too_many_rows'",
			"SET pg_session_readonly.pinned_settings = '$pinned'", @lock, $calls{$way});
		is($session->run('SHOW plpgsql.extra_errors'), 'too_many_rows', "$name: the host's");
		$session->quit;
	}
}
# Likewise in the midst of a parallel query, of which a leader without workers runs all.
my @alone = ("SET $force = on", 'SET max_parallel_workers = 0');
$node->safe_psql('postgres', qq(
	CREATE FUNCTION load(text) RETURNS bool AS '$writer', 'writer_load' LANGUAGE C STABLE;
	CREATE FUNCTION plpgsql_plain_compare(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN RETURN \$1 - \$2; END';));
{
	# another library that another function has loaded in the meantime
	my $session = Wire->new($node);
	$session->run(@lock, 'SET auto_explain.log_min_duration = 0', "SELECT load('auto_explain')", @alone, $calls{'SECURITY DEFINER'});
	is($session->run('SHOW auto_explain.log_min_duration'), '-1', "loaded before a parallel query: the agent's value is thrown away");
	is($session->query('SET auto_explain.log_min_duration = 0')->{code}, '55P02', 'loaded before a parallel query: pinned then');
	$session->quit;

	# seen as the next function is, though that one's library has been loaded
	$session = Wire->new($node);
	$session->run(@lock, 'SET auto_explain.log_min_duration = 0', "SELECT load('auto_explain')", 'SELECT hooks_told()');
	is($session->run('SHOW auto_explain.log_min_duration'), '-1', "loaded by a function of a library: the agent's value is thrown away");
	is($session->query('SET auto_explain.log_min_duration = 0')->{code}, '55P02', 'loaded by a function of a library: pinned then');
	$session->quit;

	# core says of a setting that it cannot be set then; that is enough
	my $order = define_order('plpgsql_plain_compare', '<%-', '-%>');
	$session = Wire->new($node);
	$session->run(@lock, 'SET plpgsql.check_asserts = off', @alone);
	my $notices = $session->query($order)->{notices};
	cmp_ok(scalar @$notices, '<=', 1, 'loaded in a parallel query: no more than one notice') or diag "@$notices";
	$session->quit;
}
SKIP:
{
	skip 'no plperl', 18 if $plperl ne '2';
	$node->safe_psql('postgres', q(
		CREATE FUNCTION perl_compare(int, int) RETURNS int LANGUAGE plperl IMMUTABLE SECURITY DEFINER AS
			'return $_[0] <=> $_[1]';
		CREATE FUNCTION perl_clause_compare(int, int) RETURNS int LANGUAGE plperl IMMUTABLE SET search_path = pg_catalog AS
			'return $_[0] <=> $_[1]';
		CREATE FUNCTION perl_trigger() RETURNS trigger LANGUAGE plperl SECURITY DEFINER AS 'return;';));
	%calls = (
		'SECURITY DEFINER' => define_order('perl_compare', '<#%', '%#>'),
		'SET clause' => define_order('perl_clause_compare', '<##%', '%##>'),
		'trigger' => 'INSERT INTO mine VALUES (1)');
	for my $way (sort keys %calls)
	{
		my $init = qq(SET plperl.on_plperlu_init = 'system("touch $file")');
		for my $order ([ 'SET before', $init, $calls{$way} ], [ 'SET after', $calls{$way}, $init ])
		{
			my ($name, @statements) = @$order;
			my $session = Wire->new($node);

			$name = "plperl loaded by core, $way, $name";
			$session->run('CREATE TEMP TABLE mine (i int)',
				'CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION perl_trigger()',
				"SET pg_session_readonly.allowed_functions = 'public.f'", @lock);
			$session->query($_) for @statements;
			is($session->run('SELECT f()'), '42', "$name: runs");
			ok(!-e $file, "$name: without the setting");
			unlink $file;
			is($session->query($init)->{code}, '55P02', "$name: pinned");
			$session->quit;
		}
	}
}

# --- a library that was not loaded to guard, in a parallel worker ---
{
	my $session = Wire->new($node);
	$session->run(q(CREATE FUNCTION pg_temp.lock_it() RETURNS text AS '$libdir/pg_session_readonly', 'pg_session_readonly_lock' LANGUAGE C),
		"SET $force = on");
	is($session->run(q(SELECT current_setting('pg_session_readonly.mode') FROM pg_class LIMIT 1)), 'off',
		'loaded by CREATE FUNCTION: off, in a parallel worker too');
	$session->quit;
}

# Nothing of all this has killed a backend, as a failed assertion would.
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
$node->stop;
done_testing();
