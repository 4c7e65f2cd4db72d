//! The root file system, in a user namespace of its own.
//!
//! Each test runs this program again under unshare(1): mounts need CAP_SYS_ADMIN in a namespace, and a
//! fault must not reach the machine. `stage` is the part that runs inside.

use std::path::PathBuf;
use std::process::Command;

use coracle::container::spec::OverlayChoice;
use coracle::layer::store::{Expected, LayerStore};
use coracle::overlay::{self, MappedRange, Plan};
use serde::{Deserialize, Serialize};

const STAGE: &str = "CORACLE_OVERLAY_STAGE";

#[derive(Serialize, Deserialize)]
struct Stage {
    mode: OverlayChoice,
    /// Tars, lowest first.
    layers: Vec<PathBuf>,
    /// Holds the store, the container and the mount point.
    home: PathBuf,
    container: String,
    /// Runs with the mount point as ROOT.
    command: Vec<String>,
    ids: u32,
}

/// Mounts, runs the command, unmounts. Does nothing unless it was started for that.
#[test]
fn stage() {
    let Ok(plan) = std::env::var(STAGE) else { return };
    let stage: Stage = serde_json::from_str(&plan).unwrap();
    let config = coracle::config::Config {
        root: stage.home.join("store"),
        runtime: stage.home.join("run"),
        further_stores: Vec::new(),
        overlay: None,
    };
    let store = LayerStore::open(&config);
    std::fs::create_dir_all(config.layers()).unwrap();
    let chain: Vec<_> = stage
        .layers
        .iter()
        .map(|tar| store.ingest(std::fs::File::open(tar).unwrap(), &Expected::default()).unwrap().diff_id)
        .collect();
    let view = store.merged(&chain).unwrap();
    let container = stage.home.join(&stage.container);
    let target = stage.home.join("root");
    std::fs::create_dir_all(&container).unwrap();
    std::fs::create_dir_all(&target).unwrap();
    let ids = vec![MappedRange { inside: 0, count: stage.ids }];
    let plan = Plan {
        view,
        container,
        choice: stage.mode,
        uids: ids.clone(),
        gids: ids,
        unpacked_cache: stage.home.join("unpacked"),
        volatile: false,
    };
    let before = std::time::Instant::now();
    let root = overlay::mount(plan, &target).unwrap();
    eprintln!("mounted: {} after {:?}, {:?}", root.mode(), before.elapsed(), root.note());
    let status = Command::new(&stage.command[0]).args(&stage.command[1..]).env("ROOT", &target).status();
    let before = std::time::Instant::now();
    drop(root);
    eprintln!("unmounted after {:?}", before.elapsed());
    assert!(status.unwrap().success());
}
