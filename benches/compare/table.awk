# Prints the results as tables: one for each mode and format, then what only an engine has.

function number(value) { return value > 0 ? sprintf("%.2f", value) : "-" }

END {
    for (i = 1; i <= headings; i++)
        print heading[i]
    for (i = 1; i <= keys; i++) {
        key = order[i]
        split(key, part, "\t")
        if (part[1] "\t" part[2] != group) {
            group = part[1] "\t" part[2]
            groups[++count] = group
        }
        seen[group] = seen[group] SUBSEP key
    }
    for (i = 1; i <= count; i++) {
        if (printed[groups[i]]++)
            continue
        split(groups[i], part, "\t")
        printf "\n%s, %s\n", part[1], part[2]
        printf "%-18s %6s %15s %8s %10s %9s %9s %9s %10s %12s  %s\n", "recorder", "calls", "us/call-second", "x floor", \
            "KiB/call", "p50 us", "p99 us", "p99.9 us", "max us", "round max ms", "content"
        members = split(seen[groups[i]], member, SUBSEP)
        for (j = 2; j <= members; j++) {
            key = member[j]
            split(key, part, "\t")
            split(line[key], field, "\t")
            printf "%-18s %6d %15.1f %8s %10.1f %9s %9s %9s %10s %12.1f  %s\n", part[3], field[4], median_of(values, key), \
                number(ratio(key)), median_of(memory, key), field[12], field[13], field[14], field[15], \
                median_of(rounds, key), key in wrong ? "WRONG" : "verified"
        }
    }
    if (engines)
        print "\nthe engine by itself"
    for (i = 1; i <= engines; i++) {
        split(engine[i], field, "\t")
        printf "%-18s %-14s %6d calls %10.1f %s\n", field[1], field[2], field[4], field[6], field[7]
    }
}
