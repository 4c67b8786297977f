# A client that speaks the protocol by hand, for what psql cannot do: to see the
# SQLSTATE, rows and tag of every statement, to send the messages of the extended
# protocol one by one, and to make fastpath calls.
#
#	my $session = Wire->new($node, options => '-c work_mem=1MB');
#	my $result = $session->query('SELECT 1; SELECT 2');
#	$result->{rows}		[ '1', '2' ], columns joined by "|"
#	$result->{tags}		[ 'SELECT 1', 'SELECT 1' ]
#	$result->{code}		SQLSTATE of the error; '' if there was none
#	$result->{message}	its text; likewise {detail}, {hint}
#				and {position}
#	$session->{pid}, {key}	what a cancel request needs
#	$result->{status}	'I' idle, 'T' in a transaction, 'E' in a failed one
#
# When the server closes the connection, "code" is that of its last error (57P01
# for an administrator's command) or 'closed', and so is that of all that follows.
package Wire;

use strict;
use warnings;
use Carp;
use IO::Select;
use IO::Socket::UNIX;

# as PostgreSQL::Test::Utils has it, which the fuzzer in test/fuzz does without
my $timeout = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 180;

# Open a connection.  Parameters: dbname, user, options, replication.  The cluster's own
# raw_connect() is missing from older minor releases (16.4 is one).
sub new
{
	my ($class, $node, %params) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $self = bless {
		socket => IO::Socket::UNIX->new(Peer => $path) || croak("cannot connect to $path: $!"), buffer => '',
		parameters => {}, copy_data => '' }, $class;
	my %startup = (
		database => $params{dbname} || 'postgres',
		user => $params{user} || (getpwuid($>))[0]);

	for (qw(options replication))
	{
		$startup{$_} = $params{$_} if defined $params{$_};
	}
	my $body = pack('N', 196608) . join('', map { "$_\0$startup{$_}\0" } sort keys %startup) . "\0";
	$self->put(pack('N', length($body) + 4) . $body);
	$self->{startup} = $self->result;
	return $self;
}

# Send bytes.  Where the server has closed the connection, what it said before is still
# to be read.
sub put
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';

	return if $self->{closed} || $self->{broken};
	while (length $bytes)
	{
		my $n = syswrite($self->{socket}, $bytes);
		return $self->{broken} = 1 unless $n;
		substr($bytes, 0, $n) = '';
	}
}

# Send a message.
sub message
{
	my ($self, $type, $body) = @_;
	$self->put($type . pack('N', length($body) + 4) . $body);
}

# Receive a message: its type and body, or nothing when the connection is closed.
sub receive
{
	my ($self) = @_;

	for (;;)
	{
		if (length($self->{buffer}) >= 5)
		{
			my ($type, $length) = unpack('aN', $self->{buffer});
			if (length($self->{buffer}) > $length)
			{
				my $body = substr($self->{buffer}, 5, $length - 4);
				substr($self->{buffer}, 0, $length + 1) = '';
				return ($type, $body);
			}
		}
		return if $self->{closed};
		croak 'timed out waiting for the server'
		  unless IO::Select->new($self->{socket})->can_read($timeout);
		sysread($self->{socket}, $self->{buffer}, 65536, length $self->{buffer})
		  or $self->{closed} = 1;
	}
}

# Collect what the server says until it is ready for more.
sub result
{
	my ($self) = @_;
	my $result = { code => '', message => '', detail => '', hint => '', position => '',
		rows => [], tags => [], notices => [], notifications => [], suspended => 0 };

	while (my ($type, $body) = $self->receive)
	{
		if ($type eq 'D')
		{
			my $n = unpack('n', $body);
			my $at = 2;
			my @columns;
			for (1 .. $n)
			{
				my $length = unpack('l>', substr($body, $at, 4));
				$at += 4;
				push @columns, $length < 0 ? '' : substr($body, $at, $length);
				$at += $length if $length > 0;
			}
			push @{ $result->{rows} }, join('|', @columns);
		}
		elsif ($type eq 'C')
		{
			push @{ $result->{tags} }, unpack('Z*', $body);
		}
		elsif ($type eq 'E' || $type eq 'N')
		{
			my %fields = map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, $body;
			if ($type eq 'N')
			{
				push @{ $result->{notices} }, $fields{M};
				next;
			}
			$result->{code} = $fields{C};
			$result->{message} = $fields{M};
			$result->{detail} = $fields{D} // '';
			$result->{hint} = $fields{H} // '';
			$result->{position} = $fields{P} // '';
		}
		elsif ($type eq 'S')
		{
			my ($name, $value) = split /\0/, $body;
			$self->{parameters}{$name} = $value;
		}
		elsif ($type eq 'K')
		{
			@$self{qw(pid key)} = unpack('NN', $body);
		}
		elsif ($type eq 'G')
		{
			$self->message('d', $self->{copy_data}) if length $self->{copy_data};
			$self->message('c', '');
		}
		elsif ($type eq 'd')
		{
			push @{ $result->{rows} }, $body =~ s/\n\z//r;
		}
		elsif ($type eq 'V')
		{
			my $length = unpack('l>', $body);
			push @{ $result->{rows} }, $length < 0 ? '' : unpack('H*', substr($body, 4));
		}
		elsif ($type eq 'A')
		{
			push @{ $result->{notifications} }, (split /\0/, substr($body, 4))[0];
		}
		elsif ($type eq 's')
		{
			$result->{suspended} = 1;
		}
		elsif ($type eq 'R')
		{
			croak 'no trust authentication' if unpack('N', $body) != 0;
		}
		elsif ($type eq 'Z')
		{
			$result->{status} = $body;
			return $result;
		}
	}
	$result->{code} ||= 'closed';
	$result->{status} = 'closed';
	return $result;
}

# Send a text of one or more statements by the simple protocol; what COPY FROM
# STDIN shall be given comes second.
sub query
{
	my ($self, $sql, $copy_data) = @_;

	$self->{copy_data} = $copy_data // '';
	$self->message('Q', "$sql\0");
	return $self->result;
}

# Send statements that must succeed, each by itself; returns the rows of the last
# one, joined by newlines.
sub run
{
	my ($self, @statements) = @_;
	my $result = { rows => [] };

	for my $sql (@statements)
	{
		$result = $self->query($sql);
		croak "\"$sql\" failed: $result->{code} $result->{message}" if $result->{code};
	}
	return join("\n", @{ $result->{rows} });
}

# The extended protocol, a message each; answers come with sync().
sub parse
{
	my ($self, $name, $sql) = @_;
	$self->message('P', "$name\0$sql\0" . pack('n', 0));
}

sub bind
{
	my ($self, $portal, $statement, @values) = @_;
	$self->message('B', "$portal\0$statement\0"
		. pack('nn', 0, scalar @values)
		. join('', map { defined $_ ? pack('N', length $_) . $_ : pack('l>', -1) } @values)
		. pack('n', 0));
}

sub execute
{
	my ($self, $portal, $rows) = @_;
	$self->message('E', "$portal\0" . pack('N', $rows // 0));
}

sub sync
{
	my ($self) = @_;
	$self->message('S', '');
	return $self->result;
}

# One statement by the extended protocol.
sub extended
{
	my ($self, $sql, @values) = @_;

	$self->parse('', $sql);
	$self->bind('', '', @values);
	$self->execute('');
	return $self->sync;
}

# A fastpath call, with its arguments in text format.  Its result comes as hex digits.
sub fastpath
{
	my ($self, $oid, @arguments) = @_;
	$self->message('F', pack('Nnn', $oid, 0, scalar @arguments)
		. join('', map { pack('N', length $_) . $_ } @arguments)
		. pack('n', 1));
	return $self->result;
}

sub quit
{
	my ($self) = @_;
	$self->message('X', '');
	close $self->{socket};
	$self->{closed} = 1;
}

1;
