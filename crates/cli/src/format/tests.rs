//! Tables and templates; the expected texts of templates are what docker 28's client prints for them.

use serde_json::json;

use super::*;

fn listing() -> Listing {
    Listing {
        columns: &[
            Column { field: "Repository", heading: "REPOSITORY" },
            Column { field: "Tag", heading: "TAG" },
            Column { field: "ID", heading: "IMAGE ID" },
            Column { field: "Size", heading: "SIZE" },
        ],
        shown: vec!["Repository", "Tag", "ID", "Size"],
        quiet: Some("ID"),
    }
}

fn rows() -> Vec<Row> {
    vec![
        row([
            ("Repository", json!("debian")),
            ("Tag", json!("12")),
            ("ID", json!("0123456789ab")),
            ("Size", json!("117MB")),
        ]),
        row([
            ("Repository", json!("registry.example.org/team/app")),
            ("Tag", json!("<none>")),
            ("ID", json!("ba9876543210")),
            ("Size", json!("5B")),
        ]),
    ]
}

#[test]
fn lists() {
    for (format, quiet, expected) in [
        (
            None,
            false,
            "REPOSITORY                      TAG       IMAGE ID       SIZE\n\
             debian                          12        0123456789ab   117MB\n\
             registry.example.org/team/app   <none>    ba9876543210   5B\n",
        ),
        (None, true, "0123456789ab\nba9876543210\n"),
        (Some("{{.Repository}}:{{.Tag}}"), false, "debian:12\nregistry.example.org/team/app:<none>\n"),
        (Some(r"{{.ID}}\t{{.Size}}"), false, "0123456789ab\t117MB\nba9876543210\t5B\n"),
        (
            Some(r"table {{.ID}}\t{{lower .Size}}"),
            false,
            "IMAGE ID       SIZE\n0123456789ab   117mb\nba9876543210   5b\n",
        ),
        (Some("table {{.ID}}"), true, "0123456789ab\nba9876543210\n"),
        (Some("{{json .Tag}}"), false, "\"12\"\n\"<none>\"\n"),
    ] {
        assert_eq!(listing().text(format, quiet, rows()).unwrap(), expected, "{format:?}");
    }
    let json = listing().text(Some("json"), false, rows()).unwrap();
    let first = r#"{"ID":"0123456789ab","Repository":"debian","Size":"117MB","Tag":"12"}"#;
    assert_eq!(json.lines().next(), Some(first));
    assert!(json.lines().nth(1).is_some_and(|line| line.ends_with(r#""Tag":"\u003cnone\u003e"}"#)), "{json}");
    assert_eq!(listing().text(None, false, Vec::new()).unwrap(), "REPOSITORY   TAG       IMAGE ID   SIZE\n");
}

#[test]
fn a_wrong_field_is_an_error_that_names_the_right_ones() {
    let error = listing().text(Some("{{.Id}}"), false, rows()).unwrap_err();
    assert!(error.to_string().contains("Id"), "{error}");
    assert_eq!(error.cure(), Some("there is: ID, Repository, Size, Tag"));
    assert!(
        listing().text(Some("{{.ID"), false, rows()).unwrap_err().to_string().contains("template parsing")
    );
}

#[test]
fn templates() {
    let data = json!({"Id": "sha256:0a", "Config": {"Cmd": ["sh", "-c"], "Env": null, "Labels": {"a": "b"}}, "Size": 12,
        "RepoTags": ["x:1", "y:2"], "Name": "hello wide world"});
    for (template, expected) in [
        ("{{.Id}}", "sha256:0a"),
        ("{{json .Config.Cmd}}", r#"["sh","-c"]"#),
        ("{{.Config.Cmd}}", "[sh -c]"),
        ("{{range .RepoTags}}{{.}};{{end}}", "x:1;y:2;"),
        ("{{range $i, $t := .RepoTags}}{{if $i}},{{end}}{{$t}}{{end}}", "x:1,y:2"),
        ("{{join .RepoTags \", \"}}", "x:1, y:2"),
        ("{{index .RepoTags 1}}", "y:2"),
        ("{{index .Config.Labels \"a\"}}", "b"),
        ("{{index .Config.Labels \"none\"}}", ""),
        ("{{len .RepoTags}}", "2"),
        ("{{.Nope}}", "<no value>"),
        ("{{if .Config.Labels}}y{{else}}n{{end}}", "y"),
        ("{{printf \"%-6s|%5d|%q\" \"a\" .Size .Id}}", "a     |   12|\"sha256:0a\""),
        ("{{upper .Id}} {{lower \"AB\"}} {{title .Name}}", "SHA256:0A ab Hello Wide World"),
        ("{{pad \"x\" 1 2}}|{{truncate .Name 5}}", " x  |hello"),
        ("{{with .Config}}{{.Cmd}}{{end}}", "[sh -c]"),
        ("{{range split \"a,b\" \",\"}}<{{.}}>{{end}}", "<a><b>"),
        ("{{if and (eq .Size 12) (ne .Id \"x\")}}yes{{end}}", "yes"),
        ("{{.Size | printf \"%05d\"}}", "00012"),
        ("{{ slice .Id 0 6 }}", "sha256"),
        ("{{- /* nothing */ -}}a {{- \"b\"}}", "ab"),
        ("{{.Config.Labels}}", "map[a:b]"),
    ] {
        assert_eq!(Template::lenient(template).unwrap().execute(&data).unwrap(), expected, "{template}");
    }
}
