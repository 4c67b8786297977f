#!/usr/bin/perl
# Break the library in one place after the other, and show that a test sees it.
# Called by script/mutate, as the server's user; the list is test/mutants.
#
#   mutate.pl --list FILE --source DIR --server DIR --pg-config FILE --work DIR
#             [--jobs N] [--only PATTERN]... [--equivalents] [--regress | --first | --all-tests] [--print]
#
# --source is a tree to copy, --server a server to copy (--pg-config is a path
# within it), --work a directory for the copies.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Path qw(make_path remove_tree);
use Getopt::Long;
use POSIX qw(setsid strftime);
use Time::HiRes qw(time);

# The quick tests in t/ in the order in which a mutant meets them: cheap ones first.
# Those between need other programs, or look at what is around the library.
my @quick = qw(021 018 003 011 002 004 012 017 014 001 013 016 015 020 025 026 027 030);

my ($list, $source, $server, $pg_config, $work, $equivalents, $all_tests, $first, $regress, $print, @only);
my $jobs = 1;
GetOptions(
	'list=s'      => \$list,
	'source=s'    => \$source,
	'server=s'    => \$server,
	'pg-config=s' => \$pg_config,
	'work=s'      => \$work,
	'jobs=i'      => \$jobs,
	'only=s'      => \@only,
	'equivalents' => \$equivalents,
	'all-tests'   => \$all_tests,
	'first'       => \$first,
	'regress'     => \$regress,
	'print'       => \$print) or die "see the head of $0\n";

# How long a test may take on a machine that is busy with others.
my $limit = 300;

# --- the list ---

# Read the list.  The form of an entry is told at its head.
sub read_list
{
	my ($file) = @_;
	my (@mutants, $mutant, %seen);
	open(my $in, '<', $file) or die "$file: $!\n";
	while (my $line = <$in>)
	{
		chomp $line;
		my $where = "$file:$.";
		if ($line =~ /^=== (\S+)$/)
		{
			$mutant = { name => $1, where => $where, hunks => [ [ [], [] ] ], breaks => '', tests => [] };
			push @mutants, $mutant;
		}
		elsif ($line =~ /^#/ || $line eq '') { }
		elsif (!$mutant) { die "$where: text before the first entry\n"; }
		elsif ($line =~ /^\@\@$/) { push @{ $mutant->{hunks} }, [ [], [] ]; }
		elsif ($line =~ /^([-+ ])(.*)$/)
		{
			my $hunk = $mutant->{hunks}[-1];
			push @{ $hunk->[0] }, $2 if $1 ne '+';
			push @{ $hunk->[1] }, $2 if $1 ne '-';
		}
		elsif ($line =~ /^(file|each|every|into|line|equivalent|versions|needs): ?(.*)$/) { $mutant->{$1} = $2; }
		elsif ($line =~ /^tests: (.*)$/) { $mutant->{tests} = [ split(' ', $1) ]; }
		elsif ($line =~ /^[A-Z]/) { $mutant->{breaks} .= ($mutant->{breaks} ? ' ' : '') . $line; }
		else { die "$where: not understood: $line\n"; }
	}
	return map { expand($_) } @mutants;
}

# An entry with "each" is one mutant for each line of its file that matches.
sub expand
{
	my ($mutant) = @_;
	my $pattern = $mutant->{each};
	return $mutant unless defined $pattern;
	my (@expanded, %seen);
	for my $line (split(/\n/, slurp("$source/$mutant->{file}")))
	{
		next unless $line =~ /$pattern/;
		(my $what = $1) =~ s/[^\w.]+/_/g;
		push @expanded, { %$mutant, name => "$mutant->{name}.$what", at => $line };
	}
	# for apply() to say so
	return @expanded ? @expanded : $mutant;
}

# Returns the text of a mutant's file, mutated; dies if the entry does not fit.
sub apply
{
	my ($mutant, $text) = @_;
	my $name = "$mutant->{name} ($mutant->{where})";
	my $changed = $text;
	if (defined $mutant->{each} || defined $mutant->{every})
	{
		my $pattern = $mutant->{each} // $mutant->{every};
		my $n = 0;
		$changed = '';
		for my $line ($text =~ /([^\n]*\n)/g)
		{
			if (defined $mutant->{at} ? $line eq "$mutant->{at}\n" : $line =~ /$pattern/)
			{
				$n++;
				my ($from, $to) = split(/ => /, $mutant->{into} // '');
				if (defined $to) { $line =~ s/\Q$from\E/$to/ or die "$name: no \"$from\" in: $line"; }
				else             { $line = defined $mutant->{line} ? "$mutant->{line}\n" : ''; }
			}
			$changed .= $line;
		}
		die "$name: no line of $mutant->{file} matches $pattern\n" unless $n;
	}
	else
	{
		for my $hunk (@{ $mutant->{hunks} })
		{
			my ($old, $new) = map { join('', map { "$_\n" } @$_) } @$hunk;
			die "$name: nothing to look for\n" if $old eq '';
			my $n = () = $changed =~ /^\Q$old\E/mg;
			die "$name: stands $n times in $mutant->{file}, must be once:\n$old" if $n != 1;
			$changed =~ s/^\Q$old\E/$new/m;
		}
	}
	die "$name: changes nothing\n" if $changed eq $text;
	return $changed;
}

sub slurp
{
	my ($file) = @_;
	open(my $in, '<', $file) or die "$file: $!\n";
	local $/;
	return <$in> // '';
}

sub spew
{
	my ($file, $text) = @_;
	open(my $out, '>', $file) or die "$file: $!\n";
	print $out $text;
	close($out) or die "$file: $!\n";
}

# --- one place to build and test in ---

my ($tree, $bin, $major, @make, $running);

# End the command that runs, and all it has started.
sub end_command
{
	return unless $running;
	kill 'TERM', -$running;
	select(undef, undef, undef, 0.05);
	kill 'KILL', -$running;
}

# Run a command in the tree with a limit of time, and end all it has started when
# that is over or "stop" says of a line of its output that enough was seen.  Returns
# the exit status, 0 for success, and the lines.
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
		exec(@command);
		exit 127;
	}
	$running = $pid;
	my @lines;
	my $over = '';
	eval {
		local $SIG{ALRM} = sub { die "limit\n" };
		alarm $limit;
		while (my $line = <$out>)
		{
			chomp $line;
			push @lines, $line;
			if ($stop && $stop->($line)) { $over = 'seen'; last; }
		}
		alarm 0;
		1;
	} or do { die $@ if $@ ne "limit\n"; $over = 'limit'; };
	end_command() if $over;
	close($out);
	$running = 0;
	my $status = $over ? 1 : $?;
	push @lines, "not ok - longer than $limit seconds" if $over eq 'limit';
	return ($status, @lines);
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
		for (1 .. 100) { last unless -e "/proc/$pid"; select(undef, undef, undef, 0.05); }
		kill 'KILL', $pid if -e "/proc/$pid";
	}
}

sub build
{
	my ($status, @lines) = run(undef, @make, 'all', 'install');
	return $status ? join("\n", @lines) : '';
}

# Run some files of sql/, or without names all of them.  Returns what was red, or
# nothing.
sub run_regress
{
	my @files = @_;
	end_servers();
	remove_tree("$tree/data");
	system('cp', '-a', "$tree/template", "$tree/data") == 0 or die "cp: $?\n";
	my ($status, @lines) = run(undef, "$bin/pg_ctl", '-D', "$tree/data", '-l', "$tree/data/log", '-s', '-w',
		'-o', "-p 5432 -c listen_addresses= -c unix_socket_directories=$tree -c fsync=off -c max_prepared_transactions=5",
		'start');
	my $red = $status ? 'the server does not start' : '';
	if (!$red)
	{
		unlink("$tree/regression.diffs");
		($status, @lines) = run(sub { $_[0] =~ /^not ok|FAILED/ }, @make, 'TAP_TESTS=',
			(@files ? 'REGRESS=' . join(' ', @files) : ()), 'installcheck');
		if ($status)
		{
			# "test mode ... FAILED", "not ok 1 - mode"
			my ($name) = map { /^test (\w+) .*FAILED/ || /^not ok \d+ +[-+] (\w+)/ ? $1 : () } @lines;
			$red = $name ? "sql/$name" : 'pg_regress: ' . ($lines[-1] // '');
			my ($diff) = slurp_if("$tree/regression.diffs") =~ /^(?![-+]{3} )([-+].*)$/m;
			($diff) = grep { /^[-+](?![-+]{2} )/ }
			  split(/\n/, `diff -U0 $tree/expected/$name.out $tree/results/$name.out 2>/dev/null`)
			  if $name && !$diff;
			$red .= ": $diff" if $diff;
		}
		elsif (!grep { /^(test .* ok |ok )/ } @lines) { die "pg_regress ran nothing\n"; }
		elsif (slurp_if("$tree/data/log") =~ /^(TRAP:.*)$/m) { $red = "server log: $1"; }
	}
	end_servers();
	return $red;
}

sub slurp_if { return -e $_[0] ? slurp($_[0]) : ''; }

# Run one file of t/.  Returns what was red, or nothing.
sub run_tap
{
	my ($file) = @_;
	end_servers();
	my ($status, @lines) = run(sub { $_[0] =~ /^not ok(?!.*# TODO)/ },
		@make, 'REGRESS=', 'PROVE_FLAGS=-v', "PROVE_TESTS=$file", 'installcheck');
	my $red = '';
	if ($status)
	{
		my ($first) = map { /^not ok(?: \d+)? - (.*)/ ? $1 : () } @lines;
		($first) = grep { /died|Dubious/ } @lines unless defined $first;
		$red = "$file: " . ($first // $lines[-1] // '');
	}
	elsif (!grep { /^ok \d/ } @lines) { die "$file ran nothing\n"; }
	else
	{
		for my $log (glob("$tree/tmp_check/log/*.log"))
		{
			$red = "$file, server log: $1" if !$red && slurp($log) =~ /^(TRAP:.*)$/m;
		}
	}
	end_servers();
	return $red;
}

# --- a mutant's fate ---

# The tests for a mutant, as functions by name: its own, then the others.
sub tests_for
{
	my ($mutant) = @_;
	my (@regress, @tap);
	for my $test (@{ $mutant->{tests} })
	{
		if ($test =~ m!^t/(\d+)!) { push @tap, glob("$tree/t/$1_*.pl"); }
		elsif (-e "$tree/sql/$test.sql") { push @regress, $test; }
		else { die "$mutant->{name}: there is no test \"$test\"\n"; }
	}
	my @steps;
	push @steps, [ 'sql ' . join(' ', @regress), sub { run_regress(@regress) } ] if @regress;
	push @steps, [ 'sql', sub { run_regress() } ] unless $first;
	return @steps if $regress;
	push @steps, map { tap_step($_) } @tap;
	return @steps if $first;
	my %own = map { $_ => 1 } @tap;
	my @rest = map { glob("$tree/t/${_}_*.pl") } @quick;
	if ($all_tests)
	{
		my %there = map { $_ => 1 } @rest;
		push @rest, grep { !$there{$_} } glob("$tree/t/*.pl");
	}
	push @steps, map { tap_step($_) } grep { !$own{$_} } @rest;
	return @steps;
}

sub tap_step
{
	my $file = 't/' . basename($_[0]);
	return [ $file, sub { run_tap($file) } ];
}

# Build a mutant and run tests until one is red.  Returns the fate, and the words for
# it.
sub fate_of
{
	my ($mutant, $file, $original) = @_;
	my $mutated = eval { apply($mutant, $original) };
	return ('error', $@) unless defined $mutated;
	my @steps = eval { tests_for($mutant) };
	return ('error', $@) if $@;

	spew($file, $mutated);
	my $said = build();
	my ($fate, $words) = $said ? ('error', "does not build:\n$said") : ('survived', 'SURVIVED');
	if (!$said)
	{
		for my $step (@steps)
		{
			my ($name, $test) = @$step;
			my $red = $test->() or next;
			($fate, $words) = ('killed', "killed by $red");
			# the same test on the library as it is
			my ($seen) = $red =~ m!^(sql/\w+|t/\w+[.]pl)!;
			$seen //= $name;
			my $mark = "$work/green." . $seen =~ s![ /]!_!gr;
			if (!-e $mark)
			{
				spew($file, $original);
				$said = build();
				$said ||= $seen =~ m!^sql/(\w+)! ? run_regress($1) : $test->();
				($fate, $words) = ('error', "$seen is red without it as well: $said") if $said;
				spew($mark, '') unless $said;
			}
			last;
		}
	}
	return ($fate, $words);
}

# Make a place of its own for one job.
sub prepare
{
	my ($number) = @_;
	my $place = "$work/job$number";
	make_path($place);
	system('cp', '-a', $server, "$place/server") == 0 or die "cp: $?\n";
	system('cp', '-a', $source, "$place/src") == 0    or die "cp: $?\n";
	$tree = "$place/src";
	my $config = "$place/server/$pg_config";
	$bin = dirname($config);
	@make = ('make', '-s', 'with_llvm=no', "PG_CONFIG=$config");
	$ENV{PG_CONFIG} = $config;
	$ENV{PG_TEST_PORT_DIR} = "$work/ports";
	# so that a session that hangs is not waited for long
	$ENV{PG_TEST_TIMEOUT_DEFAULT} = 60;
	delete @ENV{qw(PGHOSTADDR PGPASSWORD PGDATABASE PGOPTIONS PGSERVICE PGSSLMODE PGAPPNAME PGTZ PGDATESTYLE)};
	$ENV{PGHOST} = $tree;
	$ENV{PGPORT} = 5432;
	$ENV{PGUSER} = 'postgres';
	my ($status, @lines) = run(undef, "$bin/initdb", '-D', "$tree/template", '-U', 'postgres', '-A', 'trust',
		'-E', 'UTF8', '--no-locale', '--no-sync');
	die join("\n", @lines, "initdb failed\n") if $status;
	my $said = build();
	die "the library does not build:\n$said\n" if $said;
}

# --- the run ---

my @mutants = read_list($list);
my %names;
$names{ $_->{name} }++ && die "$_->{where}: a second mutant has the name $_->{name}\n" for @mutants;
my $all = @mutants;
@mutants = grep { my $m = $_; grep { $m->{name} =~ /$_/ } @only } @mutants if @only;
die "no mutant has such a name\n" unless @mutants;

# First see that every entry fits, so that a list that is out of date says so at once.
my @misfits;
for my $mutant (@mutants)
{
	$mutant->{error} = "$mutant->{name}: has no file\n" unless $mutant->{file} && -e "$source/$mutant->{file}";
	$mutant->{error} //= "$mutant->{name}: does not say what it breaks\n" unless $mutant->{breaks} =~ /^[A-Z].*[.]$/;
	eval { apply($mutant, slurp("$source/$mutant->{file}")) } unless $mutant->{error};
	$mutant->{error} //= $@ if $@;
	$mutant->{error} //= "$mutant->{name}: needs $mutant->{needs}, which nothing is known about\n"
	  if ($mutant->{needs} // 'assertions') ne 'assertions';
	push @misfits, $mutant if $mutant->{error};
}

if ($print)
{
	printf "%-50s %s\n", $_->{name}, $_->{breaks} for @mutants;
	printf "%d mutants, %d of them do not fit\n", scalar @mutants, scalar @misfits;
	print $_->{error} for @misfits;
	exit(@misfits ? 1 : 0);
}

($major) = `$server/$pg_config --version` =~ /(\d+)/ or die "no version\n";
my $assertions = `$server/$pg_config --configure` =~ /--enable-cassert/;

sub applies
{
	my ($mutant) = @_;
	return 0 if defined $mutant->{needs} && !$assertions;
	my ($from, $to) = ($mutant->{versions} // '') =~ /^(\d*)-(\d*)$/ or return 1;
	return ($from eq '' || $major >= $from) && ($to eq '' || $major <= $to);
}

my @skipped = grep { $_->{equivalent} && !$equivalents || !applies($_) } @mutants;
my %skipped = map { $_->{name} => 1 } @skipped;
my @run = grep { !$skipped{ $_->{name} } && !$_->{error} } @mutants;

# Each job takes every n-th, in a process of its own, and tells by a line.
$| = 1;
my (@pipes, @pids);
$SIG{INT} = $SIG{TERM} = sub { kill 'TERM', @pids; waitpid($_, 0) for @pids; exit 1 };
for my $job (1 .. $jobs)
{
	my $pid = open(my $from, '-|') // die "fork: $!\n";
	if (!$pid)
	{
		$| = 1;
		$SIG{INT} = $SIG{TERM} = sub { end_command(); end_servers(); exit 1 };
		prepare($job);
		for (my $i = $job - 1; $i < @run; $i += $jobs)
		{
			my $begun = time;
			my $file = "$tree/$run[$i]{file}";
			my $original = slurp($file);
			my ($fate, $words) = eval { fate_of($run[$i], $file, $original) };
			($fate, $words) = ('error', $@) if $@;
			spew($file, $original);
			$words =~ s/\n(?=.)/\n    /g;
			$words =~ s/\n$//;
			print join("\t", $i, $fate, sprintf('%.1f', time - $begun), $words =~ s/[\n\t]/\x01/gr), "\n";
		}
		exit 0;
	}
	push @pipes, $from;
	push @pids, $pid;
}
my (%count, @survivors, @errors);
my $in = '';
vec($in, fileno($_), 1) = 1 for @pipes;
my %buffer;
my %by_fd = map { fileno($_) => $_ } @pipes;
while (%by_fd)
{
	my $ready = $in;
	select($ready, undef, undef, undef) > 0 or next;
	for my $fd (grep { vec($ready, $_, 1) } keys %by_fd)
	{
		if (!sysread($by_fd{$fd}, $buffer{$fd}, 65536, length($buffer{$fd} // '')))
		{
			vec($in, $fd, 1) = 0;
			delete $by_fd{$fd};
			next;
		}
		while ($buffer{$fd} =~ s/^([^\n]*)\n//)
		{
			my ($i, $fate, $seconds, $words) = split(/\t/, $1, 4);
			my $mutant = $run[$i];
			$words =~ s/\x01/\n/g;
			$count{$fate}++;
			$count{total}++;
			push @survivors, $mutant if $fate eq 'survived';
			$count{expected}++ if $fate eq 'survived' && $mutant->{equivalent};
			$count{wrong}++ if $fate eq 'killed' && $mutant->{equivalent};
			printf "%s: %s (%s s)\n", $mutant->{name}, $words, $seconds;
		}
	}
}
close($_) for @pipes;

$count{$_} //= 0 for qw(killed survived expected error wrong total);
for my $mutant (@misfits) { print "$mutant->{name}: $mutant->{error}"; $count{error}++; }
if ($count{total} != @run)
{
	printf "%d mutants were not run\n", @run - $count{total};
	$count{error} += @run - $count{total};
}
print "\n";
if (@survivors)
{
	print "survived:\n";
	printf "    %s: %s%s\n", $_->{name}, $_->{breaks}, $_->{equivalent} ? " (expected: $_->{equivalent})" : '' for @survivors;
}
printf "%d killed, %d survived (%d of them expected)\n", $count{killed}, $count{survived}, $count{expected};
# A mutant that is said to be equivalent, and is not, is as bad as one that survives.
my $failed = $count{survived} - $count{expected} + $count{wrong} + $count{error};
my $passed = $count{killed} - $count{wrong} + $count{expected};
printf "%d passed, %d failed%s\n", $passed, $failed, @skipped ? sprintf(', %d skipped', scalar @skipped) : '';
exit($failed == 0 && $passed > 0 ? 0 : 1);
