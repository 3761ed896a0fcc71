#!/usr/bin/perl
# A concordance of licence texts, made by a parent and three forked workers: the program whose
# recording ships as first-run.arrow.
#
# The parent indexes every word of the texts (which it maps, not reads) and forks. Workers use the
# parent's index without exec, so its pages are shared until Perl's reference counts write to them:
# copy-on-write as any preforking server has it. Each worker writes its part to a file and is
# replaced by sort(1); the parent merges.
#
#     env LC_ALL=C PERL_HASH_SEED=0 perl concordance.pl WORKERS TEXT...
use strict;
use warnings;

my ( $workers, @texts ) = @ARGV;
my $folder = 'concordance';
mkdir $folder or die "$folder: $!";

# word -> list of [text, line number, where in the line]
my ( %places, %lines );
for my $text (@texts) {
    open my $file, '<:mmap', $text or die "$text: $!";
    while ( my $line = <$file> ) {
        push @{ $lines{$text} }, $line;
        while ( $line =~ /([A-Za-z]{3,})/g ) {
            push @{ $places{ lc $1 } }, [ $text, $., pos $line ];
        }
    }
}

my @words = sort keys %places;
my @children;
for my $worker ( 0 .. $workers - 1 ) {
    my $child = fork;
    die "fork: $!" unless defined $child;
    if ($child) { push @children, $child; next }

    # The words of this worker with their surroundings, most frequent first.
    my @mine = grep { $_ % $workers == $worker } 0 .. $#words;
    open my $part, '>', "$folder/$worker" or die $!;
    for my $number (@mine) {
        my $found = $places{ $words[$number] };
        for my $place ( @$found > 5 ? @$found[ 0 .. 4 ] : @$found ) {
            my ( $text, $line, $at ) = @$place;
            my $around = substr $lines{$text}[ $line - 1 ], 0, $at;
            $around =~ s/\s+/ /g;
            printf $part "%-20s %6d %s:%d %s\n", $words[$number], scalar @$found, $text, $line, $around;
        }
    }
    close $part;
    exec 'sort', '-k2,2nr', '-o', "$folder/$worker.sorted", "$folder/$worker";
}
waitpid $_, 0 for @children;

my $nr_lines = 0;
for my $worker ( 0 .. $workers - 1 ) {
    open my $part, '<:mmap', "$folder/$worker.sorted" or die $!;
    $nr_lines++ while <$part>;
    unlink "$folder/$worker", "$folder/$worker.sorted";
}
rmdir $folder;
printf "%d words, %d lines\n", scalar @words, $nr_lines;
