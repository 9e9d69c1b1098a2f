use strict;
use warnings;
use Encode 'decode_utf8';
use Mojo::IOLoop;
use Mojo::JSON 'encode_json';
use Mojo::UserAgent;

my ($url, $room, $text, $times, $ca) = map { decode_utf8 $_ } @ARGV;
my %payloads = (small => $text, large => $text x $times);
my @waiting = qw(small large);
my %result;

my $agent = Mojo::UserAgent->new;
$agent->ca($ca) if $ca;
# It reads no parameters in the answer, so it overlooks client_no_context_takeover (RFC 7692 section
# 7.1.1.2), and must not offer compression to an edge that gives this answer.
my %headers = $ENV{KEEPS_CONTEXT} ? ('Sec-WebSocket-Extensions' => 'permessage-deflate') : ();
$agent->websocket($url => \%headers => sub {
    my ($agent, $tx) = @_;
    die "no upgrade\n" unless $tx->is_websocket;
    # It hangs up as soon as its close is written and tells its own code. The loop ends when nothing
    # is left in it; stopped here it would not write the close.
    $tx->on(finish => sub {
        my ($tx, $code) = @_;
        print encode_json({%result, code => $code}), "\n";
    });
    $tx->on(text => sub {
        my ($tx, $bytes) = @_;
        my $heard = decode_utf8($bytes, Encode::FB_CROAK);
        if ($heard =~ /"type":"welcome"/) {
            return $tx->send(qq({"type":"join","room":"$room","id":1}));
        }
        if ($heard =~ /"type":"room_message"/) {
            my $name = shift @waiting;
            $result{$name} = index($heard, qq("payload":"$payloads{$name}")) >= 0 ? \1 : \0;
        } elsif ($heard !~ /"id":1/) {
            return;
        }
        return $tx->finish(1000) unless @waiting;
        $tx->send(qq({"type":"room_message","room":"$room","payload":"$payloads{$waiting[0]}"}));
    });
});
Mojo::IOLoop->start;
