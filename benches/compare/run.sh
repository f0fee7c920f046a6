#!/bin/sh
# run.sh BUILD RESULTS DIRECTORY CALLS SECONDS REPEAT FREEZE MODES RECORDERS
#
# All runs, one after the other. The recorders take turns within each repetition, so that whatever else
# happens on the machine meets all of them alike. Called by the Makefile.
set -eu
build=$1 results=$2 directory=$3 calls=$4 seconds=$5 repeat=$6 freeze=$7 modes=$8 recorders=$9
program=$build/compare
mkdir -p "$directory"
work=$(mktemp -d "$directory/compare.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
runs=0

# one MODE SECONDS PRELOAD ARGUMENTS...: a process and a directory of its own. What earlier runs have left to
# the disk is written before.
one() {
    mode=$1 length=$2 preload=$3
    shift 3
    runs=$((runs + 1))
    mkdir "$work/$runs"
    sync -f "$work"
    LD_PRELOAD=$preload "$program" -m "$mode" -n "$calls" -s "$length" -d "$work/$runs" "$@" >>"$results.new"
}

each_recorder() {
    for format in pcm16 mulaw; do
        for recorder in $recorders; do
            one "$@" -f "$format" -b "$recorder"
        done
    done
}

wanted() {
    case " $modes " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

"$program" -L
: "${recorders:=$("$program" -l)}"
{
    echo "# $calls calls of $seconds s, $repeat repetitions, $(date -u +%Y-%m-%d)"
    echo "# $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r), $(df --output=fstype "$work" | tail -n 1)"
} >"$results.new"

repetition=1
while [ "$repetition" -le "$repeat" ]; do
    echo "repetition $repetition of $repeat"
    for mode in paced fast; do
        if wanted $mode; then each_recorder $mode "$seconds" "" -r "$repetition"; fi
    done
    repetition=$((repetition + 1))
done
if wanted latency; then echo "latency" && each_recorder latency "$seconds" ""; fi
if wanted frozen; then
    echo "frozen"
    for recorder in $recorders; do
        one frozen $((freeze + 3)) "$build/freeze.so" -f pcm16 -z "$freeze" -b "$recorder"
    done
fi
for mode in idle memory publish; do
    if wanted $mode; then echo "$mode" && one $mode "$seconds" ""; fi
done
mv "$results.new" "$results"
