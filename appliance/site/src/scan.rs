//! Finding the files of a folder that become pages, and refusing what cannot.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::path::{PagePath, PathError, is_reserved};

/// Largest file that a site may hold: 512 MiB.
pub const MAX_FILE: u64 = 512 * 1024 * 1024;
/// Deepest nesting of folders.
const MAX_DEPTH: usize = 128;
/// The one name with a leading dot that sites serve (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// A file that becomes a page.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path on the site.
    pub path: PagePath,
    /// Where it lies on the workstation.
    pub file: PathBuf,
    /// Its size in bytes.
    pub length: u64,
    /// Device and inode: what is opened later must still be this file.
    pub(crate) identity: (u64, u64),
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files to serve, sorted by path.
    pub files: Vec<Found>,
    /// Paths that are left out on purpose: reserved names, and names that begin with a dot (a folder counts once).
    pub left_out: Vec<String>,
    /// `_redirects` of the folder, if it has one.
    pub redirects: Option<PathBuf>,
    /// `_headers` of the folder, if it has one.
    pub headers: Option<PathBuf>,
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
            if is_hidden(&name) && !path.eq_ignore_ascii_case("/.holdfast") {
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
            } else if matches!(path.as_str(), "/_redirects" | "/_headers") {
                if !metadata.is_file() {
                    let way_out = "replace it by a copy of its target; links are not followed";
                    return Err(refused(&file, "is no plain file", way_out));
                }
                let place = match path.as_str() {
                    "/_headers" => &mut scan.headers,
                    _ => &mut scan.redirects,
                };
                *place = Some(file);
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

/// Version control, editors and secrets such as `.env` hide like this; none of them is meant for the world.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != WELL_KNOWN
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
        identity: (metadata.dev(), metadata.ino()),
    })
}

fn refused(path: &Path, reason: &str, way_out: &'static str) -> Error {
    Error::Refused {
        path: path.to_owned(),
        reason: reason.to_owned(),
        way_out,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_are_left_out_and_listed() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            ".git/config",
            ".well-known/security.txt",
            "a/.well-known/b",
            "a/.env",
            "index.html",
        ] {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, name).unwrap();
        }
        // Not even looked at: a link is refused elsewhere.
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join(".link")).unwrap();
        let found = scan(dir.path()).unwrap();
        let pages: Vec<_> = found.files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(
            pages,
            [
                "/.well-known/security.txt",
                "/a/.well-known/b",
                "/index.html"
            ]
        );
        assert_eq!(found.left_out, ["/.git", "/.link", "/a/.env"]);
    }
}
