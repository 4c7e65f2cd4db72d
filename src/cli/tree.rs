//! `images --tree`: each image with its names, and below it its platform.

use std::collections::HashSet;

use unicode_width::UnicodeWidthStr;

use super::failure::Result;
use super::ui::terminal;
use super::ui::units::human_size;
use crate::engine::Engine;
use crate::image::{Image, Platform, Reference};

/// One line of the tree.
#[derive(Debug, PartialEq)]
struct Line {
    name: String,
    /// Id, disk usage, content size, extra; nothing beside a name that another follows.
    details: Option<[String; 4]>,
}

const TITLES: [&str; 4] = ["ID", "DISK USAGE", "CONTENT SIZE", "EXTRA"];
const WIDTHS: [usize; 4] = [12, 10, 12, 5];
const SPACING: &str = "   ";
/// Narrower is no name.
const NARROWEST: usize = 12;
const LEGEND: &str = "i Info →   U  In Use";

/// The images as a tree. A name is only cut short where a terminal has no room for it.
pub fn draw(engine: &Engine, images: &[&Image], shows: impl Fn(&Reference) -> bool) -> Result<String> {
    let used: HashSet<_> = engine.images_in_use()?.into_iter().map(|user| user.image.id).collect();
    let blocks: Vec<Vec<Line>> = images
        .iter()
        .map(|image| {
            let names = image.names.iter().filter(|name| name.tag.is_some() && shows(name));
            // Bytes that travel: what the manifest says of its config and layers.
            let content = engine.images.manifest(&image.manifest).map_or(0, |(_, manifest)| {
                manifest.config.size + manifest.layers.iter().map(|layer| layer.size).sum::<u64>()
            });
            block(image, names.map(Reference::familiar).collect(), content, used.contains(&image.id))
        })
        .collect();
    let width = terminal::stdout_is_terminal().then(terminal::width);
    Ok(lay_out(&blocks, width))
}

fn block(image: &Image, mut names: Vec<String>, content: u64, is_used: bool) -> Vec<Line> {
    if names.is_empty() {
        names.push("<untagged>".to_owned());
    }
    let config = &image.config;
    let platform = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
    let details = |id: String| {
        let extra = if is_used { "U" } else { "" };
        Some([id, human_size(image.size, 3), human_size(content, 3), extra.to_owned()])
    };
    let last = names.len() - 1;
    let mut lines: Vec<Line> = names
        .into_iter()
        .enumerate()
        .map(|(at, name)| Line { name, details: if at == last { details(image.id.short()) } else { None } })
        .collect();
    lines.push(Line { name: format!("└─ {platform}"), details: details(image.manifest.short()) });
    lines
}

/// `width`: of the terminal.
fn lay_out(blocks: &[Vec<Line>], width: Option<usize>) -> String {
    let widest = blocks.iter().flatten().map(|line| line.name.width()).max().unwrap_or(0).max("IMAGE".len());
    let (names, columns) = match width {
        None => (widest, WIDTHS.len()),
        Some(width) => fit(width, widest),
    };
    let mut text = match width {
        Some(width) => format!("{}{LEGEND}\n", " ".repeat(width.saturating_sub(LEGEND.width()))),
        None => String::new(),
    };
    let mut line = |name: &str, details: Option<[&str; 4]>| {
        let mut line = padded(&cut(name, names), names);
        for (at, detail) in details.iter().flatten().enumerate().take(columns) {
            let blanks = " ".repeat(WIDTHS[at].saturating_sub(detail.width()));
            line += SPACING;
            // Sizes stand to the right.
            line += &if matches!(at, 1 | 2) { blanks + detail } else { (*detail).to_owned() + &blanks };
        }
        text += line.trim_end();
        text.push('\n');
    };
    line("IMAGE", Some(TITLES));
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 {
            line("", None);
        }
        for one in block {
            line(&one.name, one.details.as_ref().map(|details| details.each_ref().map(String::as_str)));
        }
    }
    text
}

/// How wide names may be, and how many columns stand beside them.
fn fit(width: usize, widest: usize) -> (usize, usize) {
    let mut left = width;
    let mut columns = 0;
    for column in WIDTHS {
        let needed = column + SPACING.len();
        if left < needed + NARROWEST {
            break;
        }
        left -= needed;
        columns += 1;
    }
    (left.max(NARROWEST).min(widest), columns)
}

fn cut(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    name.chars().take(width.saturating_sub(3)).collect::<String>() + "..."
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, details: Option<[&str; 4]>) -> Line {
        Line { name: name.to_owned(), details: details.map(|details| details.map(str::to_owned)) }
    }

    fn blocks() -> Vec<Vec<Line>> {
        vec![
            vec![
                line("busybox:1", None),
                line("busybox:latest", Some(["0123456789ab", "4.5MB", "2.1MB", "U"])),
                line("└─ linux/amd64", Some(["ba9876543210", "4.5MB", "2.1MB", "U"])),
            ],
            vec![line("<untagged>", Some(["222222222222", "1MB", "500kB", ""]))],
        ]
    }

    #[test]
    fn a_tree_stands_in_columns() {
        assert_eq!(
            lay_out(&blocks(), None),
            "IMAGE            ID             DISK USAGE   CONTENT SIZE   EXTRA\n\
             busybox:1\n\
             busybox:latest   0123456789ab        4.5MB          2.1MB   U\n\
             └─ linux/amd64   ba9876543210        4.5MB          2.1MB   U\n\
             \n\
             <untagged>       222222222222          1MB          500kB\n"
        );
    }

    #[test]
    fn a_narrow_terminal_loses_columns_and_then_ends_of_names() {
        assert_eq!(fit(80, 14), (14, 4));
        assert_eq!(fit(80, 100), (29, 4));
        assert_eq!(fit(45, 100), (17, 2));
        assert_eq!(fit(10, 100), (12, 0));
        let text = lay_out(&blocks(), Some(27));
        assert!(
            text.contains("\nIMAGE          ID\n") && text.contains("\nbusybox:l...   0123456789ab\n"),
            "{text}"
        );
        assert!(text.starts_with("       i Info →   U  In Use\n"), "{text}");
    }
}
