//! Profiles in Docker's and Podman's format: `--security-opt seccomp=FILE`.
//!
//! The OCI format with conditions on the machine and on the container's capabilities. A file in the plain OCI
//! format is one without conditions.

use serde::Deserialize;

use super::Arch;
use crate::spec::{ArgumentRule, Seccomp, Str, SyscallRule};
use crate::{Error, Result};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile<'a> {
    #[serde(borrow)]
    default_action: Str<'a>,
    default_errno_ret: Option<u32>,
    /// Podman's: the same by name.
    #[serde(borrow)]
    default_errno: Option<Str<'a>>,
    #[serde(borrow)]
    architectures: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    arch_map: Option<Vec<Family<'a>>>,
    #[serde(borrow)]
    flags: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    listener_path: Option<Str<'a>>,
    #[serde(borrow)]
    listener_metadata: Option<Str<'a>>,
    #[serde(borrow)]
    syscalls: Option<Vec<Rule<'a>>>,
}

/// An architecture and those that its processors run too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Family<'a> {
    #[serde(borrow)]
    architecture: Str<'a>,
    #[serde(borrow)]
    sub_architectures: Option<Vec<Str<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    /// The oldest form: one name.
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    names: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    action: Str<'a>,
    errno_ret: Option<u32>,
    /// Podman's: the same by name.
    #[serde(borrow)]
    errno: Option<Str<'a>>,
    #[serde(borrow)]
    args: Option<Vec<ArgumentRule<'a>>>,
    #[serde(borrow, default)]
    includes: Option<Filter<'a>>,
    #[serde(borrow, default)]
    excludes: Option<Filter<'a>>,
}

/// What a rule depends on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter<'a> {
    #[serde(borrow)]
    caps: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    arches: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    min_kernel: Option<Str<'a>>,
}

/// Where a profile is to be used.
struct Place<'c> {
    capabilities: &'c [&'c str],
    arch: Arch,
    kernel: (u32, u32),
}

/// Reads a profile for a container with these capabilities (`CAP_SYS_ADMIN` …), on a machine of this
/// architecture and kernel version (`(6, 18)`).
pub fn from_docker_json<'a>(
    text: &'a str,
    capabilities: &[&str],
    arch: Arch,
    kernel: (u32, u32),
) -> Result<Seccomp<'a>> {
    let profile: Profile<'a> = serde_json::from_str(text).map_err(|error| {
        Error::invalid(format!("seccomp profile: {error}")).hint(
            "give a JSON file in the format of Docker's default profile or of config.json's linux.seccomp",
        )
    })?;
    let place = Place { capabilities, arch, kernel };
    let mut syscalls = Vec::new();
    for (number, rule) in profile.syscalls.unwrap_or_default().into_iter().enumerate() {
        let field = format!("seccomp profile: syscalls[{number}]");
        if place.has(&rule, &field)? {
            syscalls.push(plain(rule, &field)?);
        }
    }
    let default_errno =
        errno(profile.default_errno_ret, profile.default_errno, "seccomp profile: defaultErrno")?;
    Ok(Seccomp {
        default_action: profile.default_action,
        default_errno_ret: default_errno,
        architectures: architectures(profile.architectures, profile.arch_map, arch)?,
        flags: profile.flags,
        listener_path: profile.listener_path,
        listener_metadata: profile.listener_metadata,
        syscalls,
    })
}

/// A rule of the OCI format.
fn plain<'a>(rule: Rule<'a>, field: &str) -> Result<SyscallRule<'a>> {
    let names = match (rule.name, rule.names.unwrap_or_default()) {
        (Some(_), names) if !names.is_empty() => {
            return Err(Error::invalid(format!("{field}: both name and names"))
                .hint("use names alone; name is its old form"));
        }
        (Some(name), _) => vec![name],
        (None, names) => names,
    };
    let errno_ret = errno(rule.errno_ret, rule.errno, &format!("{field}.errno"))?;
    Ok(SyscallRule { names, action: rule.action, errno_ret, args: rule.args.unwrap_or_default() })
}

/// An errno, given as a number or by name; Podman's own profile gives both.
fn errno(number: Option<u32>, name: Option<Str<'_>>, field: &str) -> Result<Option<u32>> {
    match (number, name) {
        (Some(number), _) => Ok(Some(number)),
        (None, Some(name)) if !name.is_empty() => {
            let known = barque_sys::errno::number(&name).and_then(|number| u32::try_from(number).ok());
            known.map(Some).ok_or_else(|| {
                Error::invalid(format!("{field}: unknown error {name:?}")).hint("use a name of errno(3)")
            })
        }
        (None, _) => Ok(None),
    }
}

fn architectures<'a>(
    plain: Option<Vec<Str<'a>>>,
    families: Option<Vec<Family<'a>>>,
    arch: Arch,
) -> Result<Vec<Str<'a>>> {
    let (plain, families) = (plain.unwrap_or_default(), families.unwrap_or_default());
    if !plain.is_empty() && !families.is_empty() {
        return Err(Error::invalid("seccomp profile: both architectures and archMap")
            .hint("use archMap for a profile of several machines, else architectures"));
    }
    let family = families.into_iter().find(|family| family.architecture == arch.name());
    Ok(family.map_or(plain, |family| {
        std::iter::once(family.architecture).chain(family.sub_architectures.unwrap_or_default()).collect()
    }))
}

impl Place<'_> {
    /// Whether a rule holds here: all of `includes` does, and nothing of `excludes`.
    fn has(&self, rule: &Rule<'_>, field: &str) -> Result<bool> {
        if let Some(filter) = &rule.excludes {
            let names = |list: &Option<Vec<Str<'_>>>, wanted: &dyn Fn(&str) -> bool| {
                list.iter().flatten().any(|name| wanted(name))
            };
            if names(&filter.caps, &|name| self.can(name))
                || names(&filter.arches, &|name| name == self.arch.go_name())
                || self.reaches(filter, &format!("{field}.excludes"))? == Some(true)
            {
                return Ok(false);
            }
        }
        let Some(filter) = &rule.includes else { return Ok(true) };
        let caps = filter.caps.iter().flatten().all(|name| self.can(name));
        let arches = filter.arches.iter().flatten();
        let arch =
            arches.clone().next().is_none() || arches.into_iter().any(|name| *name == self.arch.go_name());
        let kernel = self.reaches(filter, &format!("{field}.includes"))? != Some(false);
        Ok(caps && arch && kernel)
    }

    fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|had| had.eq_ignore_ascii_case(capability))
    }

    /// Whether the kernel is as new as a filter says; `None` where it does not say.
    fn reaches(&self, filter: &Filter<'_>, field: &str) -> Result<Option<bool>> {
        let Some(version) = filter.min_kernel.as_deref().filter(|version| !version.is_empty()) else {
            return Ok(None);
        };
        let mut parts = version.split('.').map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Some(self.kernel >= (major, minor))),
            _ => Err(Error::invalid(format!("{field}.minKernel: {version:?} is no kernel version"))
                .hint("write it as MAJOR.MINOR, like 4.8")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with every kind of condition, each rule with one call of its own.
    const PROFILE: &str = r#"{
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOSYS", "archMap": [
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
            {"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": null}],
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": null, "comment": "", "includes": {}, "excludes": {}},
            {"name": "write", "action": "SCMP_ACT_ALLOW"},
            {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["both"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]}},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errno": "ENOSYS", "excludes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]}},
            {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["s390", "arm64"]}},
            {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
            {"names": ["old"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "5.10.3"}}]}"#;

    fn names(capabilities: &[&str], arch: Arch, kernel: (u32, u32)) -> Vec<String> {
        let profile = from_docker_json(PROFILE, capabilities, arch, kernel).unwrap();
        profile.syscalls.iter().flat_map(|rule| &rule.names).map(ToString::to_string).collect()
    }

    #[test]
    fn conditions_choose_the_rules() {
        type Case = (&'static [&'static str], Arch, (u32, u32), &'static [&'static str]);
        let cases: [Case; 5] = [
            (&[], Arch::X86_64, (6, 18), &["read", "write", "clone3", "arch_prctl", "clone", "ptrace"]),
            (&[], Arch::Aarch64, (4, 8), &["read", "write", "clone3", "ptrace", "old"]),
            (&[], Arch::Riscv64, (4, 7), &["read", "write", "clone3", "clone", "old"]),
            (
                &["CAP_SYS_ADMIN"],
                Arch::X86_64,
                (5, 10),
                &["read", "write", "mount", "arch_prctl", "clone", "ptrace"],
            ),
            (
                &["CAP_BPF", "CAP_SYS_ADMIN"],
                Arch::X86_64,
                (5, 9),
                &["read", "write", "mount", "both", "arch_prctl", "clone", "ptrace", "old"],
            ),
        ];
        for (capabilities, arch, kernel, expected) in cases {
            assert_eq!(names(capabilities, arch, kernel), expected, "{capabilities:?} {arch:?} {kernel:?}");
        }
    }

    #[test]
    fn the_machines_family_is_chosen_and_errnos_have_names() {
        let profile = from_docker_json(PROFILE, &[], Arch::X86_64, (6, 1)).unwrap();
        assert_eq!(profile.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
        assert_eq!(profile.default_errno_ret, Some(38));
        let clone3 = profile.syscalls.iter().find(|rule| rule.names[0] == "clone3").unwrap();
        assert_eq!(clone3.errno_ret, Some(38));
        let riscv = from_docker_json(PROFILE, &[], Arch::Riscv64, (6, 1)).unwrap();
        assert_eq!(riscv.architectures, ["SCMP_ARCH_RISCV64"]);
        assert!(from_docker_json(PROFILE, &[], Arch::Ppc64Le, (6, 1)).unwrap().architectures.is_empty());
    }

    #[test]
    fn the_plain_format_stays_what_it_is() {
        let plain = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 2, "architectures": ["SCMP_ARCH_X86"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/run/agent", "listenerMetadata": "x",
            "syscalls": [{"names": ["kill"], "action": "SCMP_ACT_NOTIFY", "args":
                [{"index": 1, "value": 9, "valueTwo": 3, "op": "SCMP_CMP_EQ"}]}]}"#;
        let expected: Seccomp<'_> = serde_json::from_str(plain).unwrap();
        assert_eq!(from_docker_json(plain, &[], Arch::X86_64, (6, 1)).unwrap(), expected);
    }

    #[test]
    fn errors_name_the_place() {
        let with = |rule: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}"#);
        let cases = [
            ("{".to_owned(), "seccomp profile: EOF while parsing an object at line 1 column 1"),
            ("{}".to_owned(), "seccomp profile: missing field `defaultAction` at line 1 column 2"),
            (
                with(r#"{"name": "a", "names": ["b"], "action": "SCMP_ACT_ALLOW"}"#),
                "seccomp profile: syscalls[0]: both name and names",
            ),
            (
                with(r#"{"names": ["b"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "new"}}"#),
                r#"seccomp profile: syscalls[0].includes.minKernel: "new" is no kernel version"#,
            ),
            (
                with(r#"{"names": ["b"], "action": "SCMP_ACT_ERRNO", "errno": "EOOPS"}"#),
                r#"seccomp profile: syscalls[0].errno: unknown error "EOOPS""#,
            ),
            (
                r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
                    "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}"#
                    .to_owned(),
                "seccomp profile: both architectures and archMap",
            ),
        ];
        for (text, message) in cases {
            let error = from_docker_json(&text, &[], Arch::X86_64, (6, 1)).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.cure().is_some());
        }
    }
}
