# The untrusted side's connection.  It sends steps without waiting for answers, and
# takes what comes as it comes: after a malformed message, or in the midst of a COPY,
# nobody knows how many answers are due.  README.md tells what the steps are.
package Agent;

use strict;
use warnings;
use parent 'Wire';
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time sleep);

# How long an answer may take before we go on without it, in seconds.
my $patience = 0.15;

# Connect as the first step says: a user, and options.
sub connect
{
	my ($class, $node, $database, $user, $options) = @_;
	my $self = $class->SUPER::new($node, dbname => $database, user => $user,
		length $options ? (options => $options) : ());

	$self->{node} = $node;
	$self->{ready} = $self->{expected} = 0;	# ReadyForQuery: seen, and due
	$self->{status} = $self->{startup}{status};
	$self->{answers} = [];	# the last ones, each up to a ReadyForQuery
	$self->{current} = { code => '', rows => [] };
	$self->{sent} = 0;
	$self->{codes} = {};
	$self->{internal} = {};
	$self->{last} = '';
	$self->{socket}->blocking(0);
	return $self;
}

# Send bytes; read meanwhile, as the server may wait for that.
sub put
{
	my ($self, $bytes) = @_;
	return $self->SUPER::put($bytes) unless exists $self->{node};
	local $SIG{PIPE} = 'IGNORE';
	my $until = time() + 15;

	while (length $bytes && !$self->{closed})
	{
		my ($can_read, $can_write) = IO::Select->select(IO::Select->new($self->{socket}),
			IO::Select->new($self->{socket}), undef, 1);
		$self->read_some if $can_read && @$can_read;
		if ($can_write && @$can_write && !$self->{closed})
		{
			my $n = syswrite($self->{socket}, $bytes);
			if (defined $n) { substr($bytes, 0, $n) = '' }
			elsif (!$!{EAGAIN}) { $self->{broken} = 1; $self->pump($patience); $self->{closed} = 1 }
		}
		return if time() > $until;
	}
}

# Take what is there.
sub read_some
{
	my ($self) = @_;
	my $n = sysread($self->{socket}, $self->{buffer}, 1 << 18, length $self->{buffer});

	return if !defined $n && $!{EAGAIN};
	$self->{closed} = 1 unless $n;
	my $at = 0;
	while (length($self->{buffer}) - $at >= 5)
	{
		my ($type, $length) = unpack("\@$at aN", $self->{buffer});
		last if length($self->{buffer}) - $at <= $length;
		$self->take($type, substr($self->{buffer}, $at + 5, $length - 4));
		$at += $length + 1;
	}
	substr($self->{buffer}, 0, $at) = '';
}

# Take one message of the server.
sub take
{
	my ($self, $type, $body) = @_;

	$self->{last} = $type;
	$self->{received}++;
	if ($type eq 'Z')
	{
		$self->{ready}++;
		$self->{status} = $body;
		push @{ $self->{answers} }, $self->{current};
		shift @{ $self->{answers} } if @{ $self->{answers} } > 20;
		$self->{current} = { code => '', rows => [] };
	}
	elsif ($type eq 'D')
	{
		my $length = length $body >= 6 ? unpack('x2l>', $body) : -1;
		push @{ $self->{current}{rows} }, $length > 0 ? substr($body, 6, $length) : ''
		  if @{ $self->{current}{rows} } < 3;
	}
	elsif ($type eq 'E' || $type eq 'N')
	{
		my %fields = map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, $body;
		$self->{fatal} = "$fields{C} $fields{M}" if $fields{V} =~ /^(FATAL|PANIC)$/;
		$self->{internal}{"$fields{C} $fields{M}"}++ if $fields{C} =~ /^XX/;
		# what core says when it finds something left behind
		$self->{internal}{"$fields{V} $fields{M}"}++, $self->{leak} = $fields{M}
		  if $fields{V} eq 'WARNING' && $fields{M} =~ /leak|left non-empty|not closed|already in use|problem in|corrupt/;
		return if $type eq 'N';
		$self->{codes}{ $fields{C} }++;
		@{ $self->{current} }{qw(code message detail)} = ($fields{C}, $fields{M}, $fields{D} // '');
		push @{ $self->{errors} }, "$fields{C} $fields{M}";
		shift @{ $self->{errors} } if @{ $self->{errors} } > 40;
	}
	elsif ($type eq 'S')
	{
		my ($name, $value) = split /\0/, $body;
		$self->{parameters}{$name} = $value;
	}
}

# Read for so many seconds, or until a condition holds.
sub pump
{
	my ($self, $seconds, $done) = @_;
	my $until = time() + $seconds;

	for (;;)
	{
		return 1 if $done && $done->();
		return 0 if $self->{closed};
		my $left = $until - time();
		return 0 if $left <= 0;
		$self->read_some if IO::Select->new($self->{socket})->can_read($left);
	}
}

# Wait for what is due, or as long as our patience lasts.
sub await
{
	my ($self, $seconds) = @_;
	my $got = $self->pump($seconds // $patience,
		sub { $self->{ready} >= $self->{expected} || $self->{last} eq 'G' });

	$self->{expected} = $self->{ready};
	return $got;
}

sub message
{
	my ($self, $type, $body) = @_;
	$self->{sent}++;
	$self->{expected}++ if $type =~ /^[QSF]$/;

	# After a simple query that failed in a transaction, the unnamed portal is its
	# own, with a freed list of statements, and Execute or Describe of that crash core
	# (15.18 and 18.6 without the library: BEGIN, VACUUM, Execute).  It is another's
	# after Bind; but Bind may fail, and then all is left out up to the next Sync.
	$self->{queried} = 1 if $type eq 'Q';
	$self->{stale} = 1 if $type eq 'Q' || $type =~ /^[SF]$/ && $self->{queried};
	$self->SUPER::message($type, $body);
}

# Ask for the current statement's cancellation, by a connection of its own.
sub cancel
{
	my ($self) = @_;
	my $path = $self->{node}->host . '/.s.PGSQL.' . $self->{node}->port;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or return;
	local $SIG{PIPE} = 'IGNORE';

	syswrite($socket, pack('NNNN', 16, 80877102, $self->{pid}, $self->{key}));
	# the server closes it when the signal is sent
	IO::Select->new($socket)->can_read(1);
	close $socket;
}

# A value of a step: its format and bytes.
sub value
{
	my ($self, $text) = @_;

	return (0, undef) if $text eq 'null';
	return (1, pack('H*', $1)) if $text =~ /^x:(.*)$/;
	return (1, pack('N', $self->{node}->oid_of_relation($1))) if $text =~ /^r:(.*)$/;
	return (0, $self->{node}->fill_in($text =~ s/^t://r =~ s/\+/ /gr));
}

sub values_of
{
	my ($self, @texts) = @_;
	my @values = map { [ $self->value($_) ] } @texts;

	return pack('n*', scalar @values, map { $_->[0] } @values) . pack('n', scalar @values)
	  . join('', map { defined $_->[1] ? pack('N', length $_->[1]) . $_->[1] : pack('l>', -1) } @values);
}

# Send a step.  Returns false if there is no such step.
sub step
{
	my ($self, $text) = @_;
	my ($what, $rest) = split / /, $text, 2;
	my $name = sub { return $_[0] eq '-' ? '' : $_[0] };
	my $data = sub {
		return pack('H*', $1) if $_[0] =~ /^x:(.*)$/;
		return $_[0] =~ s/\\(.)/$1 eq 'n' ? "\n" : $1 eq 't' ? "\t" : $1/ger;
	};

	$rest //= '';
	return 1 if $rest =~ /^(p )?-/ && $what =~ /^(execute|describe)$/ && $self->{stale};
	if ($what eq 'query')
	{
		$self->message('Q', $self->{node}->fill_in($rest) . "\0");
	}
	elsif ($what eq 'parse')
	{
		my ($statement, $types, $sql) = split / /, $rest, 3;
		my @types = $types eq '-' ? () : split /,/, $types;
		$self->message('P', $name->($statement) . "\0" . $self->{node}->fill_in($sql // '') . "\0" . pack('nN*', scalar @types, @types));
	}
	elsif ($what eq 'bind')
	{
		my ($portal, $statement, @values) = split / +/, $rest;
		$self->message('B', $name->($portal) . "\0" . $name->($statement // '-') . "\0"
			. $self->values_of(@values) . pack('n', 0));
		$self->{stale} = 0 if $portal eq '-';
	}
	elsif ($what eq 'execute')
	{
		my ($portal, $rows) = split / /, $rest;
		$self->message('E', $name->($portal) . "\0" . pack('N', $rows));
	}
	elsif ($what eq 'describe' || $what eq 'close')
	{
		my ($kind, $called) = split / /, $rest;
		$self->message($what eq 'close' ? 'C' : 'D', uc($kind) . $name->($called) . "\0");
	}
	elsif ($what eq 'sync') { $self->message('S', '') }
	elsif ($what eq 'flush') { $self->message('H', '') }
	elsif ($what eq 'call')
	{
		my ($function, @values) = split / +/, $rest;
		my ($oid, $arguments) = $self->{node}->oid_of_function($function);
		# a number stands for whatever function has it
		return 1 unless defined $oid;
		@values = @values[ 0 .. $arguments - 1 ] if defined $arguments && $arguments < @values;
		$self->message('F', pack('N', $oid) . $self->values_of(@values) . pack('n', 1));
	}
	elsif ($what eq 'copydata') { $self->message('d', $data->($rest)) }
	elsif ($what eq 'copydone') { $self->message('c', '') }
	elsif ($what eq 'copyfail') { $self->message('f', "$rest\0") }
	elsif ($what eq 'cancel') { $self->cancel; $self->{sent}++ }
	elsif ($what eq 'raw') { $self->{raw} = 1; $self->{sent}++; $self->put(pack('H*', $rest)) }
	elsif ($what eq 'await') { $self->await }
	elsif ($what eq 'recover')
	{
		$self->await;
		$self->message('Q', "$rest\0") if $self->{status} eq 'E';
	}
	elsif ($what eq 'terminate') { $self->{ended} = 1; $self->message('X', '') }
	else { return 0 }
	return 1;
}

# Send a text, and have its answer; after settle().
sub ask
{
	my ($self, $sql) = @_;
	my $due = $self->{ready} + 1;

	$self->message('Q', "$sql\0");
	$self->pump(20, sub { $self->{ready} >= $due });
	$self->{expected} = $self->{ready};
	return { code => 'closed', rows => [] } if $self->{closed};
	return { code => 'late', rows => [] } if $self->{ready} < $due;
	return $self->{answers}[-1];
}

# Come to a point where every query has its answer: end a COPY, synchronize, send
# a statement, and after it a mistake that the server repeats.  Returns the answer
# to the statement, or nothing if the server does not come to that point.
sub settle
{
	my ($self, $sql) = @_;
	my $found;

	for my $try (1 .. 8)
	{
		my $mark = "mark_${try}_of_$self->{pid}";
		$self->message('f', "enough\0");
		$self->message('S', '');
		$self->message('Q', "$sql\0");
		$self->message('Q', "$mark\0");
		$self->pump($try < 3 ? 2 : 4, sub {
			return 0 unless @{ $self->{answers} } && ($self->{answers}[-1]{message} // '') =~ /\b$mark\b/;
			return $found = 1;
		});
		if ($found || $self->{closed})
		{
			$self->{expected} = $self->{ready};
			return $found ? $self->{answers}[-2] : undef;
		}
		# it is at work on something
		$self->{late}++;
		$self->cancel;
	}
	return;
}

sub quit
{
	my ($self) = @_;
	$self->SUPER::message('X', '');
	close $self->{socket};
	$self->{closed} = 1;
}

1;
