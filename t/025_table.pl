# Each C function of core and contrib that must be refused is: the reviewed table says
# so, pg_session_readonly_denied_functions() says so, and a call in a locked session of
# a superuser fails.  What must be refused is in t/refused, a list that the table does
# not know of.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionReadonly qw(create_all_extensions);
use Test::More;
use Wire;

my %refused = map { $_ => 1 } grep { /^[^#]/ } split(/\n/, slurp_file("$FindBin::RealBin/refused"));
my %library = map { (split)[0] => 1 } keys %refused;
cmp_ok(scalar(keys %refused), '>', 150, 'functions that must be refused are listed');

# --- the table, with the rows for other versions ---
{
	my %denied = map { $_ => 1 } grep { $library{ (split)[0] } } map { ($_->[0] || '-') . " $_->[1]" }
	  map { /^FUNCTION\("([^"]*)", "([^"]*)", (?:DENY|WRITE),/ ? [ $1, $2 ] : () }
	  split(/\n/, slurp_file("$FindBin::RealBin/../src/function_table.h"));
	is(join("\n", grep { !$denied{$_} } sort keys %refused), '', 'the table denies what must be refused');
	is(join("\n", grep { !$refused{$_} } sort keys %denied), '', 'what the table denies is listed');
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
create_all_extensions($node, 'postgres');

# --- every function of this server, also the aliases that extensions have made ---
# Arguments are NULL, but not constants: core would not call a strict function then.
# A statement is left out where an argument is of type internal.
my @functions = map { [ split(/\t/) ] } split(/\n/, $node->safe_psql('postgres', q(
	SELECT concat_ws(E'\t', CASE l.lanname WHEN 'internal' THEN '-'
			ELSE regexp_replace(p.probin, '^.*/|(-[0-9.]+)?([.]so)?$', '', 'g') END || ' ' || p.prosrc,
		p.oid::regprocedure, d.reason IS NOT NULL,
		CASE WHEN NOT p.proargtypes::oid[] && ARRAY['internal'::regtype::oid] AND p.prokind IN ('f', 'p') THEN
			CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END || p.oid::regproc || '(' || coalesce(a.arguments, '') || ')'
			|| coalesce(' FROM (SELECT ' || a.columns || ' OFFSET 0) a', '') END)
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		LEFT JOIN pg_session_readonly_denied_functions() d ON d.function = p.oid AND d.reason IN ('reviewed', 'writes')
		CROSS JOIN LATERAL (SELECT
			string_agg(CASE WHEN p.provariadic NOT IN (0, '"any"'::regtype) AND i = p.pronargs
				THEN 'VARIADIC ' ELSE '' END || 'a.a' || i, ', ' ORDER BY i) AS arguments,
			string_agg(format('NULL::%s AS a%s', CASE WHEN t IN ('"any"'::regtype, 'anyelement'::regtype) THEN 'int'
				WHEN t = 'anyarray'::regtype THEN 'int[]' ELSE format_type(t, NULL) END, i), ', ' ORDER BY i) AS columns
			FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u (t, i)) a
	WHERE l.lanname IN ('internal', 'c')
	ORDER BY p.oid)));
cmp_ok(scalar(@functions), '>', 3000, 'functions of the server: ' . scalar(@functions));
is(join("\n", map { $_->[1] } grep { $_->[2] eq 't' && $library{ (split(' ', $_->[0]))[0] } && !$refused{ $_->[0] } } @functions),
	'', 'none is refused that is not listed');

my $session = Wire->new($node);
$session->run("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked', "SET statement_timeout = '60s'");
my $called = 0;
for my $function (grep { $refused{ $_->[0] } } @functions)
{
	my ($symbol, $signature, $denied, $statement) = @$function;
	is($denied, 't', "$signature: is in the list of what is refused");
	next unless defined $statement;
	my $result = $session->query($statement);
	like("$result->{code} $result->{message} $result->{detail}",
		qr/^25006 cannot execute \w+\(\) in a read-only session Refused by pg_session_readonly: It /,
		"$signature: refused");
	$called++;
}
cmp_ok($called, '>', 100, "functions that were called: $called");
$session->quit;

$node->stop;
done_testing();
