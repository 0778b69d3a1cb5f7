//! The files of one session, in a private directory that goes away with the session.
//!
//! Names come from the client and are checked before anything is written; the total size is limited.
//! A file is written once: the same content again is fine, another content under the same name is not.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::TempDir;
use vonk_common::limits::MAX_ARTIFACT_BYTES;
use vonk_common::{SparkError, SparkResult};

use crate::backend::{Artifact, ArtifactKind};
use crate::error::plain;

/// Longest name of an artifact, and of one component of it.
const MAX_NAME_BYTES: usize = 1024;
const MAX_COMPONENT_BYTES: usize = 255;
const CACHE: &str = "cache";

#[derive(Default)]
pub struct ArtifactStore {
    state: Mutex<State>,
    bytes: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    dir: Option<TempDir>,
    /// Path and size by name.
    files: HashMap<String, (PathBuf, Counted)>,
}

/// An artifact being received: written beside the others, under no name yet. Dropped, it is gone.
pub struct Staged {
    name: String,
    file: tempfile::NamedTempFile,
    size: Counted,
}

/// A share of the bytes that a session may have, given back when dropped.
struct Counted {
    total: Arc<AtomicUsize>,
    bytes: usize,
}

impl Counted {
    fn add(&mut self, bytes: usize) -> SparkResult<()> {
        self.bytes += bytes;
        if self.total.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_ARTIFACT_BYTES {
            return Err(plain(
                "java.io.IOException",
                format!("the artifacts of a session may take {MAX_ARTIFACT_BYTES} bytes at most"),
            ));
        }
        Ok(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl ArtifactStore {
    /// Starts to receive an artifact.
    pub fn stage(&self, name: &str) -> SparkResult<Staged> {
        check_name(name)?;
        let mut state = self.state.lock();
        let file = tempfile::NamedTempFile::new_in(state.dir()?).map_err(io)?;
        let size = Counted { total: Arc::clone(&self.bytes), bytes: 0 };
        Ok(Staged { name: name.to_string(), file, size })
    }

    /// Adds a piece to an artifact that is being received.
    pub fn append(&self, staged: &mut Staged, data: &[u8]) -> SparkResult<()> {
        staged.size.add(data.len())?;
        staged.file.write_all(data).map_err(io)
    }

    /// Puts a received artifact in its place. None: it was there already.
    pub fn commit(&self, staged: Staged) -> SparkResult<Option<Artifact>> {
        let (name, alias) = match staged.name.rsplit_once('#') {
            Some((name, alias)) if staged.name.starts_with("archives/") => (name.to_string(), Some(alias.to_string())),
            _ => (staged.name.clone(), None),
        };
        let mut state = self.state.lock();
        if let Some((path, size)) = state.files.get(&name) {
            let same = size.bytes == staged.size.bytes && same_content(path, staged.file.path()).map_err(io)?;
            if same || name.starts_with(CACHE) {
                return Ok(None);
            }
            return Err(SparkError::new("ARTIFACT_ALREADY_EXISTS").param("normalizedRemoteRelativePath", name));
        }
        let path = state.dir()?.join(&name);
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(io)?;
        }
        staged.file.persist(&path).map_err(|e| io(e.error))?;
        state.files.insert(name.clone(), (path.clone(), staged.size));
        Ok(Some(Artifact { kind: kind(&name), name, path, alias }))
    }

    /// Whether the client needs not send this block of data again. Only cached blocks are told.
    pub fn is_cached(&self, name: &str) -> bool {
        name.starts_with("cache/") && self.state.lock().files.contains_key(name)
    }

    /// A cached block of data by its hash.
    pub fn cached(&self, hash: &str) -> Option<Bytes> {
        let path = self.state.lock().files.get(&format!("{CACHE}/{hash}"))?.0.clone();
        fs::read(path).ok().map(Bytes::from)
    }

    /// A store with the same files.
    pub fn duplicate(&self) -> SparkResult<(ArtifactStore, Vec<Artifact>)> {
        let copy = ArtifactStore::default();
        let mut artifacts = vec![];
        let state = self.state.lock();
        for (name, (path, _)) in &state.files {
            let mut staged = copy.stage(name)?;
            copy.append(&mut staged, &fs::read(path).map_err(io)?)?;
            artifacts.extend(copy.commit(staged)?);
        }
        Ok((copy, artifacts))
    }
}

impl State {
    fn dir(&mut self) -> SparkResult<&Path> {
        if self.dir.is_none() {
            let private = fs::Permissions::from_mode(0o700);
            let dir = tempfile::Builder::new().prefix("vonk-session-").permissions(private).tempdir();
            self.dir = Some(dir.map_err(io)?);
        }
        self.dir.as_ref().map(TempDir::path).ok_or_else(|| SparkError::internal("no artifact directory"))
    }
}

/// A name is a relative path of plain components.
fn check_name(name: &str) -> SparkResult<()> {
    let plain_components = Path::new(name).components().all(|c| match c {
        Component::Normal(part) => part.len() <= MAX_COMPONENT_BYTES,
        _ => false,
    });
    let ok = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(['\0', '\\']) && plain_components;
    if !ok {
        return Err(SparkError::new("INVALID_ARTIFACT_PATH").param("name", name.replace('\0', "\\0")));
    }
    // An archive may name the directory it is unpacked to: that is a plain name, too.
    if let Some((_, "" | "." | "..")) = name.rsplit_once('#') {
        return Err(SparkError::new("INVALID_ARTIFACT_PATH").param("name", name));
    }
    if name.starts_with("forward_to_fs/") {
        return Err(SparkError::unsupported("uploading to a path of the server's file system"));
    }
    Ok(())
}

fn kind(name: &str) -> ArtifactKind {
    match name.split('/').next().unwrap_or_default() {
        "pyfiles" => ArtifactKind::PyFile,
        "archives" => ArtifactKind::Archive,
        "files" => ArtifactKind::File,
        "jars" | "classes" => ArtifactKind::Jvm,
        CACHE => ArtifactKind::Cache,
        _ => ArtifactKind::Other,
    }
}

fn same_content(a: &Path, b: &Path) -> std::io::Result<bool> {
    Ok(fs::read(a)? == fs::read(b)?)
}

fn io(error: std::io::Error) -> SparkError {
    plain("java.io.IOException", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &ArtifactStore, name: &str, data: &[u8]) -> SparkResult<Option<Artifact>> {
        let mut staged = store.stage(name)?;
        store.append(&mut staged, data)?;
        store.commit(staged)
    }

    #[test]
    fn names_cannot_leave_the_directory() {
        let long = "x".repeat(2000);
        for name in ["../x", "/etc/x", "files/../../x", "a\0b", "", "a\\b", "./x", "archives/a.zip#..", &long] {
            let refused = ArtifactStore::default().stage(name).err();
            assert_eq!(refused.as_ref().map(|e| e.class()), Some("INVALID_ARTIFACT_PATH"), "{name}");
        }
    }

    #[test]
    fn files_are_private_written_once_and_gone_at_the_end() -> SparkResult<()> {
        let store = ArtifactStore::default();
        let Some(file) = put(&store, "files/a.txt", b"abc")? else { return Err(SparkError::internal("none")) };
        assert_eq!(file.kind, ArtifactKind::File);
        let root = file.path.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
        let mode = fs::metadata(&root).map(|m| m.permissions().mode() & 0o777);
        assert!(mode.is_ok_and(|m| m == 0o700));
        assert_eq!(put(&store, "files/a.txt", b"abc"), Ok(None));
        assert!(put(&store, "files/a.txt", b"abd").is_err_and(|e| e.class() == "ARTIFACT_ALREADY_EXISTS"));
        put(&store, "cache/h", b"data")?;
        assert!(store.is_cached("cache/h") && !store.is_cached("files/a.txt"));
        let (copy, artifacts) = store.duplicate()?;
        assert_eq!((copy.cached("h").as_deref(), artifacts.len()), (Some(&b"data"[..]), 2));
        drop(store);
        assert!(!root.exists());
        Ok(())
    }
}
