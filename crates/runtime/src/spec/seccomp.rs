//! `linux.seccomp`: which system calls the process may make.

use serde::{Deserialize, Serialize};

use super::Str;

/// A seccomp profile.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp<'a> {
    /// What happens to a call that no rule names: `SCMP_ACT_ALLOW`, `SCMP_ACT_ERRNO` …
    #[serde(borrow)]
    pub default_action: Str<'a>,
    /// The error number of a default `SCMP_ACT_ERRNO` or `SCMP_ACT_TRACE`; `EPERM` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// `SCMP_ARCH_X86_64` …; the native one is always included.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<Str<'a>>,
    /// `SECCOMP_FILTER_FLAG_TSYNC`, `_LOG`, `_SPEC_ALLOW`, `_WAIT_KILLABLE_RECV`.
    /// Absent is not empty: then `SPEC_ALLOW` is set.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<Str<'a>>>,
    /// A UNIX socket that gets the notification descriptor of `SCMP_ACT_NOTIFY`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub listener_path: Option<Str<'a>>,
    /// Opaque text handed over with it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub listener_metadata: Option<Str<'a>>,
    /// The rules, in order.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<SyscallRule<'a>>,
}

/// What happens to some system calls.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyscallRule<'a> {
    /// System calls by name; unknown ones are skipped.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Str<'a>>,
    /// What happens to them.
    #[serde(borrow)]
    pub action: Str<'a>,
    /// The error number of `SCMP_ACT_ERRNO` or `SCMP_ACT_TRACE`; `EPERM` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions on arguments, all of which must hold.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<ArgumentRule<'a>>,
}

/// A condition on one argument of a system call.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArgumentRule<'a> {
    /// Which argument, from 0 to 5.
    pub index: u32,
    /// What it is compared with (the mask for `SCMP_CMP_MASKED_EQ`).
    pub value: u64,
    /// The value for `SCMP_CMP_MASKED_EQ`.
    #[serde(default, rename = "valueTwo")]
    pub value_two: u64,
    /// `SCMP_CMP_EQ`, `_NE`, `_LT`, `_LE`, `_GT`, `_GE` or `_MASKED_EQ`.
    #[serde(borrow)]
    pub op: Str<'a>,
}

impl Seccomp<'_> {
    /// The same profile, borrowing from nothing.
    pub fn into_static(self) -> Seccomp<'static> {
        let all = |texts: Vec<Str<'_>>| texts.into_iter().map(Str::into_static).collect();
        let rule = |rule: SyscallRule<'_>| SyscallRule {
            names: all(rule.names),
            action: rule.action.into_static(),
            errno_ret: rule.errno_ret,
            args: rule
                .args
                .into_iter()
                .map(|argument| ArgumentRule {
                    index: argument.index,
                    value: argument.value,
                    value_two: argument.value_two,
                    op: argument.op.into_static(),
                })
                .collect(),
        };
        Seccomp {
            default_action: self.default_action.into_static(),
            default_errno_ret: self.default_errno_ret,
            architectures: all(self.architectures),
            flags: self.flags.map(all),
            listener_path: self.listener_path.map(Str::into_static),
            listener_metadata: self.listener_metadata.map(Str::into_static),
            syscalls: self.syscalls.into_iter().map(rule).collect(),
        }
    }
}
