//! `cargo xtask book`: the handbook as a small web site.

mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::rules::{File, Tree, handbook};
use crate::{shell, tools};

/// What mdBook is told.
const CONFIGURATION: &str = "book.toml";
/// Files beside the pages that pages show.
const PICTURES: [&str; 2] = [".png", ".svg"];

/// Checks the pages' links, then builds the book into the target folder.
pub(crate) fn run() -> anyhow::Result<()> {
    let tree = Tree::read()?;
    let found =
        [handbook::links_lead_somewhere(&tree), handbook::every_page_has_its_place(&tree)].concat();
    for finding in &found {
        shell::say(&finding.to_string());
    }
    ensure!(found.is_empty(), "{} links or pages have no place", found.len());
    let mdbook = tools::mdbook()?;
    let target = shell::target_dir()?.join("book");
    let (source, site) = (target.join("source"), target.join("site"));
    if source.exists() {
        fs::remove_dir_all(&source).context("remove the pages of an earlier run")?;
    }
    lay_out(&tree, &source)?;
    let mut build = Command::new(mdbook);
    shell::run(build.arg("build").arg(&source).arg("--dest-dir").arg(&site))?;
    let first = site.join("index.html");
    ensure!(first.is_file(), "mdBook has written no `{}`", first.display());
    shell::say(&format!("the handbook begins at {}", first.display()));
    Ok(())
}

/// Writes the pages, their pictures and mdBook's configuration where mdBook looks for them.
fn lay_out(tree: &Tree, folder: &Path) -> anyhow::Result<()> {
    let summary = tree.files().iter().find(|file| file.path() == handbook::SUMMARY);
    let summary = summary.with_context(|| format!("there is no {}", handbook::SUMMARY))?;
    let book = stage::Book::of(summary.words());
    let source = folder.join("src");
    write(&source.join("SUMMARY.md"), &book.summary(summary.words())?)?;
    for file in tree.pages().filter(|file| book.has(file.path())) {
        write(&source.join(stage::name(file.path())), &book.page(file.path(), file.words())?)?;
    }
    let pictures = tree.files().iter().map(File::path);
    for path in pictures.filter(|path| PICTURES.iter().any(|ending| path.ends_with(ending))) {
        copy(&shell::root().join(path), &source.join(path))?;
    }
    copy(&shell::root().join(CONFIGURATION), &folder.join(CONFIGURATION))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    make_folder_of(path)?;
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn copy(from: &Path, to: &PathBuf) -> anyhow::Result<()> {
    make_folder_of(to)?;
    fs::copy(from, to).with_context(|| format!("copy {}", from.display()))?;
    Ok(())
}

fn make_folder_of(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))
}
