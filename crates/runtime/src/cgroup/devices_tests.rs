use super::*;
use crate::spec::Str;

pub(in crate::cgroup) fn rule(text: &str) -> DeviceRule<'_> {
    let mut words = text.split(' ');
    let allow = words.next() == Some("allow");
    let kind = words.next().map(Str::from);
    let mut numbers = words.next().unwrap_or("*:*").split(':').map(|number| number.parse().ok());
    let (major, minor) = (numbers.next().flatten(), numbers.next().flatten());
    DeviceRule { allow, kind, major, minor, access: words.next().map(Str::from) }
}

fn lines(rules: &[Rule]) -> Vec<String> {
    v1_lines(rules).map(|(file, line)| format!("{} {line}", file.trim_start_matches("devices."))).collect()
}

fn v1(rules: &[&str]) -> Result<Vec<String>> {
    let spec: Vec<_> = rules.iter().map(|text| rule(text)).collect();
    Ok(lines(&for_v1(&policy(&spec)?)?))
}

const DEFAULT_LINES: [&str; 11] = [
    "allow c *:* m",
    "allow b *:* m",
    "allow c 1:3 rwm",
    "allow c 1:5 rwm",
    "allow c 1:7 rwm",
    "allow c 1:8 rwm",
    "allow c 1:9 rwm",
    "allow c 5:0 rwm",
    "allow c 5:1 rwm",
    "allow c 5:2 rwm",
    "allow c 136:* rwm",
];

#[test]
fn every_policy_starts_with_one_rule_for_everything() {
    for (rules, own) in [
        (&[][..], &["deny a"][..]),
        (&["deny a *:* rwm"], &["deny a"]),
        (&["deny a", "allow c 10:229 rw"], &["deny a", "allow c 10:229 rw"]),
        (&["allow c 10:229 rw", "deny a", "allow b 8:* r"], &["deny a", "allow b 8:* r"]),
        (&["deny a", "allow a 8:0 r"], &["deny a", "allow c 8:0 r", "allow b 8:0 r"]),
        (&["deny a", "allow c 7:1 rw", "deny c 7:* w"], &["deny a", "allow c 7:1 r"]),
        (&["deny a", "allow c 7:1 rw", "deny c 7:* rwm", "allow c 7:2 m"], &["deny a", "allow c 7:2 m"]),
    ] {
        let expected: Vec<_> = own.iter().chain(&DEFAULT_LINES).copied().collect();
        assert_eq!(v1(rules).unwrap(), expected, "{rules:?}");
    }
    assert_eq!(v1(&["deny a", "allow a *:* rwm"]).unwrap(), ["allow a"]);
}

#[test]
fn a_hole_that_v1_would_not_keep_is_refused() {
    for rules in [&["deny a", "allow c 7:* rw", "deny c 7:1 w"][..], &["allow b *:* r", "deny a 8:1 r"]] {
        let error = v1(rules).unwrap_err();
        assert!(error.to_string().contains("cannot keep"), "{error}");
    }
    // Under "allow all" the exceptions are the denials, and the default devices may cut holes only into those.
    assert_eq!(v1(&["allow a", "deny b 8:0 rw"]).unwrap(), ["allow a", "deny b 8:0 rw"]);
    assert!(v1(&["allow a", "deny c *:* rw"]).is_err());
}

#[test]
fn what_is_no_rule_names_its_field() {
    for (text, field) in [
        ("allow x", "linux.resources.devices[0].type"),
        ("allow c -7:1 r", "linux.resources.devices[0].major"),
        ("allow c 1:99999999999 r", "linux.resources.devices[0].minor"),
        ("allow c 1:1 rwx", "linux.resources.devices[0].access"),
    ] {
        let error = policy(&[rule(text)]).unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
}
