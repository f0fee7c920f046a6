#!/bin/sh
# Creates local.ulaw and remote.ulaw in this directory, with espeak-ng and sox. Both files are
# checked in, so nobody has to run it again. See README.md.
set -e
out=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

say() { # name voice words-per-minute text: speaks the text at 8 kHz, without silence around it
    espeak-ng -v "$2" -s "$3" -w raw.wav "$4"
    sox -D raw.wav -r 8000 -c 1 -b 16 "$1.wav" norm -4 \
        silence 1 0.01 1% reverse silence 1 0.01 1% reverse
}
at() { # name second: puts silence before the utterance, so that it begins at that second
    sox -D "$1.wav" "$1-at.wav" pad "$2"
}
leg() { # name noise-level utterances: mixes them into 14 s of mu-law without a header
    name=$1
    # Background noise: as on a real line, no packet is digital silence, and no two packets
    # are equal.
    sox -D -R -n -r 8000 -c 1 -b 16 noise.wav synth 14 pinknoise vol "$2"
    shift 2
    sox -D -m -v 1 noise.wav -v 1 "$1-at.wav" -v 1 "$2-at.wav" -v 1 "$3-at.wav" -b 16 mixed.wav trim 0 14
    sox -D mixed.wav -t raw -r 8000 -c 1 -e mu-law "$out/$name.ulaw"
}

say greeting en-gb+f3 190 "Northwind Energy, good morning. How can I help?"
say bill     en-us+m3 190 "Hello. I would like to pay my bill by card."
say number   en-gb+f3 190 "Of course. The number, please?"
say card     en-us+m3 215 "4 9 2 9, 1 3 5 7, 8 0 2 4, 6 0 3 5."
say paid     en-gb+f3 190 "Thank you, that has been paid."
say bye      en-us+m3 190 "Goodbye."

at greeting 0.2
at bill 2.9
at number 5.3
at card 7.4
at paid 11.6
at bye 13.1

leg local  0.006 greeting number paid
leg remote 0.005 bill card bye
