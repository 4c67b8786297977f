# The documentation is true: every block of README.md, docs/administration.md,
# docs/drivers.md, docs/ways-in.md and docs/watching.md, and every file of examples/, is
# taken out and run, and what a block shows as output is what comes out.  Every link
# leads somewhere.
#
# How a block is run goes by its language, or by its first character:
#
#   ```sql          psql, as postgres in the database "shop"
#   ``` with "$ "   a shell, and the lines below the command are its output; where
#                   the command is psql and prompts follow, these are its input
#   ```ini          PgBouncer's: the lines stand in examples/pgbouncer.ini, which
#                   t/clients/pgbouncer.pl runs
#   ``` with a URL  psql with that URL; the session is locked
#   ```python, java, js, go, ruby, php
#                   a program that prints the mode of its session: "locked", and
#                   not so if it names a library that is not there, or another mode
#
# HTML comments before a block say what else there is to know, and cannot be seen on
# the page:
#
#   <!-- before: SQL -->         runs first, as postgres
#   <!-- as ROLE -->             the role of a block of SQL
#   <!-- postgresql.conf -->     goes into that file, and the server is restarted
#   <!-- postgresql.conf: LINE -->
#                                this does, first
#   <!-- not run: WHY -->        a block that is not run

use strict;
use warnings;
use File::Basename qw(basename dirname);
use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionReadonly qw(broken_links create_postgres);
use Test::More;

my $top = abs_path(dirname(dirname(__FILE__)));
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $dir = PostgreSQL::Test::Utils::tempdir_short();

# --- a server that can be put back to its beginning ---

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => ['--encoding=UTF8'], allows_streaming => 1);
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
unlink $node->data_dir . '/pg_hba.conf';
append_to_file($node->data_dir . '/pg_hba.conf',
	"local all,replication all trust\nhost all all 127.0.0.1/32 trust\n");
$node->start;
create_postgres($node);
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', q(
	CREATE TABLE users (id int PRIMARY KEY, name text);
	INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 1000) i;
	CREATE ROLE app LOGIN;
	GRANT ALL ON users TO app;
	GRANT CREATE ON SCHEMA public TO app;));
$node->stop;
my $pristine = $node->basedir . '/pristine';
system_or_bail('cp', '-a', $node->data_dir, $pristine);
$node->start;

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGUSER} = 'postgres';
$ENV{PGDATABASE} = 'shop';
$ENV{PGDATA} = abs_path($node->data_dir);
$ENV{PSQLRC} = '/dev/null';
$ENV{PAGER} = 'cat';
delete $ENV{PGOPTIONS};

my $agent = q(CREATE ROLE ai_agent LOGIN;
	GRANT USAGE ON SCHEMA public TO ai_agent; GRANT SELECT ON users TO ai_agent;);

# Bring the server back to its beginning, with the role ai_agent if wanted.
sub fresh
{
	my ($with_agent) = @_;
	$node->stop('immediate');
	system_or_bail('rm', '-rf', $node->data_dir);
	system_or_bail('cp', '-a', $pristine, $node->data_dir);
	$node->start;
	$node->safe_psql('shop', $agent) if $with_agent;
}

# Run a command; returns its exit code and what it wrote.
sub run_it
{
	my ($command, $input) = @_;
	my ($stdout, $stderr) = ('', '');
	IPC::Run::run $command, '<', \($input // ''), '>', \$stdout, '2>', \$stderr,
	  IPC::Run::timeout(120);
	return ($? >> 8, $stdout, $stderr);
}

# Where the documentation says port 5432, it is ours, and so is Debian's log.
sub on_our_port
{
	my ($text) = @_;
	my $port = $node->port;
	my $log = $node->logfile;
	$text =~ s/127\.0\.0\.1:5432/127.0.0.1:$port/g;
	$text =~ s{/var/log/postgresql/postgresql-15-main\.log\*?}{$log}g;
	return $text;
}

# Lines in a form in which they can be compared: psql's errors and its results come
# by two pipes, so their order says nothing.
sub lines_of
{
	return join "\n", sort grep { /\S/ } map { s/\s+$//r } split /\n/, join("\n", @_);
}

# --- how each kind of block is run ---

sub run_sql
{
	my ($name, $sql, $role) = @_;
	my ($rc, $stdout, $stderr) =
	  run_it([ 'psql', '-q', '-v', 'ON_ERROR_STOP=1', '-U', $role ], $sql);
	is($rc, 0, $name) or diag($stderr);
}

# What psql answers to each of several inputs, given at its prompt.
sub answers
{
	my ($command, @inputs) = @_;
	my $script = '';
	$script .= "\\echo \@\@\@\n\\warn \@\@\@\n$_\n" for @inputs;
	append_to_file("$dir/script.sql", $script);
	my ($rc, $stdout, $stderr) =
	  run_it([ 'sh', '-c', "$command <$dir/script.sql" ]);
	unlink "$dir/script.sql";
	my @stdout = split /^\@\@\@\n/m, $stdout, -1;
	my @stderr = split /^\@\@\@\n/m, $stderr, -1;
	return map { lines_of($stdout[$_] // '', $stderr[$_] // '') } 1 .. @inputs;
}

sub run_console
{
	my ($name, $text) = @_;
	my (@commands, @prompts);
	for my $line (split /\n/, on_our_port($text))
	{
		if ($line =~ /^\$ (.*)/)
		{
			push @commands, { command => $1, output => '', prompts => [] };
		}
		elsif ($commands[-1]{command} =~ /^psql / && $line =~ /^\w+=[*!]?[#>] (.*)/)
		{
			push @{ $commands[-1]{prompts} }, { input => $1, output => '' };
		}
		elsif (@{ $commands[-1]{prompts} } && $line =~ /^\w+-[*!]?[#>] (.*)/)
		{
			$commands[-1]{prompts}[-1]{input} .= "\n$1";
		}
		else
		{
			my $to = @{ $commands[-1]{prompts} } ? $commands[-1]{prompts}[-1] : $commands[-1];
			$to->{output} .= "$line\n";
		}
	}
	for my $command (@commands)
	{
		my @prompts = @{ $command->{prompts} };
		if (@prompts)
		{
			my @answers = answers($command->{command}, map { $_->{input} } @prompts);
			is($answers[$_], lines_of($prompts[$_]{output}), "$name: $prompts[$_]{input}")
			  for 0 .. $#prompts;
			next;
		}
	  SKIP:
		{
			my ($program) = $command->{command} =~ /^(?:\w+='[^']*' )?(\w+)/;
			skip "no $program", 1 if system("command -v $program >/dev/null") != 0;
			my ($rc, $stdout, $stderr);
			# what the server says is a moment later in its log
			for (1 .. ($command->{command} =~ m{/log/} ? 10 * $PostgreSQL::Test::Utils::timeout_default : 1))
			{
				($rc, $stdout, $stderr) = run_it([ 'sh', '-c', "cd $dir && $command->{command}" ]);
				last if lines_of($stdout, $stderr) eq lines_of($command->{output});
				select(undef, undef, undef, 0.1);
			}
			is(lines_of($stdout, $stderr), lines_of($command->{output}),
				"$name: \$ $command->{command}");
			is($rc, 0, "$name: succeeds") if $command->{output} eq '';
		}
	}
}

sub run_url
{
	my ($name, $url) = @_;
	my ($rc, $stdout, $stderr) = run_it([ 'psql', '-At', '-d', on_our_port($url),
		'-c', q(SELECT setting FROM pg_settings WHERE name = 'pg_session_readonly.mode'),
		'-c', 'CREATE TABLE stolen ()' ]);
	is($stdout, "locked\n", "$name: locked");
	like($stderr, qr/cannot execute CREATE TABLE in a read-only transaction/, "$name: refused");
}

# A Perl function for each language: whether it can be run here, and the command.
my $jars = join ':', grep { -e } map { "/usr/share/java/$_.jar" }
  qw(HikariCP slf4j-api slf4j-nop postgresql);
my %program = (
	python => sub {
		my ($code) = @_;
		my $modules = join ', ', 'psycopg2', $code =~ /^(?:from|import) (\w+)/mg;
		return if system("$python -c 'import $modules' 2>/dev/null") != 0;
		append_to_file("$dir/program.py", $code);
		return ($python, "$dir/program.py");
	},
	js => sub {
		my ($code) = @_;
		my $modules = "$top/t/clients/node_modules";
		return if !-d "$modules/pg" || system('node --version >/dev/null 2>&1') != 0;
		symlink $modules, "$dir/node_modules";
		append_to_file("$dir/program.mjs", $code);
		return ('node', "$dir/program.mjs");
	},
	java => sub {
		my ($code) = @_;
		return if $jars !~ /Hikari.*nop.*postgresql/ || system('javac -J-XX:-UsePerfData -version >/dev/null 2>&1') != 0;
		append_to_file("$dir/Program.java", $code);
		system_or_bail('javac', '-J-XX:-UsePerfData', '-cp', $jars, '-d', $dir, "$dir/Program.java");
		return ('java', '-XX:-UsePerfData', '-cp', "$dir:$jars", 'Program');
	},
	# version 4 of pgx is what Debian has
	go => sub {
		my ($code) = @_;
		my $path = '/usr/share/gocode';
		return if !-d "$path/src/github.com/jackc/pgx/v4" || system('go version >/dev/null 2>&1') != 0;
		$code =~ s{pgx/v5}{pgx/v4}g;
		$code =~ s/pgxpool\.NewWithConfig/pgxpool.ConnectConfig/;
		append_to_file("$dir/program.go", "package main\n$code");
		return ('env', 'GO111MODULE=off', "GOPATH=$path", "GOCACHE=$dir/gocache", 'go', 'run',
			"$dir/program.go");
	},
	ruby => sub {
		my ($code) = @_;
		return if system(q(ruby -e 'require "pg"; require "active_record"' >/dev/null 2>&1)) != 0;
		append_to_file("$dir/program.rb", $code);
		return ('ruby', "$dir/program.rb");
	},
	php => sub {
		my ($code) = @_;
		return if system(q(php -m 2>/dev/null | grep -q pdo_pgsql)) != 0;
		append_to_file("$dir/program.php", $code);
		return ('php', "$dir/program.php");
	});

# A program is run as it stands; with a library that is not there; and with a mode that
# its own look has to find wrong.
sub run_program
{
	my ($name, $language, $code) = @_;
	my $missing = $code =~ s/(local_preload_libraries\W+)pg_session_readonly/${1}missing/r;
	my $not_locked = $code =~ s/(pg_session_readonly\.mode(?:=|': '|": "|"\] = "))locked/${1}on/r;

	for my $case ([ 'locked', $code ], [ 'no library', $missing ], [ 'not locked', $not_locked ])
	{
		my ($what, $text) = @$case;
		unlink glob "$dir/program.* $dir/Program*";
		my @command = $program{$language}->(on_our_port($text));
	  SKIP:
		{
			skip "nothing here to run $language with", 1 unless @command;
			my ($rc, $stdout, $stderr) = run_it(\@command);
			if ($what eq 'locked')
			{
				is($stdout, "locked\n", "$name: locked") or diag($stderr);
				is($rc, 0, "$name: succeeds");
				next;
			}
			isnt($text, $code, "$name: $what: can be tried");
			isnt($rc, 0, "$name: $what: no connection");
			unlike($stdout, qr/^locked|^on/m, "$name: $what: no mode");
		}
	}
}

# --- pages ---

# The blocks of a page: section, line, language, text, comments before it.
sub blocks_of
{
	my ($file) = @_;
	my (@blocks, $block, %comments);
	my $section = '';
	my $line = 0;
	for (split /\n/, slurp_file("$top/$file"))
	{
		$line++;
		if (/^```(\w*)$/)
		{
			if ($block)
			{
				push @blocks, $block;
				($block, %comments) = ();
			}
			else
			{
				$block = { section => $section, line => $line, language => $1, text => '',
					comments => {%comments} };
			}
		}
		elsif ($block) { $block->{text} .= "$_\n"; }
		elsif (/^(#+) (.*)/) { $section = $2 if $1 eq '##'; %comments = (); }
		elsif (/^<!-- (before|not run): (.*) -->$/) { $comments{$1} = $2; }
		elsif (/^<!-- as (\w+) -->$/) { $comments{as} = $1; }
		elsif (/^<!-- postgresql\.conf -->$/) { $comments{conf} = 1; }
		elsif (/^<!-- postgresql\.conf: (.*) -->$/) { $comments{line} = $1; }
		elsif (/^<!--/) { fail("$file:$line: $_"); }
	}
	return @blocks;
}

sub run_block
{
	my ($name, $block) = @_;
	my ($language, $text, $comments) = @{$block}{ 'language', 'text', 'comments' };
	if ($comments->{line})
	{
		$node->append_conf('postgresql.conf', "$comments->{line}\n");
		$node->restart;
	}
	$node->safe_psql('shop', $comments->{before}) if $comments->{before};
	if ($comments->{'not run'})
	{
		note("$name is not run: $comments->{'not run'}");
	}
	elsif ($comments->{conf})
	{
		$node->append_conf('postgresql.conf', $text);
		$node->restart;
		is($node->safe_psql('postgres', 'SELECT 1'), '1', "$name: the server starts");
	}
	elsif ($language eq 'sql')
	{
		run_sql($name, $text, $comments->{as} // 'postgres');
	}
	elsif ($language eq 'ini')
	{
		my $pgbouncer = slurp_file("$top/examples/pgbouncer.ini");
		like($pgbouncer, qr/^\Q$_\E$/m, "$name: in examples/pgbouncer.ini") for split /\n/, $text;
	}
	elsif (exists $program{$language})
	{
		run_program($name, $language, $text);
	}
	elsif ($text =~ /^\$ /)
	{
		run_console($name, $text);
	}
	elsif ($text =~ m{^postgresql://})
	{
		run_url($name, $_) for split /\n/, $text;
	}
	else
	{
		fail("$name: this block cannot be run; say why, or make it one that can");
	}
}

for my $file ('README.md', map { "docs/$_.md" } qw(administration drivers ways-in watching))
{
	# README tells one story, which makes the role itself, and so does the page about the
	# log; elsewhere each section stands alone.
	my $story = $file =~ /README|watching/;
	my $section = '';
	my $n = 0;
	for my $block (blocks_of($file))
	{
		fresh($file ne 'README.md') if $n++ == 0 || (!$story && $block->{section} ne $section);
		$section = $block->{section};
		run_block("$file:$block->{line}", $block);
	}
	ok($n > 1, "$file: there are blocks");
}

# --- links ---

for my $file ('README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', map { s/^\Q$top\E\///r } glob "$top/docs/*.md")
{
	is(join(' ', broken_links("$top/$file")), '', "$file: links");
}

# --- examples ---

# What a file of examples/ does; a new file needs a line here.
my %example = (
	'alter_role.sql' => sub {
		fresh(0);
		local $ENV{AI_AGENT_PASSWORD} = 'its password';
		run_sql('alter_role.sql', slurp_file($_[0]), 'postgres');
		is($node->safe_psql('shop', q(CREATE TABLE later (); SELECT has_table_privilege('ai_agent', 'later', 'SELECT'),
			rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'ai_agent')), 't|t', 'alter_role.sql: reads later tables, has a password');
		run_url('alter_role.sql', 'postgresql://ai_agent@127.0.0.1:5432/shop');
		my ($rc, $stdout, $stderr) = run_it(
			[ 'psql', '-At', '-U', 'ai_agent', '-c', q(SET work_mem = '1GB'), '-c', 'SELECT count(*) FROM users' ]);
		like($stderr, qr/parameter "work_mem" cannot be set/, 'alter_role.sql: pinned');
		is($stdout, "1000\n", 'alter_role.sql: reads');
	},
	'pgoptions.sh' => sub {
		my ($rc, $stdout, $stderr) = run_it(
			[ 'sh', $_[0], 'psql', '-At', '-U', 'app', '-c', 'SHOW pg_session_readonly.mode', '-c', 'DELETE FROM users' ]);
		is($stdout, "locked\n", 'pgoptions.sh: locked');
		like($stderr, qr/cannot execute DELETE/, 'pgoptions.sh: refused');
	},
	'url_options.txt' => sub {
		my ($ordinary, $superuser, $preloaded, $postgres_js) = slurp_file($_[0]) =~ /^(postgresql:.*)$/mg;
		run_url('url_options.txt, ordinary', $ordinary);
		run_url('url_options.txt, superuser', $superuser);
		my ($rc, $stdout, $stderr) = run_it([ 'psql', '-At', '-d', on_our_port($preloaded),
			'-c', 'SHOW pg_session_readonly.mode', '-c', 'CREATE TABLE open ()' ]);
		is($stdout, "locked\nCREATE TABLE\n", 'url_options.txt: no preload, no lock, whatever SHOW says');
		($rc, $stdout, $stderr) = run_it([ 'psql', '-d', on_our_port($postgres_js) ]);
		like($stderr, qr/invalid URI query parameter/, 'url_options.txt: libpq refuses the form of postgres.js');
		$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_readonly'\n");
		$node->restart;
		run_url('url_options.txt, preloaded', $preloaded);
	},
	'mcp_server.json' => sub {
		my $json = slurp_file($_[0]);
		is(system("$python -c 'import json, sys; json.load(open(sys.argv[1]))' $_[0]"), 0, 'mcp_server.json: JSON');
		fresh(0);
		run_sql('mcp_server.json: the role', slurp_file("$top/examples/alter_role.sql"), 'postgres');
		run_url("mcp_server.json: $_", $_) for $json =~ m{"(postgres(?:ql)?://[^"]+)"}g;
		# t/clients/mcp.pl runs them, of these versions
		my $tried = slurp_file("$top/t/clients/package.json");
		while ($json =~ /"(\@[\w\/-]+)\@([\d.]+)"/g)
		{
			like($tried, qr/"\Q$1\E": "\Q$2\E"/, "mcp_server.json: $1 $2 is the one that is tested");
		}
	},
	'pgbouncer.ini' => sub {
		note('pgbouncer.ini is run by t/clients/pgbouncer.pl');
	},
	'Dockerfile' => sub {
	  SKIP:
		{
			# "make clean" in the tree under test would take the other tests' files away
			my $dockerfile = slurp_file($_[0]);
			my @steps = $dockerfile =~ /^RUN (make .*)$/mg;
			is(scalar @steps, 3, 'Dockerfile: steps');
			skip 'no compiler', 1 if system('make --version >/dev/null 2>&1 && gcc --version >/dev/null 2>&1') != 0;
			mkdir "$dir/src";
			system_or_bail('sh', '-c', "cd $top && tar -cf - --exclude=node_modules --exclude=tmp_check Makefile META.json *.c *.sql *.control src sql expected test t | tar -C $dir/src -xf -");
			for my $step (@steps)
			{
				$step =~ s{/src}{$dir/src};
				$step =~ s{/out}{$dir/out};
				my ($rc, $stdout, $stderr) = run_it([ 'sh', '-c', "$step TAP_TESTS=" ]);
				is($rc, 0, "Dockerfile: $step") or diag($stderr);
			}
			chomp(my $libdir = `pg_config --pkglibdir`);
			is(readlink "$dir/out$libdir/plugins/pg_session_readonly.so", '../pg_session_readonly.so',
				'Dockerfile: the link is a link');
			ok(-s "$dir/out$libdir/pg_session_readonly.so", 'Dockerfile: the library is there');
		}
	});

fresh(0);
for my $path (sort glob "$top/examples/*")
{
	my $file = basename($path);
	if (exists $example{$file}) { $example{$file}->($path); }
	else { fail("examples/$file: nothing here runs it"); }
}

$node->stop;
done_testing();
