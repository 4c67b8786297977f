#!/usr/bin/perl
# What "prove --verbose --merge --timer" says, made short, for script/test: a line for each
# file as it ends, tests that failed with all they say, the last words of a file that died,
# and prove's own summary.  PostgreSQL's modules send those words to a log of their own;
# the folder of the logs is the argument.

use strict;
use warnings;
use File::Basename qw(basename);

$| = 1;
my $logs = shift // '.';
my ($file, $passed, $failed, $failing, $summary, @said);
while (my $line = <STDIN>)
{
	if ($summary || $line =~ /^(?:Test Summary Report|Result: |Bailout called|FAILED--)/)
	{
		$summary = 1;
		print $line;
	}
	elsif ($line =~ /^\[[\d:]+\] (\S+\.pl) \.+ (?:(skipped: .*))?$/)
	{
		($file, $passed, $failed, $failing, @said) = ($1, 0, 0, 0);
		print "$file $2\n" if $2;
	}
	elsif ($line =~ /^ok +(\d+) ms \(/)
	{
		printf "%-36s %5d passed %7.1f s\n", $file, $passed, $1 / 1000;
	}
	elsif ($line =~ /^(?:Dubious, |Failed \d|No subtests run|All \d+ subtests passed)/)
	{
		# Test::More returns the number of failures, unless the file died
		if ($line =~ /^Dubious, test returned (\d+)/ && $1 != $failed)
		{
			my $log = "$logs/regress_log_" . basename($file, '.pl');
			@said = split /^/m, `tail -n 15 "$log"` if -e $log;
			print map { "    $_" } splice(@said, @said > 15 ? -15 : 0);
		}
		print "$file: $line";
	}
	else
	{
		push @said, $line;
		$passed++ if $line =~ /^ok \d/;
		$failed++ if $line =~ /^not ok /;
		# a test that failed, and its diagnostics
		$failing = $line =~ /^not ok / || $failing && $line =~ /^(?:#|$)/;
		print $line if ($failing && $line ne "\n") || $line =~ /^# sweep/;
	}
}
