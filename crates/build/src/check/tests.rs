use super::*;

fn warned(text: &str, ignore: &str) -> Vec<Warning> {
    let platform =
        [("TARGETPLATFORM", "linux/amd64"), ("BUILDPLATFORM", "linux/amd64"), ("TARGETARCH", "amd64")];
    let surroundings = Surroundings {
        platform: platform.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ignore: Ignore::parse(ignore),
        ..Surroundings::default()
    };
    check(&Dockerfile::parse(text).unwrap(), &surroundings).unwrap()
}

/// Rules and first lines.
fn rules(text: &str) -> Vec<(&'static str, usize)> {
    warned(text, "secret\n*.log\n").iter().map(|warning| (warning.rule.name(), warning.lines.0)).collect()
}

#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    for (text, expected) in [
        ("FROM a\nRUN b\nCMD [\"c\"]\n", vec![]),
        ("FROM a\nRUN b\nrun c\n", vec![("ConsistentInstructionCasing", 3)]),
        ("from a\nrun b\nRUN c\n", vec![("ConsistentInstructionCasing", 3)]),
        ("FROM a\nRUN b\nRun c\n", vec![("ConsistentInstructionCasing", 3)]),
        ("FROM a as b\n", vec![("FromAsCasing", 1)]),
        ("from a as b\n", vec![]),
        ("FROM a AS B\n", vec![("StageNameCasing", 1)]),
        ("FROM a AS b\nFROM b AS b\n", vec![("DuplicateStageName", 2)]),
        ("FROM a AS context\n", vec![("ReservedStageName", 1)]),
        ("FROM a AS b\nFROM c\n", vec![("UnreachableStage", 1)]),
        ("FROM a AS b\nFROM c\nCOPY --from=b /x /y\n", vec![]),
        ("FROM a\nCMD b\n", vec![("JSONArgsRecommended", 2)]),
        ("FROM a\nSHELL [\"b\"]\nCMD b\n", vec![]),
        ("FROM a\nCMD [\"b\"]\nCMD [\"c\"]\n", vec![("MultipleInstructionsDisallowed", 3)]),
        ("FROM a AS b\nCMD [\"b\"]\nFROM b\nCMD [\"c\"]\n", vec![]),
        ("FROM a\nENV b c\n", vec![("LegacyKeyValueFormat", 2)]),
        ("FROM a\nMAINTAINER b\n", vec![("MaintainerDeprecated", 2)]),
        ("FROM a\nWORKDIR b\n", vec![("WorkdirRelativePath", 2)]),
        ("FROM a\nWORKDIR /b\nWORKDIR c\n", vec![]),
        ("FROM a\nRUN b \\\n\n c\n", vec![("NoEmptyContinuation", 3)]),
        (
            "FROM a\nEXPOSE 127.0.0.1:80:80 80/TCP 90-95\n",
            vec![("ExposeInvalidFormat", 2), ("ExposeProtoCasing", 2)],
        ),
        ("FROM --platform=$TARGETPLATFORM a\n", vec![("RedundantTargetPlatform", 1)]),
        ("FROM --platform=linux/arm64 a\n", vec![("FromPlatformFlagConstDisallowed", 1)]),
        ("FROM --platform=linux/arm64 a AS arm64\n", vec![]),
        ("FROM --platform=$BUILDPLATFORM a\n", vec![]),
        ("FROM a:$V\n", vec![("InvalidDefaultArgInFrom", 1), ("UndefinedArgInFrom", 1)]),
        ("ARG V\nFROM a:$V\n", vec![("InvalidDefaultArgInFrom", 2)]),
        ("ARG V=1\nFROM a:$V\n", vec![]),
        ("ARG V\nFROM a:${V:-1}\n", vec![]),
        ("FROM scratch\nCOPY $X /\n", vec![("UndefinedVar", 2)]),
        ("FROM scratch\nARG X\nCOPY $X /\n", vec![]),
        ("FROM scratch\nENV PATH=$PATH:/x\n", vec![]),
        ("FROM a\nCOPY $UNKNOWN /\n", vec![]),
        ("FROM a\nARG VERSION\nLABEL v=$VERSOIN\n", vec![("UndefinedVar", 3)]),
        ("FROM a\nARG TARGETARCH\nRUN $NOT_OURS\n", vec![]),
        ("FROM a\nARG API_TOKEN\n", vec![("SecretsUsedInArgOrEnv", 2)]),
        ("ARG password=x\nFROM a\n", vec![("SecretsUsedInArgOrEnv", 1)]),
        ("FROM a\nENV PUBLIC_KEY=x KEYBOARD=y\n", vec![]),
        (
            "FROM a\nCOPY secret /x\nCOPY ./build.log /x\nCOPY src /x\n",
            vec![("CopyIgnoredFile", 2), ("CopyIgnoredFile", 3)],
        ),
        ("# check=skip=JSONArgsRecommended\nFROM a\nCMD b\n", vec![]),
        ("# check=skip=all\nFROM a as B\nCMD b\n", vec![]),
    ] {
        assert_eq!(rules(text), expected, "{text}");
    }
}

#[test]
fn a_warning_says_what_to_write() {
    for (text, cure) in [
        ("FROM a\nCMD echo hi\n", r#"CMD ["echo","hi"]"#),
        ("FROM a\nCMD echo $HOME && x\n", r#"CMD ["/bin/sh","-c","echo $HOME && x"]"#),
        ("FROM a\nENV b c d\n", "ENV b=\"c d\""),
        ("FROM a\nEXPOSE 8080:80\n", "EXPOSE 80"),
        ("FROM a\nARG VERSION\nLABEL v=$VERSOIN\n", "did you mean $VERSION?"),
    ] {
        assert_eq!(warned(text, "")[0].cure, cure, "{text}");
    }
}

#[test]
fn a_directive_that_nobody_knows_is_refused() {
    assert!(Selection::parse(Some("skip=A;error=true")).unwrap().error);
    assert!(Selection::parse(Some("skp=A")).is_err());
    assert!(Selection::parse(Some("error=maybe")).is_err());
}
