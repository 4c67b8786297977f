# The texts that the file "grammar" describes, chosen by Perl's own random numbers:
# the same for the same seed, on every machine.
package Grammar;

use strict;
use warnings;
use Carp;
use Digest::MD5 qw(md5);

# So deep may a text lie in others before they come to an end, and so long may a
# sequence become.
my $deepest = 14;
my $longest = 30_000;

# Read the file, and see that it names no symbol that it lacks.
sub new
{
	my ($class, $file) = @_;
	my %rows;
	my $symbol;

	open my $in, '<', $file or croak "$file: $!";
	while (my $line = <$in>)
	{
		chomp $line;
		next if $line eq '' || $line =~ /^#/;
		if ($line =~ /^([a-z_]+)$/)
		{
			$symbol = $1;
			croak "$file:$.: \"$symbol\" is there already" if $rows{$symbol};
			$rows{$symbol} = [];
		}
		elsif (defined $symbol && $line =~ /^\t([1-9][0-9]*)\t(.*)$/)
		{
			push @{ $rows{$symbol} }, [ $1, $2 ];
		}
		else
		{
			croak "$file:$.: neither a symbol nor a row of one";
		}
	}
	my $self = bless { rows => \%rows, weights => {} }, $class;
	for my $name (sort keys %rows)
	{
		croak "$file: \"$name\" has no rows" unless @{ $rows{$name} };
		for my $row (@{ $rows{$name} })
		{
			$self->{weights}{$name} += $row->[0];
			for my $use ($row->[1] =~ /<((?:[a-z]+:)?[a-z_]+(?::\d+)*)>/g)
			{
				my ($called) = $use =~ /^(?:(?:quote|literal|steps|list):)?([a-z_]+)/;
				croak "$file: \"$called\" in \"$name\" is no symbol"
				  unless $rows{$called} || $use =~ /^(bytes|random):/;
			}
		}
	}
	return $self;
}

# The steps of a seed, each a text.  Seeds that follow each other would begin alike.
sub sequence
{
	my ($self, $seed) = @_;

	srand(unpack('N', md5("sequence $seed")));
	$self->{length} = 0;
	$self->{quotes} = 0;
	return grep { length } split /\s*;;\s*/, $self->text('sequence', 0);
}

# A text of a symbol.
sub text
{
	my ($self, $symbol, $depth) = @_;
	my $rows = $self->{rows}{$symbol};
	my $row = $rows->[0];

	if ($depth < $deepest && $self->{length} < $longest)
	{
		my $at = rand $self->{weights}{$symbol};
		for my $candidate (@$rows)
		{
			$row = $candidate;
			last if ($at -= $candidate->[0]) < 0;
		}
	}
	my $text = $row->[1];
	$self->{length} += length $text;
	$text =~ s/<((?:[a-z]+:)?[a-z_]+(?::\d+)*|[a-z]+(?::\d+)+)>/$self->expand($1, $depth + 1)/ge;
	return $text;
}

# What stands for a name between < and >.
sub expand
{
	my ($self, $use, $depth) = @_;
	my ($what, @more) = split /:/, $use;

	return $self->text($what, $depth) unless @more;
	return $more[0] + int(rand($more[1] - $more[0] + 1)) if $what eq 'random';
	return join '', map { sprintf '%02x', rand 256 } 1 .. $more[0] if $what eq 'bytes';
	if ($what eq 'quote')
	{
		my $mark = '$q' . ++$self->{quotes} . '$';
		return $mark . $self->text($more[0], $depth) . $mark;
	}
	return "'" . $self->text($more[0], $depth) =~ s/'/''/gr . "'" if $what eq 'literal';
	my ($symbol, $least, $most) = @more;
	return join $what eq 'steps' ? ' ;; ' : '; ',
	  map { $self->text($symbol, $depth) } 1 .. $least + int(rand($most - $least + 1));
}

1;
