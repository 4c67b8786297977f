# docs/security.md is true: each sentence that it quotes stands where it says, each
# function and row that it names is there, and so is each test, which has passed if this
# run came by it.  What closes a door is the function that decides, not a hook that asks
# it.  And nothing is missing: the hooks, the built-in list of commands, the limits of the
# threat model.  At the end it is shown that the check can fail.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use PostgreSQL::Test::Utils;
use SessionReadonly qw(broken_links);
use Test::More;

my $top = abs_path(dirname(dirname(__FILE__)));
my $page = "$top/docs/security.md";
my $page_text = slurp_file($page);
my ($version) = `pg_config --version` =~ /PostgreSQL (\d+)/;

# The text of a file, or nothing if it is not there.
my %texts;

sub text_of
{
	my ($path) = @_;
	return $texts{$path} //= -f $path ? slurp_file($path) : '';
}

# White space and emphasis do not count where a sentence is quoted.
sub plain
{
	my ($text) = @_;
	$text =~ s/\*\*|^> ?//mg;
	$text =~ s/\s+/ /g;
	return $text;
}

# A test's description is a piece of the file's code; and where the file has run before
# this one, to its end, of a line that says "ok".  Tests that are skipped on this server
# leave no such line.
my (%code, %ran);

sub test_problem
{
	my ($file, $piece, $since) = @_;
	$code{$file} //= join "\n", grep { !/^\s*#/ } split /\n/, text_of("$top/$file");

	return "$file is not there" if $code{$file} eq '';
	return "$file has no test \"$piece\"" if index($code{$file}, $piece) < 0;
	return '' if defined $since && $version < $since;
	my $log = "$PostgreSQL::Test::Utils::log_path/regress_log_" . basename($file, '.pl');
	# without its plan it runs still, beside this one
	$ran{$file} //= text_of($log) =~ /\b1\.\.\d/
	  ? join("\n", grep { /1\.\.0 # SKIP|(?<!not )ok \d+ / } split /\n/, text_of($log)) : '';
	return '' if $ran{$file} eq '' || $ran{$file} =~ /1\.\.0 # SKIP|ok \d+ # skip/;
	return index($ran{$file}, $piece) >= 0 ? '' : "$file has not run \"$piece\"";
}

# One of pg_regress is named by a comment of its file, which is in its output as well.
sub regress_problem
{
	my ($file, $piece) = @_;
	my $name = basename($file, '.sql');

	for my $path ($file, "expected/$name.out")
	{
		return "$path has no \"$piece\"" if text_of("$top/$path") !~ /^--.*\Q$piece\E/m;
	}
	return text_of("$top/Makefile") =~ /^REGRESS .*\b$name\b/m ? '' : "$name is not in REGRESS";
}

# A function is defined at the beginning of a line; anything else that is named must be
# in the file.
sub source_problem
{
	my ($file, $name) = @_;
	my $text = text_of("$top/$file");

	return "$file is not there" if $text eq '';
	return $name =~ /^(\w+)\(\)$/
	  ? ($text =~ /^\Q$1\E\(/m ? '' : "$file does not define $name")
	  : ($text =~ /(?<!\w)\Q$name\E(?!\w)/ ? '' : "$file has no $name");
}

# What core calls at its hooks asks others, and decides nothing.
my %asks = map { $_ => 1 } 'enter_hook', 'pgsr_xact_callback',
  text_of("$top/pg_session_readonly.c") =~ /^\t\w+_hook = (pgsr_\w+);/mg;

# What closes a door begins with the function, or the row of a table, that decides; or
# with "core"; or with "nothing", and then a limit is named beside it.
sub decision_problem
{
	my ($cell, $shown) = @_;

	return '' if $cell =~ /^core\b/;
	return $shown =~ /\[limit\]/ ? '' : 'is no limit' if $cell =~ /^nothing\b/;
	my ($name) = $cell =~ /^`([^`]+?)(?:\(\))?`[^\[]*\[[^\]]+\]\(\.\.\//;
	return 'says not which function decides' if !defined $name;
	return $asks{$name} ? "$name() decides nothing" : '';
}

# The names of the threat model's limits.
my @limits = text_of("$top/docs/threat-model.md") =~ /^- \*\*(.+?)\.?\*\*/mg;
my %limits = map { $_ => 1 } @limits;

# All that is wrong with a text of the page.
sub problems
{
	my ($text) = @_;
	my @problems = map { "dead link: $_" } broken_links($page, $text);

	# sentences
	my @quotes = $text =~ /^((?:> .*\n)+)/mg;
	for my $quote (@quotes)
	{
		my ($sentence, $file) = plain($quote) =~ /^(.*) \(\[[^\]]+\]\(([^)]+)\)\) ?$/;
		push @problems, "a quotation without its place: $quote" if !$sentence;
		push @problems, "$file does not say: $sentence"
		  if $sentence && index(plain(text_of(dirname($page) . "/$file")), $sentence) < 0;
	}
	push @problems, 'no sentences' if @quotes < 20;

	# rows
	my ($rows, $tests, $functions, $closed) = (0, 0, 0);
	for my $row (grep { /^\|/ && !/^\|[-|]+$/ } split /\n/, $text)
	{
		my @cells = map { s/^ +| +$//gr } split /\|/, $row =~ s/^\|//r;

		if ($row =~ /\| shown by \|$/)
		{
			($closed) = grep { $cells[$_] eq 'closed by' } 0 .. $#cells;
			next;
		}
		$rows++;
		my $problem = defined $closed ? decision_problem($cells[$closed] // '', $cells[-1]) : '';
		push @problems, "$cells[0]: $problem" if $problem;
		push @problems, "nothing shows: $cells[0]"
		  if $cells[-1] !~ /"/ && $cells[-1] ne '–';
		for my $cell (@cells)
		{
			my $rest = $cell;
			while ($rest =~ s/^(.*?)\[[^\]]+\]\(\.\.\/([^)#]+)\)//)
			{
				my ($before, $file) = ($1, $2);
				if ($file =~ /^(?:t|sql)\//)
				{
					if ($rest =~ s/^ "([^"]+)"(?: \((\d+) and later\))?//)
					{
						my ($piece, $since) = ($1, $2);
						$tests++;
						push @problems, grep { $_ }
						  $file =~ /^t\// ? test_problem($file, $piece, $since) : regress_problem($file, $piece);
					}
					else
					{
						push @problems, "$file is named without a test";
					}
				}
				elsif ($file =~ /\.[ch]$/)
				{
					my @names = $before =~ /`([^`]+)`/g;
					$functions += @names;
					push @problems, "$file is named without a function" unless @names;
					push @problems, grep { $_ } map { source_problem($file, $_) } @names;
				}
			}
			while ($cell =~ /\[limit\]\([^)]+\): ([^,|]+)/g)
			{
				push @problems, "no limit \"$1\"" unless $limits{ $1 =~ s/ +$//r };
			}
		}
	}
	push @problems, "only $rows rows, $tests tests, $functions functions" if $rows < 100 || $tests < 200 || $functions < 80;

	# what must not be missing
	for my $hook ((map { text_of("$top/$_") =~ /^\s(\w+_hook) = \w+;/mg } 'pg_session_readonly.c', 'src/refusal.c'))
	{
		push @problems, "$hook is missing" if $text !~ /`\Q$hook\E`/;
	}
	for my $command (text_of("$top/src/commands.c") =~ /^\t\{"([A-Z ]+)", PGSR_/mg)
	{
		push @problems, "$command is missing" if $text !~ /^\| [^|]*`\Q$command\E`/m;
	}
	for my $limit (@limits)
	{
		push @problems, "limit \"$limit\" is missing" if $text !~ /^\| \Q$limit\E \|/m;
	}
	return @problems;
}

is(join("\n", problems($page_text)), '', 'docs/security.md: every sentence, function, test and limit is there');
cmp_ok(scalar @limits, '>', 20, 'the threat model has limits (' . @limits . ')');
note('compared with what has run: ' . join(' ', grep { $ran{$_} } sort keys %ran));

# --- there is one table of doors ---
for my $file ('README.md', 'SECURITY.md', grep { !/security\.md$/ } map { s/^\Q$top\E\///r } glob("$top/docs/*.md"))
{
	ok(text_of("$top/$file") !~ /^\| door \|/m, "$file: no table of doors beside that of docs/security.md");
}
ok(text_of("$top/docs/$_") =~ /\]\(security\.md[#)]/, "docs/$_: says where the doors are") for 'threat-model.md', 'how-it-works.md';
cmp_ok(scalar keys %asks, '>', 9, 'the hooks are known');

# --- what the other pages, the issue templates and the workflow name ---
# Files of ours that a text names, outside of its links, and that are not there.
# src/include/ is PostgreSQL's.
sub missing_files
{
	my $text = $_[0] =~ s/\[[^\]]*\]\([^)]*\)//gr;
	my @names = $text =~ /(?<![\w\/.])((?:script|bench|test|t|sql|src|docs|examples|debian|[.]github)\/\w[\w.\/-]*\w)/g;
	return grep { !/NEW$|^src\/include\// && !-e "$top/$_" } @names;
}

for my $file ('SECURITY.md', 'docs/security.md', 'docs/versions.md',
	map { s/^\Q$top\E\///r } glob("$top/.github/*/*.yml"))
{
	my $text = text_of("$top/$file");
	cmp_ok(length $text, '>', 20, "$file is there");
	is(join(' ', missing_files($text), $file =~ /md$/ ? broken_links("$top/$file") : ()), '', "$file: the files and links that it names are there");
}
is(join(' ', missing_files("- run: sudo script/test --pg 17\n- run: script/tset and `t/999_none.pl`")), 'script/tset t/999_none.pl',
	'files that are not there: are found');

# --- the check can fail ---
for my $case (
	# a name, what is put in the place of what, what is said then
	[ 'a test that is gone', qr/(\)) "one message"/, ' "no such test"', qr/has no test "no such test"/ ],
	[ 'a test file that is gone', qr/t\/003_protocol\.pl\) "one/, 't/003_gone.pl) "one', qr/t\/003_gone\.pl is not there/ ],
	[ 'a test without a name', qr/(t\/003_protocol\.pl\)) "one message"/, '', qr/named without a test/ ],
	[ 'a section of pg_regress that is gone', qr/"By name"/, '"By no name"', qr/pinned\.sql has no "By no name"/ ],
	[ 'a function that is gone', qr/`check_move\(\)`/, '`check_go()`', qr/src\/mode\.c does not define check_go\(\)/ ],
	[ 'a source file that is gone', qr/src\/mode\.c\)/, 'src/node.c)', qr/src\/node\.c is not there/ ],
	[ 'a row of the table that is gone', qr/`pg_notify`/, '`pg_notifies`', qr/has no pg_notifies/ ],
	[ 'a sentence that was changed', qr/no SQL and no protocol message/, 'hardly any SQL', qr/README\.md does not say: hardly any SQL/ ],
	[ 'a limit that is not named', qr/^\| C code is C code \|.*\n/m, '', qr/limit "C code is C code" is missing/ ],
	[ 'a limit that there is not', qr/: Replication \|/, ': Duplication |', qr/no limit "Duplication"/ ],
	[ 'a hook that is not named', qr/`fmgr_hook`/, '', qr/fmgr_hook is missing/ ],
	[ 'a command that is not named', qr/`CHECKPOINT`/, '`CHECK`', qr/CHECKPOINT is missing/ ],
	[ 'a row without a test', qr/^(\| `CHECKPOINT` \| [^|]+ \|).*$/m, ' |', qr/nothing shows: `CHECKPOINT`/ ],
	[ 'a hook in the place of what decides', qr/`pgsr_check_do\(\)` \[function_policy\.c\]\(\.\.\/src\/function_policy\.c\)/,
		'`pgsr_ProcessUtility()` [pg_session_readonly.c](../pg_session_readonly.c)', qr/plpgsql: pgsr_ProcessUtility\(\) decides nothing/ ],
	[ 'a row that names no function', qr/^(\| `REINDEX` \|) [^|]+/m, ' the same ', qr/`REINDEX`: says not which function decides/ ],
	[ 'a door that is open', qr/^(\| `REINDEX` \|) [^|]+/m, ' nothing ', qr/`REINDEX`: is no limit/ ],
	[ 'a dead link', qr/threat-model\.md#limits/, 'threat-model.md#none', qr/dead link: threat-model\.md#none/ ])
{
	my ($name, $what, $instead, $said) = @$case;
	my $text = $page_text;

	$text =~ s/$what/($1 \/\/ '') . $instead/e;
	isnt($text, $page_text, "$name: the page has it");
	like(join("\n", problems($text)), $said, "$name: is found");
}

# A test that is there and did not run.
{
	local $ran{'t/003_protocol.pl'} = "ok 1 - something else\n";
	like(join("\n", problems($page_text)), qr/t\/003_protocol\.pl has not run "one message"/, 'a test that has not passed: is found');
}
done_testing();
