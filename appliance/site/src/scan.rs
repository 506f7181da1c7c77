//! Finding the files of a folder that become pages, and refusing what cannot.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::path::{PagePath, PathError, is_reserved};

/// Largest file that a site may hold: 512 MiB.
pub const MAX_FILE: u64 = 512 * 1024 * 1024;
/// Deepest nesting of folders.
const MAX_DEPTH: usize = 128;
/// Folders of version control, which are never part of a site.
const NEVER_PAGES: [&str; 4] = [".git", ".hg", ".svn", ".DS_Store"];

/// A file that becomes a page.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path on the site.
    pub path: PagePath,
    /// Where it lies on the workstation.
    pub file: PathBuf,
    /// Its size in bytes.
    pub length: u64,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files to serve, sorted by path.
    pub files: Vec<Found>,
    /// Paths that are left out on purpose: reserved names and version control.
    pub left_out: Vec<String>,
}

/// Walks `dir` and lists what becomes a page.
///
/// # Errors
/// Names the first file that cannot be served: symbolic links, special files, names that are not UTF-8,
/// over-long paths, paths that differ only in case, files over [`MAX_FILE`], Holdfast's reserved folder.
pub fn scan(dir: &Path) -> Result<Scan, Error> {
    let mut scan = Scan::default();
    let mut folded: HashMap<String, PathBuf> = HashMap::new();
    let mut folders = vec![(dir.to_owned(), String::new(), 0_usize)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let read = |source| Error::Read {
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(read)? {
            let file = entry.map_err(read)?.path();
            let metadata = fs::symlink_metadata(&file).map_err(|source| Error::Read {
                path: file.clone(),
                source,
            })?;
            let name = segment(&file)?;
            let path = format!("{prefix}/{name}");
            if NEVER_PAGES.contains(&name.as_str()) {
                scan.left_out.push(path);
            } else if metadata.is_dir() {
                if is_reserved(&path) && !path.ends_with(".cedar") {
                    return Err(refused(
                        &file,
                        "has a name that Holdfast keeps for itself",
                        "rename the folder",
                    ));
                }
                if depth >= MAX_DEPTH {
                    return Err(refused(
                        &file,
                        "lies more than 128 folders deep",
                        "flatten the folder",
                    ));
                }
                folders.push((file, path, depth.saturating_add(1)));
            } else if is_reserved(&path) {
                scan.left_out.push(path);
            } else {
                let found = page(path, file, &metadata)?;
                if let Some(other) = folded.insert(found.path.folded(), found.file.clone()) {
                    let reason = format!("differs from `{}` only in case", other.display());
                    return Err(refused(&found.file, &reason, "rename one of the two"));
                }
                scan.files.push(found);
            }
        }
    }
    if scan.files.is_empty() {
        return Err(Error::Empty {
            path: dir.to_owned(),
        });
    }
    scan.files.sort_by(|a, b| a.path.cmp(&b.path));
    scan.left_out.sort();
    Ok(scan)
}

fn segment(file: &Path) -> Result<String, Error> {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| {
            refused(
                file,
                "has a name that is not UTF-8",
                "rename the file, for instance with `convmv`",
            )
        })?;
    Ok(name.to_owned())
}

fn page(path: String, file: PathBuf, metadata: &fs::Metadata) -> Result<Found, Error> {
    if metadata.is_symlink() {
        return Err(refused(
            &file,
            "is a symbolic link",
            "replace it by a copy of its target; links are not followed, so that none can publish a file from outside",
        ));
    }
    if !metadata.is_file() {
        return Err(refused(
            &file,
            "is neither a file nor a folder",
            "remove it from the folder",
        ));
    }
    if metadata.len() > MAX_FILE {
        return Err(refused(
            &file,
            "is larger than 512 MiB",
            "serve so large a file from elsewhere",
        ));
    }
    let path = PagePath::parse(&path).map_err(|why: PathError| {
        refused(
            &file,
            &format!("cannot become a page: its path {why}"),
            "rename the file or its folder",
        )
    })?;
    Ok(Found {
        path,
        file,
        length: metadata.len(),
    })
}

fn refused(path: &Path, reason: &str, way_out: &'static str) -> Error {
    Error::Refused {
        path: path.to_owned(),
        reason: reason.to_owned(),
        way_out,
    }
}
