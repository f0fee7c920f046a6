#!/bin/sh
# Reads the output of record_call from stdin, and writes an SVG picture of it to stdout.
exec awk '
{
    gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;"); gsub(/>/, "\\&gt;"); gsub(/ /, "\\&#160;")
    line[NR] = $0
}
END {
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"980\" height=\"" NR * 18 + 62 "\" role=\"img\""
    print "  aria-label=\"The output of make -C examples-c run\">"
    print "<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#16191d\"/>"
    print "<g font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"13\" fill=\"#d5d9de\">"
    print "<text x=\"20\" y=\"32\" fill=\"#8b949e\">$ make -C examples-c run</text>"
    for (n = 1; n <= NR; n++)
        if (line[n] != "")
            print "<text x=\"20\" y=\"" n * 18 + 40 "\"" (line[n] ~ /^PASS/ ? " fill=\"#7ee787\"" : line[n] ~ /^FAIL/ ? " fill=\"#ff7b72\"" : "") ">" line[n] "</text>"
    print "</g>"
    print "</svg>"
}'
