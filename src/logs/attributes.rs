//! What goes into every entry beside its text: labels and variables by name or pattern, and a tag made
//! from a template of the container's facts.

use std::collections::BTreeMap;

use regex::Regex;

use super::options::{OptionError, Options, invalid};

pub(super) const OPTIONS: [&str; 5] = ["labels", "labels-regex", "env", "env-regex", "tag"];

/// The container, as far as a log can speak of it.
#[derive(Debug, Clone, Default)]
pub struct About<'a> {
    pub id: &'a str,
    pub name: &'a str,
    /// Hexadecimal.
    pub image_id: &'a str,
    /// As typed.
    pub image_name: &'a str,
    pub command: &'a [String],
    /// The image's and its own.
    pub labels: BTreeMap<String, String>,
    pub env: Vec<(String, String)>,
}

pub(super) fn check(options: &Options) -> Result<(), OptionError> {
    json(options, &About::default()).map(drop)
}

/// The attributes as a JSON object; nothing where there are none.
pub(super) fn json(options: &Options, about: &About<'_>) -> Result<Vec<u8>, OptionError> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    let names = |option: &str| options.get(option).map_or("", String::as_str).split(',');
    for (name, value) in names("labels").filter_map(|name| about.labels.get_key_value(name)) {
        found.insert(name, value.clone());
    }
    if let Some(pattern) = pattern(options, "labels-regex")? {
        let matching = about.labels.iter().filter(|(name, _)| pattern.is_match(name));
        found.extend(matching.map(|(name, value)| (name.as_str(), value.clone())));
    }
    // Of a variable that is set twice the last counts.
    let env: BTreeMap<&str, &String> = about.env.iter().map(|(name, value)| (name.as_str(), value)).collect();
    for (name, value) in names("env").filter_map(|name| env.get_key_value(name)) {
        found.insert(name, value.to_string());
    }
    if let Some(pattern) = pattern(options, "env-regex")? {
        let matching = env.iter().filter(|(name, _)| pattern.is_match(name));
        found.extend(matching.map(|(name, value)| (*name, value.to_string())));
    }
    if let Some(template) = options.get("tag").filter(|template| !template.is_empty()) {
        found.insert("tag", tag(template, about)?);
    }
    match found.is_empty() {
        true => Ok(Vec::new()),
        false => Ok(serde_json::to_vec(&found).expect("a map of texts is JSON")),
    }
}

fn pattern(options: &Options, name: &str) -> Result<Option<Regex>, OptionError> {
    let Some(text) = options.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    match Regex::new(text) {
        Ok(pattern) => Ok(Some(pattern)),
        Err(error) => invalid(format!("log-opt {name}: {error}")),
    }
}

/// Docker's markers. Nothing else of Go's templates has a use here.
fn tag(template: &str, about: &About<'_>) -> Result<String, OptionError> {
    let short = |id: &str| id.get(..12).unwrap_or(id).to_owned();
    let mut out = String::new();
    let mut rest = template;
    while let Some((text, tail)) = rest.split_once("{{") {
        let Some((marker, tail)) = tail.split_once("}}") else {
            return invalid(format!("log-opt tag: unclosed action in {template}"));
        };
        out.push_str(text);
        rest = tail;
        let Some(field) = marker.trim().strip_prefix('.') else {
            return invalid(format!(
                "log-opt tag: only fields like {{{{.Name}}}} are understood, not {{{{{marker}}}}}"
            ));
        };
        out.push_str(&match field {
            "ID" => short(about.id),
            "FullID" | "ContainerID" => about.id.to_owned(),
            "Name" => about.name.to_owned(),
            "ContainerName" => format!("/{}", about.name),
            "ImageID" => short(about.image_id),
            "ImageFullID" | "ContainerImageID" => format!("sha256:{}", about.image_id),
            "ImageName" | "ContainerImageName" => about.image_name.to_owned(),
            "Command" => about.command.join(" "),
            // What tags of Docker's containers say.
            "DaemonName" => "docker".to_owned(),
            "Hostname" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
            _ => return invalid(format!("log-opt tag: no {{{{.{field}}}}} there")),
        });
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About<'static> {
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        About {
            id: "0123456789abcdef",
            name: "web",
            image_id: "fedcba9876543210",
            image_name: "nginx:1",
            labels: map(&[("a", "1"), ("com.x", "2"), ("com.y", "3")]),
            env: vec![
                ("HOME".into(), "/old".into()),
                ("HOME".into(), "/root".into()),
                ("PATH".into(), "/bin".into()),
            ],
            ..About::default()
        }
    }

    #[test]
    fn attributes_are_chosen_by_name_and_by_pattern() {
        for (pairs, want) in [
            (&[("labels", "a,nosuch")][..], r#"{"a":"1"}"#),
            (&[("labels-regex", "^com\\.")], r#"{"com.x":"2","com.y":"3"}"#),
            (&[("env", "HOME")], r#"{"HOME":"/root"}"#),
            (&[("env-regex", "A"), ("labels", "a")], r#"{"PATH":"/bin","a":"1"}"#),
            (&[("tag", "{{.Name}}/{{ .ID }}")], r#"{"tag":"web/0123456789ab"}"#),
            (&[("labels", "nosuch")], ""),
            (&[("tag", "")], ""),
        ] {
            let options = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            assert_eq!(String::from_utf8(json(&options, &about()).unwrap()).unwrap(), want);
        }
    }

    #[test]
    fn tags_have_dockers_markers() {
        for (template, want) in [
            ("plain", "plain"),
            ("{{.FullID}}", "0123456789abcdef"),
            ("{{.ImageName}} {{.ImageID}} {{.ImageFullID}}", "nginx:1 fedcba987654 sha256:fedcba9876543210"),
            ("{{.DaemonName}}-{{.ContainerName}}", "docker-/web"),
        ] {
            assert_eq!(tag(template, &about()).unwrap(), want);
        }
        assert!(tag("{{.Name", &about()).is_err());
    }
}
