# compare.awk OWN OURS EXPECTED…: the table of two runs, and the verdict.
BEGIN { FS = "\t" }
FNR == 1 { input++ }
input == 1 { theirs[$2] = $1; order[++count] = $2; note[$2] = $3; next }
input == 2 {
    mine[$2] = $1
    if (!($2 in theirs)) { order[++count] = $2; theirs[$2] = "-" }
    split($2, part, "/"); ran[part[1]] = 1
    if ($1 == "skip" && note[$2] == "") note[$2] = $3
    next
}
/^#/ || NF == 0 { next }
{ reason[$1] = $2 }
END {
    printf "%-6s %-6s %s   (theirs: %s, ours: %s)\n", "theirs", "ours", "test", own, ours
    for (i = 1; i <= count; i++) {
        test = order[i]
        split(test, part, "/")
        if (!(test in mine)) {
            if (filtered && !(part[1] in ran)) continue
            mine[test] = "none"
        }
        tally[mine[test]]++; their_tally[theirs[test]]++
        bad = (mine[test] == "FAIL" || mine[test] == "none") && !(test in reason)
        if (theirs[test] == "FAIL" && !(test in reason)) unlisted++
        if (bad) failures[++failed] = test
        said = bad ? "<-- not expected" : (test in reason) ? "(" reason[test] ")" : note[test] != "" ? "(" note[test] ")" : ""
        if (all || bad || mine[test] == "FAIL" || mine[test] == "none" || mine[test] != theirs[test])
            printf "%-6s %-6s %s  %s\n", theirs[test], mine[test], test, said
    }
    printf "theirs: %d passed, %d failed, %d skipped\n", their_tally["ok"], their_tally["FAIL"], their_tally["skip"]
    printf "ours:   %d passed, %d failed, %d skipped, %d without a result; %d not expected\n", \
        tally["ok"], tally["FAIL"], tally["skip"], tally["none"], failed
    if (unlisted) printf "note: %d tests fail with their own runtime and are not on the list\n", unlisted
    if (tally["ok"] + tally["FAIL"] + tally["skip"] == 0) { print "no test ran"; exit 1 }
    exit failed > 0
}
