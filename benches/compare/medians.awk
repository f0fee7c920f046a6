# Reads the results. Afterwards, for each "mode format recorder" in the order of the file:
# `values[key, n]`, n from 1 to runs[key], has the CPU of each run, in us a call-second;
# ratio(key) is the median of the ratios to the floor of the same repetition.

BEGIN { FS = "\t" }

/^#/ { heading[++headings] = substr($0, 3); next }

$1 == "idle" || $1 == "memory" || $1 == "publish" {
    engine[++engines] = $0
    next
}

{
    key = $1 "\t" $2 "\t" $3
    if (!(key in runs))
        order[++keys] = key
    n = ++runs[key]
    values[key, n] = $7
    at[key, $6] = $7
    repetition[key, n] = $6
    line[key] = $0
    memory[key, n] = $11
    rounds[key, n] = $16
    if ($17 != "verified")
        wrong[key] = 1
}

function median(of, count,    sorted, i, j, value) {
    for (i = 1; i <= count; i++) {
        value = of[i] + 0
        for (j = i - 1; j >= 1 && sorted[j] > value; j--)
            sorted[j + 1] = sorted[j]
        sorted[j + 1] = value
    }
    if (count % 2)
        return sorted[(count + 1) / 2]
    return (sorted[count / 2] + sorted[count / 2 + 1]) / 2
}

function median_of(table, key,    i, list) {
    for (i = 1; i <= runs[key]; i++)
        list[i] = table[key, i]
    return median(list, runs[key])
}

# 0 if the floor was not run.
function ratio(key,    part, floor, i, list, count, base) {
    split(key, part, "\t")
    floor = part[1] "\t" part[2] "\tfloor"
    for (i = 1; i <= runs[key]; i++) {
        base = at[floor, repetition[key, i]]
        if (base > 0)
            list[++count] = values[key, i] / base
    }
    return count ? median(list, count) : 0
}
