//! A site made of the first files of a tree.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

/// A copy of files, to be pushed and changed.
pub struct Tree {
    /// The folder.
    pub dir: PathBuf,
    /// Paths in it, sorted, without a slash at the front.
    pub files: Vec<String>,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Tree {
    /// Copies the first `most` files of `from`, in the order of their paths. Links are followed to files and not to
    /// folders; what no site serves (names that begin with a dot or an underscore) is left out.
    pub fn copy(from: &Path, most: usize, dir: &Path) -> Result<Self, Failure> {
        let mut found = Vec::new();
        walk(from, "", &mut found)?;
        found.sort();
        found.truncate(most);
        if found.len() < most {
            return Err(format!(
                "{} has {} files, and {most} are asked for; name another tree, or fewer --files",
                from.display(),
                found.len()
            )
            .into());
        }
        let mut bytes = 0_u64;
        for path in &found {
            let to = dir.join(path);
            fs::create_dir_all(to.parent().unwrap_or(dir))?;
            // Not `copy`, which would take over that a file may not be written.
            let content = fs::read(from.join(path))?;
            bytes = bytes.saturating_add(content.len() as u64);
            fs::write(to, content)?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            files: found,
            bytes,
        })
    }

    /// The content that a path should have.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        Ok(fs::read(self.dir.join(path))?)
    }

    /// A page in the middle: one that holds text.
    pub fn some_page(&self) -> Result<&str, Failure> {
        let pages: Vec<_> = self
            .files
            .iter()
            .filter(|path| path.ends_with(".html"))
            .collect();
        let page = pages
            .get(pages.len() / 2)
            .ok_or("the tree has no .html file to change; name another tree")?;
        Ok(page)
    }
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(|error| {
        format!(
            "cannot read {}: {error}; name a folder of pages",
            folder.display()
        )
    })?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with(['.', '_'])) else {
            continue;
        };
        let path = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}/{name}")
        };
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &path, found)?;
        } else if fs::metadata(entry.path()).is_ok_and(|target| target.is_file()) {
            found.push(path);
        }
    }
    Ok(())
}

/// A path as it stands in a URL (RFC 3986, section 3.3).
pub fn encoded(path: &str) -> String {
    let mut url = String::with_capacity(path.len().saturating_add(1));
    url.push('/');
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_files_in_order_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        for path in ["b/a.html", "b/.hidden", "a.html", "c/d/e.css", "_headers"] {
            let file = from.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, path).unwrap();
        }
        std::os::unix::fs::symlink("a.html", from.join("aa.html")).unwrap();
        let tree = Tree::copy(&from, 3, &dir.path().join("to")).unwrap();
        assert_eq!(tree.files, ["a.html", "aa.html", "b/a.html"]);
        assert_eq!(tree.read("aa.html").unwrap(), b"a.html");
        assert_eq!((tree.bytes, tree.some_page().unwrap()), (20, "aa.html"));
        assert!(Tree::copy(&from, 5, &dir.path().join("more")).is_err());
    }

    #[test]
    fn a_path_is_encoded_for_a_url() {
        assert_eq!(encoded("a b/c%<ü>.html"), "/a%20b/c%25%3C%C3%BC%3E.html");
    }
}
