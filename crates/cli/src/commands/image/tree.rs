//! `barque image tree`: layers drawn as a tree.

use std::fmt::Write as _;

use barque_image::Digest;
use barque_image::store::Node;

use super::rmi::familiar;
use super::search::shortened;
use super::{Images, told};
use crate::commands::Places;
use crate::flags::Parsed;
use crate::format::human_size;
use crate::{Result, console};

/// Width of the command that made a layer.
const WIDTH: usize = 60;

/// Draws the layers of images, each counted once.
pub(super) fn tree(flags: &Parsed, places: &Places) -> Result<i32> {
    let images = Images::open(places)?;
    let mut nodes = images.store.tree().map_err(told)?;
    if !flags.positional().is_empty() {
        let wanted = flags.positional().iter().map(|typed| Ok(images.find(typed)?.id().clone()));
        let wanted = wanted.collect::<Result<Vec<Digest>>>()?;
        nodes.retain_mut(|node| keep(node, &wanted));
    }
    let whole = flags.switch("no-trunc") || !rustix::termios::isatty(rustix::stdio::stdout());
    let mut text = String::new();
    for node in &nodes {
        draw(&mut text, node, "", whole);
    }
    let total: u64 = nodes.iter().map(Node::total).sum();
    let _ = writeln!(text, "{} in all", human_size(total, 4));
    console::out(&text);
    Ok(0)
}

/// Whether one of the images lies on a node; nodes beside them go.
fn keep(node: &mut Node, wanted: &[Digest]) -> bool {
    node.children.retain_mut(|child| keep(child, wanted));
    node.images.retain(|image| wanted.contains(&image.id));
    !node.children.is_empty() || !node.images.is_empty()
}

fn draw(text: &mut String, node: &Node, before: &str, whole: bool) {
    let id = if whole { node.diff_id.hex() } else { node.diff_id.short() };
    let by = node.created_by.as_deref().unwrap_or("");
    let by = if whole { by.replace(['\n', '\t'], " ") } else { shortened(by, WIDTH) };
    let _ = writeln!(text, "{}", format!("{id} {:>8}  {by}", human_size(node.size, 3)).trim_end());
    for image in &node.images {
        let names: Vec<String> = image.tags().map(familiar).collect();
        let names = if names.is_empty() { "<none>".to_owned() } else { names.join(", ") };
        let bar = if node.children.is_empty() { "  " } else { "│ " };
        let _ = writeln!(text, "{before}{bar}= {names} ({})", image.id.short());
    }
    for (index, child) in node.children.iter().enumerate() {
        let last = index + 1 == node.children.len();
        let _ = write!(text, "{before}{}", if last { "└─" } else { "├─" });
        draw(text, child, &format!("{before}{}", if last { "  " } else { "│ " }), whole);
    }
}
