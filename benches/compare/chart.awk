# Draws the ratios to the floor as bars, in SVG. Recorders that compress are left out: they do another work.

function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    return text
}

function text(x, y, anchor, style, content) {
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">%s</text>\n", x, y, anchor, style, escaped(content)
}

function title(mode, format) {
    return (mode == "paced" ? "Calls in real time, " : "As fast as possible, ") (format == "PCM16" ? "PCM16" : "µ-law")
}

BEGIN {
    width = 720; left = 150; right = 60; bar = 18; gap = 6
    colour["floor"] = "#8c959f"
    colour["callrec"] = "#1a7f37"
    colour["callrec-defaults"] = "#4ac26b"
}

END {
    height = 50
    for (i = 1; i <= keys; i++) {
        split(order[i], part, "\t")
        if ((part[1] != "paced" && part[1] != "fast") || part[3] == "libFLAC" || part[3] == "libopus")
            continue
        value[order[i]] = ratio(order[i])
        if (value[order[i]] > most)
            most = value[order[i]]
        chosen[++bars] = order[i]
        height += bar + gap
        if (part[1] part[2] != group) {
            group = part[1] part[2]
            height += 34
        }
    }
    if (!bars) {
        print "there are no results to draw" >"/dev/stderr"
        exit 1
    }
    height += 20 * headings + 20
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", \
        width, height, width, height
    print "<title>CPU time of recorders, as multiples of the floor</title>"
    print "<style>text{font:13px sans-serif;fill:#1f2328}.head{font-weight:bold}.note{font-size:11px;fill:#59636e}</style>"
    print "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"
    y = 26
    text(16, y, "start", "head", "CPU time of the process, as a multiple of the floor (less is better)")
    y += 10
    group = ""
    for (i = 1; i <= bars; i++) {
        split(chosen[i], part, "\t")
        if (part[1] part[2] != group) {
            group = part[1] part[2]
            y += 34
            text(16, y - 8, "start", "head", title(part[1], part[2]))
        }
        length_of_bar = value[chosen[i]] / most * (width - left - right)
        fill = part[3] in colour ? colour[part[3]] : "#0969da"
        text(left - 8, y + 13, "end", "", part[3])
        printf "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", left, y, length_of_bar, bar, fill
        text(left + length_of_bar + 6, y + 13, "start", "", sprintf("%.2f", value[chosen[i]]))
        y += bar + gap
    }
    for (i = 1; i <= headings; i++)
        text(16, y += 20, "start", "note", heading[i])
    print "</svg>"
}
