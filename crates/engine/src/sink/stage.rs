//! The staging folder of a write, and its commit.

use uuid::Uuid;
use vonk_common::SparkResult;

use crate::fs::{Files, Place};
use crate::source::listing::is_hidden;

/// Name of the folder in the target that staging folders are made in. Readers do not look into it.
const TEMPORARY: &str = "_temporary";

/// Files on their way: removed when dropped before the commit.
pub struct Stage {
    files: Files,
    pub target: Place,
    pub folder: Place,
    /// The target folder was made for this write.
    made_target: bool,
    done: bool,
}

impl Stage {
    pub async fn open(files: &Files, target: &Place) -> SparkResult<Self> {
        let made_target = !files.exists(target).await?;
        let folder = target.join(TEMPORARY).join(&Uuid::new_v4().to_string());
        let stage = Stage { files: files.clone(), target: target.clone(), folder, made_target, done: false };
        files.make_folder(&stage.folder).await?;
        Ok(stage)
    }

    /// Moves the files (paths below the staging folder) into the target. Before that, removes what
    /// `replace` names: all of the target, or some folders of it.
    pub async fn commit(mut self, written: &[String], replace: &[Replace]) -> SparkResult<()> {
        for what in replace {
            match what {
                Replace::All => self.clear(&self.target.clone()).await?,
                Replace::Folder(below) => self.clear(&self.target.join(below)).await?,
            }
        }
        for below in written {
            self.files.rename(&self.folder.join(below), &self.target.join(below)).await?;
        }
        self.files.put(&self.target.join("_SUCCESS"), vec![]).await?;
        self.done = true;
        self.files.remove(&self.folder).await?;
        self.remove_leftovers();
        Ok(())
    }

    /// Removes what is in a folder, except the staging of writes.
    async fn clear(&self, folder: &Place) -> SparkResult<()> {
        if !self.files.exists(folder).await? {
            return Ok(());
        }
        let (files, folders) = self.files.list(folder).await?;
        for file in files {
            self.files.remove(&file.place).await?;
        }
        for folder in folders.iter().filter(|f| f.name() != TEMPORARY) {
            self.files.remove(folder).await?;
        }
        Ok(())
    }

    fn remove_leftovers(&self) {
        if let Some(temporary) = self.folder.parent() {
            self.files.remove_if_empty(&temporary);
        }
    }
}

/// What a commit takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replace {
    All,
    /// A folder below the target.
    Folder(String),
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        if self.folder.is_local() {
            if let Err(e) = std::fs::remove_dir_all(self.folder.local()) {
                log::warn!("{}: {e}", self.folder);
            }
            self.remove_leftovers();
            if self.made_target {
                self.files.remove_if_empty(&self.target);
            }
        } else if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (files, folder) = (self.files.clone(), self.folder.clone());
            runtime.spawn(async move { files.remove(&folder).await });
        }
    }
}

/// Is there data in the folder?
pub async fn has_data(files: &Files, target: &Place) -> SparkResult<bool> {
    if !files.exists(target).await? {
        return Ok(false);
    }
    let (found, folders) = files.list(target).await?;
    Ok(found.iter().any(|f| !is_hidden(f.place.name())) || folders.iter().any(|f| !is_hidden(f.name())))
}
