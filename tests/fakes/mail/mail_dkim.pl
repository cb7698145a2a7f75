# Verifies letters with Mail::DKIM, without a DNS.
# In, on standard input: the number of records, each as a line NAME<tab>TEXT; then each letter as a
# line with its length and its bytes.  Out: a line for each letter, the results of its signatures.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Mail::DKIM::DNS;

package LocalText;
sub type { return 'TXT' }
sub txtdata { return $_[0]{text} }
sub char_str_list { return ($_[0]{text}) }

package main;

my %texts;
binmode STDIN;
my $count = <STDIN>;
for (1 .. $count) {
    my $line = <STDIN>;
    chomp $line;
    my ($name, $text) = split /\t/, $line, 2;
    $texts{lc $name} = $text;
}
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my ($name, $type) = @_;
        my $text = $texts{lc $name};
        return defined $text && $type eq 'TXT' ? (bless {text => $text}, 'LocalText') : ();
    };
}
while (my $length = <STDIN>) {
    read(STDIN, my $letter, $length);
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT($letter);
    $verifier->CLOSE;
    print join("\t", map { $_->result_detail } $verifier->signatures), "\n";
}
