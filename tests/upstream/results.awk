# TAP with `## file` lines between the files -> `ok|FAIL|skip <tab> file/test <tab> reason`.
/^## / { file = $2 }
/^(not )?ok [0-9]+/ {
    result = ($1 == "not") ? "FAIL" : "ok"
    line = $0
    sub(/^(not )?ok [0-9]+ (- )?/, "", line)
    reason = ""
    if (match(line, / ?# ?[Ss][Kk][Ii][Pp] ?/)) {
        reason = substr(line, RSTART + RLENGTH)
        line = substr(line, 1, RSTART - 1)
        result = "skip"
    }
    print result "\t" file "/" line "\t" reason
}
