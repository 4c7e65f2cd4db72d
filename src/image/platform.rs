//! Platforms as Docker writes them, `os/arch[/variant]`, with containerd's rules for their many
//! spellings and for what runs on what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlatform {
    #[error(
        "\"{component}\" is an invalid component of \"{text}\": platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument"
    )]
    Component { text: String, component: String },
    #[error("\"{0}\": unknown operating system or architecture: invalid argument")]
    Unknown(String),
    #[error("\"{0}\": cannot parse platform specifier: invalid argument")]
    Shape(String),
}

impl Platform {
    /// Names as they stand in manifests, brought to one spelling.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Platform {
        let (architecture, variant) = normalize_architecture(architecture, variant.unwrap_or_default());
        let variant = Some(variant).filter(|v| !v.is_empty());
        Platform { os: normalize_os(os), architecture, variant }
    }

    /// The machine's own platform.
    pub fn host() -> Platform {
        let variant = match std::env::consts::ARCH {
            "aarch64" => Some("v8"),
            "arm" => Some("v7"),
            _ => None,
        };
        Platform::new("linux", std::env::consts::ARCH, variant)
    }

    /// How well an image for `offered` serves who asked for `self`: lower is better, `None` does not
    /// run. An exact match wins; else the variants that containerd lets run are tried downwards.
    pub fn rank(&self, offered: &Platform) -> Option<usize> {
        let offered = Platform::new(&offered.os, &offered.architecture, offered.variant.as_deref());
        if offered.os != self.os {
            return None;
        }
        self.acceptable().iter().position(|(architecture, variant)| {
            *architecture == offered.architecture && variant.as_deref() == offered.variant.as_deref()
        })
    }

    /// Architectures and variants that run here, best first (containerd's `platformVector`).
    fn acceptable(&self) -> Vec<(String, Option<String>)> {
        let mut list = vec![(self.architecture.clone(), self.variant.clone())];
        let mut push = |architecture: &str, variant: Option<String>| {
            let entry = (architecture.to_owned(), variant);
            if !list.contains(&entry) {
                list.push(entry);
            }
        };
        match self.architecture.as_str() {
            "amd64" => {
                for level in (2..level(&self.variant, 1)).rev() {
                    push("amd64", Some(format!("v{level}")));
                }
                push("amd64", None);
            }
            "arm" => {
                for version in (5..level(&self.variant, 7)).rev() {
                    push("arm", Some(format!("v{version}")));
                }
            }
            "arm64" => {
                push("arm64", None);
                // 64-bit cores run 32-bit programs, as containerd assumes.
                for version in (5..=8).rev() {
                    push("arm", Some(format!("v{version}")));
                }
            }
            _ => push(&self.architecture, None),
        }
        list
    }
}

/// The number in `v7`, `v9.2`.
fn level(variant: &Option<String>, default: u32) -> u32 {
    variant
        .as_deref()
        .and_then(|v| v.strip_prefix('v'))
        .and_then(|v| v.split('.').next())
        .and_then(|v| v.parse().ok())
        .filter(|level| *level < 100)
        .unwrap_or(default)
}

fn normalize_os(os: &str) -> String {
    match os.to_ascii_lowercase().as_str() {
        "" => "linux".to_owned(),
        "macos" => "darwin".to_owned(),
        other => other.to_owned(),
    }
}

/// containerd's table of spellings.
fn normalize_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (architecture.to_ascii_lowercase(), variant.to_ascii_lowercase());
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386" | "i486" | "i586" | "i686" | "x86", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64" | "arm64", variant) => ("arm64", variant),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        // Rust's names for what Docker calls otherwise.
        ("powerpc64", variant) => ("ppc64le", variant),
        (architecture, variant) => (architecture, variant),
    };
    (architecture.to_owned(), variant.to_owned())
}

const KNOWN_OS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];
const KNOWN_ARCHITECTURES: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc", "ppc64",
    "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
];

impl FromStr for Platform {
    type Err = InvalidPlatform;

    /// Reads `linux/arm64/v8`, `linux/amd64`, `arm64` or `linux` alone (the rest is the machine's own).
    fn from_str(text: &str) -> Result<Platform, InvalidPlatform> {
        let parts: Vec<&str> = text.split('/').collect();
        let word = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if let Some(bad) = parts.iter().find(|p| p.is_empty() || !p.bytes().all(word)) {
            return Err(InvalidPlatform::Component { text: text.to_owned(), component: (*bad).to_owned() });
        }
        let host = Platform::host();
        match parts[..] {
            [one] => {
                let platform = Platform::new(&host.os, one, None);
                let os = normalize_os(one);
                if KNOWN_OS.contains(&os.as_str()) {
                    Ok(Platform { os, ..host })
                } else if KNOWN_ARCHITECTURES.contains(&platform.architecture.as_str()) {
                    Ok(platform)
                } else {
                    Err(InvalidPlatform::Unknown(text.to_owned()))
                }
            }
            [os, architecture] => Ok(Platform::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Platform::new(os, architecture, Some(variant))),
            _ => Err(InvalidPlatform::Shape(text.to_owned())),
        }
    }
}

/// `linux/arm64/v8`: as Docker prints a platform, the default variant of arm64 included.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_deref() {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn spellings_are_brought_to_one() {
        for (typed, shown) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/X86-64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/9", "linux/arm64/v9"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/i686", "linux/386"),
            ("arm64", "linux/arm64"),
            ("macos/arm64", "darwin/arm64"),
        ] {
            assert_eq!(platform(typed).to_string(), shown, "{typed}");
        }
        assert_eq!(platform("linux"), Platform::host());
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "/", "linux/", "linux//v7", "linux/arm/v7/x", "nosuch", "linux/a b"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_exact_match_is_best_and_lesser_variants_still_run() {
        for (wanted, offered, rank) in [
            ("linux/amd64", "linux/amd64", Some(0)),
            ("linux/amd64", "linux/arm64", None),
            ("linux/amd64", "linux/amd64/v2", None),
            ("linux/amd64/v3", "linux/amd64/v3", Some(0)),
            ("linux/amd64/v3", "linux/amd64/v2", Some(1)),
            ("linux/amd64/v3", "linux/amd64", Some(2)),
            ("linux/arm/v7", "linux/arm/v6", Some(1)),
            ("linux/arm/v6", "linux/arm/v7", None),
            ("linux/arm64", "linux/arm64/v8", Some(0)),
            ("linux/arm64", "linux/arm/v7", Some(2)),
            ("linux/386", "linux/386", Some(0)),
            ("linux/amd64", "windows/amd64", None),
        ] {
            assert_eq!(platform(wanted).rank(&platform(offered)), rank, "{wanted} <- {offered}");
        }
    }
}
