//! The settings of Docker's client that coracle honours: `config.json` in `--config`, `$DOCKER_CONFIG` or
//! `~/.docker`. Credentials in it are read by the registry client, not here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::failure::{Failure, Result};

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientConfig {
    pub detach_keys: Option<String>,
    pub ps_format: Option<String>,
    pub images_format: Option<String>,
    pub stats_format: Option<String>,
    /// `key=value`, as `--filter` of every `prune`.
    pub prune_filters: Vec<String>,
    /// By daemon host; `default` is ours.
    pub proxies: BTreeMap<String, Proxies>,
}

/// Given to containers as environment variables, in upper and lower case.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Proxies {
    pub http_proxy: Option<String>,
    pub https_proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub ftp_proxy: Option<String>,
    pub all_proxy: Option<String>,
}

impl ClientConfig {
    /// A file that is not there is empty; one that cannot be read as JSON is an error.
    pub fn load(directory: Option<&Path>) -> Result<ClientConfig> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let directory = match directory.map(Path::to_owned).or_else(|| variable("DOCKER_CONFIG")) {
            Some(directory) => directory,
            None => match variable("HOME") {
                Some(home) => home.join(".docker"),
                None => return Ok(ClientConfig::default()),
            },
        };
        let path = directory.join("config.json");
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(ClientConfig::default()) };
        ClientConfig::parse(&text)
            .map_err(|e| Failure::new(format!("loading config file: {}: {e}", path.display())))
    }

    fn parse(text: &str) -> serde_json::Result<ClientConfig> {
        if text.trim().is_empty() { Ok(ClientConfig::default()) } else { serde_json::from_str(text) }
    }

    /// The filters of a `prune`: those of the command line, and those of the settings that do not say the
    /// opposite of them (Docker's rule). What has no `=` is no filter.
    pub fn with_prune_filters(&self, typed: &[(String, String)]) -> Vec<(String, String)> {
        let configured = self.prune_filters.iter().filter_map(|text| text.split_once('='));
        let is_wanted = |(key, value): &(&str, &str)| {
            let opposite = match *key {
                "label" => "label!",
                "label!" => "label",
                _ => return true,
            };
            !typed.iter().any(|(key, typed)| key == opposite && typed == value)
        };
        let kept = configured.filter(is_wanted).map(|(key, value)| (key.to_owned(), value.to_owned()));
        typed.iter().cloned().chain(kept).collect()
    }

    /// The proxy variables for a container.
    pub fn proxy_variables(&self) -> Vec<(String, String)> {
        let Some(proxies) = self.proxies.get("default") else { return Vec::new() };
        let all = [
            ("HTTP_PROXY", &proxies.http_proxy),
            ("HTTPS_PROXY", &proxies.https_proxy),
            ("NO_PROXY", &proxies.no_proxy),
            ("FTP_PROXY", &proxies.ftp_proxy),
            ("ALL_PROXY", &proxies.all_proxy),
        ];
        let given = all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        given
            .filter(|(_, value)| !value.is_empty())
            .flat_map(|(name, value)| [(name.to_owned(), value.clone()), (name.to_lowercase(), value)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_read_and_others_left_alone() {
        let config = ClientConfig::parse(
            r#"{"auths": {}, "detachKeys": "ctrl-x", "psFormat": "{{.ID}}",
                "proxies": {"default": {"httpProxy": "http://p:1", "noProxy": ""}}}"#,
        )
        .unwrap();
        assert_eq!(config.detach_keys.as_deref(), Some("ctrl-x"));
        let pairs = config.proxy_variables();
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["HTTP_PROXY", "http_proxy"]);
        let config =
            ClientConfig::parse(r#"{"pruneFilters": ["label!=keep", "label=a=b", "nosuch"]}"#).unwrap();
        let filters = |typed: &[(&str, &str)]| {
            let typed: Vec<_> = typed.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let all = config.with_prune_filters(&typed);
            all.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(filters(&[]), "label!=keep label=a=b");
        assert_eq!(filters(&[("until", "1h"), ("label", "keep")]), "until=1h label=keep label=a=b");
        assert_eq!(filters(&[("label!", "a=b")]), "label!=a=b label!=keep");
        assert_eq!(ClientConfig::parse(" ").unwrap(), ClientConfig::default());
        assert!(ClientConfig::parse("{").is_err());
    }
}
