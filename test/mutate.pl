#!/usr/bin/perl
# Break the library in one place after the other, and show that a test sees it.
# Called by script/mutate, as the server's user; the list is test/mutants.
#
#   mutate.pl --source DIR [--only PATTERN]... --list
#   mutate.pl --source DIR [--only PATTERN]... --server DIR --pg-config FILE --work DIR
#             [--jobs N] [--all]
#
# --source is a tree to copy, with the list in it; --server a server to copy
# (--pg-config is a path within it); --work a directory for the copies.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use Getopt::Long;
use POSIX qw(setsid);
use Time::HiRes qw(time sleep);

# With --all: the tests in t/ that need no other programs, cheap ones first.
my @quick = qw(021 018 003 011 002 004 012 017 014 001 013 016 015 020 026 030);

# How many seconds a test may take on a machine that is busy with others.
my $limit = 300;

my ($source, $server, $pg_config, $work, $list, $all, @only);
my $jobs = 1;
GetOptions(
	'source=s'    => \$source,
	'server=s'    => \$server,
	'pg-config=s' => \$pg_config,
	'work=s'      => \$work,
	'jobs=i'      => \$jobs,
	'only=s'      => \@only,
	'all'         => \$all,
	'list'        => \$list) && defined $source or die "see the head of $0\n";

sub slurp
{
	my ($file) = @_;
	open(my $in, '<', $file) or die "$file: $!\n";
	local $/;
	return <$in> // '';
}

sub slurp_if { return -e $_[0] ? slurp($_[0]) : ''; }

sub spew
{
	my ($file, $text) = @_;
	open(my $out, '>', $file) or die "$file: $!\n";
	print $out $text;
	close($out) or die "$file: $!\n";
}

# --- the list ---

# Read the list; its form is told at its head.  An entry that is wrong has an error.
sub read_list
{
	my ($file, $number, %tests, @mutants) = ('', 0);
	for my $line (split(/\n/, slurp("$source/test/mutants")))
	{
		$number++;
		if    ($line =~ /^(#|$)/)                  { }
		elsif ($line =~ /^test (\w+) = (t\/\d+)$/) { $tests{$1} = $2; }
		elsif ($line =~ /^file (\S+)$/)            { $file = $1; }
		elsif ($line =~ /^(\S+): (.+) \| (.+)$/)
		{
			push @mutants, { name => "$file:$1: $2", file => $file, place => $1, where => "test/mutants:$number",
				tests => [ map { $tests{$_} // $_ } split(' ', $3) ], error => "nothing to look for" };
		}
		elsif ($line =~ /^\t(\S.*) =>(?: (.*))?$/ && @mutants && !defined $mutants[-1]{pattern})
		{
			my $mutant = $mutants[-1];
			@$mutant{qw(pattern into)} = ($1, $2 // '');
			delete $mutant->{error};
			eval { mutate($mutant); test_files($source, $_) for @{ $mutant->{tests} }; 1 } or chomp($mutant->{error} = $@);
		}
		else { die "test/mutants:$number: not understood: $line\n"; }
	}
	return @mutants;
}

# The text of a mutant's file with the one place changed; dies if it is not one place.
sub mutate
{
	my ($mutant) = @_;
	my ($place, $pattern) = @$mutant{qw(place pattern)};
	my $text = slurp("$source/$mutant->{file}");
	my ($begin, $end) = (0, length $text);
	if ($place ne '*')
	{
		# a function, or a table's rows
		my @blocks;
		push @blocks, [ $-[1], $+[1] ] while $text =~ /^(?:\Q$place\E\([^;{]*|[^;{\n]*\b\Q$place\E\[\] =\s*)(\{.*?^\})/smg;
		die "there are " . @blocks . " of $place() in $mutant->{file}\n" if @blocks != 1;
		($begin, $end) = @{ $blocks[0] };
	}
	my $block = substr($text, $begin, $end - $begin);
	# white space stands for any white space
	my $regex = join('\s+', map { quotemeta } split(' ', $pattern));
	my $n = () = $block =~ /$regex/g;
	die "\"$pattern\" stands $n times in $place, must be once\n" if $n != 1;
	$block =~ s/$regex/$mutant->{into}/;
	substr($text, $begin, $end - $begin) = $block;
	return $text;
}

# The file of a test by its short name: t/012, or mode for sql/mode.sql.
sub test_files
{
	my ($top, $test) = @_;
	my ($file) = $test =~ m!^t/\d+$! ? glob("$top/${test}_*.pl") : "$top/sql/$test.sql";
	die "there is no test \"$test\"\n" unless defined $file && -e $file;
	return $file;
}

# --- one place to build and test in ---

my ($tree, $bin, @make, $running);

# End the command that runs, and all it has started.
sub end_command
{
	return unless $running;
	kill 'TERM', -$running;
	sleep 0.05;
	kill 'KILL', -$running;
}

# Run a command in the tree with a limit of time, and end all it has started when
# that is over or "stop" matches a line of its output.  Returns whether all was well,
# and the lines.
sub run
{
	my ($stop, @command) = @_;
	my $pid = open(my $out, '-|') // die "fork: $!\n";
	if (!$pid)
	{
		setsid();
		chdir($tree);
		open(STDERR, '>&', \*STDOUT);
		open(STDIN, '<', '/dev/null');
		exec(@command) or POSIX::_exit(127);
	}
	$running = $pid;
	my (@lines, $seen);
	my $in_time = eval {
		local $SIG{ALRM} = sub { die "limit\n" };
		alarm $limit;
		while (!$seen && defined(my $line = <$out>))
		{
			chomp $line;
			push @lines, $line;
			$seen = $stop && $line =~ $stop;
		}
		alarm 0;
		1;
	};
	end_command() if $seen || !$in_time;
	push @lines, "longer than $limit seconds" if !$in_time;
	my $well = close($out) && !$seen && $in_time;
	$running = 0;
	return ($well, @lines);
}

# End the servers that a test has left behind: pg_ctl starts each in a session of
# its own.
sub end_servers
{
	return unless defined $tree;
	for my $file (grep { -e } glob("$tree/tmp_check/*/pgdata/postmaster.pid $tree/tmp_check/*/*/pgdata/postmaster.pid $tree/data/postmaster.pid"))
	{
		my ($pid) = slurp($file) =~ /^(\d+)\n/ or next;
		(my $data = dirname($file)) =~ s!/+!/!g;
		next unless -e "/proc/$pid" && slurp("/proc/$pid/cmdline") =~ /postgres/ && readlink("/proc/$pid/cwd") eq $data;
		kill 'QUIT', $pid;
		for (1 .. 100) { last unless -e "/proc/$pid"; sleep 0.05; }
		kill 'KILL', $pid if -e "/proc/$pid";
	}
}

# Build and install what the tree has.
sub build
{
	my ($well, @lines) = run(undef, @make, 'all', 'install');
	return $well ? '' : join("\n", 'does not build:', @lines);
}

# Run files of sql/, or without names all of them.  Returns what was red, or nothing.
sub run_regress
{
	my @names = @_;
	end_servers();
	remove_tree("$tree/data");
	system('cp', '-a', "$tree/template", "$tree/data") == 0 or die "cp: $?\n";
	my ($well, @lines) = run(undef, "$bin/pg_ctl", '-D', "$tree/data", '-l', "$tree/data/log", '-s', '-w',
		'-o', "-p 5432 -c listen_addresses= -c unix_socket_directories=$tree -c fsync=off -c max_prepared_transactions=5",
		'start');
	my $red = $well ? '' : 'the server does not start';
	if ($well)
	{
		($well, @lines) = run(qr/^not ok|FAILED/, @make, 'TAP_TESTS=', (@names ? "REGRESS=@names" : ()), 'installcheck');
		die "pg_regress ran nothing\n" if $well && !grep { /^(test .* ok |ok )/ } @lines;
		if (!$well)
		{
			# "test mode ... FAILED", "not ok 1 - mode"
			my ($name) = map { /^test (\w+) .*FAILED/ || /^not ok \d+ +[-+] (\w+)/ ? $1 : () } @lines;
			$red = $name ? "sql/$name" : 'pg_regress: ' . ($lines[-1] // '');
			my ($differs) = $name ? `diff -U0 $tree/expected/$name.out $tree/results/$name.out 2>/dev/null` =~ /^([-+](?![-+]{2} ).*)$/m : ();
			$red .= ": $differs" if defined $differs;
		}
		$red = "server log: $1" if !$red && slurp_if("$tree/data/log") =~ /^(TRAP:.*)$/m;
	}
	end_servers();
	return $red;
}

# Run one file of t/.  Returns what was red, or nothing.
sub run_tap
{
	my ($file) = @_;
	$file =~ s!^\Q$tree\E/!!;
	end_servers();
	my ($well, @lines) = run(qr/^not ok(?!.*# TODO)/, @make, 'REGRESS=', 'PROVE_FLAGS=-v', "PROVE_TESTS=$file", 'installcheck');
	die "$file ran nothing\n" if $well && !grep { /^ok \d/ } @lines;
	my ($what) = map { /^not ok(?: \d+)? - (.*)/ ? $1 : () } @lines;
	($what) = grep { /died|Dubious|not ok|longer/ } @lines unless defined $what;
	my $red = $well ? '' : "$file: " . ($what // $lines[-1] // '');
	for my $log (glob("$tree/tmp_check/log/*.log"))
	{
		$red = "$file, server log: $1" if !$red && slurp($log) =~ /^(TRAP:.*)$/m;
	}
	end_servers();
	return $red;
}

# Run a test by its short name; "" stands for all of pg_regress.
sub run_test
{
	my ($test) = @_;
	return $test =~ m!^t/! ? run_tap(test_files($tree, $test)) : run_regress($test eq '' ? () : $test);
}

# Build a mutant and run its tests until one is red.  Returns the fate, and the words
# for it.
sub fate_of
{
	my ($mutant) = @_;
	my @tests = @{ $mutant->{tests} };
	push @tests, '', map { "t/$_" } @quick if $all;
	spew("$tree/$mutant->{file}", mutate($mutant));
	my $wrong = build();
	return ('error', $wrong) if $wrong;
	for my $test (@tests)
	{
		my $red = run_test($test) or next;
		# once: the same test on the library as it is
		my $mark = "$work/green." . $test =~ s![ /]!_!gr;
		if (!-e $mark)
		{
			spew("$tree/$mutant->{file}", slurp("$source/$mutant->{file}"));
			$wrong = build() || run_test($test);
			return ('error', "$test is red without it as well: $wrong") if $wrong;
			spew($mark, '');
		}
		return ('killed', "killed by $red");
	}
	return ('survived', "SURVIVED @tests");
}

# Make a place of its own for one job.
sub prepare
{
	my ($number) = @_;
	my $place = "$work/job$number";
	make_path($place);
	for ([ $server, 'server' ], [ $source, 'src' ])
	{
		system('cp', '-a', $_->[0], "$place/$_->[1]") == 0 or die "cp: $?\n";
	}
	$tree = "$place/src";
	my $config = "$place/server/$pg_config";
	$bin = dirname($config);
	@make = ('make', '-s', 'with_llvm=no', "PG_CONFIG=$config");
	$ENV{PG_CONFIG} = $config;
	$ENV{PG_TEST_PORT_DIR} = "$work/ports";
	# so that a session that hangs is not waited for long
	$ENV{PG_TEST_TIMEOUT_DEFAULT} = 60;
	delete @ENV{qw(PGHOSTADDR PGPASSWORD PGDATABASE PGOPTIONS PGSERVICE PGSSLMODE PGAPPNAME PGTZ PGDATESTYLE)};
	@ENV{qw(PGHOST PGPORT PGUSER)} = ($tree, 5432, 'postgres');
	my ($well, @lines) = run(undef, "$bin/initdb", '-D', "$tree/template", '-U', 'postgres', '-A', 'trust',
		'-E', 'UTF8', '--no-locale', '--no-sync');
	die join("\n", @lines, "initdb failed\n") unless $well;
	my $wrong = build();
	die "the library $wrong\n" if $wrong;
}

# --- the run ---

my @mutants = read_list();
my %seen;
for my $mutant (@mutants) { $mutant->{error} //= 'a second one of this name' if $seen{ $mutant->{name} }++; }
@mutants = grep { my $m = $_; grep { $m->{name} =~ /$_/ } @only } @mutants if @only;
my @errors = grep { defined $_->{error} } @mutants;
if ($list) { print "$_->{name} | @{ $_->{tests} }\n" for @mutants; }
print "$_->{where}: $_->{name}: $_->{error}\n" for @errors;
printf "%d mutants, %d of them do not fit\n", scalar @mutants, scalar @errors;
exit(@mutants && !@errors ? 0 : 1) if $list || @errors || !@mutants;

# Each job takes every n-th, in a process of its own, and writes down the fates.
$| = 1;
my @pids;
$SIG{INT} = $SIG{TERM} = sub { kill 'TERM', @pids; waitpid($_, 0) for @pids; exit 1 };
for my $job (1 .. $jobs)
{
	my $pid = fork // die "fork: $!\n";
	if (!$pid)
	{
		$SIG{INT} = $SIG{TERM} = sub { end_command(); end_servers(); exit 1 };
		prepare($job);
		open(my $fates, '>>', "$work/fates") or die "$work/fates: $!\n";
		for (my $i = $job - 1; $i < @mutants; $i += $jobs)
		{
			my $begun = time;
			my $file = $mutants[$i]{file};
			my ($fate, $words) = eval { fate_of($mutants[$i]) };
			($fate, $words) = ('error', $@) if $@;
			spew("$tree/$file", slurp("$source/$file"));
			$words =~ s/\s+$//;
			printf "%s: %s (%.1f s)\n", $mutants[$i]{name}, $words =~ s/\n/\n    /gr, time - $begun;
			syswrite($fates, "$fate $mutants[$i]{name}\n");
		}
		exit 0;
	}
	push @pids, $pid;
}
waitpid($_, 0) for @pids;

my @fates = split(/\n/, slurp_if("$work/fates"));
my @killed = grep { /^killed/ } @fates;
print "\n", map { "$_\n" } sort grep { !/^killed/ } @fates;
printf "%d killed, %d not\n", scalar @killed, @mutants - @killed;
exit(@killed == @mutants ? 0 : 1);
