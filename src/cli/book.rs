//! Every command there is.

use super::help;
use super::verb::Entry;
use super::{
    attach, commit, completion, cp, create, df, diff, events, exec, exists, export, healthcheck, history,
    images, import, info, inspect, kill, load, logs, mount, pause, port, prune, ps, pull, push, rename,
    reset, restart, rm, rmi, run, save, secret, start, stats, stop, tag, top, ui, unshare, untag, update,
    verb, version, volume, volume_archive, wait,
};

/// In the order of the overview.
pub static ENTRIES: &[Entry] = &[
    Entry::of::<run::Run>(),
    Entry::of::<exec::Exec>(),
    Entry::of::<ps::Ps>(),
    Entry::of::<pull::Pull>(),
    Entry::of::<push::Push>(),
    Entry::of::<images::Images>(),
    Entry::of::<version::Version>(),
    Entry::of::<info::Info>(),
    Entry::of::<attach::Attach>(),
    Entry::of::<commit::Commit>(),
    Entry::of::<cp::Cp>(),
    Entry::of::<create::Create>(),
    Entry::of::<events::Events>(),
    Entry::of::<diff::Diff>(),
    Entry::of::<export::Export>(),
    Entry::of::<healthcheck::HealthcheckRun>(),
    Entry::of::<history::History>(),
    Entry::of::<import::Import>(),
    Entry::of::<inspect::Inspect>(),
    Entry::of::<inspect::ContainerInspect>(),
    Entry::of::<inspect::ImageInspect>(),
    Entry::of::<exists::ContainerExists>(),
    Entry::of::<exists::ImageExists>(),
    Entry::of::<prune::ContainerPrune>(),
    Entry::of::<prune::ImagePrune>(),
    Entry::of::<prune::SystemPrune>(),
    Entry::of::<reset::SystemReset>(),
    Entry::of::<df::SystemDf>(),
    Entry::of::<kill::Kill>(),
    Entry::of::<load::Load>(),
    Entry::of::<logs::Logs>(),
    Entry::of::<mount::Mount>(),
    Entry::of::<mount::Unmount>(),
    Entry::of::<mount::ImageMount>(),
    Entry::of::<mount::ImageUnmount>(),
    Entry::of::<mount::VolumeMount>(),
    Entry::of::<mount::VolumeUnmount>(),
    Entry::of::<pause::Pause>(),
    Entry::of::<port::Port>(),
    Entry::of::<rename::Rename>(),
    Entry::of::<restart::Restart>(),
    Entry::of::<rm::Rm>(),
    Entry::of::<rmi::Rmi>(),
    Entry::of::<save::Save>(),
    Entry::of::<start::Start>(),
    Entry::of::<stats::Stats>(),
    Entry::of::<stop::Stop>(),
    Entry::of::<tag::Tag>(),
    Entry::of::<top::Top>(),
    Entry::of::<pause::Unpause>(),
    Entry::of::<unshare::Unshare>(),
    Entry::of::<untag::Untag>(),
    Entry::of::<update::Update>(),
    Entry::of::<wait::Wait>(),
    Entry::of::<secret::SecretCreate>(),
    Entry::of::<exists::SecretExists>(),
    Entry::of::<secret::SecretInspect>(),
    Entry::of::<secret::SecretLs>(),
    Entry::of::<secret::SecretRm>(),
    Entry::of::<volume::VolumeCreate>(),
    Entry::of::<exists::VolumeExists>(),
    Entry::of::<volume_archive::VolumeExport>(),
    Entry::of::<volume_archive::VolumeImport>(),
    Entry::of::<volume::VolumeInspect>(),
    Entry::of::<volume::VolumeLs>(),
    Entry::of::<prune::VolumePrune>(),
    Entry::of::<volume::VolumeRm>(),
    Entry::of::<completion::Completion>(),
];

/// Commands that only make sense in the overview's first block.
const COMMON: &[&str] = &["run", "exec", "ps", "pull", "push", "images", "version", "info"];

/// Groups and what they are for.
pub const GROUPS: &[(&str, &str)] = &[
    ("container", "Manage containers"),
    ("healthcheck", "Manage health checks"),
    ("image", "Manage images"),
    ("secret", "Manage secrets"),
    ("system", "Manage coracle"),
    ("volume", "Manage volumes"),
];

/// Commands of Docker that coracle does not have yet: named, so that nobody takes them for a typo.
const PLANNED: &[&str] = &[
    "build",
    "builder",
    "buildx",
    "checkpoint",
    "compose",
    "config",
    "context",
    "login",
    "logout",
    "manifest",
    "network",
    "node",
    "plugin",
    "search",
    "service",
    "stack",
    "swarm",
    "trust",
    "image build",
    "system dial-stdio",
];

/// Commands of Docker that mean nothing here, and why.
const REFUSED: &[(&str, &str)] =
    &[("volume update", "only volumes of a cluster can be updated, and here all are local")];

/// The entry that answers to `path` (`ps`, `container ls`).
pub fn find(path: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.names.contains(&path))
}

pub fn is_group(word: &str) -> bool {
    GROUPS.iter().any(|(name, _)| *name == word)
}

/// Why a command of Docker's will never be there.
pub fn refusal(path: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(name, _)| *name == path).map(|(_, why)| *why)
}

pub fn is_planned(path: &str) -> bool {
    PLANNED.contains(&path)
}

/// Name and purpose of what is shown in the list of a group, each entry once, by its first name there.
pub fn members(group: &str) -> Vec<(&'static str, &'static str)> {
    let prefix = format!("{group} ");
    let mut members: Vec<_> = ENTRIES
        .iter()
        .filter_map(|e| Some((e.names.iter().find_map(|n| n.strip_prefix(prefix.as_str()))?, summary(e))))
        .collect();
    members.sort_unstable();
    members
}

fn summary(entry: &Entry) -> &'static str {
    entry.about.lines().next().unwrap_or_default()
}

pub fn group_help(program: &str, group: &str) -> String {
    let about = GROUPS.iter().find(|(name, _)| *name == group).map_or("", |(_, about)| about);
    help::group(program, group, about, &members(group))
}

/// The help of the whole.
pub fn overview(program: &str) -> String {
    let short = |entry: &'static Entry| entry.names.iter().find(|name| !name.contains(' ')).copied();
    let common: Vec<_> = COMMON.iter().filter_map(|name| Some((*name, summary(find(name)?)))).collect();
    let mut others: Vec<_> = ENTRIES
        .iter()
        .filter_map(|entry| Some((short(entry)?, summary(entry))))
        .filter(|(name, _)| !COMMON.contains(name))
        .collect();
    others.sort_unstable();
    let mut out = format!("Usage:  {program} [OPTIONS] COMMAND\n\nContainers for a person who is not root\n");
    for (title, commands) in
        [("Common Commands", &common), ("Management Commands", &GROUPS.to_vec()), ("Commands", &others)]
    {
        out.push_str(&format!("\n{title}:\n{}", help::list(commands)));
    }
    out.push_str(&format!("\nGlobal Options:\n{}", help::flags(&verb::globals(), ui::terminal::width())));
    out.push_str(&format!("\nRun '{program} COMMAND --help' for more information on a command.\n"));
    out
}
