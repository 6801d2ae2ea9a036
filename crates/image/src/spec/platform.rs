//! Platforms: what an image needs to run (`image-index.md`, and containerd's normal forms).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Operating system, processor, and its variant. Written `os/architecture[/variant]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// As `GOARCH` names it: `amd64`, `arm64`.
    pub architecture: String,
    /// As `GOOS` names it: `linux`.
    pub os: String,
    /// The version of Windows.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Required features of Windows.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// `v7` of arm, `v3` of amd64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// What this program was built for.
    pub fn of_this_machine() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "arm" => ("arm", Some("v7")),
            other => (other, None),
        };
        Self::new("linux", architecture, variant)
    }

    fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let mut platform = Self {
            architecture: architecture.to_lowercase(),
            os: os.to_lowercase(),
            os_version: None,
            os_features: Vec::new(),
            variant: variant.filter(|variant| !variant.is_empty()).map(str::to_lowercase),
        };
        platform.normalize();
        platform
    }

    /// The names that `uname` and others use become Go's; a variant that says nothing new is left away.
    fn normalize(&mut self) {
        let known = match (self.architecture.as_str(), self.variant.as_deref()) {
            ("x86_64" | "x86-64", _) => Some(("amd64", None)),
            ("i386" | "i486" | "i586" | "i686" | "x86", _) => Some(("386", None)),
            ("aarch64", _) => Some(("arm64", None)),
            ("armhf", _) => Some(("arm", Some("v7"))),
            ("armel", _) => Some(("arm", Some("v6"))),
            ("powerpc64le", _) => Some(("ppc64le", None)),
            ("loongarch64", _) => Some(("loong64", None)),
            _ => None,
        };
        if let Some((architecture, variant)) = known {
            self.architecture = architecture.to_owned();
            self.variant = self.variant.take().or(variant.map(str::to_owned));
        }
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("arm64", Some("8" | "v8")) | ("amd64", Some("v1")) => self.variant = None,
            ("arm", None) => self.variant = Some("v7".to_owned()),
            ("arm", Some(digit @ ("5" | "6" | "7" | "8"))) => self.variant = Some(format!("v{digit}")),
            _ => {}
        }
    }

    /// Whether an image for `other` runs on this platform, and how close it is: the larger the closer. Variants of a
    /// processor run what was made for those before them.
    pub fn accepts(&self, other: &Self) -> Option<u32> {
        let mut other = other.clone();
        other.normalize();
        if self.os != other.os || self.architecture != other.architecture {
            return None;
        }
        let level = |platform: &Self| {
            let digits = platform.variant.as_deref().map_or("0", |variant| variant.trim_start_matches('v'));
            digits.parse::<u32>().ok()
        };
        match (level(self), level(&other)) {
            (Some(own), Some(its)) if its <= own => Some(its),
            (Some(_), Some(_)) => None,
            _ => (self.variant == other.variant).then_some(0),
        }
    }
}

impl FromStr for Platform {
    type Err = Error;

    /// Reads `os/architecture[/variant]`, or one of the first two alone.
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let legal = |part: &&str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        if parts.len() > 3 || !parts.iter().all(legal) {
            return Err(Error::invalid(format!("platform {text:?} is not valid"))
                .hint("write it as os/architecture or os/architecture/variant: linux/arm64, linux/arm/v7"));
        }
        Ok(match *parts.as_slice() {
            [os @ ("linux" | "windows" | "darwin" | "freebsd")] => {
                let here = Self::of_this_machine();
                Self::new(os, &here.architecture, here.variant.as_deref())
            }
            [architecture] => Self::new("linux", architecture, None),
            [os, architecture] => Self::new(os, architecture, None),
            [os, architecture, variant] => Self::new(os, architecture, Some(variant)),
            _ => return Err(Error::invalid(format!("platform {text:?} is empty"))),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        for (text, expected) in [
            ("linux/x86_64", "linux/amd64"),
            ("LINUX/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("arm64", "linux/arm64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("armhf", "linux/arm/v7"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "/", "linux/", "a/b/c/d", "linux/am d64", "../../x"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_runs_where() {
        for (here, there, runs) in [
            ("linux/arm/v7", "linux/arm/v6", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/amd64/v3", "linux/amd64", true),
            ("linux/amd64", "linux/amd64/v3", false),
            ("linux/amd64", "windows/amd64", false),
            ("linux/arm64", "linux/amd64", false),
        ] {
            let (here, there): (Platform, Platform) = (here.parse().unwrap(), there.parse().unwrap());
            assert_eq!(here.accepts(&there).is_some(), runs, "{there} on {here}");
        }
    }
}
