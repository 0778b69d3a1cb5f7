//! Places of files: URIs as Spark writes them, listing, globs, and the operations that writers need.
//!
//! `file:` paths go straight to the file system (so that every name is possible and empty folders
//! are seen), others through an object store. Object stores have no folders: one exists when a key
//! lies below it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::spark_error;

/// `file:/a/b` of an absolute path.
pub fn local_uri(path: &Path) -> String {
    format!("file:{}", path.display())
}

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// `file`, `s3`, …
    pub scheme: String,
    /// Bucket or host; empty for `file`.
    pub host: String,
    /// Absolute, not percent-encoded, without a slash at the end.
    pub path: String,
}

/// A file that was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    pub place: Place,
    pub size: u64,
    /// Milliseconds since the epoch.
    pub modified: i64,
}

impl fmt::Display for Place {
    /// As Spark shows it: `file:/a/b`, `s3://bucket/key`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme.as_str() {
            "file" => write!(f, "file:{}", if self.path.is_empty() { "/" } else { &self.path }),
            _ => write!(f, "{}://{}{}", self.scheme, self.host, self.path),
        }
    }
}

impl Place {
    /// Reads a path or URI; a path without a scheme is local, a relative one starts here.
    pub fn parse(text: &str) -> SparkResult<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SparkError::new("INVALID_EMPTY_LOCATION").param("location", text));
        }
        let scheme_end = text.find(':').filter(|at| {
            let head = &text[..*at];
            head.len() > 1 && head.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        });
        let (scheme, rest) = match scheme_end {
            Some(at) => (text[..at].to_ascii_lowercase(), &text[at + 1..]),
            None => ("file".into(), text),
        };
        if scheme == "file" {
            let rest = rest.strip_prefix("///").map_or(rest, |_| &rest[2..]);
            let absolute = std::path::absolute(rest).map_err(|e| SparkError::internal(format!("path {rest}: {e}")))?;
            return Ok(Place { scheme, host: String::new(), path: normal(&absolute.to_string_lossy()) });
        }
        let rest = rest.trim_start_matches('/');
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let scheme = if scheme == "s3a" || scheme == "s3n" { "s3".into() } else { scheme };
        Ok(Place { scheme, host: host.into(), path: normal(&format!("/{path}")) })
    }

    pub fn is_local(&self) -> bool {
        self.scheme == "file"
    }

    pub fn local(&self) -> PathBuf {
        PathBuf::from(if self.path.is_empty() { "/" } else { &self.path })
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub fn parent(&self) -> Option<Place> {
        let (parent, _) = self.path.rsplit_once('/')?;
        Some(Place { path: parent.into(), ..self.clone() })
    }

    pub fn join(&self, child: &str) -> Place {
        Place { path: format!("{}/{child}", self.path), ..self.clone() }
    }

    /// Equal to `other` or below it.
    pub fn is_within(&self, other: &Place) -> bool {
        self.scheme == other.scheme
            && self.host == other.host
            && self.path.strip_prefix(&other.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The parts of the path below `base`.
    pub fn below<'a>(&'a self, base: &Place) -> Option<impl Iterator<Item = &'a str>> {
        self.is_within(base).then(|| self.path[base.path.len()..].split('/').filter(|s| !s.is_empty()))
    }

    /// The key in the object store.
    pub fn key(&self) -> SparkResult<Key> {
        let parts = self.path.split('/').filter(|p| !p.is_empty());
        Ok(if self.is_local() { Key::from_absolute_path(self.local()).map_err(store_error)? } else { parts.collect() })
    }

    pub fn store_url(&self) -> SparkResult<ObjectStoreUrl> {
        let url = if self.is_local() { "file://".to_string() } else { format!("{}://{}", self.scheme, self.host) };
        ObjectStoreUrl::parse(url).map_err(spark_error)
    }
}

/// Without repeated slashes, `.`, `..` and a slash at the end.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = vec![];
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            p => parts.push(p),
        }
    }
    parts.iter().flat_map(|p| ["/", p]).collect()
}

pub fn store_error(e: impl fmt::Display) -> SparkError {
    SparkError::internal(format!("storage: {e}"))
}

pub fn path_not_found(place: &Place) -> SparkError {
    SparkError::new("PATH_NOT_FOUND").param("path", place)
}

/// The file systems of a server.
#[derive(Debug, Clone)]
pub struct Files {
    runtime: Arc<RuntimeEnv>,
}

impl Files {
    pub fn new(runtime: Arc<RuntimeEnv>) -> Self {
        Files { runtime }
    }

    /// The object store of a place; those of S3 are made on first use, with the credentials of the
    /// environment.
    pub fn store(&self, place: &Place) -> SparkResult<Arc<dyn ObjectStore>> {
        let url = place.store_url()?;
        if let Ok(store) = self.runtime.object_store(&url) {
            return Ok(store);
        }
        if place.scheme != "s3" {
            return Err(SparkError::unsupported(format!("the file system {}", place.scheme)));
        }
        let builder = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(&place.host);
        let store: Arc<dyn ObjectStore> = Arc::new(builder.build().map_err(store_error)?);
        self.runtime.register_object_store(url.as_ref(), Arc::clone(&store));
        Ok(store)
    }

    /// Is there a file or folder?
    pub async fn exists(&self, place: &Place) -> SparkResult<bool> {
        if place.is_local() {
            return Ok(place.local().symlink_metadata().is_ok());
        }
        let store = self.store(place)?;
        let key = place.key()?;
        if store.head(&key).await.is_ok() {
            return Ok(true);
        }
        Ok(store.list(Some(&key)).try_next().await.map_err(store_error)?.is_some())
    }

    /// The file itself, or what lies in the folder: (files, folders), each in order of names.
    pub async fn list(&self, place: &Place) -> SparkResult<(Vec<FileEntry>, Vec<Place>)> {
        let (mut files, mut folders) = (vec![], vec![]);
        if place.is_local() {
            let io = |e: std::io::Error| match e.kind() {
                std::io::ErrorKind::NotFound => path_not_found(place),
                _ => store_error(format!("{place}: {e}")),
            };
            let path = place.local();
            let metadata = path.metadata().map_err(io)?;
            if !metadata.is_dir() {
                return Ok((vec![entry(place.clone(), &metadata)], vec![]));
            }
            for child in path.read_dir().map_err(io)? {
                let child = child.map_err(io)?;
                let place = place.join(&child.file_name().to_string_lossy());
                match child.path().metadata() {
                    Ok(m) if m.is_dir() => folders.push(place),
                    Ok(m) => files.push(entry(place, &m)),
                    // Deleted between the two calls.
                    Err(_) => {}
                }
            }
        } else {
            let store = self.store(place)?;
            let key = place.key()?;
            if let Ok(meta) = store.head(&key).await {
                return Ok((vec![remote(place.clone(), &meta)], vec![]));
            }
            let listed = store.list_with_delimiter(Some(&key)).await.map_err(store_error)?;
            let at = |key: &Key| Place { path: format!("/{key}"), ..place.clone() };
            files.extend(listed.objects.iter().map(|m| remote(at(&m.location), m)));
            folders.extend(listed.common_prefixes.iter().map(at));
        }
        files.sort_by(|a, b| a.place.cmp(&b.place));
        folders.sort();
        Ok((files, folders))
    }

    /// All places that a path with wildcards (`*`, `?`, `[a-z]`, `{a,b}`) stands for, in order.
    pub async fn glob(&self, pattern: &Place) -> SparkResult<Vec<Place>> {
        let mut out = vec![];
        for path in expand_braces(&pattern.path) {
            let mut found = vec![Place { path: String::new(), ..pattern.clone() }];
            for part in path.split('/').filter(|p| !p.is_empty()) {
                let mut next = vec![];
                if !is_glob(part) {
                    for place in found {
                        next.push(place.join(part));
                    }
                } else {
                    let wanted = glob::Pattern::new(&part.replace("[^", "[!")).map_err(store_error)?;
                    for place in found {
                        let Ok((files, folders)) = self.list(&place).await else { continue };
                        let children = folders.into_iter().chain(files.into_iter().map(|f| f.place));
                        next.extend(
                            children.filter(|c| c.is_within(&place) && *c != place && wanted.matches(c.name())),
                        );
                    }
                }
                found = next;
            }
            for place in found {
                if self.exists(&place).await? {
                    out.push(place);
                }
            }
        }
        out.sort();
        out.dedup();
        Ok(out)
    }

    /// Makes a folder and those above it.
    pub async fn make_folder(&self, place: &Place) -> SparkResult<()> {
        if place.is_local() {
            std::fs::create_dir_all(place.local()).map_err(|e| store_error(format!("{place}: {e}")))?;
        }
        Ok(())
    }

    /// Moves a file, over another of that name if there is one.
    pub async fn rename(&self, from: &Place, to: &Place) -> SparkResult<()> {
        if from.is_local() && to.is_local() {
            if let Some(parent) = to.parent() {
                self.make_folder(&parent).await?;
            }
            return std::fs::rename(from.local(), to.local()).map_err(|e| store_error(format!("{to}: {e}")));
        }
        self.store(from)?.rename(&from.key()?, &to.key()?).await.map_err(store_error)
    }

    /// Writes a small file.
    pub async fn put(&self, place: &Place, data: Vec<u8>) -> SparkResult<()> {
        if place.is_local() {
            if let Some(parent) = place.parent() {
                self.make_folder(&parent).await?;
            }
            return std::fs::write(place.local(), data).map_err(|e| store_error(format!("{place}: {e}")));
        }
        self.store(place)?.put(&place.key()?, data.into()).await.map_err(store_error)?;
        Ok(())
    }

    /// Reads a whole file.
    pub async fn get(&self, place: &Place) -> SparkResult<bytes::Bytes> {
        if place.is_local() {
            return std::fs::read(place.local()).map(Into::into).map_err(|e| store_error(format!("{place}: {e}")));
        }
        let got = self.store(place)?.get(&place.key()?).await.map_err(store_error)?;
        got.bytes().await.map_err(store_error)
    }

    /// Removes a file, or a folder with all in it; nothing to do when it is not there.
    pub async fn remove(&self, place: &Place) -> SparkResult<()> {
        if place.is_local() {
            let path = place.local();
            let gone = match path.symlink_metadata() {
                Ok(m) if m.is_dir() => std::fs::remove_dir_all(&path),
                Ok(_) => std::fs::remove_file(&path),
                Err(_) => Ok(()),
            };
            return match gone {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(store_error(format!("{place}: {e}"))),
                _ => Ok(()),
            };
        }
        let store = self.store(place)?;
        let key = place.key()?;
        let below: Vec<ObjectMeta> = store.list(Some(&key)).try_collect().await.map_err(store_error)?;
        for meta in below {
            store.delete(&meta.location).await.map_err(store_error)?;
        }
        match store.delete(&key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(store_error(e)),
        }
    }

    /// Removes a local folder if nothing is left in it.
    pub fn remove_if_empty(&self, place: &Place) {
        if place.is_local() {
            // Fails when something is in it, which is meant.
            let _ = std::fs::remove_dir(place.local());
        }
    }
}

fn entry(place: Place, metadata: &std::fs::Metadata) -> FileEntry {
    let modified = metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    FileEntry { place, size: metadata.len(), modified: modified.map_or(0, |d| d.as_millis() as i64) }
}

fn remote(place: Place, meta: &ObjectMeta) -> FileEntry {
    FileEntry { place, size: meta.size, modified: meta.last_modified.timestamp_millis() }
}

/// Does the path hold wildcards?
pub fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// `a{b,c}d` as `abd` and `acd`; nested braces from the outside in.
fn expand_braces(path: &str) -> Vec<String> {
    let Some(open) = path.find('{') else { return vec![path.to_string()] };
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for (at, c) in path[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match (c, depth) {
            ('}', 0) => {
                let (head, tail) = (&path[..open], &path[open + at + 1..]);
                return parts.iter().flat_map(|p| expand_braces(&format!("{head}{p}{tail}"))).collect();
            }
            (',', 1) => parts.push(String::new()),
            ('{', 1) => {}
            (c, _) => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    vec![path.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_shown_as_spark_does() -> SparkResult<()> {
        for text in ["file:/a/b/", "file:///a/./b", "/a/x/../b"] {
            assert_eq!(Place::parse(text)?.to_string(), "file:/a/b");
        }
        assert_eq!(Place::parse("s3a://bucket/k/x")?.to_string(), "s3://bucket/k/x");
        assert_eq!(expand_braces("/a{b,c{d,e}}f"), ["/abf", "/acdf", "/acef"]);
        Ok(())
    }
}
