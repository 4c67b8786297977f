# What the files say about the release: META.json is as PGXN's Meta Spec 1.0.0 wants
# it, every file that it names is there, and the version is the same everywhere.

use strict;
use warnings;
use FindBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/..";
my $extension = 'pg_session_readonly';
my $meta = decode_json(slurp_file("$top/META.json"));

# --- META.json ---
sub is_text { return defined $_[0] && !ref $_[0] && length $_[0] }
my $semantic = qr/(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?/;
my $term = qr/[^\s\/\\[:cntrl:]]{2,}/;

like($meta->{name}, qr/^$term$/, 'name: a term');
is($meta->{name}, $extension, 'it is the name of the extension');
like($meta->{version}, qr/^$semantic$/, 'version: three numbers');
ok(is_text($meta->{$_}), "$_: a text") for qw(abstract description generated_by);
my @maintainers = ref $meta->{maintainer} ? @{ $meta->{maintainer} } : $meta->{maintainer};
ok(@maintainers && !(grep { !is_text($_) } @maintainers), 'maintainer: a text, or several');
is($meta->{license}, 'postgresql', "license: the spec's word for PostgreSQL's");
is($meta->{release_status}, 'stable', 'release_status');
like($meta->{'meta-spec'}{version}, qr/^1\.0\.\d+$/, 'meta-spec: version');
is($meta->{'meta-spec'}{url}, 'https://pgxn.org/meta/spec.txt', 'meta-spec: url');
my @tags = @{ $meta->{tags} || [] };
ok(@tags && !(grep { !/^[^\/\\[:cntrl:]]{2,255}$/ } @tags), 'tags');
is_deeply([ grep { !/^x_|^(name|version|abstract|description|maintainer|license|provides|meta-spec|generated_by|tags|
	no_index|prereqs|release_status|resources)$/xi } sort keys %$meta ], [], 'no keys that the spec does not know');
is_deeply([ keys %{ $meta->{provides} } ], [$extension], 'provides: the extension');
my $provides = $meta->{provides}{$extension};
like($provides->{version}, qr/^$semantic$/, 'provides: a version of three numbers');
ok(is_text($provides->{file}), 'provides: a file');
ok(-f "$top/$provides->{$_}", "provides: $_ $provides->{$_} is there") for grep { exists $provides->{$_} } qw(file docfile);
like($meta->{prereqs}{runtime}{requires}{PostgreSQL}, qr/^$semantic$/, 'prereqs: PostgreSQL, a version of three numbers');

# --- one version ---
my $release = $meta->{version};
is($provides->{version}, $release, 'what is provided is of the release');
my ($sql_version) = slurp_file("$top/$extension.control") =~ /^default_version = '(.*)'$/m;
like($sql_version, qr/^\d+\.\d+(\.[1-9]\d*)?$/, 'the version of the SQL objects: of the release that changed them, without a zero at its end');
cmp_ok(version->parse("v$sql_version"), '<=', version->parse("v$release"), "SQL objects of $sql_version go with a release $release");
is($provides->{file}, "$extension--1.0.sql", 'the file that is provided is the one that CREATE EXTENSION begins with');
my ($latest) = slurp_file("$top/CHANGELOG.md") =~ /^## (.*)$/m;
like($latest, qr/^\Q$release\E \(\d{4}-\d\d-\d\d\)$/, 'CHANGELOG.md begins with the release and its date');
my ($package) = slurp_file("$top/debian/changelog") =~ /^\S+ \((.*)\) /;
like($package, qr/^\Q$release\E-\d/, 'debian/changelog begins with the release');
unlike(slurp_file("$top/debian/changelog"), qr/\A\S+ .*UNRELEASED/, 'and it is released');
my ($rpm) = slurp_file("$top/packaging/$extension.spec") =~ /^Version:\s*(\S+)/m;
is($rpm, $release, 'the RPM spec is of the release');

# --- the settings ---
for my $setting (slurp_file("$top/src/session_readonly.h") =~ /^#define PGSR_\w+_NAME\s+"pg_session_readonly\.(\w+)"/mg)
{
	like(slurp_file("$top/$_"), qr/^(##|\|).*\b$setting`/m, "$_: names $setting") for 'README.md', 'docs/settings.md';
}

# --- the lists in the pages ---
# The built-in list of commands, as the source has it.
my $settings_page = slurp_file("$top/docs/settings.md");
my $commands = slurp_file("$top/src/commands.c");
my %macros = $commands =~ /^#define (\w+) (".*")$/mg;
my ($builtin) = $commands =~ /builtin_commands\[\] =\n\{(.*?)\n\};/s;
$builtin =~ s/\{(\w+),/{$macros{$1},/g;
my @builtin = $builtin =~ /\{"([^"]+)", \w+, "[^"]+"\}/g;
my ($rows) = $settings_page =~ /^The built-in list, and.*?\n\n(.*?)\n\n/ms;
cmp_ok(scalar @builtin, '>', 10, 'the built-in list is found');
is(join("\n", map { s/ \(19\)//r } $rows =~ /^\| ([A-Z].*) \|$/mg),
	join("\n", map { "$_->[0] | $_->[1]" } map { [ /"([^"]+)", \w+, "([^"]+)"/ ] } $builtin =~ /(\{".*\})/g),
	'docs/settings.md: the built-in list, and its reasons');
my ($list) = slurp_file("$top/README.md") =~ /the built-in list is(.*?);/s;
is(join(', ', $list =~ /`([A-Z ]+)`/g), join(', ', @builtin), 'README.md: the built-in list');

# Whose functions were reviewed: each library of the tables has its line in the
# provenance, and each line there its library.
my ($provenance) = slurp_file("$top/docs/reviewing-functions.md") =~ /^### Other people's extensions.*?\n\n(.*?)\n\n/ms;
my %libraries = map { $_ => 1 } slurp_file("$top/src/extension_table.h") =~ /^FUNCTION\("([^"]+)"/mg,
  map { /^(\S+)\s+\S+/ ? $1 : () } grep { !/^#/ } split /\n/, slurp_file("$top/t/refused_without_row");
my %lines = map { $_ => 1 } map { split /, / } grep { !/^(library|-+)$/ } $provenance =~ /^\| ?([^|]+?) ?\|/mg;
is_deeply([ sort keys %lines ], [ sort keys %libraries ], 'docs/reviewing-functions.md: the provenance of each library');

# --- what is installed ---
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
is($node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = '$extension'"),
	$sql_version, 'the SQL objects that are installed');
is($node->safe_psql('postgres', "SELECT source FROM pg_extension_update_paths('$extension')
	WHERE target = '$sql_version' AND path IS NULL"), '', 'every older version can be updated to them');
SKIP:
{
	skip 'a library has no version before 18', 1 if $node->pg_version < 18;
	is($node->safe_psql('postgres', "LOAD '$extension';
		SELECT version FROM pg_get_loaded_modules() WHERE module_name = '$extension'"), $release, 'the library tells its release');
}
$node->stop;

done_testing();
