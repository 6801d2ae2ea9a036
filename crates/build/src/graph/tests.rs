use std::collections::BTreeMap;

use super::*;

/// A world in which every image has a shell's configuration, and every file of the context the digest that is said here.
#[derive(Default)]
struct Fake {
    contents: BTreeMap<String, String>,
    asked: Vec<String>,
    on_build: Vec<String>,
    id: String,
}

impl World for Fake {
    fn base(&mut self, name: &str, _: Option<&str>) -> Result<Base> {
        self.asked.push(name.to_owned());
        let execution = Execution {
            env: vec!["PATH=/bin".to_owned(), "BASE=1".to_owned()],
            cmd: vec!["base".to_owned()],
            on_build: self.on_build.clone(),
            ..Execution::default()
        };
        Ok(Base { id: format!("{name}{}", self.id), execution, author: None })
    }

    fn digest(&mut self, sources: &[String], _: &[String]) -> Result<String> {
        let content = |path: &String| self.contents.get(path).cloned().unwrap_or_else(|| path.clone());
        Ok(sources.iter().map(content).collect())
    }

    fn tree(&mut self, path: &str) -> Result<String> {
        self.digest(&[path.to_owned()], &[])
    }
}

fn graph_of(text: &str, choices: &Choices, fake: &mut Fake) -> Graph {
    make(&Dockerfile::parse(text).unwrap(), choices, fake).unwrap()
}

fn given(name: &str, value: &str) -> Choices {
    Choices { arguments: BTreeMap::from([(name.to_owned(), value.to_owned())]), ..Choices::default() }
}

fn settings(text: &str) -> Settings {
    let graph = graph_of(text, &Choices::default(), &mut Fake::default());
    graph.stages[&graph.target].settings.clone()
}

/// The key of the files of the target.
fn key(text: &str, choices: &Choices) -> Key {
    let graph = graph_of(text, choices, &mut Fake::default());
    graph.stages[&graph.target].files.clone()
}

#[test]
fn what_must_hit_and_what_must_miss() {
    let base = "FROM a\nARG X=1\nENV E=1\nWORKDIR /w\nRUN make\nCOPY f /f\n";
    let none = Choices::default();
    let first = key(base, &none);
    for (text, same, what) in [
        (base.to_owned(), true, "nothing is different"),
        (base.replace("COPY", "LABEL l=1\nEXPOSE 80\nCMD x\nCOPY"), true, "what only describes"),
        (base.replace("RUN", "# why\n  run"), true, "how it is written"),
        (base.replace("RUN make", "RUN make all"), false, "the command"),
        (base.replace("ENV E=1", "ENV E=2"), false, "a variable"),
        (base.replace("/w", "/v"), false, "the directory"),
        (base.replace("RUN", "USER 1\nRUN"), false, "the user"),
        (base.replace("RUN make", "RUN [\"make\"]"), false, "the form"),
        (base.replace("RUN", "SHELL [\"/bin/bash\", \"-c\"]\nRUN"), false, "the shell"),
        (base.replace("RUN", "RUN --network=none"), false, "the network"),
        (base.replace("RUN", "RUN --mount=type=cache,target=/c"), false, "a mount"),
        (base.replace("FROM a", "FROM b"), false, "the base"),
        (base.replace("COPY f", "COPY --chown=1 f"), false, "the owner"),
        (base.replace("COPY f", "COPY --chmod=600 f"), false, "the mode"),
        (base.replace("f /f", "f /g"), false, "where it goes"),
    ] {
        assert_eq!(key(&text, &none) == first, same, "{what}");
    }
    assert_ne!(key(base, &given("X", "2")), first, "an argument that a RUN sees");
    assert_eq!(key(base, &given("HTTP_PROXY", "http://proxy")), first, "a proxy");
    let epoch = Choices { epoch: Some(1), ..Choices::default() };
    assert_ne!(key(base, &epoch), first, "the latest time");
    let mut changed = Fake { contents: [("f".to_owned(), "other".to_owned())].into(), ..Fake::default() };
    let graph = graph_of(base, &none, &mut changed);
    assert_ne!(graph.stages[&0].files, first, "contents of the context");
    let mut newer = Fake { id: "2".to_owned(), ..Fake::default() };
    assert_ne!(graph_of(base, &none, &mut newer).stages[&0].files, first, "another image under the name");
}

#[test]
fn a_secret_is_in_no_key() {
    let text = "FROM a\nRUN --mount=type=secret,id=token,env=TOKEN make\n";
    let graph = graph_of(text, &Choices::default(), &mut Fake::default());
    let Action::Run(run, _) = &graph.stages[&0].steps[0].action else { panic!("{graph:?}") };
    assert!(run.env.iter().all(|text| !text.starts_with("TOKEN=")), "{run:?}");
    assert!(matches!(&run.mounts[0].source, MountSource::Secret { id, file: false, .. } if id == "token"));
}

#[test]
fn configuration_by_dockers_rules() {
    let made = settings(
        "FROM a\nENV A=1 B=\"two words\"\nENV A=$A$A C=\"${B%% *}\"\nLABEL x=$A\nEXPOSE 80 53/udp\nVOLUME /v /w\n\
         USER web\nWORKDIR /srv\nWORKDIR app\nSTOPSIGNAL INT\nMAINTAINER me\nONBUILD RUN x\n\
         HEALTHCHECK --interval=5s --retries=2 CMD curl -f x\nENTRYPOINT [\"/e\"]\n",
    );
    let execution = made.execution;
    assert_eq!(execution.env, ["PATH=/bin", "BASE=1", "A=11", "B=two words", "C=two"]);
    assert_eq!(execution.labels["x"], "11");
    assert_eq!(execution.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
    assert_eq!(execution.volumes.keys().collect::<Vec<_>>(), ["/v", "/w"]);
    assert_eq!((execution.user.as_str(), execution.working_dir.as_str()), ("web", "/srv/app"));
    assert_eq!((execution.stop_signal.as_deref(), made.author.as_deref()), (Some("INT"), Some("me")));
    assert_eq!(execution.on_build, ["RUN x"]);
    assert_eq!(execution.entrypoint, ["/e"]);
    // The base image's command was for its own entry point.
    assert!(execution.cmd.is_empty());
    let health = execution.healthcheck.unwrap();
    assert_eq!((health.test.join(" ").as_str(), health.retries), ("CMD-SHELL curl -f x", Some(2)));
    for (text, cmd) in [
        ("FROM a\nCMD c\nENTRYPOINT [\"/e\"]\n", &["/bin/sh", "-c", "c"][..]),
        ("FROM a\nENTRYPOINT [\"/e\"]\nCMD [\"c\"]\n", &["c"]),
        ("FROM a\nSHELL [\"/s\"]\nCMD c\n", &["/s", "c"]),
        ("FROM a\n", &["base"]),
        ("FROM scratch\n", &[]),
    ] {
        assert_eq!(settings(text).execution.cmd, cmd, "{text}");
    }
}

#[test]
fn arguments_have_their_places() {
    let text = "ARG V=1\nFROM a AS one\nARG V\nARG W=d\nRUN x\nFROM one\nRUN y\nFROM a AS alone\nRUN z\n";
    let env = |choices: &Choices, target: &str| {
        let choices = Choices { target: Some(target.to_owned()), ..choices.clone() };
        let graph = graph_of(text, &choices, &mut Fake::default());
        let step = graph.stages[&graph.target].steps.last().cloned();
        match step.map(|step| step.action) {
            Some(Action::Run(run, _)) => run.env[2..].join(" "),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(env(&Choices::default(), "one"), "V=1 W=d");
    assert_eq!(env(&given("V", "2"), "one"), "V=2 W=d");
    // A stage on top has them, another has not.
    assert_eq!(env(&given("W", "3"), "1"), "V=1 W=3");
    assert_eq!(env(&given("W", "3"), "alone"), "");
    let graph = graph_of(text, &given("UNKNOWN", "1"), &mut Fake::default());
    assert_eq!(graph.unused.iter().collect::<Vec<_>>(), ["UNKNOWN"]);
}

#[test]
fn stages_that_nobody_needs_are_not_looked_at() {
    let text = "FROM a AS one\nFROM b AS two\nRUN x\nFROM c\nCOPY --from=one /x /y\nCOPY --from=d /x /y\n";
    let mut fake = Fake::default();
    let graph = graph_of(text, &Choices::default(), &mut fake);
    assert_eq!(graph.stages.keys().collect::<Vec<_>>(), [&0, &2]);
    assert_eq!(fake.asked, ["a", "c", "d"]);
    let origins: Vec<_> = graph.stages[&2].steps.iter().flat_map(|step| step.action.origins()).collect();
    assert_eq!(origins, [&Origin::Stage(0), &Origin::Image("d".to_owned(), None)]);
}

#[test]
fn triggers_of_the_base_come_first() {
    let mut fake = Fake { on_build: vec!["ENV T=1".to_owned(), "RUN t".to_owned()], ..Fake::default() };
    let graph = graph_of("FROM a\nRUN own\n", &Choices::default(), &mut fake);
    let stage = &graph.stages[&0];
    let history: Vec<&str> = stage.steps.iter().map(|step| step.history.as_str()).collect();
    assert_eq!(history, ["ENV T=1", "RUN /bin/sh -c t", "RUN /bin/sh -c own"]);
    assert!(stage.settings.execution.on_build.is_empty());
}

#[test]
fn heredocs_are_scripts_files_or_input() {
    let text = "FROM a\nRUN <<E\necho $HOME\nE\nRUN cat <<E | sh\nx\nE\nRUN <<E\n#!/bin/py\nE\nENV N=v\n\
                COPY <<E <<'F' /d/\n\"$N\" \\$N\nE\n$N\nF\n";
    let graph = graph_of(text, &Choices::default(), &mut Fake::default());
    let run = |at: usize| match &graph.stages[&0].steps[at].action {
        Action::Run(run, _) => (run.argv.join(" "), run.script.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(run(0).0, "/bin/sh -c echo $HOME\n");
    assert_eq!(run(1).0, "/bin/sh -c cat <<E | sh\nx\nE");
    assert_eq!(run(2), ("/dev/pipes/E".to_owned(), Some(("E".to_owned(), "#!/bin/py\n".to_owned()))));
    let Action::Copy(copy, _) = &graph.stages[&0].steps[4].action else { panic!() };
    let texts: Vec<&str> = copy.documents.iter().map(|document| document.text.as_str()).collect();
    assert_eq!(texts, ["\"v\" $N\n", "$N\n"]);
}

#[test]
fn what_is_refused_says_where() {
    for (text, lines, why) in [
        ("FROM a\nCOPY a b /c\n", (2, 2), "must be a directory and end with a /"),
        ("FROM a\nADD http://x/y /c\n", (2, 2), "not fetched"),
        ("FROM a\nEXPOSE x\n", (2, 2), "invalid containerPort"),
        ("FROM a\nHEALTHCHECK --interval=5 CMD x\n", (2, 2), "--interval"),
        ("FROM a\nRUN x \\\n y\nCOPY --chmod=rwx a b\n", (4, 4), "chmod"),
        ("FROM a\nWORKDIR ${X:?no}\n", (2, 2), "no"),
        ("FROM a\nRUN --mount=type=ssh x\n", (2, 2), "ssh"),
    ] {
        let dockerfile = Dockerfile::parse(text).unwrap();
        let error = make(&dockerfile, &Choices::default(), &mut Fake::default()).unwrap_err();
        assert_eq!(error.lines(), Some(lines), "{text}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
}
