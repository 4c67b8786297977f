# The cluster under test, as seen by a session that nobody has locked: what of it
# must not change, and whether it does.
package Cluster;

use strict;
use warnings;
use Carp;
use IO::Select;
use Time::HiRes qw(sleep time);
use Wire;

# Parameters: host (a socket's directory), port, database, log (the server's),
# out (a directory for files), bin, restore (a command that puts the cluster back
# as it was at the beginning), facts (the file "fingerprint").
sub new
{
	my ($class, %parameters) = @_;
	my $self = bless {%parameters}, $class;

	open my $in, '<', $self->{facts} or croak "$self->{facts}: $!";
	while (my $line = <$in>)
	{
		next if $line =~ /^(#|$)/;
		chomp $line;
		my ($level, $name, $sql) = split /\t/, $line;
		croak "$self->{facts}:$.: not a fact" unless defined $sql && $level =~ /^[12]$/;
		push @{ $self->{rows} }, [ $level, $name, $sql ];
	}
	$self->{log_at} = -s $self->{log} || 0;
	return $self;
}

sub host { return $_[0]{host} }
sub port { return $_[0]{port} }

# Connect our own session, and keep what the cluster looks like.
sub watch
{
	my ($self) = @_;
	my $session;

	for my $try (1 .. 60)
	{
		$session = eval { Wire->new($self, dbname => $self->{database}, user => 'postgres') };
		last if $session && !$session->{startup}{code};
		sleep 0.5;
		undef $session;
	}
	croak 'the server does not take connections' unless $session;
	$self->{session} = $session;
	$self->{oids} = {};
	$session->run("SET application_name = 'watch'", 'SET enable_memoize = off', 'LISTEN c', 'LISTEN d');
	my @missing;
	my %rows = (1 => [], 2 => []);
	for my $row (@{ $self->{rows} })
	{
		my ($level, $name, $sql) = @$row;
		my $result = $session->query($sql);
		if ($result->{code})
		{
			push @missing, "$name ($result->{message})";
			next;
		}
		my $select = "SELECT '$name', ($sql)::text";
		push @{ $rows{1} }, $select if $level == 1;
		push @{ $rows{2} }, $select;
	}
	$session->run(map { "PREPARE facts_$_ AS " . join(' UNION ALL ', @{ $rows{$_} }) } 1, 2);
	if (!$self->{told})
	{
		printf "%d facts, %d of them after every sequence%s\n", scalar @{ $rows{2} }, scalar @{ $rows{1} },
		  @missing ? '; not on this server: ' . join(', ', @missing) : '';
		$self->{told} = 1;
	}
	$self->{kept} = $self->facts(2);
	$self->{lsn} = $session->run('SELECT pg_current_wal_flush_lsn()');
	$self->read_log;
	return;
}

sub facts
{
	my ($self, $level) = @_;
	my $result = $self->{session}->query("EXECUTE facts_$level");
	croak "facts: $result->{code} $result->{message}" if $result->{code};
	push @{ $self->{heard} }, @{ $result->{notifications} };
	return { map { my ($name, $value) = split /\|/, $_, 2; $name => $value } @{ $result->{rows} } };
}

# What is wrong with the cluster?  Nothing, or a text.
sub harm
{
	my ($self, $level) = @_;
	my $now = eval { $self->facts($level) };
	my $error = $@;

	if (my $crash = $self->read_log)
	{
		return "crash: $crash";
	}
	return "session ended: the other session failed: $error" unless $now;
	return 'notification: the other session got ' . join(', ', @{ $self->{heard} }) if @{ $self->{heard} || [] };
	my @changed = grep { $now->{$_} ne $self->{kept}{$_} } sort keys %$now;
	return "change: $changed[0], from\n\t" . substr($self->{kept}{ $changed[0] }, 0, 500) . "\nto\n\t"
	  . substr($now->{ $changed[0] }, 0, 500) if @changed;
	return $level == 2 ? $self->records : undef;
}

# Records of the write-ahead log that a locked session has no part in.
sub records
{
	my ($self) = @_;
	my $session = $self->{session};
	my $end = $session->run('SELECT pg_current_wal_flush_lsn()');
	my $result = $session->query("SELECT DISTINCT resource_manager || ' ' || record_type
		FROM pg_get_wal_records_info('$self->{lsn}', '$end')
		WHERE resource_manager IN ('LogicalMessage', 'Sequence', 'ReplicationOrigin', 'Database', 'Tablespace', 'RelMap')
			OR record_type IN ('SWITCH', 'RESTORE_POINT', 'PREPARE', 'COMMIT_PREPARED', 'ABORT_PREPARED', 'TRUNCATE')")
	  if $end ne $self->{lsn};
	$self->{lsn} = $end;
	return "record: $result->{rows}[0]" if $result && @{ $result->{rows} };
	die "records: $result->{code} $result->{message}\n" if $result && $result->{code};
	return;
}

# New lines of the server's log that tell of a crash.  The log is emptied when it
# has grown large.
sub read_log
{
	my ($self) = @_;
	my $found;
	my $size = -s $self->{log} || 0;

	return if $size == $self->{log_at};
	$self->{log_at} = 0 if $size < $self->{log_at};
	open my $in, '<', $self->{log} or croak "$self->{log}: $!";
	seek $in, $self->{log_at}, 0;
	while (my $line = <$in>)
	{
		$found //= $line =~ s/\s+\z//r
		  if $line =~ /TRAP:|PANIC:|terminated by signal|exited with exit code [^01]|checkpoint starting: .*force/
		  || $line =~ /WARNING:.*(leak|left non-empty|not closed|problem in alloc)/;
	}
	$self->{log_at} = tell $in;
	close $in;
	if ($self->{log_at} > 50_000_000 && !$found)
	{
		truncate $self->{log}, 0;
		$self->{log_at} = 0;
	}
	return $found;
}

# Locks of a process by which others would be stopped; a serializable reader's stop nobody.
sub locks
{
	my ($self, $pid) = @_;
	my $result = $self->{session}->query("SELECT locktype, mode, coalesce(relation::regclass::text, objid::text)
		FROM pg_locks WHERE pid = $pid AND (locktype IN ('advisory', 'object') AND mode <> 'AccessShareLock'
				AND NOT (locktype = 'object' AND classid = 'pg_database'::regclass)
			OR locktype = 'relation' AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'SIReadLock')
				AND NOT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
					WHERE c.oid = relation AND nspname ~ '^pg_(toast_)?temp_'))");
	push @{ $self->{heard} }, @{ $result->{notifications} };
	return join ', ', @{ $result->{rows} };
}

# End a backend that does not answer.  Is it gone?
sub end_process
{
	my ($self, $pid) = @_;
	$self->{session}->query("SELECT pg_terminate_backend($pid)");
	for (1 .. 100)
	{
		my $result = $self->{session}->query("SELECT 1 FROM pg_stat_activity WHERE pid = $pid");
		return 1 unless @{ $result->{rows} };
		sleep 0.1;
	}
	return 0;
}

# Wait until a backend is gone: what it does as it leaves counts as well.
sub wait_for_end
{
	my ($self, $pid) = @_;
	for (1 .. 200)
	{
		my $result = $self->{session}->query("SELECT 1 FROM pg_stat_activity WHERE pid = $pid");
		return if $result->{code} || !@{ $result->{rows} };
		sleep 0.005;
	}
}

sub fill_in
{
	my ($self, $text) = @_;
	$text =~ s/\@OUT@/$self->{out}/g;
	$text =~ s/\@PID@/$self->{session}{pid}/g;
	return $text;
}

sub oid_of_relation
{
	my ($self, $name) = @_;
	return $self->{oids}{$name} //= $self->{session}->run("SELECT coalesce(to_regclass('$name')::oid, 0)");
}

# The oid of a function, and how many arguments it has, as far as that is known.
# No number for functions that a client cannot mean to call: those with arguments of
# type internal crash servers when these are null, and that is core's to mend.
sub oid_of_function
{
	my ($self, $name) = @_;
	my $found = $self->{oids}{"function $name"} //= do {
		my $which = $name =~ /^\d+$/ ? "$name" : "coalesce(to_regprocedure('$name')::oid, 0)";
		my $row = $self->{session}->run("SELECT oid, pronargs, proargtypes::oid[] && ARRAY['internal'::regtype::oid]
			FROM pg_proc WHERE oid = $which");
		[ split /\|/, $row ];
	};
	return $name =~ /^\d+$/ ? ($name, undef) : (0, undef) unless @$found;
	return $found->[2] eq 't' ? (undef, undef) : ($found->[0], $found->[1]);
}

# A dump of everything, for the end.
sub dump
{
	my ($self) = @_;
	local $ENV{PGHOST} = $self->{host};
	local $ENV{PGPORT} = $self->{port};
	my $text = qx($self->{bin}/pg_dumpall -U postgres --no-sync 2>&1);
	croak "pg_dumpall: $text" if $?;
	return $text =~ s/^\\(un)?restrict.*$//mgr;
}

# Put everything back as it was at the beginning.
sub restore
{
	my ($self) = @_;
	close $self->{session}{socket};
	system($self->{restore}) == 0 or croak "$self->{restore} failed";
	$self->{heard} = [];
	$self->watch;
	return;
}

1;
