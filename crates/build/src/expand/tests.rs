use std::collections::BTreeMap;

use super::*;

fn variables() -> BTreeMap<String, String> {
    [("A", "a"), ("EMPTY", ""), ("TWO", "x y"), ("PATH", "/usr/local/bin:/bin"), ("V", "1.2.3"), ("Q", "a*b")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn text(text: &str) -> String {
    expand(text, '\\', &variables()).map_or_else(|error| format!("! {error}"), |expanded| expanded.text)
}

#[test]
fn as_one_text() {
    for (word, expected) in [
        ("plain", "plain"),
        ("$A", "a"),
        ("${A}b", "ab"),
        ("$AB", ""),
        ("x$A.y", "xa.y"),
        ("'$A'", "$A"),
        ("\"$A\"", "a"),
        (r"\$A", "$A"),
        (r#""\$A""#, "$A"),
        (r#""\x""#, r"\x"),
        (r"\x", "x"),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("${NONE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${NONE-$A}", "a"),
        ("${NONE:-${NONE:-${A}}}", "a"),
        ("${A:+set}", "set"),
        ("${EMPTY:+set}", ""),
        ("${EMPTY+set}", "set"),
        ("${NONE+set}", ""),
        ("${A:?no}", "a"),
        ("${V#*.}", "2.3"),
        ("${V##*.}", "3"),
        ("${V%.*}", "1.2"),
        ("${V%%.*}", "1"),
        ("${V%x}", "1.2.3"),
        ("${PATH/bin/sbin}", "/usr/local/sbin:/bin"),
        ("${PATH//bin/sbin}", "/usr/local/sbin:/sbin"),
        ("${V//./-}", "1-2-3"),
        ("${V//?./x}", "xx3"),
        (r"${Q/\*/+}", "a+b"),
        ("${NONE#x}", ""),
        ("${NONE:-'a b'}", "a b"),
        ("ü${A}ß", "üaß"),
    ] {
        assert_eq!(text(word), expected, "{word}");
    }
}

#[test]
fn what_cannot_be_expanded() {
    for (word, why) in [
        ("${A", "missing '}'"),
        ("${", "bad substitution"),
        ("${}", "bad substitution"),
        ("${A:x}", "unsupported modifier"),
        ("${A!}", "unsupported modifier"),
        ("${NONE:?}", "NONE: is not allowed to be empty"),
        ("${NONE?it must be}", "NONE: it must be"),
        ("'a", "single-quote"),
        ("\"a", "double-quote"),
        ("${V/a}", "missing '/'"),
    ] {
        let found = text(word);
        assert!(found.contains(why), "{word}: {found}");
    }
}

#[test]
fn as_words() {
    for (word, expected) in [
        ("a b", vec!["a", "b"]),
        ("$TWO", vec!["x", "y"]),
        ("\"$TWO\"", vec!["x y"]),
        ("a${TWO}b", vec!["ax", "yb"]),
        ("'' x", vec!["", "x"]),
        (r"a\ b", vec!["a b"]),
        ("  ", vec![]),
        ("$NONE", vec![]),
    ] {
        assert_eq!(expand(word, '\\', &variables()).unwrap().words, expected, "{word}");
    }
}

#[test]
fn names_are_told() {
    let expanded = expand("$A ${NONE} ${LATER:-x} ${EMPTY%a}", '\\', &variables()).unwrap();
    assert_eq!(expanded.unset, BTreeSet::from(["NONE".to_owned()]));
    assert_eq!(expanded.used, BTreeSet::from(["A".to_owned(), "EMPTY".to_owned()]));
}

#[test]
fn no_text_takes_forever_or_ends_the_program() {
    assert!(text(&"${A:-".repeat(10_000)).contains("too many"));
    let stars = format!("${{PATH//{}x/y}}", "*".repeat(1000));
    assert_eq!(text(&stars), "/usr/local/bin:/bin");
}

proptest::proptest! {
    #[test]
    fn any_text_is_expanded_or_refused(word in ".{0,60}", escape in "[\\\\`]") {
        let escape = escape.chars().next().unwrap();
        drop(expand(&word, escape, &variables()));
    }

    #[test]
    fn text_without_meaning_stays(word in "[a-z0-9 _./:=-]{0,60}") {
        proptest::prop_assert_eq!(text(&word), word);
    }
}
