# script/test: what it shows of the tests that it runs, side by side, which it runs, and what it asks for.
# On made-up tests: one that passes, one that fails, some that die, one that is skipped.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $top = abs_path(dirname(dirname(__FILE__)));
my $dir = PostgreSQL::Test::Utils::tempdir();

# --- what is shown ---
my %made_up = (
	'passes' => q(ok(1, "number $_") for 1 .. 3; note('seen nowhere'); done_testing();),
	'fails' => q(ok(1, 'before'); is("a\nb", "a\nc", 'two lines'); diag("and\nmore"); ok(1, 'after'); done_testing();),
	'dies' => q(ok(1, 'before'); warn "a warning\n"; die "its last words\n";),
	'logs' => q(ok(1, 'before'); exit 2;),
	'skips' => q(plan skip_all => 'not here';));
append_to_file("$dir/$_.pl", "use Test::More;\n$made_up{$_}\n") for keys %made_up;
append_to_file("$dir/regress_log_logs", "$_\n") for 1 .. 20;
my $shown = `prove -j2 --verbose --merge --timer $dir/*.pl 2>&1 | $^X $top/test/progress.pl $dir`;

like($shown, qr/^\S+passes\.pl +3 passed +[\d.]+ s$/m, 'a file that passes: a line');
like($shown, qr/^\S+skips\.pl skipped: not here$/m, 'a file that is skipped: a line');
like($shown, qr/^not ok 2 - two lines\n# +Failed test 'two lines'\n# +at \S+fails\.pl line 2\.\n# +got: 'a\n# b'\n# +expected: 'a\n# c'\n# and\n# more\n/m,
	'a test that fails: all that it says');
like($shown, qr/^\S+fails\.pl: Failed 1\/3 subtests/m, 'a file with a failure: how many');
like($shown, qr/a warning\n.*its last words\n.*^\S+dies\.pl: Dubious/ms, 'a file that dies: its last words');
like($shown, qr/^ +6\n(?: +\d+\n)* +20\n\S+logs\.pl: Dubious/m, 'a file that dies and has a log: its last lines');
like($shown, qr/^Result: FAIL$/m, 'the result');
unlike($shown, qr/seen nowhere|^ok /m, 'nothing else');

# --- what is run ---
# What script/test says to arguments that name no tests.
sub refused
{
	my (@arguments) = @_;
	my ($stdout, $stderr);
	IPC::Run::run [ "$top/script/test", @arguments ], '>', \$stdout, '2>', \$stderr;
	return $? ? $stderr : "it ran:\n$stdout";
}
like(refused('--only', 't/999'), qr/^test: there is no test t\/999$/m, '--only, a file that is not there: refused');
like(refused('--only', 'sql/nothing'), qr/^test: there is no test sql\/nothing$/m, '--only, nothing of pg_regress: refused');
like(refused('--only'), qr/^test: usage: /m, '--only without a file: refused');
like(refused('--sweep', '--only', 't/001'), qr/^test: usage: /m, '--only and a part: refused');

# --- who may not install packages is told of all, and one command ---
SKIP:
{
	skip 'no apt', 2 if !-x '/usr/bin/apt-cache';
	mkdir "$dir/bin";
	local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
	# a machine that has nothing, and then knows of nothing
	for my $program ('dpkg-query', 'apt-cache', 'ls')
	{
		append_to_file("$dir/bin/$program", "#!/bin/sh\nexit 1\n");
		chmod 0755, "$dir/bin/$program";
		like(refused('--only', 't/001'), qr/^test: packages are missing: .*\bclang\b.*\n.*\n    sudo \S+\/script\/test --install --only t\/001$/m,
			'packages are missing: the command') if $program eq 'dpkg-query';
	}
	like(refused('--only', 't/001'), qr/^test: apt's package lists are empty\.\n.*\n    sudo \S+\/script\/test --install --only t\/001$/m,
		'package lists are empty: the command');
}

done_testing();
