# Validators and handlers of languages: what compiles the text that the author of a
# function wrote, and so may run it.  CREATE FUNCTION calls a validator; so may anybody
# else: SELECT plpython3_validator('f()'::regprocedure).  Only those of the languages
# internal, SQL and plpgsql, which run nothing, may be called in a locked session.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionReadonly qw(create_all_extensions);
use Test::More;
use Wire;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
create_all_extensions($node, 'postgres');
# languages that distributions package, where they are installed
$node->psql('postgres', "CREATE EXTENSION $_") for qw(pllua plluau plproxy plr plsh plv8 pljs plrust);
my @lock = ("LOAD 'pg_session_readonly'", 'SET pg_session_readonly.mode = locked');
# what an attack writes, in the server's working directory
my $file = $node->data_dir . '/x';

# A language's function that is called like this one; there may be none.
sub of_language
{
	my ($column) = @_;
	return map { [ split(/\t/) ] } split(/\n/, $node->safe_psql('postgres', qq(
		SELECT concat_ws(E'\\t', lanname, $column\::regproc, EXISTS (
			SELECT FROM pg_session_readonly_denied_functions() WHERE function = $column))
		FROM pg_language WHERE $column <> 0 ORDER BY lanname)));
}

# --- every validator that there is ---
my @validators = of_language('lanvalidator');
cmp_ok(scalar(@validators), '>=', 4, 'languages with a validator: ' . join(' ', map { $_->[0] } @validators));
{
	my $session = Wire->new($node);
	$session->run(@lock);
	for my $case (@validators)
	{
		my ($language, $validator, $denied) = @$case;
		my $result = $session->query("SELECT $validator(0)");
		if ($language =~ /^(internal|sql|plpgsql)$/)
		{
			is($denied, 'f', "$language: $validator() is not in the list of what is refused");
			unlike($result->{code}, qr/^25006/, "$language: $validator() runs");
			next;
		}
		is($denied, 't', "$language: $validator() is in the list of what is refused");
		like("$result->{code} $result->{message} $result->{detail}",
			qr/^25006 cannot execute \w+\(\) in a read-only session Refused by pg_session_readonly: It /,
			"$language: $validator() is refused");
	}
	$session->quit;
}

# --- bodies that are to run as they are compiled ---
# What writes the file in each language, and what may be around it so that it is no longer in
# the function: all of the one in all of the other, as the body and as the name
# of an argument.
my %writes = (
	plperl => q[open(my $f, '>', 'x'); close($f);],
	plpython3u => q[open('x', 'w').write('x')],
	pllua => q[io.open('x', 'w'):close()],
	plr => q[file.create('x')],
	plsh => q[: > x]);
$writes{plperlu} = $writes{plperl};
$writes{plluau} = $writes{pllua};
my @shapes = (
	'CODE',
	"return 1\n\fCODE\n",
	"return 1\n\r\fCODE\n",
	"return 1\n\013CODE\n",
	"pass\n\nCODE",
	"BEGIN { CODE }",
	"use constant X => do { CODE };",
	"return 1 }; CODE sub {",
	"} CODE {",
	"return 1 } CODE function f () {",
	"return 1 }); CODE; (function () {",
	"return 1 end CODE local function f()",
	"end CODE do",
	"x): CODE\ndef f(y",
	"x) { CODE }; (function (y",
	"#!/bin/sh\nCODE",
	"#!/bin/sh -c 'CODE'\n");
# the known attacks, which write the file where nobody refuses them
my %known = (plpython3u => qr/\f/, plperlu => qr/BEGIN/);

my $unlocked = Wire->new($node);
my $locked = Wire->new($node);
$locked->run(@lock);
for my $case (grep { $writes{ $_->[0] } } @validators)
{
	my ($language, $validator) = @$case;
	my ($tried, @ran, @not_refused) = (0);
	for my $shape (@shapes)
	{
		my $code = $shape =~ s/CODE/$writes{$language}/r;
		for my $function ("crafted() RETURNS int LANGUAGE $language AS \$crafted\$$code\$crafted\$",
			"crafted(\"$code\" int) RETURNS int LANGUAGE $language AS 'return 1'")
		{
			$unlocked->run('DROP FUNCTION IF EXISTS crafted', 'SET check_function_bodies = off');
			next if $unlocked->query("CREATE FUNCTION $function")->{code};
			$unlocked->run('SET check_function_bodies = on');
			my $call = "SELECT $validator('crafted'::regproc)";
			my $result = $locked->query($call);
			push @not_refused, $shape if $result->{code} ne '25006' || -e $file;
			unlink $file;
			# what a session does that is not locked
			$unlocked->query($call);
			push @ran, $shape if -e $file;
			unlink $file;
			$tried++;
		}
	}
	cmp_ok($tried, '>', 0, "$language: functions that were tried");
	is(join("\n", @not_refused), '', "$language: its validator is refused whatever it would compile, and writes nothing");
	note("$language: of $tried functions, run by the validator in a session that is not locked: ", scalar @ran);
	cmp_ok(scalar(grep { /$known{$language}/ } @ran), '>', 0, "$language: one of them is an attack")
	  if $known{$language};
}
SKIP:
{
	my @missing = grep { my $language = $_; !grep { $_->[0] eq $language } @validators } sort keys %known;
	skip "not installed: @missing", 1 if @missing;
}
$locked->quit;

# --- handlers ---
# One that is called by itself has its own name for a text.
$locked = Wire->new($node);
$locked->run(@lock);
for my $case (of_language('lanplcallfoid'))
{
	my ($language, $handler, $denied) = @$case;
	my $result = $locked->query("SELECT $handler()");
	like($result->{code}, $denied eq 't' ? qr/^25006$/ : qr/^(?!25006|$)/, "$language: $handler() by itself: an error");
}
for my $case (of_language('laninline'))
{
	my ($language, $handler) = @$case;
	isnt($locked->query("SELECT $handler('x')")->{code}, '', "$language: $handler() of a text: an error");
}
is($locked->query('SELECT 1')->{code}, '', 'the session goes on');
$locked->quit;
$unlocked->quit;

$node->stop;
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP/, 'no crash');
done_testing();
