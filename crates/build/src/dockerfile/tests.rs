use super::*;

fn kinds(text: &str) -> Vec<Kind> {
    Dockerfile::parse(text).unwrap().instructions.into_iter().map(|instruction| instruction.kind).collect()
}

fn only(text: &str) -> Kind {
    let mut kinds = kinds(text);
    assert_eq!(kinds.len(), 1, "{text}");
    kinds.remove(0)
}

fn run(text: &str) -> Run {
    match only(text) {
        Kind::Run(run) => run,
        other => panic!("{other:?}"),
    }
}

fn copy(text: &str) -> Copy {
    match only(text) {
        Kind::Copy(copy) | Kind::Add(copy) => copy,
        other => panic!("{other:?}"),
    }
}

fn shell(text: &str) -> Command {
    Command::Shell(text.to_owned())
}

#[test]
fn lines_become_one() {
    for (text, expected) in [
        ("RUN a \\\n  b\n", "a   b"),
        ("RUN a \\\n# note\n  b\n", "a   b"),
        ("RUN a \\\n\n  b\n", "a   b"),
        ("RUN a \\  \nb\n", "a b"),
        ("RUN a \\\\\n", "a \\\\"),
        ("RUN a \\\r\nb\r\n", "a b"),
        ("# escape=`\nRUN a `\nb \\\n", "a b \\"),
        ("  run a\n", "a"),
        ("RUN a # b\n", "a # b"),
        ("\u{feff}RUN a", "a"),
        ("RUN\ta", "a"),
        ("#!/usr/bin/env x\n# syntax=docker/dockerfile:1\nRUN a", "a"),
    ] {
        assert_eq!(run(text).command, shell(expected), "{text:?}");
    }
    let read = Dockerfile::parse("RUN a \\\n\n b\n\n# c\nRUN d").unwrap();
    assert_eq!(read.empty_continuations, [2]);
    let lines: Vec<_> = read.instructions.iter().map(|at| (at.first_line, at.last_line)).collect();
    assert_eq!(lines, [(1, 3), (6, 6)]);
}

#[test]
fn directives_come_first() {
    let read = |text: &str| Dockerfile::parse(text).unwrap().directives;
    let directives = read("# Syntax = docker/dockerfile:1\n#escape=`\n# check=skip=all\nRUN a");
    assert_eq!(directives.syntax.as_deref(), Some("docker/dockerfile:1"));
    assert_eq!((directives.escape, directives.check.as_deref()), ('`', Some("skip=all")));
    assert_eq!(read("# a note\n# escape=`\nRUN a").escape, '\\');
    assert_eq!(read("\n# escape=`\nRUN a").escape, '\\');
    assert!(Dockerfile::parse("# escape=x\nRUN a").is_err());
    assert!(Dockerfile::parse("# escape=`\n# escape=`\nRUN a").is_err());
}

#[test]
fn heredocs() {
    let two = run("RUN <<A cat <<B\nx\nA\n\ty\nB\n");
    let contents: Vec<_> = two.heredocs.iter().map(|heredoc| heredoc.content.as_str()).collect();
    assert_eq!((two.command, contents), (shell("<<A cat <<B"), vec!["x\n", "\ty\n"]));
    let quoted = run("RUN python3 <<-'END' | cat\n\tprint(1)\n\tEND\n");
    assert_eq!(quoted.heredocs[0].content, "print(1)\n");
    assert!(!quoted.heredocs[0].expand && quoted.heredocs[0].strip_tabs);
    assert_eq!(run("RUN x 3<<E\nE\n").heredocs[0].descriptor, Some(3));
    assert!(run("RUN echo \"<<E\" a<b $((1<<2))\n").heredocs.is_empty());
    let files = copy("COPY <<a.txt <<\"b\" /x/\n# no comment\na.txt\n$B\nb\n");
    let Source::Heredoc(first) = &files.sources[0] else { panic!("{files:?}") };
    assert_eq!((first.content.as_str(), files.destination.as_str()), ("# no comment\n", "/x/"));
    let error = Dockerfile::parse("FROM a\nRUN <<E\nx\n").unwrap_err();
    assert_eq!((error.line(), error.to_string().contains("unterminated heredoc \"E\"")), (Some(2), true));
    // In other instructions it is text.
    assert_eq!(only("CMD cat <<E\n"), Kind::Cmd(shell("cat <<E")));
}

#[test]
fn forms_of_commands() {
    let exec = |words: &[&str]| Command::Exec(words.iter().map(|word| (*word).to_owned()).collect());
    assert_eq!(only(r#"CMD ["a", "b c"]"#), Kind::Cmd(exec(&["a", "b c"])));
    assert_eq!(only("CMD [ -f x ] && y"), Kind::Cmd(shell("[ -f x ] && y")));
    assert_eq!(only(r#"CMD ["a", 1]"#), Kind::Cmd(shell(r#"["a", 1]"#)));
    assert_eq!(only("ENTRYPOINT []"), Kind::Entrypoint(exec(&[])));
    assert_eq!(only(r#"VOLUME ["/a b"]"#), Kind::Volume(vec!["/a b".into()]));
    assert_eq!(only("VOLUME /a /b"), Kind::Volume(vec!["/a".into(), "/b".into()]));
    assert_eq!(only("HEALTHCHECK NONE"), Kind::Healthcheck(None));
    let Kind::Healthcheck(Some(health)) = only("HEALTHCHECK --interval=5s --retries=3 CMD curl x") else {
        panic!()
    };
    assert_eq!((health.command, health.flags.len()), (shell("curl x"), 2));
    let Kind::OnBuild(trigger) = only("ONBUILD COPY . /x") else { panic!() };
    assert!(matches!(trigger.kind, Kind::Copy(_)));
}

#[test]
fn pairs_and_variables() {
    let pairs = |text: &str| match only(text) {
        Kind::Env(pairs) | Kind::Label(pairs) => {
            pairs.into_iter().map(|pair| (pair.name, pair.value)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let own =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect::<Vec<_>>();
    assert_eq!(pairs("ENV a=1 b=\"x y\" c=d\\ e"), own(&[("a", "1"), ("b", "\"x y\""), ("c", "d\\ e")]));
    assert_eq!(pairs("ENV a  b c"), own(&[("a", "b c")]));
    assert_eq!(pairs("LABEL \"a b\"=c"), own(&[("\"a b\"", "c")]));
    let Kind::Arg(variables) = only("ARG a b=1") else { panic!() };
    assert_eq!((variables[0].default.as_deref(), variables[1].default.as_deref()), (None, Some("1")));
}

#[test]
fn flags() {
    let run = run(
        "RUN --mount='type=cache,target=/c,sharing=locked,\"id=a,b\"' --mount=target=/s,from=x,rw --network=none make",
    );
    assert_eq!((run.command, run.network.as_deref()), (shell("make"), Some("none")));
    assert_eq!((run.mounts[0].kind, run.mounts[0].sharing), (MountKind::Cache, Sharing::Locked));
    assert_eq!(run.mounts[0].id.as_deref(), Some("a,b"));
    assert_eq!((run.mounts[1].kind, run.mounts[1].read_only), (MountKind::Bind, Some(false)));
    let copy = copy("COPY --from=a --chown=1:2 --link --exclude=*.md --parents a b /c/");
    assert_eq!((copy.from.as_deref(), copy.link, copy.parents), (Some("a"), true, true));
    assert_eq!((copy.sources.len(), copy.destination.as_str()), (2, "/c/"));
    let Kind::From(from) = only("FROM --platform=$BUILDPLATFORM a:1 AS b") else { panic!() };
    assert_eq!((from.platform.as_deref(), from.image.as_str()), (Some("$BUILDPLATFORM"), "a:1"));
}

#[test]
fn what_is_wrong_is_said() {
    for (text, why, cure) in [
        ("", "file with no instructions", "FROM"),
        ("# only\n", "file with no instructions", "FROM"),
        ("RNU x", "line 1: unknown instruction: RNU", "RUN"),
        ("FROM a\nENTRYPONT x", "line 2: unknown instruction: ENTRYPONT", "ENTRYPOINT"),
        ("RUN", "RUN requires an argument", ""),
        ("FROM", "FROM requires either one or three arguments", "AS"),
        ("FROM a b", "FROM requires either one or three", ""),
        ("FROM a AS 1b", "invalid name for build stage", ""),
        ("COPY a", "COPY requires at least two arguments", "last argument"),
        ("COPY --foo=1 a b", "unknown flag: foo", ""),
        ("COPY --checksum=1 a b", "unknown flag: checksum", ""),
        ("ADD --from=x a b", "unknown flag: from", ""),
        ("COPY --link=maybe a b", "expecting boolean value", ""),
        ("ENV a", "ENV must have two arguments", "a=value"),
        ("ENV a=1 b", "can't find = in \"b\"", "quoted"),
        ("ENV =1", "can not be blank", ""),
        ("SHELL bash -c", "JSON form", "[\"/bin/bash\""),
        ("HEALTHCHECK FOO", "unknown type", ""),
        ("HEALTHCHECK CMD", "missing command", ""),
        ("ONBUILD ONBUILD RUN a", "Chaining ONBUILD", ""),
        ("ONBUILD FROM a", "isn't allowed as an ONBUILD trigger", ""),
        ("RUN --mount=type=foo,target=/x a", "unsupported mount type 'foo'", ""),
        ("RUN --mount=type=cache a", "target is required", ""),
        ("RUN --mount=type=secret,colour=red a", "unexpected key 'colour'", ""),
        ("RUN --network=isolated a", "invalid value \"isolated\"", "none"),
        ("VOLUME [\" \"]", "empty string", ""),
        ("WORKDIR", "WORKDIR requires an argument", ""),
    ] {
        let error = Dockerfile::parse(text).unwrap_err();
        assert!(error.to_string().contains(why), "{text}: {error}");
        assert!(error.cure().unwrap_or_default().contains(cure), "{text}: {:?}", error.cure());
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "([A-Z]{2,10}|\\PC|[ \n\t\\\\\"'<$={}\\[\\],-]){0,60}") {
        drop(Dockerfile::parse(&text));
    }

    #[test]
    fn any_arguments_are_read_or_refused(
        keyword in "(FROM|RUN|COPY|ADD|ENV|ARG|LABEL|HEALTHCHECK|ONBUILD RUN|SHELL|VOLUME|EXPOSE)",
        rest in "(--mount=|--from=|<<|\\PC|[ \n\t\\\\\"'<$={}\\[\\],-]){0,40}",
    ) {
        if let Ok(read) = Dockerfile::parse(&format!("{keyword} {rest}")) {
            for instruction in read.instructions {
                proptest::prop_assert!(instruction.first_line >= 1 && instruction.first_line <= instruction.last_line);
            }
        }
    }
}
